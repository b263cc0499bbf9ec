"""The texts and weights of a Keras HDF5 file that nobody vouches for.

The HDF5 library can loop for ever, crash or ask for any amount of memory on a damaged file, so a child process reads
it, with limits on time and memory, and hands on what it found as safetensors. Nothing in the file is run.
`in_child` and `serve` are for other kinds of HDF5 file too: spikeray.nir_file.
"""

import json
import math
import pathlib
import subprocess
import sys
from dataclasses import dataclass

import h5py
import numpy as np
import safetensors
import safetensors.numpy

from . import modelfile

MAX_FILE = 512 << 20  # a checkpoint also carries the optimiser's state
MAX_CONFIG = 4 << 20
MAX_WEIGHTS = modelfile.MAX_FILE // 4  # numbers in all: more could not be written
MAX_NAMES = 4 * modelfile.MAX_LAYERS
MAX_SECONDS = 60
MAX_MEMORY = 4 << 30

_TEXTS = ("model_config", "keras_version", "backend")


class HDF5Error(ValueError):
    """A file that is no HDF5 file of the kind wanted, or is damaged."""


@dataclass(frozen=True)
class Contents:
    """texts: those of model_config, keras_version and backend that the file has. weights: float32, by layer, in
    Keras's order."""

    texts: dict[str, str]
    weights: dict[str, list[np.ndarray]]


def read(path) -> Contents:
    """Raises HDF5Error, or OSError when the file cannot be opened."""
    with open(path, "rb") as f:
        if f.read(4) == b"PK\x03\x04":
            raise HDF5Error("not an HDF5 file; for a .keras file use spikeray.export")
    index, tensors = in_child(path, __name__)
    return Contents(index["texts"], {layer: [tensors[f"{i}/{j}"] for j in range(n)]
                                     for i, (layer, n) in enumerate(index["layers"])})


def in_child(path, module) -> tuple[dict, dict[str, np.ndarray]]:
    """What `python -m module path`, which calls `serve`, found in an HDF5 file: (index, tensors by name).

    Raises HDF5Error, or OSError when the file cannot be opened.
    """
    if pathlib.Path(path).stat().st_size > MAX_FILE:
        raise HDF5Error(f"longer than {MAX_FILE} bytes")
    if not h5py.is_hdf5(path):
        raise HDF5Error("not an HDF5 file")
    try:
        child = subprocess.run([sys.executable, "-m", module, str(pathlib.Path(path).resolve())], capture_output=True,
                               timeout=MAX_SECONDS, cwd=pathlib.Path(__file__).parents[1])
    except subprocess.TimeoutExpired:
        raise HDF5Error(f"damaged: reading it took more than {MAX_SECONDS} seconds") from None
    if child.returncode == 2:
        raise HDF5Error(child.stderr.decode("utf-8", "replace").strip())
    if child.returncode:
        raise HDF5Error("damaged: reading it fails")
    header = json.loads(child.stdout[8:8 + int.from_bytes(child.stdout[:8], "little")])
    return json.loads(header["__metadata__"]["index"]), safetensors.numpy.load(child.stdout)


def serve(read):
    """The child's part: `read`, of an open h5py.File, gives (index, tensors by name), or raises HDF5Error."""
    _limit_memory()
    try:
        with h5py.File(sys.argv[1], "r") as file:
            index, tensors = read(file)
            contents = safetensors.numpy.save(tensors, {"index": json.dumps(index)})
    except HDF5Error as e:
        sys.exit(_complain(str(e)))
    except Exception as e:  # h5py answers damage with nearly any exception
        sys.exit(_complain(f"damaged: {e}"))
    sys.stdout.buffer.write(contents)


def _read(file) -> tuple[dict, dict[str, np.ndarray]]:
    texts = {}
    for key in _TEXTS:
        if key in file.attrs:
            value = file.attrs[key]
            value = value.decode() if isinstance(value, bytes) else value
            if not isinstance(value, str) or len(value) > MAX_CONFIG:
                raise HDF5Error(f"its {key} is not a text of at most {MAX_CONFIG} characters")
            texts[key] = value
    if "model_config" not in texts:
        raise HDF5Error("no model_config in it: save the whole model, not its weights alone")
    group = group_in(file, "model_weights")
    if len(group) > MAX_NAMES:
        raise HDF5Error(f"more than {MAX_NAMES} layers")
    layers, tensors, total = [], {}, 0
    for i, layer in enumerate(group):
        own = group_in(group, layer)
        names = _names(own, layer)
        layers.append((layer, len(names)))
        for j, name in enumerate(names):
            tensors[f"{i}/{j}"] = _tensor(own, name, MAX_WEIGHTS - total)
            total += tensors[f"{i}/{j}"].size
    return {"texts": texts, "layers": layers}, tensors


def _names(group, layer) -> list[str]:
    """weight_names of a layer; Keras cuts a long list into weight_names0, weight_names1, ..."""
    keys = [k for k in ("weight_names", *(f"weight_names{i}" for i in range(64))) if k in group.attrs]
    names = []
    for key in keys:
        if math.prod(group.attrs.get_id(key).shape or ()) > MAX_NAMES:
            raise HDF5Error(f"layer {layer} lists too many weights")
        names += [n.decode() if isinstance(n, bytes) else str(n) for n in np.ravel(group.attrs[key])]
    return names


def _tensor(group, path, room) -> np.ndarray:
    *groups, leaf = [p for p in path.split("/") if p] or [path]
    for part in groups:
        group = group_in(group, part)
    data = member(group, leaf)
    if not isinstance(data, h5py.Dataset) or data.is_virtual or data.external:
        raise HDF5Error(f"weights {path!r} are not in the file")
    if data.dtype.kind != "f" or data.dtype.itemsize > 8:
        raise HDF5Error(f"weights {path!r} are {data.dtype}, floating-point numbers are wanted")
    if data.shape is None or len(data.shape) > 4 or data.size > room:
        raise HDF5Error(f"weights {path!r} have shape {data.shape}: beyond four axes, or {MAX_WEIGHTS} numbers in all")
    with np.errstate(over="ignore"):
        values = np.asarray(data[()], np.float32)
    if not np.isfinite(values).all():
        raise HDF5Error(f"weights {path!r} hold a number that is not finite")
    return values


def group_in(parent, name):
    group = member(parent, name)
    if not isinstance(group, h5py.Group):
        raise HDF5Error(f"{name!r} is not a group")
    return group


def member(parent, name):
    """What the file itself has under a name."""
    # A soft or external link could lead round in circles, or to another file.
    if name not in parent or not isinstance(parent.get(name, getlink=True), h5py.HardLink):
        raise HDF5Error(f"{name!r} is missing from the file")
    return parent[name]


def _limit_memory():
    try:
        import resource
    except ImportError:  # not on Windows; the sizes checked above still hold
        return
    resource.setrlimit(resource.RLIMIT_AS, (MAX_MEMORY, MAX_MEMORY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _complain(message):
    print(" ".join(message.split())[:500], file=sys.stderr)
    return 2


if __name__ == "__main__":
    serve(_read)
