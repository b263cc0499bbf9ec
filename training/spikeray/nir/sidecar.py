"""What NIR leaves open, in a file of JSON beside the graph: GRAPH.json."""

import hashlib
import json
import pathlib

from .graph import NIRError

TIME_STEP = 1e-4  # seconds; a reader that cannot be told, snnTorch's, takes this one
ORDER = ["integrate", "fire", "reset"]
MAX_SIDECAR = 8 << 20
_KEYS = {"format", "nir", "graph_sha256", "model", "time_step", "steps", "fires", "order", "nodes"}


def sidecar_of(path) -> pathlib.Path:
    return pathlib.Path(f"{path}.json")


def digest(path) -> str:
    with open(path, "rb") as f:
        return hashlib.file_digest(f, "sha256").hexdigest()


def read_sidecar(path, graph) -> dict:
    """What stands beside a graph, checked as far as it can be without the graph's nodes."""
    with open(path, "rb") as f:
        text = f.read(MAX_SIDECAR + 1)
    try:
        sidecar = json.loads(text) if len(text) <= MAX_SIDECAR else None
    except (ValueError, RecursionError) as e:
        raise NIRError(f"the sidecar is not JSON: {e}") from e
    if not isinstance(sidecar, dict) or not isinstance(sidecar.get("nodes", {}), dict):
        raise NIRError(f"the sidecar is not an object of at most {MAX_SIDECAR} bytes")
    if unknown := sorted(set(sidecar) - _KEYS):
        raise NIRError(f"the sidecar has a key {unknown[0][:64]!r}, which nobody reads")
    if (
        sidecar.get("format") != 1
        or sidecar.get("order", ORDER) != ORDER
        or sidecar.get("fires", ">") not in (">", ">=")
    ):
        raise NIRError(f"a sidecar of format 1, order {ORDER} and fires '>' or '>=' is wanted")
    if sidecar.get("graph_sha256", digest(graph)) != digest(graph):
        raise NIRError("the sidecar is that of another graph: graph_sha256 differs")
    return sidecar
