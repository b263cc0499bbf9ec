"""A Keras HDF5 file from elsewhere into a model file: `python -m spikeray.convert FILE.h5 OUT.safetensors`.

Made for the `imageClassificationModel.h5` of the article's notebook, whose spiking layers are of class SNNActivation.
The file is read by h5py alone: neither Keras nor the notebook's own package is needed, and nothing in it is run.
"""

import argparse
import hashlib
import json
import math
import pathlib
import sys

import h5py
import numpy as np

from . import export, modelfile
from .translate import Record, bare

MAX_FILE = 512 << 20  # a checkpoint also carries the optimiser's state
MAX_CONFIG = 4 << 20
MAX_NAMES = 4 * modelfile.MAX_LAYERS

_SPIKING = {"SNNActivation", "SpikingActivation"}  # the notebook's name, and that of the library it follows


class ConvertError(ValueError):
    """A file that is no Keras HDF5 model, is damaged, or holds something that a model file cannot."""


def convert(path, out, name="converted", version="1.0.0", dt=None, seed=0, summary=None) -> list[str]:
    """Writes the model file of a Keras HDF5 model; gives back what the user should know about it.

    dt: the length of a time step, for a file that does not say (default 2, the article's best).
    seed: for layers that the file gives none: the i-th of them, from 1, gets 1000 * seed + i, as in our recipes.
    """
    path = pathlib.Path(path)
    if path.stat().st_size > MAX_FILE:
        raise ConvertError(f"longer than {MAX_FILE} bytes")
    if not h5py.is_hdf5(path):
        with open(path, "rb") as f:
            hint = "; for a .keras file use spikeray.export" if f.read(4) == b"PK\x03\x04" else ""
        raise ConvertError(f"not an HDF5 file{hint}")
    notes = ["pixels are prepared with antialiased bilinear; the article's notebook took the nearest pixel, so "
             "probabilities can differ a little from those seen there"]
    with h5py.File(path, "r") as file:
        provenance = {"converted_from": {"sha256": _digest(path), **_versions(file)}}
        records, shape = _records(file)
    records = _spiking(records, dt, seed, notes)
    export.write((records, shape), out, name, version, provenance, summary or "Converted from a Keras HDF5 model")
    return notes


def _records(file) -> tuple[list[Record], tuple[int, int, int]]:
    if "model_config" not in file.attrs:
        raise ConvertError("no model_config in it: save the whole model, not its weights alone")
    text = file.attrs["model_config"]
    if not isinstance(text, (str, bytes)) or len(text) > MAX_CONFIG:
        raise ConvertError(f"its model_config is not a text of at most {MAX_CONFIG} characters")
    try:
        model = json.loads(text)
    except (ValueError, RecursionError) as e:
        raise ConvertError(f"its model_config is not JSON: {e}") from e
    layers = _layers(model)
    weights = _group(file, "model_weights")
    records = []
    for layer in layers:
        kind, config = bare(layer.get("class_name")), layer.get("config")
        if not isinstance(config, dict):
            raise ConvertError(f"layer {layer.get('name')!r} has no configuration")
        name = config.get("name") or layer.get("name")
        if not isinstance(name, str) or not name or len(name) > 256:
            raise ConvertError("a layer has no name")
        held = [] if kind == "InputLayer" else _weights(weights, name)
        records.append(Record(kind, name, config, held))
    return records, _input_shape(model, layers)


def _layers(model) -> list[dict]:
    """The layers' configurations in the order that a picture goes through them."""
    if not isinstance(model, dict) or model.get("class_name") not in ("Sequential", "Functional", "Model"):
        raise ConvertError("its model is neither Sequential nor Functional")
    config = model.get("config")
    layers = config.get("layers") if isinstance(config, dict) else config  # before Keras 2.3 a plain list
    if not isinstance(layers, list) or not 0 < len(layers) <= modelfile.MAX_LAYERS:
        raise ConvertError(f"a model of 1 to {modelfile.MAX_LAYERS} layers is wanted")
    if not all(isinstance(layer, dict) for layer in layers):
        raise ConvertError("a layer is not an object")
    if sum(bare(layer.get("class_name")) == "InputLayer" for layer in layers) > 1:
        raise ConvertError("it has several inputs; one picture is wanted")
    return layers if model["class_name"] == "Sequential" else _chain(layers)


