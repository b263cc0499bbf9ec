"""The texts and weights of a Keras HDF5 file that nobody vouches for. A child process reads it."""

import math
import pathlib
from dataclasses import dataclass

import h5py
import numpy as np

from .. import hdf5
from ..hdf5 import MAX_NAMES, MAX_WEIGHTS, HDF5Error

MAX_CONFIG = 4 << 20

_TEXTS = ("model_config", "keras_version", "backend")


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
        weights: dict[str, list[np.ndarray]] = {}
        names: dict[str, list[str]] = {}
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
    index, tensors = hdf5.in_child(path, __name__)
    return Contents(
        index["texts"],
        {layer: [tensors[f"{i}/{j}"] for j in range(len(names))] for i, (layer, names) in enumerate(index["layers"])},
        dict(index["layers"]),
    )


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
    group = hdf5.group_in(file, "model_weights")
    named = _names(group, "model_weights", "layer_names") or list(group)
    if len(named) > MAX_NAMES:
        raise HDF5Error(f"more than {MAX_NAMES} layers")
    layers, tensors, total = [], {}, 0
    for i, layer in enumerate(dict.fromkeys(named)):
        own = _walk(group, layer.split("/"))  # a layer's name may hold "/", which HDF5 makes groups of
        names = _names(own, layer)
        values: list[np.ndarray | None] = []
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
    return None if hdf5.is_counter(hdf5.member(group, leaf)) else hdf5.tensor_in(group, leaf, path, room)


def _walk(group, parts):
    for part in parts:
        group = hdf5.group_in(group, part) if part else group
    return group


if __name__ == "__main__":
    hdf5.serve(_read)
