"""A NIR graph that nobody vouches for, as plain nodes: one chain from its input to its output.

The file is HDF5; as with Keras's, a child process with limits on time and memory looks through it before the `nir`
package reads it.
"""

import math
from dataclasses import dataclass, field
from typing import Any

import h5py
import numpy as np

from .. import hdf5
from ..modelfile import limits

MAX_NODES = 2 * limits.MAX_LAYERS
MAX_FIELDS = 32
MAX_TEXT = 256
_WHOLE = {
    "stride",
    "padding",
    "dilation",
    "groups",
    "kernel_size",
    "shape",
    "input_shape",
    "input_type",
    "start_dim",
    "end_dim",
}


class NIRError(ValueError):
    """A graph that is damaged, or that a model file cannot hold; or a model that NIR cannot."""


@dataclass(frozen=True)
class Node:
    """One node: its name, NIR's name of its kind, and its fields: float32 arrays, lists of whole numbers, or a
    text."""

    name: str
    kind: str
    fields: dict = field(default_factory=dict)


def read(path) -> list[Node]:
    """The nodes of a graph's chain, from Input to Output.

    Raises NIRError or hdf5.HDF5Error; OSError when the file cannot be opened.
    """
    index, tensors = hdf5.in_child(path, __name__)
    nodes = {}
    for i, (name, kind, fields) in enumerate(index["nodes"]):
        own = {key: tensors[f"{i}/{key}"] for key in fields["tensors"]}
        nodes[name] = Node(name, kind, own | fields["plain"])
    return _chain(nodes, index["edges"])


def _chain(nodes: dict[str, Node], edges: list[tuple[str, str]]) -> list[Node]:
    after: dict[str, str] = {}
    for a, b in edges:
        for end in (a, b):
            if end not in nodes:
                raise NIRError(f"an edge ends at {end!r}, which is no node")
        if a in after or b in after.values():
            raise NIRError(f"edge {a!r} to {b!r}: a chain of nodes is wanted, without forks, joins and loops")
        after[a] = b
    starts = [n for n in nodes if nodes[n].kind == "Input"]
    if len(starts) != 1:
        raise NIRError(f"it has {len(starts)} inputs, 1 is wanted")
    chain: list[Node] = []
    name: str | None = starts[0]
    while name is not None and len(chain) <= len(nodes):
        chain.append(nodes[name])
        name = after.get(name)
    if len(chain) != len(nodes) or chain[-1].kind != "Output":
        raise NIRError("it is not one chain of nodes from its input to an output")
    return chain


def _look_through(file) -> None:
    """Raises HDF5Error unless the file is as small and as plain as a chain of nodes is."""
    graph = hdf5.group_in(file, "node")
    nodes = hdf5.group_in(graph, "nodes")
    if len(nodes) > MAX_NODES:
        raise hdf5.HDF5Error(f"more than {MAX_NODES} nodes")
    if set(graph) - {"nodes", "edges", "type", "metadata"}:
        raise hdf5.HDF5Error("the graph has more in it than nodes and edges")
    edges = _dataset(graph, "edges")
    if len(edges.shape) != 2 or edges.shape[0] > MAX_NODES or edges.shape[1] != 2:
        raise hdf5.HDF5Error(f"edges of shape {edges.shape}: at most {MAX_NODES} pairs of names are wanted")
    _dataset(graph, "type")
    room = [hdf5.MAX_WEIGHTS]
    for name in nodes:
        if len(name) > MAX_TEXT:
            raise hdf5.HDF5Error(f"node {name[:64]!r} has too long a name")
        node = hdf5.group_in(nodes, name)
        if "nodes" in node:
            raise hdf5.HDF5Error(f"node {name!r} is a graph of its own; a chain of single nodes is wanted")
        _fields(name, node, room)
    if "metadata" in graph:
        _fields("metadata", hdf5.group_in(graph, "metadata"), room)


def _fields(name, node, room, metadata=True):
    if len(node) > MAX_FIELDS:
        raise hdf5.HDF5Error(f"{name} has more than {MAX_FIELDS} fields")
    for key in node:
        if key == "metadata" and metadata:
            _fields(f"{name}.metadata", hdf5.group_in(node, key), room, False)
            continue
        data = _dataset(node, key)
        room[0] -= data.size
        if len(data.shape) > 4 or room[0] < 0:
            raise hdf5.HDF5Error(
                f"{name}.{key} has shape {data.shape}: beyond four axes, or {hdf5.MAX_WEIGHTS} numbers in all"
            )


def _dataset(group, name):
    data = hdf5.member(group, name)
    if not isinstance(data, h5py.Dataset) or data.shape is None or data.is_virtual or data.external:
        raise hdf5.HDF5Error(f"{name!r} is not an array in the file")
    if h5py.check_string_dtype(data.dtype) is None and (data.dtype.kind not in "fiu" or data.dtype.itemsize > 8):
        raise hdf5.HDF5Error(f"{name!r} is {data.dtype}; numbers or text are wanted")
    if h5py.check_string_dtype(data.dtype) is not None and math.prod(data.shape) > 2 * MAX_NODES:
        raise hdf5.HDF5Error(f"{name!r} is too much text")
    return data


def _read(file) -> tuple[dict, dict[str, np.ndarray]]:
    _look_through(file)
    import nir

    graph = nir.read(file.filename, type_check=False)
    nodes, tensors = [], {}
    for i, (name, node) in enumerate(graph.nodes.items()):
        own: list[str] = []
        plain: dict[str, Any] = {}
        for key, value in node.to_dict().items():
            at = f"{name}.{key}"
            if isinstance(value, str):
                plain[key] = value[:MAX_TEXT]
            elif key in _WHOLE and value is not None:
                plain[key] = _whole(at, value)
            elif value is not None and key != "metadata":
                tensors[f"{i}/{key}"] = _numbers(at, value)
                own.append(key)
        kind = plain.pop("type")
        nodes.append((name, kind, {"tensors": own, "plain": plain}))
    edges = [(str(a), str(b)) for a, b in graph.edges]
    if any(len(n) > MAX_TEXT for e in edges for n in e):
        raise hdf5.HDF5Error("an edge has too long a name")
    return {"nodes": nodes, "edges": edges}, tensors


def _whole(at, value) -> list[int]:
    values = np.ravel(value)
    if (
        values.size > 4
        or values.dtype.kind not in "iu"
        or (abs(values.astype(np.float64)) > limits.MAX_DENSE_INPUT).any()
    ):
        raise hdf5.HDF5Error(f"{at}: a few whole numbers up to {limits.MAX_DENSE_INPUT} are wanted")
    return values.tolist()


def _numbers(at, value) -> np.ndarray:
    value = np.asarray(value)
    if value.dtype.kind not in "fiu":
        raise hdf5.HDF5Error(f"{at} is {value.dtype}, numbers are wanted")
    with np.errstate(over="ignore"):
        value = np.ascontiguousarray(value, np.float32)
    if not np.isfinite(value).all():
        raise hdf5.HDF5Error(f"{at} holds a number that is not finite")
    return value


if __name__ == "__main__":
    hdf5.serve(_read)
