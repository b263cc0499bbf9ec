"""A NIR graph in place of a model's body: `python -m spikeray nir import IN.nir OUT --around MODEL` (docs/NIR.md)."""

import argparse
import math
import pathlib
import sys
from collections.abc import Sequence
from typing import Any

import numpy as np

from .. import modelfile
from ..modelfile import Description, IntegrateAndFire, Layer, Neurons, SpikingReLU, Tensors, Time, Weighted
from ..modelfile.layers import layer_from_json
from ..modelfile.limits import MAX_KERNEL
from . import graph as graph_file
from .conventions import chw, equation, same
from .graph import NIRError, Node
from .sidecar import digest, read_sidecar, sidecar_of

_NODE_KEYS: dict[str, set[str]] = {
    "Input": {"after", "amplitude"},
    "Output": set(),
    "Flatten": set(),
    "SumPool2d": set(),
    "AvgPool2d": set(),
    "Conv2d": {"padding", "enlarged", "scale", "bias"},
    "Affine": {"scale", "bias"},
    "Linear": {"scale", "bias"},
    "IF": {"threshold", "reset", "amplitude", "start"},
    "LIF": {"threshold", "decay", "reset", "amplitude", "start"},
}


def into_model(
    nodes: list[Node],
    sidecar: dict[str, Any],
    around: tuple[Description, Tensors],
    name="imported",
    version="1.0.0",
    provenance: dict[str, Any] | None = None,
) -> tuple[Description, Tensors]:
    """A model (description, tensors) whose body is a graph, and whose picture, front, read-out, labels and gate are
    `around`'s.

    Calibration and operating points are not taken over: they were measured on another network.
    """
    old, old_tensors = around
    shapes = modelfile.check(old, old_tensors).shapes
    if old.time is None or old.time.steps is None:
        raise NIRError("the model around it has no neurons, or takes rows as time: its front gives no spikes a step")
    first, end = modelfile.front_end(old.layers), modelfile.body_end(old.layers)
    front, readout = old.layers[:first], old.layers[end:]
    shape = tuple(nodes[0].fields.get("shape", ()))
    if shape != chw(shapes[first - 1]):
        raise NIRError(f"its input is {list(shape)}, where the front hands on {list(chw(shapes[first - 1]))}")
    neurons = next(layer for layer in reversed(front) if isinstance(layer, Neurons))
    if isinstance(neurons, SpikingReLU):
        raise NIRError(
            f"layer {neurons.name} of the model around it fires several times a step; NIR's spikes are single"
        )
    graph = _Import(sidecar, shape, neurons.amplitude)
    for node in nodes[1:-1]:
        graph.add(node)
    if not graph.layers or not isinstance(graph.layers[-1], Neurons) or graph.pool:
        raise NIRError("it does not end in neurons; what comes after them is the read-out")
    kept = {
        tensor
        for layer in (*front, *readout, *(old.gate.layers if old.gate else ()))
        if isinstance(layer, Weighted)
        for tensor in (layer.weights, layer.scale, layer.bias)
        if tensor is not None
    }
    if taken := sorted(kept & set(graph.tensors)):
        raise NIRError(f"tensor {taken[0]!r} is also one of the model around it")
    description = old.changed(**dict.fromkeys(dropped(old)), file_sha256=None)
    description = description.changed(
        name=name,
        version=version,
        summary="Its spiking layers are an imported NIR graph",
        time=Time(axis="steps", steps=sidecar.get("steps", old.time.steps)),
        layers=(*front, *graph.layers, *readout),
        threshold=0.5 if old.threshold is None else old.threshold,
        training={
            **(provenance or {}),
            "around": {k: getattr(old, k) for k in ("name", "version", "file_sha256")},
            **({"dropped": dropped(old)} if dropped(old) else {}),
        },
    )
    return description, {k: old_tensors[k] for k in kept} | graph.tensors


