"""A Keras HDF5 file from elsewhere into a model file: `python -m spikeray.convert FILE.h5 OUT.safetensors`.

Made for the `imageClassificationModel.h5` of the article's notebook, whose spiking layers are of class SNNActivation.
Neither Keras nor the notebook's own package is needed.
"""

import argparse
import hashlib
import json
import pathlib
import sys

from . import export, hdf5, modelfile
from .translate import Record, bare

_SPIKING = {"SNNActivation", "SpikingActivation"}  # the notebook's name, and that of the library it follows


class ConvertError(ValueError):
    """A Keras model that is damaged, or that a model file cannot hold."""


def convert(path, out, name="converted", version="1.0.0", dt=None, seed=0, summary=None) -> list[str]:
    """Writes the model file of a Keras HDF5 model; gives back what the user should know about it.

    dt: the length of a time step, for a file that does not say (default 2, the article's best).
    seed: for layers that the file gives none: the i-th of them, from 1, gets 1000 * seed + i, as in our recipes.
    """
    contents = hdf5.read(path)
    notes = ["pixels are prepared with antialiased bilinear; the article's notebook took the nearest pixel, so "
             "probabilities can differ a little from those seen there"]
    provenance = {"converted_from": {"sha256": _digest(path), **{
        key: contents.texts[key][:64] for key in ("keras_version", "backend") if key in contents.texts}}}
    records, shape = _records(contents)
    records = _spiking(records, dt, seed, notes)
    export.write((records, shape), out, name, version, provenance, summary or "Converted from a Keras HDF5 model")
    return notes


def _records(contents) -> tuple[list[Record], tuple[int, int, int]]:
    try:
        model = json.loads(contents.texts["model_config"])
    except (ValueError, RecursionError) as e:
        raise ConvertError(f"its model_config is not JSON: {e}") from e
    layers = _layers(model)
    records = []
    for layer in layers:
        kind, config = bare(layer.get("class_name")), layer.get("config")
        if not isinstance(config, dict):
            raise ConvertError(f"layer {layer.get('name')!r} has no configuration")
        name = config.get("name") or layer.get("name")
        if not isinstance(name, str) or not name or len(name) > 256:
            raise ConvertError("a layer has no name")
        records.append(Record(kind, name, config, contents.weights.get(name, [])))
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
    # A configuration with values of the wrong kind fails in any of these ways.
    except (OSError, ValueError, KeyError, TypeError, AttributeError, OverflowError, MemoryError) as e:
        print(f"{a.file}: {' '.join(str(e).split())[:500]}", file=sys.stderr)
        sys.exit(2)
    print(f"wrote {a.out}")
    for note in notes:
        print(f"note: {note}")


if __name__ == "__main__":
    main()
