"""Whether a description's networks fit together, and fit their tensors: shapes, costs, the order of layers."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from . import bounds
from .description import Description, Time
from .layers import Conv2d, Dense, Layer, Neurons, Pool, Weighted, body_end, front_end, takes_whole_numbers
from .limits import MAX_DENSE_INPUT, MAX_MAP, MAX_OPERATIONS, MAX_TRAIN, MAX_WEIGHTS
from .values import ModelFileError

Shape = tuple[int, ...]
Tensors = dict[str, np.ndarray]


@dataclass(frozen=True)
class Geometry:
    """What `check` worked out of a description: the shape that each layer hands on, (H, W, C) or (N,).

    operations: multiply-accumulates over all steps, and the elements that a pooling's windows look at; the gate's are
    among them. gate: the gate's own geometry.
    """

    input: Shape
    shapes: tuple[Shape, ...]
    operations: int
    gate: "Geometry | None" = None


def check(d: Description, tensors: Tensors) -> Geometry:
    """Raises ModelFileError unless the networks are whole, within the limits, and the tensors fit them."""
    used: set[str] = set()
    p = d.preparation
    own = _network("", d.labels, d.time, d.layers, tensors, (p.height, p.width, 1), p.scale, used)
    if g := d.gate:
        gate = _network("gate.", g.labels, g.time, g.layers, tensors, (g.height, g.width, 1), g.scale, used)
        own = replace(own, operations=own.operations + gate.operations, gate=gate)
    if own.operations > MAX_OPERATIONS:
        raise ModelFileError("layers", f"{own.operations} multiply-accumulates are more than {MAX_OPERATIONS}")
    if set(tensors) != used:
        raise ModelFileError("tensors", f"no layer uses {sorted(set(tensors) - used)[:3]}")
    return own


def _network(
    part: str,
    labels: Sequence[str],
    time: Time | None,
    layers: Sequence[Layer],
    tensors: Tensors,
    shape: Shape,
    scale: float,
    used: set[str],
) -> Geometry:
    """The layers of the description or of its gate; `part` stands before their names in complaints."""
    axis = time.axis if time else None
    spiking = [i for i, layer in enumerate(layers) if isinstance(layer, Neurons)]
    start, shapes, operations = shape, [], 0
    reach = bounds.pixels(f"{part}scale", scale)
    ends = (front_end(layers) - 1, body_end(layers) - 1) if spiking else ()  # behind which spikes go from part to part
    for i, layer in enumerate(layers):
        at = f"{part}layers[{i}]"
        if isinstance(layer, Weighted) and layer.scale is not None and not takes_whole_numbers(layers, i, axis):
            raise ModelFileError(f"{at}.scale", "whole-number weights need whole numbers to come in")
        if spiking and spiking[0] < i <= spiking[-1]:
            _body(at, layer.type, layers[i - 1].type)
        shape, each = _through(at, layer, shape, tensors, used, axis)
        repeated = time and time.steps and spiking[0] <= i < body_end(layers)
        steps = time.steps if time and time.steps and repeated else 1
        operations += each * steps
        if math.prod(shape) > MAX_MAP or (i in ends and math.prod(shape) * steps > MAX_TRAIN):
            raise ModelFileError(at, f"hands on more than {MAX_MAP} values, or {MAX_TRAIN} spikes over all steps")
        if isinstance(layer, Weighted):
            reach = bounds.weighted(at, layer, tensors, reach)
        elif isinstance(layer, Neurons):
            reach = bounds.fired(at, layer, reach, shape[0] if axis == "rows" else steps)
        if (layer.type == "softmax") != (i == len(layers) - 1):
            raise ModelFileError(f"{at}.type", "softmax is the last layer, and the last layer is softmax")
        shapes.append(shape)
    if shape != (len(labels),):
        raise ModelFileError(f"{part}labels", f"{len(labels)} of them, where the network hands on {shape}")
    return Geometry(start, tuple(shapes), operations)


def _body(at: str, kind: str, before: str) -> None:
    """Between neurons, spikes are pooled or flattened, and a weighted layer's current goes straight to neurons."""
    if kind in ("average_pool2d", "global_average_pool2d"):
        raise ModelFileError(at, "between neurons, pooling is max_pool2d")
    if kind == "relu" or (kind == "neurons") != (before in ("conv2d", "dense")):
        raise ModelFileError(
            at, f"{kind} after {before}: between neurons, each conv2d or dense is followed by neurons"
        )


