"""The texts and weights of a Keras HDF5 file that nobody vouches for.

The HDF5 library can loop for ever, crash or ask for any amount of memory on a damaged file, so a child process reads
it, with limits on time and memory, and hands on what it found as safetensors. Nothing in the file is run.
`in_child` and `serve` are for other kinds of file too: spikeray.keras_archive and spikeray.nir_read.
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
    Keras's order. names: what the file calls them."""

    texts: dict[str, str]
    weights: dict[str, list[np.ndarray]]
    names: dict[str, list[str]]

    def of(self, layer: str, layers: list) -> list[np.ndarray]:
        """A layer's weights. `layers` are the configurations beside it, in the file's order."""
        return self.weights.get(layer, [])

    def inside(self, layer: str, layers: list) -> "Contents":
        """The weights of a model that stands in another as a layer: Keras lists them all under that one's name."""
        weights, names = {}, {}
        for name, values in zip(self.names.get(layer, []), self.weights.get(layer, [])):
            *path, _ = name.split("/")
            for part in path[-1:]:
                weights.setdefault(part, []).append(values)
                names.setdefault(part, []).append(name)
        return Contents(self.texts, weights, names)


def read(path) -> Contents:
    """Raises HDF5Error, or OSError when the file cannot be opened."""
    if not h5py.is_hdf5(path):
        pathlib.Path(path).stat()  # which says why, if it cannot be opened
        raise HDF5Error("neither an HDF5 file nor a .keras archive")
    index, tensors = in_child(path, __name__)
    return Contents(index["texts"], {layer: [tensors[f"{i}/{j}"] for j in range(len(names))]
                                     for i, (layer, names) in enumerate(index["layers"])}, dict(index["layers"]))


def in_child(path, module) -> tuple[dict, dict[str, np.ndarray]]:
    """What `python -m module path`, which calls `serve`, found in a file: (index, tensors by name).

    Raises HDF5Error, or OSError when the file cannot be opened.
    """
    if pathlib.Path(path).stat().st_size > MAX_FILE:
        raise HDF5Error(f"longer than {MAX_FILE} bytes")
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


def serve(read, opened=h5py.File):
    """The child's part: `read`, of the file that is `opened`, gives (index, tensors by name), or raises HDF5Error."""
    _limit_memory()
    try:
        with opened(sys.argv[1], "r") as file:
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
    named = _names(group, "model_weights", "layer_names") or list(group)
    if len(named) > MAX_NAMES:
        raise HDF5Error(f"more than {MAX_NAMES} layers")
    layers, tensors, total = [], {}, 0
    for i, layer in enumerate(dict.fromkeys(named)):
        own = _walk(group, layer.split("/"))  # a layer's name may hold "/", which HDF5 makes groups of
        names = _names(own, layer)
        values = []
        for name in names:
            values.append(_tensor(own, name, MAX_WEIGHTS - total - sum(v.size for v in values if v is not None)))
        layers.append((layer, [name for name, value in zip(names, values) if value is not None]))
        for j, value in enumerate(v for v in values if v is not None):
            tensors[f"{i}/{j}"] = value
            total += value.size
    return {"texts": texts, "layers": layers}, tensors


def _names(group, layer, key="weight_names") -> list[str]:
    """weight_names of a layer; Keras cuts a long list into weight_names0, weight_names1, ..."""
    keys = [k for k in (key, *(f"{key}{i}" for i in range(64))) if k in group.attrs]
    names = []
    for key in keys:
        if math.prod(group.attrs.get_id(key).shape or ()) > MAX_NAMES:
            raise HDF5Error(f"{layer} lists too many {key}")
        names += [n.decode() if isinstance(n, bytes) else str(n) for n in np.ravel(group.attrs[key])]
    return names


def _tensor(group, path, room) -> np.ndarray | None:
    *groups, leaf = [p for p in path.split("/") if p] or [path]
    group = _walk(group, groups)
    return None if is_counter(member(group, leaf)) else tensor_in(group, leaf, path, room)


def is_counter(data) -> bool:
    """Whether an array is no weight but a count, or the state of a generator of random numbers."""
    return isinstance(data, h5py.Dataset) and data.dtype.kind in "iu" and data.shape is not None and data.size <= 2 and len(data.shape) < 2


def _walk(group, parts):
    for part in parts:
        group = group_in(group, part) if part else group
    return group


def tensor_in(group, leaf, path, room) -> np.ndarray:
    """The array `leaf` of a group as float32, at most `room` numbers; `path` names it in complaints."""
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
