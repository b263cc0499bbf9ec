"""The configuration of a Keras model, as a file has it, as records of one chain of layers."""

import json

import numpy as np

from ..modelfile import limits
from .record import Record, bare

MAX_NESTING = 4
_CORRELATES = {
    "tensorflow": True,
    "cntk": True,
    "jax": True,
    "torch": True,
    "numpy": True,
    "openvino": True,
    "theano": False,
}
_OWN = ("keras", "tf_keras", "tensorflow")  # packages whose layers are Keras's


class ConvertError(ValueError):
    """A Keras model that is damaged, or that a model file cannot hold."""


def records(contents, notes: list[str]) -> tuple[list[Record], tuple[int | None, ...]]:
    """The layers of a model in the order that a picture goes through them, and the shape of its input without the
    batch.

    contents: of h5 or archive. notes: gets what the user should know.
    """
    version = contents.texts.get("keras_version", "2")
    if version.split(".")[0] not in ("2", "3"):
        raise ConvertError(f"written by Keras {version[:32]}; 2 or 3 is wanted")
    backend = contents.texts.get("backend", "tensorflow")
    if backend not in _CORRELATES:
        raise ConvertError(f"written on the back end {backend[:32]!r}; one of {sorted(_CORRELATES)} is wanted")
    try:
        model = json.loads(contents.texts["model_config"])
    except (ValueError, RecursionError) as e:
        raise ConvertError(f"its model_config is not JSON: {e}") from e
    layers = _layers(model)
    out = list(_walk(layers, contents, model, 0))
    if len(out) > limits.MAX_LAYERS:
        raise ConvertError(f"a model of at most {limits.MAX_LAYERS} layers is wanted")
    if not _CORRELATES[backend]:
        turned = [r.name for r in out if _kernel_of(r)]
        for i, r in enumerate(out):
            if _kernel_of(r):
                out[i] = Record(
                    r.kind, r.name, r.config, [np.ascontiguousarray(r.weights[0][::-1, ::-1]), *r.weights[1:]]
                )
        if turned:
            notes.append(
                f"written on {backend}, which convolves: the kernels of {', '.join(turned)} were turned by 180 degrees"
            )
    return out, _input_shape(model, layers)


def _kernel_of(r) -> bool:
    inner = r.config.get("layer")
    kind = bare(inner.get("class_name")) if r.kind == "TimeDistributed" and isinstance(inner, dict) else r.kind
    return kind == "Conv2D" and bool(r.weights) and r.weights[0].ndim == 4


def _walk(layers, contents, model, depth):
    beside = model["config"].get("layers") if isinstance(model["config"], dict) else model["config"]
    for layer in layers:
        config = layer.get("config")
        kind = bare(layer.get("class_name"))
        if kind in ("Sequential", "Functional", "Model"):
            name = (config.get("name") if isinstance(config, dict) else None) or layer.get("name")
            if depth >= MAX_NESTING:
                raise ConvertError("models nested too deep")
            _package(layer, name)
            yield from _walk(_layers(layer), contents.inside(name, beside), layer, depth + 1)
            continue
        if not isinstance(config, dict):
            raise ConvertError(f"layer {layer.get('name')!r} has no configuration")
        name = config.get("name") or layer.get("name")
        if not isinstance(name, str) or not name or len(name) > 256:
            raise ConvertError("a layer has no name")
        if kind == "InputLayer" and any(config.get(k) for k in ("sparse", "ragged")):
            raise ConvertError(f"layer {name}: a sparse or ragged input; a picture is wanted")
        if kind not in ("SNNActivation", "SpikingActivation", "ShowForSteps", "MeanOverSteps"):
            _package(layer, name)
        inner = config.get("layer")
        if kind == "TimeDistributed" and isinstance(inner, dict):
            _package(inner, name)
        yield Record(kind, name, config, contents.of(name, beside), package_of(layer))