def _chain(layers):
    after = {}
    for layer in layers:
        parents = _parents(layer)
        if len(parents) != (bare(layer.get("class_name")) != "InputLayer"):
            raise ConvertError(f"layer {layer.get('name')!r} has {len(parents)} inputs; a chain of layers is wanted")
        key = parents[0] if parents else None
        if key in after:
            raise ConvertError(f"layer {key!r} leads to several layers; a chain of layers is wanted")
        after[key] = layer
    chain, name = [], None
    while name in after:
        layer = after.pop(name)
        chain.append(layer)
        name = layer.get("name")
        if not isinstance(name, str):
            raise ConvertError("a layer has no name")
    if after:
        raise ConvertError("the network is not one chain of layers")
    return chain


def _parents(layer) -> list[str]:
    """Names of the layers that a layer of a Functional model takes its input from, Keras 2 and 3."""
    nodes = layer.get("inbound_nodes")
    if not isinstance(nodes, list) or len(nodes) > 1:
        raise ConvertError(f"layer {layer.get('name')!r} is not used just once")
    found = []

    def walk(value, depth=0):
        if depth > 16:
            raise ConvertError(f"layer {layer.get('name')!r} has inputs nested too deep")
        if isinstance(value, dict):
            history = value.get("keras_history")
            found.extend(history[:1] if isinstance(history, list) else [])
            for v in value.values():
                if isinstance(v, (dict, list)):
                    walk(v, depth + 1)
        elif isinstance(value, list):
            if len(value) in (3, 4) and isinstance(value[0], str) and isinstance(value[1], int):
                found.append(value[0])  # Keras 2: [name, node, tensor, keywords]
            else:
                for v in value:
                    walk(v, depth + 1)

    for node in nodes:
        walk({"args": node.get("args")} if isinstance(node, dict) else node)
    if not all(isinstance(name, str) for name in found):
        raise ConvertError(f"layer {layer.get('name')!r} has an input without a name")
    return list(dict.fromkeys(found))


def _input_shape(model, layers) -> tuple[int, int, int]:
    first = layers[0]["config"]
    shape = first.get("batch_input_shape") or first.get("batch_shape")
    if shape is None and isinstance(model["config"], dict):
        shape = model["config"].get("build_input_shape")
    if (not isinstance(shape, list) or len(shape) != 4
            or not all(isinstance(n, int) and 1 <= n <= modelfile.MAX_SIDE for n in shape[1:])):
        raise ConvertError(f"its input is of shape {str(shape)[:80]}; [batch, height, width, 1] with sides up to "
                           f"{modelfile.MAX_SIDE} is wanted")
    return tuple(shape[1:])


def _weights(group, layer) -> list[np.ndarray]:
    """A layer's weights in Keras's order, float32."""
    if layer not in group:
        return []
    own = _group(group, layer)
    return [_tensor(own, name) for name in _names(own, "weight_names", layer)]


def _names(group, key, layer) -> list[str]:
    """An attribute that lists names; Keras cuts a long one into KEY0, KEY1, ..."""
    keys = [key] if key in group.attrs else [k for i in range(MAX_NAMES) if (k := f"{key}{i}") in group.attrs]
    names = []
    for k in keys:
        shape = group.attrs.get_id(k).shape
        if math.prod(shape or ()) > MAX_NAMES:
            raise ConvertError(f"layer {layer} lists too many weights")
        names += [n.decode("utf-8", "replace") if isinstance(n, bytes) else str(n) for n in np.ravel(group.attrs[k])]
    return names