def _through(
    at: str, layer: Layer, shape: Shape, tensors: Tensors, used: set[str], axis: str | None
) -> tuple[Shape, int]:
    """(shape handed on, multiply-accumulates or elements looked at) of one layer."""
    kind = layer.type
    if isinstance(layer, Conv2d | Pool) or kind == "global_average_pool2d":
        if len(shape) != 3:
            raise ModelFileError(at, f"{kind} wants [H][W][C], not {shape}")
    if isinstance(layer, Conv2d):
        out = (*_windows(at, shape, layer.kernel, layer.stride, layer.padding), layer.channels)
        _take(at, layer, tensors, used, (*layer.kernel, shape[2], layer.channels))
        return out, math.prod(out) * math.prod(layer.kernel) * shape[2]
    if isinstance(layer, Dense):
        if len(shape) != 1 or shape[0] > MAX_DENSE_INPUT:
            raise ModelFileError(at, f"dense wants [N], N at most {MAX_DENSE_INPUT}, not {shape}")
        _take(at, layer, tensors, used, (shape[0], layer.units))
        return (layer.units,), shape[0] * layer.units
    if isinstance(layer, Pool):
        out = (*_windows(at, shape, layer.pool, layer.stride, "valid"), shape[2])
        return out, math.prod(out) * math.prod(layer.pool)
    if kind == "global_average_pool2d":
        return (shape[2],), math.prod(shape)
    if kind == "flatten":
        return (math.prod(shape),), 0
    if kind == "softmax" and len(shape) != 1:
        raise ModelFileError(at, f"softmax wants [N], not {shape}")
    if kind == "neurons" and axis == "rows" and len(shape) != 3:
        raise ModelFileError(at, f"rows as time wants [H][W][C], not {shape}")
    return shape, 0


def _take(at: str, layer: Conv2d | Dense, tensors: Tensors, used: set[str], shape: Shape) -> None:
    """Holds a layer's tensors against the shape of its weights, and notes their names as used."""
    if math.prod(shape) > MAX_WEIGHTS:
        raise ModelFileError(at, f"more than {MAX_WEIGHTS} weights")
    for key, name, wanted in (
        ("weights", layer.weights, shape),
        ("scale", layer.scale, shape[-1:]),
        ("bias", layer.bias, shape[-1:]),
    ):
        if name is None:
            continue
        if name not in tensors:
            raise ModelFileError(f"{at}.{key}", f"there is no tensor {name!r}")
        if name in used:
            raise ModelFileError(f"{at}.{key}", f"tensor {name!r} is another layer's")
        used.add(name)
        dtype = np.dtype(np.int8 if key == "weights" and layer.scale is not None else np.float32)
        if tensors[name].dtype != dtype:
            raise ModelFileError(f"tensors.{name}", f"is {tensors[name].dtype}, {dtype} is wanted")
        if tensors[name].shape != wanted:
            raise ModelFileError(f"tensors.{name}", f"has shape {tensors[name].shape}, {wanted} is wanted")
        if not np.isfinite(tensors[name]).all():
            raise ModelFileError(f"tensors.{name}", "holds a number that is not finite")


def _windows(at: str, shape: Shape, window: Shape, stride: Shape, padding: str) -> Shape:
    if padding == "same":
        return tuple(-(-n // s) for n, s in zip(shape[:2], stride))
    if any(n < k for n, k in zip(shape[:2], window)):
        raise ModelFileError(at, f"a window of {window} does not fit into {shape[:2]}")
    return tuple((n - k) // s + 1 for n, k, s in zip(shape[:2], window, stride))
