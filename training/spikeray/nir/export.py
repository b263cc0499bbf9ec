"""The spiking body of a model as a NIR graph (docs/NIR.md): `python -m spikeray nir export MODEL OUT.nir`.

What NIR leaves open stands beside the graph in a sidecar, OUT.nir.json.
"""

import argparse
import itertools
import json
import pathlib
import sys
from collections.abc import Sequence
from typing import Any

import numpy as np

from .. import modelfile
from ..modelfile import Conv2d, Dense, Description, IntegrateAndFire, SpikingReLU, Tensors, Weighted
from .conventions import chw, equation, same
from .graph import NIRError
from .sidecar import ORDER, TIME_STEP, digest, sidecar_of


def body(description: Description) -> tuple[int, int]:
    """The layers that a graph holds, [first, end).

    Raises NIRError, with all reasons, when there are none or NIR cannot hold them.
    """
    layers, time = description.layers, description.time
    if time is None:
        raise NIRError("the model has no neurons")
    first, end, reasons = modelfile.front_end(layers), modelfile.body_end(layers), []
    if time.axis == "rows":
        reasons.append("the rows of the picture are the model's time; NIR's maps stand still while time goes on")
    for i, layer in enumerate(layers[:end]):
        if isinstance(layer, SpikingReLU):
            reasons.append(f"layer {layer.name}: spiking_relu fires several times a step; NIR's neurons fire once")
        if i < first:  # what comes from the front are numbers
            continue
        if isinstance(layer, IntegrateAndFire) and layer.most is not None and layer.most > 1:
            reasons.append(
                f"layer {layer.name}: its spikes are graded, up to {layer.most} in a step; NIR's neurons fire once"
            )
        if layer.type == "max_pool2d":
            reasons.append(f"layer {layer.name}: NIR has no max-pooling")
        if "/" in layer.name or layer.name in ("input", "output"):
            reasons.append(f"layer {layer.name}: a node cannot have this name")
    if first >= end:
        reasons.append("no neurons but those of the front, which stay on the host")
    if reasons:
        raise NIRError("; ".join(reasons))
    return first, end


def export(description: Description, tensors: Tensors, time_step: float = TIME_STEP) -> tuple[Any, dict[str, Any]]:
    """A model's body as (nir.NIRGraph, sidecar). time_step: seconds that tau is counted in."""
    import nir

    shapes = modelfile.check(description, tensors).shapes
    first, end = body(description)
    layers = description.layers
    before = next(layer for layer in reversed(layers[:first]) if isinstance(layer, IntegrateAndFire))
    shape, amplitude = shapes[first - 1], before.amplitude
    unflattened: tuple[int, ...] | None = None
    nodes = {"input": nir.Input(np.array(chw(shape)))}
    open_: dict[str, Any] = {"input": {"after": layers[first - 1].name, "amplitude": amplitude}}
    for layer, after in zip(layers[first:end], shapes[first:end]):
        notes: dict[str, Any] = {}
        if isinstance(layer, Weighted):
            weights = tensors[layer.weights].astype(np.float32)
            if layer.scale is not None:
                weights = weights * tensors[layer.scale]
                notes["scale"] = tensors[layer.scale].tolist()
            elif amplitude != 1:
                weights = weights * np.float32(amplitude)
            bias = tensors[layer.bias] if layer.bias is not None else np.zeros(weights.shape[-1], np.float32)
            notes |= {} if layer.bias is not None else {"bias": False}
        if isinstance(layer, Conv2d):
            ways = _square(layer, shape)
            pads, larger = tuple(way[0] for way in ways), [way[1:] for way in ways]
            weights = np.pad(weights, [*larger, (0, 0), (0, 0)])
            notes |= {"padding": layer.padding}
            notes |= {"enlarged": [list(e) for e in larger]} if np.any(larger) else {}
            node = nir.Conv2d(
                input_shape=shape[:2],
                weight=np.ascontiguousarray(weights.transpose(3, 2, 0, 1)),
                bias=bias,
                stride=layer.stride,
                padding=pads,
                dilation=(1, 1),
                groups=1,
            )
        elif isinstance(layer, Dense):
            if unflattened:
                weights = weights.reshape(*unflattened, -1).transpose(2, 0, 1, 3).reshape(weights.shape)
                unflattened = None
            weights = np.ascontiguousarray(weights.T)
            node = nir.Affine(weight=weights, bias=bias) if layer.bias is not None else nir.Linear(weight=weights)
        elif isinstance(layer, IntegrateAndFire):
            fields = {k: np.full(chw(after), v, np.float32) for k, v in equation(layer, time_step).items()}
            node = (nir.IF if layer.decay is None else nir.LIF)(**fields)
            told = layer.json()
            notes = {k: told[k] for k in ("threshold", "decay", "reset", "amplitude", "start") if k in told}
            amplitude = layer.amplitude
        else:
            unflattened = shape if len(shape) == 3 else unflattened
            node = nir.Flatten({"input": np.array(chw(shape))}, start_dim=0, end_dim=-1)
        nodes[layer.name] = node
        if notes:
            open_[layer.name] = notes
        shape = after
    nodes["output"] = nir.Output(np.array(chw(shape)))
    names = list(nodes)
    assert description.time is not None  # or it has no body
    sidecar = {
        "format": 1,
        "nir": nir.version,
        "model": {k: getattr(description, k) for k in ("name", "version", "file_sha256")},
        "time_step": time_step,
        "steps": description.time.steps,
        "fires": ">",
        "order": ORDER,
        "nodes": open_,
    }
    return nir.NIRGraph(nodes=nodes, edges=list(itertools.pairwise(names))), sidecar