def _tensor(group, path) -> np.ndarray:
    at = group
    for part in [p for p in path.split("/") if p][:-1]:
        at = _group(at, part)
    leaf = path.rstrip("/").rsplit("/", 1)[-1]
    data = _own(at, leaf)
    if not isinstance(data, h5py.Dataset) or data.is_virtual or data.external:
        raise ConvertError(f"weights {path!r} are not in the file")
    if data.dtype.kind != "f" or data.dtype.itemsize > 8:
        raise ConvertError(f"weights {path!r} are {data.dtype}, floating-point numbers are wanted")
    if data.shape is None or len(data.shape) > 4 or data.size > modelfile.MAX_WEIGHTS:
        raise ConvertError(f"weights {path!r} have shape {data.shape}, beyond {modelfile.MAX_WEIGHTS} numbers or four axes")
    with np.errstate(over="ignore"):
        values = np.asarray(data[()], np.float32)
    if not np.isfinite(values).all():
        raise ConvertError(f"weights {path!r} hold a number that is not finite")
    return values


def _group(parent, name):
    group = _own(parent, name)
    if not isinstance(group, h5py.Group):
        raise ConvertError(f"{name!r} is not a group")
    return group


def _own(parent, name):
    # A soft or external link could lead round in circles, or to another file.
    if name not in parent or not isinstance(parent.get(name, getlink=True), h5py.HardLink):
        raise ConvertError(f"{name!r} is missing from the file")
    return parent[name]


def _spiking(records, dt, seed, notes) -> list[Record]:
    out, given, i = [], set(), 0
    for r in records:
        if r.kind not in _SPIKING or "time_axis" in r.config:
            out.append(r)
            continue
        i += 1
        c = r.config
        activation = c.get("activation", "relu")
        activation = activation.get("config") if isinstance(activation, dict) else activation
        if activation != "relu":
            raise ConvertError(f"layer {r.name}: spiking version of {activation!r}; of 'relu' is wanted")
        if not c.get("return_sequences", True) or any(c.get(k) for k in ("return_state", "stateful", "time_major")):
            raise ConvertError(f"layer {r.name}: return_sequences alone is wanted")
        length = next((c[k] for k in ("length", "dt") if c.get(k) is not None), None)
        if length is None:
            given.add("dt")
            length = 2.0 if dt is None else dt
        elif dt is not None and dt != length:
            raise ConvertError(f"layer {r.name}: the file says a time step of {length}, so --dt {dt} cannot hold")
        own = c.get("seed")
        if own is None:
            given.add("seed")
            own = 1000 * seed + i
        elif not isinstance(own, int):
            raise ConvertError(f"layer {r.name}: seed {own!r} is not a whole number")
        out.append(Record("SpikingActivation", r.name,
                          {"dt": length, "seed": own % (1 << 64), "time_axis": "rows"}, r.weights))
    if "dt" in given:
        notes.append(f"the file does not say how long a time step is: {2.0 if dt is None else dt} was taken")
    if "seed" in given:
        notes.append(f"the file fixes no starting voltages: they are drawn from seed {seed}")
    elif i:
        notes.append("starting voltages are drawn from the file's seeds by our generator, not TensorFlow's")
    return out


def _versions(file):
    return {key: str(value.decode("utf-8", "replace") if isinstance(value, bytes) else value)[:64]
            for key in ("keras_version", "backend") if (value := file.attrs.get(key)) is not None}


def _digest(path):
    with open(path, "rb") as f:
        return hashlib.file_digest(f, "sha256").hexdigest()


def main():
    ap = argparse.ArgumentParser(description="Convert a Keras HDF5 model, such as the article's notebook saves.")
    ap.add_argument("file", type=pathlib.Path, help="the .h5 file")
    ap.add_argument("out", type=pathlib.Path, help="model file to write, .safetensors")
    ap.add_argument("--name", default="converted")
    ap.add_argument("--version", default="1.0.0", help="semantic version (default 1.0.0)")
    ap.add_argument("--dt", type=float, help="length of a time step, when the file does not say (default 2)")
    ap.add_argument("--seed", type=int, default=0, help="of the starting voltages, when the file does not say")
    a = ap.parse_args()
    try:
        notes = convert(a.file, a.out, a.name, a.version, a.dt, a.seed)
    # h5py answers a damaged file with any of these.
    except (OSError, ValueError, KeyError, TypeError, RuntimeError, OverflowError, MemoryError) as e:
        print(f"{a.file}: {' '.join(str(e).split())[:500]}", file=sys.stderr)
        sys.exit(2)
    print(f"wrote {a.out}")
    for note in notes:
        print(f"note: {note}")


if __name__ == "__main__":
    main()
