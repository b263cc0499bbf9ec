"""The configuration and weights of a .keras archive (TensorFlow 2.12 and later, Keras 3) that nobody vouches for.

The archive is a ZIP of config.json, metadata.json and model.weights.h5. As with h5 a child process reads it,
with limits on time, memory and every size. Only these three members are looked at, by name and in memory; nothing is
unpacked onto the disk, and nothing in the file is run.
"""

import io
import json
import re
import zipfile
from dataclasses import dataclass

import h5py
import numpy as np

from .. import hdf5
from ..hdf5 import HDF5Error
from .h5 import MAX_CONFIG

MAX_MEMBERS = 4096
MAX_DEPTH = 24
_LAYERS = (
    "layers",
    "_layer_checkpoint_dependencies",
)  # what Keras 3 and 2.15, and 2.12, call a model's list of layers


@dataclass(frozen=True)
class Contents:
    """texts: model_config and keras_version. groups: by path below the file's root, the name that the file gives the
    group's owner (or None) and its weights, float32 in Keras's order. at: the model in the file that is meant."""

    texts: dict[str, str]
    groups: dict[str, tuple[str | None, list[np.ndarray]]]
    at: str = ""

    def of(self, layer: str, layers: list) -> list[np.ndarray]:
        """A layer's weights. `layers` are the configurations beside it, in the file's order."""
        group = self._group(layer, layers)
        return next(
            (self.groups[g][1] for g in (group, f"{group}/layer") if g in self.groups and self.groups[g][1]), []
        )

    def inside(self, layer: str, layers: list) -> "Contents":
        """The weights of a model that stands in another as a layer."""
        return Contents(self.texts, self.groups, self._group(layer, layers) + "/")

    def _group(self, layer, layers) -> str:
        # The file counts layers by class: conv2d, conv2d_1, ... Newer ones also say the layer's own name.
        for container in _LAYERS:
            pattern = re.compile(re.escape(f"{self.at}{container}/") + "[^/]+")
            own = [g for g, (name, _) in self.groups.items() if name == layer and pattern.fullmatch(g)]
            if len(own) == 1:
                return own[0]
        kinds = [_snake(str(x.get("class_name"))) for x in layers]
        i = [(x.get("config") or {}).get("name") for x in layers].index(layer)
        count = kinds[:i].count(kinds[i])
        group = kinds[i] + (f"_{count}" if count else "")
        return next((f"{self.at}{c}/{group}" for c in _LAYERS if f"{self.at}{c}/{group}" in self.groups), group)


def is_archive(path) -> bool:
    with open(path, "rb") as f:
        return f.read(4) in (b"PK\x03\x04", b"PK\x05\x06")


def read(path) -> Contents:
    """Raises HDF5Error, or OSError when the file cannot be opened."""
    index, tensors = hdf5.in_child(path, __name__)
    return Contents(
        index["texts"],
        {group: (name, [tensors[f"{i}/{j}"] for j in range(n)]) for i, (group, name, n) in enumerate(index["groups"])},
    )


def _snake(name) -> str:
    name = re.sub(r"\W+", "", name.rsplit(">", 1)[-1])
    return re.sub(r"([a-z])([A-Z])", r"\1_\2", re.sub(r"(.)([A-Z][a-z]+)", r"\1_\2", name)).lower()


def _read(archive) -> tuple[dict, dict[str, np.ndarray]]:
    if len(archive.infolist()) > MAX_MEMBERS:
        raise HDF5Error(f"more than {MAX_MEMBERS} members")
    texts = {"model_config": _member(archive, "config.json", MAX_CONFIG).decode()}
    if "metadata.json" in archive.namelist():
        metadata = json.loads(_member(archive, "metadata.json", MAX_CONFIG))
        if isinstance(metadata, dict) and isinstance(metadata.get("keras_version"), str):
            texts["keras_version"] = metadata["keras_version"]
    if "model.weights.h5" not in archive.namelist() and "model.weights.npz" in archive.namelist():
        raise HDF5Error("its weights are model.weights.npz; model.weights.h5 is wanted")
    weights = _member(archive, "model.weights.h5", hdf5.MAX_FILE)
    groups: list[tuple[str, str | None, int]] = []
    tensors: dict[str, np.ndarray] = {}
    with h5py.File(io.BytesIO(weights), "r") as file:
        room = [hdf5.MAX_WEIGHTS]
        for key in file:  # beside the layers there is the optimiser's state
            if key.split("/")[0].split("\\")[0] in _LAYERS:
                _group(key, hdf5.member(file, key), "", groups, tensors, room, 0)
    return {"texts": texts, "groups": groups}, tensors


def _member(archive, name, most) -> bytes:
    found = [i for i in archive.infolist() if i.filename == name]
    if len(found) != 1:
        raise HDF5Error(f"it has {name} {len(found)} times; a .keras archive has it once")
    info = found[0]
    if info.flag_bits & 1 or info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise HDF5Error(f"{name} is encrypted, or packed in another way than deflate")
    if info.file_size > most:
        raise HDF5Error(f"{name} is {info.file_size} bytes, at most {most} are read")
    with archive.open(info) as f:
        content = f.read(most + 1)
    if len(content) > most:
        raise HDF5Error(f"{name} is longer than {most} bytes")
    return content


def _group(key, group, path, groups, tensors, room, depth):
    """Every `vars` in a group, by the path of what owns it."""
    if depth > MAX_DEPTH or len(groups) > 8 * hdf5.MAX_NAMES:
        raise HDF5Error("its weights are nested too deep, or in too many groups")
    if not isinstance(group, h5py.Group):
        return
    if len(group) > hdf5.MAX_NAMES:
        raise HDF5Error(f"more than {hdf5.MAX_NAMES} groups in one")
    parts = [p for p in re.split(r"[/\\]", key) if p]  # TensorFlow 2.12 may put a backslash into a group's name
    here = "/".join([*filter(None, [path]), *parts])
    if parts[-1:] != ["vars"]:
        for below in group:
            _group(below, hdf5.member(group, below), here, groups, tensors, room, depth + 1)
        return
    values: list[np.ndarray] = []
    name = group.attrs.get("name")
    if len(group) > 16:
        raise HDF5Error(f"{here} lists too many weights")
    while str(len(values)) in group:
        data = hdf5.member(group, str(len(values)))
        if hdf5.is_counter(data):
            break
        values.append(hdf5.tensor_in(group, str(len(values)), f"{here}/{len(values)}", room[0]))
        room[0] -= values[-1].size
    tensors.update({f"{len(groups)}/{j}": v for j, v in enumerate(values)})
    groups.append((here.removesuffix("/vars"), name if isinstance(name, str) else None, len(values)))


if __name__ == "__main__":
    hdf5.serve(_read, zipfile.ZipFile)