def write(path, description: Description, tensors: Tensors, time_step: float = TIME_STEP) -> dict[str, Any]:
    """Writes the graph and, beside it, the sidecar, which is given back."""
    import nir

    graph, sidecar = export(description, tensors, time_step)
    nir.write(str(path), graph)
    sidecar = {"format": sidecar.pop("format"), "graph_sha256": digest(path), **sidecar}
    sidecar_of(path).write_text(json.dumps(sidecar, indent=1) + "\n")
    return sidecar


def _square(layer: Conv2d, sizes: tuple[int, ...]) -> list[tuple[int, int, int]]:
    """For each axis (padding on both sides, zeros before the kernel, zeros behind it) that do what the layer's padding
    does.

    TensorFlow's "same" puts an odd row behind. A row of zeros in front of the kernel takes one before, which is
    multiplied by nothing. The enlarged kernel is a square: the nir package takes all for squares when it works out
    shapes.
    """
    largest = max(layer.kernel)
    for side in range(largest, largest + 3):
        found = [_way(layer.padding, *axis, side) for axis in zip(sizes, layer.kernel, layer.stride)]
        ways = [way for way in found if way is not None]
        if len(ways) == len(found):
            return ways
    raise NIRError(
        f"layer {layer.name}: no square kernel with the same padding on both sides does what {layer.kernel} does"
    )


def _way(padding: str, n: int, kernel: int, stride: int, side: int) -> tuple[int, int, int] | None:
    before, out = (
        (same(n, kernel, stride)[0], -(-n // stride)) if padding == "same" else (0, (n - kernel) // stride + 1)
    )
    for front in range(side - kernel + 1):
        if (n + 2 * (before + front) - side) // stride + 1 == out:
            return before + front, front, side - kernel - front
    return None


def main(arguments: Sequence[str] | None = None, prog: str | None = None) -> None:
    ap = argparse.ArgumentParser(
        prog=prog, description="Write a model's spiking body as a NIR graph, and its sidecar."
    )
    ap.add_argument("model", type=pathlib.Path)
    ap.add_argument("out", type=pathlib.Path)
    ap.add_argument(
        "--time-step", type=float, default=TIME_STEP, help=f"seconds that leaks are written for (default {TIME_STEP})"
    )
    a = ap.parse_args(arguments)
    try:
        write(a.out, *modelfile.read(a.model), a.time_step)
    except (OSError, ValueError) as e:  # NIRError and ModelFileError are ValueErrors
        print(f"{a.model}: {' '.join(str(e).split())[:1000]}", file=sys.stderr)
        sys.exit(2)
    print(f"wrote {a.out} and {sidecar_of(a.out)}")