def package_of(layer) -> str | None:
    """The package that a layer's class was registered in, or None for Keras's own and for what nobody registered."""
    for name in (layer.get("registered_name"), layer.get("class_name")):
        if isinstance(name, str) and ">" in name:
            return name.rsplit(">", 1)[0]
    return None


def _package(layer, name):
    """Refuses a class that only has the name of one of Keras's."""
    package, module = package_of(layer), layer.get("module")
    if package is not None or (isinstance(module, str) and module.split(".")[0] not in _OWN):
        raise ConvertError(
            f"layer {name}: {str(layer.get('class_name'))[:64]} of {str(package or module)[:64]} is not Keras's own; "
            "what it computes is not known"
        )


def _layers(model) -> list[dict]:
    """The layers' configurations in the order that a picture goes through them."""
    kind = model.get("class_name") if isinstance(model, dict) else None
    if kind not in ("Sequential", "Functional", "Model"):
        raise ConvertError(
            f"its model is of class {str(kind)[:64]!r}, neither Sequential nor Functional: what its own code does is "
            "not in the file"
        )
    config = model.get("config")
    layers = config.get("layers") if isinstance(config, dict) else config  # before Keras 2.3 a plain list
    if not isinstance(layers, list) or not 0 < len(layers) <= limits.MAX_LAYERS:
        raise ConvertError(f"a model of 1 to {limits.MAX_LAYERS} layers is wanted")
    if not all(isinstance(layer, dict) for layer in layers):
        raise ConvertError("a layer is not an object")
    if sum(bare(layer.get("class_name")) == "InputLayer" for layer in layers) > 1:
        raise ConvertError("it has several inputs; one picture is wanted")
    return layers if kind == "Sequential" else _chain(layers)


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
                _call(layer, value[3:4])
            else:
                for v in value:
                    walk(v, depth + 1)

    for node in nodes:
        if isinstance(node, dict):
            _call(layer, [node.get("kwargs"), *(node.get("args") or [])[1:]])
        walk({"args": node.get("args")} if isinstance(node, dict) else node)
    if not all(isinstance(name, str) for name in found):
        raise ConvertError(f"layer {layer.get('name')!r} has an input without a name")
    return list(dict.fromkeys(found))


def _call(layer, given):
    """Refuses a call with more than its input: training=True keeps dropout and noise on, for one."""
    for value in given:
        for v in value.values() if isinstance(value, dict) else [value]:
            if v not in (None, False):
                raise ConvertError(
                    f"layer {layer.get('name')!r} is called with {str(value)[:80]}; its input alone is wanted"
                )


def _input_shape(model, layers) -> tuple[int | None, ...]:
    """Without the batch: (H, W, C), or (steps or None, H, W, C)."""
    while True:
        first = layers[0].get("config")
        shape = None
        if isinstance(first, dict):
            shape = first.get("batch_input_shape") or first.get("batch_shape") or first.get("build_input_shape")
        for x in (layers[0], model):
            built = x.get("build_config")
            shape = shape or (built.get("input_shape") if isinstance(built, dict) else None)
        if shape is None and isinstance(model["config"], dict):
            shape = model["config"].get("build_input_shape")
        if shape is not None or bare(layers[0].get("class_name")) not in ("Sequential", "Functional", "Model"):
            break
        model = layers[0]
        layers = _layers(model)
    sides = shape[1:] if isinstance(shape, list) else []
    if (
        len(sides) not in (3, 4)
        or not all(isinstance(n, int) and 1 <= n <= limits.MAX_SIDE for n in sides[-3:])
        or not (
            len(sides) == 3 or sides[0] is None or (isinstance(sides[0], int) and 1 <= sides[0] <= limits.MAX_STEPS)
        )
    ):
        raise ConvertError(
            f"its input is of shape {str(shape)[:80]}; [batch, height, width, 1] with sides up to "
            f"{limits.MAX_SIDE}, "
            "or the same with steps after the batch, is wanted"
        )
    return tuple(sides)