class _Import:
    """Nodes of a graph, one after the other, into `layers` and `tensors` of a model file. `shape`: [C, H, W] or
    [N]."""

    def __init__(self, sidecar: dict[str, Any], shape: tuple[int, ...], amplitude: float):
        self.sidecar, self.shape, self.amplitude = sidecar, shape, amplitude
        self.layers: list[Layer] = []
        self.tensors: Tensors = {}
        # sum-pooling, and the map flattened, that the next weights take in
        self.pool: list[int] | None = None
        self.map: tuple[int, ...] | None = None

    def add(self, node: Node):
        handler = getattr(self, "_" + node.kind, None) if node.kind in _NODE_KEYS else None
        if handler is None:
            raise NIRError(f"node {node.name}: a model file has no layer for {node.kind}")
        own = self.sidecar.get("nodes", {}).get(node.name, {})
        if not isinstance(own, dict) or set(own) - _NODE_KEYS[node.kind]:
            raise NIRError(f"node {node.name}: the sidecar may tell {sorted(_NODE_KEYS[node.kind])} of a {node.kind}")
        try:
            handler(node, own)
        except KeyError as e:
            raise NIRError(f"node {node.name}: {e} is missing") from e
        except NIRError:
            raise
        except (TypeError, ValueError, AttributeError, IndexError, OverflowError) as e:
            raise NIRError(f"node {node.name}: {e}") from e

    def _before(self):
        return self.layers[-1].type if self.layers else "neurons"

    def _Conv2d(self, node, own):
        f, weights = node.fields, node.fields["weight"]
        if weights.ndim != 4 or len(self.shape) != 3 or weights.shape[1] != self.shape[0]:
            raise NIRError(
                f"node {node.name}: weights {list(weights.shape)} [out][in][kh][kw] do not fit {list(self.shape)}"
            )
        if set(f["groups"]) != {1} or set(f["dilation"]) != {1}:
            raise NIRError(f"node {node.name}: dilation and groups other than 1 are not held")
        stride = _two(f["stride"])
        if f["padding"] == "same" and stride != [1, 1]:
            raise NIRError(f"node {node.name}: padding 'same' with a stride has no one meaning")
        if isinstance(f["padding"], str):
            start = [-((k - 1) // 2) if f["padding"] == "same" else 0 for k in weights.shape[2:]]
        else:
            start = [-p for p in _two(f["padding"])]
        sizes = self.shape[1:]
        out = [
            n if f["padding"] == "same" else (n // p - 2 * s - k) // d + 1
            for n, p, s, k, d in zip(sizes, self.pool or (1, 1), start, weights.shape[2:], stride)
        ]
        if self.pool:
            weights = np.repeat(np.repeat(weights, self.pool[0], 2), self.pool[1], 3) * self.factor
            start, stride = [s * p for s, p in zip(start, self.pool)], [s * p for s, p in zip(stride, self.pool)]
        for axis, larger in enumerate(own.get("enlarged", [0, 0])):
            front, back = _two(larger)
            rows = np.moveaxis(weights, 2 + axis, 0)
            if (
                min(front, back) < 0
                or front + back >= len(rows)
                or rows[:front].any()
                or rows[len(rows) - back :].any()
            ):
                raise NIRError(f"node {node.name}: the kernel was not enlarged by {own['enlarged']} zeros")
            weights = np.moveaxis(rows[front : len(rows) - back], 0, 2 + axis)
            start[axis] += front
        axes = list(zip(sizes, weights.shape[2:], stride, start, out))
        ways = {how: [_fit(how, *axis) for axis in axes] for how in ("valid", "same")}
        how = own.get("padding") or min(ways, key=lambda w: (None in ways[w], ways[w] != [(0, 0)] * 2))
        if None in ways.get(how, [None]) or min(out) < 1:
            raise NIRError(
                f"node {node.name}: padding {f['padding']} and stride {stride} make {out} of {list(sizes)}; a model "
                "file's "
                "'valid' and 'same' cannot say that"
            )
        zeros = [way for way in ways[how] if way is not None]
        weights = np.pad(weights, [(0, 0), (0, 0), *zeros]).transpose(2, 3, 1, 0)
        self._weigh(
            node,
            own,
            "conv2d",
            weights,
            f["bias"],
            kernel=list(weights.shape[:2]),
            stride=stride,
            padding=how,
            channels=weights.shape[3],
        )
        self.shape, self.pool = (weights.shape[3], *out), None

    def _Affine(self, node, own):
        weights = node.fields["weight"]
        if weights.ndim != 2 or len(self.shape) != 1 or weights.shape[1] != self.shape[0]:
            raise NIRError(f"node {node.name}: weights {list(weights.shape)} [out][in] do not fit {list(self.shape)}")
        weights = weights.T
        if self.map:
            (c, h, w), (ph, pw) = self.map, self.pool or (1, 1)
            weights = weights.reshape(c, h // ph, w // pw, -1)
            if self.pool:
                weights = np.repeat(np.repeat(weights, ph, 1), pw, 2) * self.factor
            weights = weights.transpose(1, 2, 0, 3).reshape(c * h * w, -1)
        self._weigh(node, own, "dense", weights, node.fields.get("bias"), units=weights.shape[1])
        self.shape, self.pool, self.map = (weights.shape[1],), None, None

    _Linear = _Affine

    def _Flatten(self, node, own):
        if len(self.shape) == 3:
            self.map = self.shape
            self.layers.append(layer_from_json("flatten", {"type": "flatten", "name": node.name}))
            self.shape = (math.prod(self.shape) // math.prod(self.pool or (1,)),)
        if node.fields["start_dim"] not in ([0], [1]) or node.fields["end_dim"] not in (
            [-1],
            [len(self.map or self.shape) - 1],
        ):
            raise NIRError(f"node {node.name}: the whole map is flattened, or nothing")

    def _SumPool2d(self, node, own, factor=1):
        pool = _two(node.fields["kernel_size"])
        if (
            self.pool
            or self._before() != "neurons"
            or len(self.shape) != 3
            or min(pool) < 1
            or _two(node.fields["stride"]) != pool
            or any(node.fields["padding"])
            or any(n % p for n, p in zip(self.shape[1:], pool))
        ):
            raise NIRError(
                f"node {node.name}: only spikes pooled once, in whole windows side by side, go into the next weights"
            )
        self.pool, self.factor = pool, np.float32(factor)

    def _AvgPool2d(self, node, own):
        self._SumPool2d(node, own, 1 / math.prod(_two(node.fields["kernel_size"])))

    def _IF(self, node, own):
        f = node.fields
        for key in ("r", "v_threshold", "v_reset", "tau", "v_leak")[: 3 if node.kind == "IF" else 5]:
            if not _spreads(f[key].shape, self.shape) or (f[key] != f[key].flat[0]).any():
                raise NIRError(
                    f"node {node.name}: {key} of shape {list(f[key].shape)}; one number for all of {list(self.shape)} "
                    "is held"
                )
        number = {k: v.flat[0] for k, v in f.items()}
        if number["v_reset"] != 0 or number.get("v_leak", 0) != 0:
            raise NIRError(f"node {node.name}: v_reset and v_leak other than 0 are not held")
        gain, leak, step = float(number["r"]), {}, self.sidecar.get("time_step")
        if node.kind == "LIF":
            if not isinstance(step, (int, float)) or not 0 < step < number["tau"]:
                raise NIRError(
                    f"node {node.name}: a LIF wants the sidecar's time_step, above 0 and below its tau of "
                    f"{number['tau']:g}"
                )
            gain *= step / float(number["tau"])
            leak = {"decay": own.get("decay", 1 - step / float(number["tau"]))}
        at = (
            np.nextafter(number["v_threshold"], np.float32(np.inf))
            if self.sidecar.get("fires", ">") == ">"
            else number["v_threshold"]
        )
        if not gain > 0:
            raise NIRError(f"node {node.name}: r is not above 0")
        told = {
            "type": "neurons",
            "name": node.name,
            "model": "leaky_integrate_and_fire" if leak else "integrate_and_fire",
            "threshold": own.get("threshold", float(np.float32(float(at) / gain))),
            "reset": own.get("reset", "zero"),
            **leak,
            "amplitude": own.get("amplitude", 1),
            "start": own.get("start", {"kind": "constant", "value": 0}),
        }
        layer = layer_from_json("neurons", told)
        assert isinstance(layer, IntegrateAndFire)
        numbers = equation(layer, step or 0)  # which an IF does not need
        if {"threshold", "decay"} & set(own) and any(np.float32(numbers[k]) != number[k] for k in numbers):
            raise NIRError(f"node {node.name}: the sidecar's threshold or decay is not the graph's")
        self.layers.append(layer)
        self.amplitude = layer.amplitude

    _LIF = _IF

    def _weigh(self, node, own, kind, weights, bias, **fields):
        told = {"type": kind, "name": node.name, **fields, "weights": f"{node.name}.weights"}
        if "scale" in own:
            scale = np.array(own["scale"], np.float32)
            if scale.shape != weights.shape[-1:]:
                raise NIRError(f"node {node.name}: {list(scale.shape)} scales for {weights.shape[-1]} channels")
            with np.errstate(all="ignore"):
                whole = np.nan_to_num(np.clip(np.rint(weights / scale), -128, 127))
            if (whole * scale != weights).any():
                raise NIRError(
                    f"node {node.name}: its weights are not whole numbers of 8 bits times the sidecar's scale"
                )
            told["scale"] = f"{node.name}.scale"
            self.tensors[told["scale"]], weights = scale, whole.astype(np.int8)
        elif self.amplitude != 1:
            weights = weights / np.float32(self.amplitude)
        self.tensors[told["weights"]] = np.ascontiguousarray(weights)
        if bias is not None and bias.size == 1 and bias.ndim <= 1:
            bias = np.broadcast_to(bias, weights.shape[-1:])
        if bias is not None and bias.shape != weights.shape[-1:]:
            raise NIRError(f"node {node.name}: a bias of shape {list(bias.shape)} does not fit")
        if bias is not None and not (own.get("bias") is False and not bias.any()):
            told["bias"] = f"{node.name}.bias"
            self.tensors[told["bias"]] = np.ascontiguousarray(bias)
        self.layers.append(layer_from_json(kind, told))


def _spreads(shape, over) -> bool:
    """Whether parameters of a shape are one for each neuron of another by the usual rule: () and (1, 1, 1) are for
    all."""
    try:
        return np.broadcast_shapes(shape, over) == tuple(over)
    except ValueError:
        return False


def dropped(around: Description) -> list[str]:
    """What `into_model` leaves behind of the model around a graph, since it was measured on that model's own body."""
    return [key for key in ("calibration", "operating_points", "early") if getattr(around, key) is not None]


def _two(value) -> list[int]:
    value = value if isinstance(value, list) else [value]
    if len(value) not in (1, 2) or not all(isinstance(v, int) and not isinstance(v, bool) for v in value):
        raise NIRError(f"one or two whole numbers are wanted, not {value}")
    return value * 2 if len(value) == 1 else list(value)


def _fit(how, n, kernel, stride, start, out) -> tuple[int, int] | None:
    """Zeros before and behind the kernel with which a padding makes `out` of n, its first window at `start`; None if
    none do."""
    if how == "valid":
        return (0, 0) if start == 0 and n >= kernel and (n - kernel) // stride + 1 == out else None
    if -(-n // stride) != out:
        return None
    for more in range(MAX_KERNEL - kernel + 1):
        front = start + same(n, kernel + more, stride)[0]
        if 0 <= front <= more:
            return front, more - front
    return None


def main(arguments: Sequence[str] | None = None, prog: str | None = None) -> None:
    ap = argparse.ArgumentParser(prog=prog, description="Put a NIR graph into a model in place of its body.")
    ap.add_argument("graph", type=pathlib.Path)
    ap.add_argument("out", type=pathlib.Path)
    ap.add_argument(
        "--around", type=pathlib.Path, required=True, help="model file that gives front, read-out and labels"
    )
    ap.add_argument("--sidecar", type=pathlib.Path, help="(default: GRAPH.json, where there is one)")
    ap.add_argument("--name", default="imported")
    ap.add_argument("--version", default="1.0.0", help="semantic version (default 1.0.0)")
    a = ap.parse_args(arguments)
    try:
        beside = a.sidecar or (sidecar_of(a.graph) if sidecar_of(a.graph).exists() else None)
        sidecar = read_sidecar(beside, a.graph) if beside else {}
        around, nodes = modelfile.read(a.around), graph_file.read(a.graph)
        provenance = {"imported_from": {"nir_sha256": digest(a.graph)}}
        description, tensors = into_model(nodes, sidecar, around, a.name, a.version, provenance)
        modelfile.write(a.out, description, tensors)
    except (OSError, ValueError) as e:  # NIRError, HDF5Error and ModelFileError are ValueErrors
        print(f"{a.graph}: {' '.join(str(e).split())[:1000]}", file=sys.stderr)
        sys.exit(2)
    print(f"wrote {a.out}")
    if not beside:
        print(
            "note: no sidecar; taken by NIR's letter: potentials start at 0 and are reset to 0, a current is added "
            "whole each step",
            file=sys.stderr,
        )
    if left := dropped(around[0]):
        words = {"operating_points": "operating points", "early": "answers at fewer steps"}
        names = " and ".join(words.get(key, key) for key in left)
        print(
            f"note: the {names} of {a.around} are dropped, since they were measured on another network: "
            "probabilities are uncalibrated, and the threshold is "
            f"{modelfile.default_threshold(description):g}",
            file=sys.stderr,
        )
