"""Reads the network that a client sends: a safetensors file whose metadata describes the layers."""

import hashlib
import json
import math
from dataclasses import dataclass, field

import numpy as np

MAX_FILE, MAX_HEADER, MAX_LAYERS, MAX_STEPS = 64 << 20, 1 << 20, 256, 64
MAX_MAP, MAX_KERNEL, MAX_CHANNELS = 1 << 24, 31, 1 << 20
MAX_WINDOWS = 1 << 26  # numbers in all windows of a convolution: the simulator holds them at once
DTYPES = {"F32": np.dtype("<f4"), "I8": np.dtype("i1")}


class NetworkError(ValueError):
    """The file is not a network."""


@dataclass
class Weighted:
    """A convolution, or a dense layer as one of 1x1: weights [kh][kw][in][out], float32 or int8 with a scale [out]."""

    name: str
    dense: bool
    kernel: tuple
    stride: tuple
    same: bool
    weights: np.ndarray
    scale: object
    bias: object


@dataclass
class Neurons:
    name: str
    model: str
    dt: np.float32 = np.float32(0)
    threshold: np.float32 = np.float32(0)
    decay: np.float32 = np.float32(0)
    amplitude: np.float32 = np.float32(0)
    reset: str = ""
    most: int = 1  # spikes in a step of the source, which the client runs
    start: dict = field(default_factory=dict)

    def voltages(self, count):
        """The membrane potentials before the first step: constant, or uniform in [0, 1) by SplitMix64 (see pkg/spike)."""
        if self.start.get("kind") == "constant":
            return np.full(count, self.start["value"], np.float32)
        z = np.uint64(self.start["seed"]) + np.arange(1, count + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        return ((z ^ (z >> np.uint64(31))) >> np.uint64(40)).astype(np.float32) / np.float32(1 << 24)

    def max_count(self):
        """The most spikes that it emits in a step."""
        return 255 if self.model == "spiking_relu" else self.most

    def value(self):
        """What one spike hands on."""
        return np.float32(1) / self.dt if self.model == "spiking_relu" else self.amplitude


@dataclass
class Pool:
    name: str
    pool: tuple
    stride: tuple


@dataclass
class Flatten:
    name: str


@dataclass
class Stage:
    """A weighted layer with the neurons that it drives."""

    weighted: Weighted
    neurons: Neurons
    before: tuple  # (H, W, C) in
    after: tuple
    value: np.float32  # of one incoming spike
    max_count: int

    def neuron_count(self, axis):
        h, w, c = self.after
        return w * c if axis == "rows" else h * w * c

    def pads(self):
        """Zeros above, below, left and right of the map."""
        out = []
        for size, made, k, s in zip(self.before, self.after, self.weighted.kernel, self.weighted.stride):
            total = max((made - 1) * s + k - size, 0)
            first = total // 2 if self.weighted.same else 0
            out += [first, total - first]
        return out

    def fans(self):
        """How many windows read each row, and each column."""
        pads, fans = self.pads(), []
        for axis in range(2):
            n = np.zeros(self.before[axis], np.int64)
            for o in range(self.after[axis]):
                first = o * self.weighted.stride[axis] - pads[2 * axis]
                n[max(first, 0):max(first + self.weighted.kernel[axis], 0)] += 1
            fans.append(n)
        return fans

    def synapses(self):
        rows, cols = self.fans()
        return int(rows.sum() * cols.sum()) * self.before[2] * self.after[2]

    def operations(self, train):
        """Synaptic operations that spikes [..., H, W, C] cause: a count is one message, however large."""
        rows, cols = self.fans()
        return int(np.einsum("nhwc,h,w->", (train.reshape(-1, *self.before) > 0).astype(np.int64), rows, cols)) * self.after[2]


@dataclass
class Network:
    digest: str
    axis: str
    steps: int
    input: tuple
    source: Neurons
    layers: list
    shapes: list = field(default_factory=list)

    @property
    def output(self):
        return self.shapes[-1]

    def stages(self):
        stages, before, source = [], self.input, self.source
        for i, layer in enumerate(self.layers):
            if isinstance(layer, Weighted):
                neurons = self.layers[i + 1]
                stages.append(Stage(layer, neurons, before, self.shapes[i], source.value(), source.max_count()))
                source = neurons
            before = self.shapes[i]
        return stages

    def pooled(self, train, i):
        """What the layers behind layer i make of its spikes, up to the next weighted one; the network's input is layer -1."""
        for layer, shape in zip(self.layers[i + 1:], self.shapes[i + 1:]):
            if isinstance(layer, Weighted):
                break
            if isinstance(layer, Pool):
                windows = np.lib.stride_tricks.sliding_window_view(train, layer.pool, axis=(-3, -2))
                train = windows[..., ::layer.stride[0], ::layer.stride[1], :, :, :].max((-2, -1))
            train = train.reshape(*train.shape[:-3], *shape)
        return train

    def count(self, train, run):
        """The output, the spikes emitted, and each layer's synaptic operations by the name of its neurons."""
        spikes, operations, stages = 0, {}, iter(self.stages())
        train = self.pooled(train, -1)
        for i, layer in enumerate(self.layers):
            if isinstance(layer, Neurons):
                operations[layer.name] = next(stages).operations(train)
                spikes += int(run.layers[layer.name].sum(dtype=np.int64))
                train = self.pooled(run.layers[layer.name], i)
        return train, spikes, operations


def read(file):
    """The network in a file, or NetworkError."""
    try:
        return _read(file)
    except NetworkError:
        raise
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError, RecursionError) as e:
        raise NetworkError(f"{type(e).__name__}: {e}"[:200]) from None


def _need(true, *why):
    if not true:
        raise NetworkError(" ".join(map(str, why)))


def _whole(x, least, most, what):
    _need(type(x) is int and least <= x <= most, f"{what} is {x!r}, must be {least} to {most}")
    return x


def _pair(x, most, what):
    _need(isinstance(x, list) and len(x) == 2, what, "is not a pair")
    return tuple(_whole(n, 1, most, what) for n in x)


def _float32(x, what):
    _need(isinstance(x, (int, float)) and not isinstance(x, bool) and math.isfinite(x) and abs(x) < 2.0**127, what, "is not a finite number")
    return np.float32(x)


def _read(file):
    _need(8 <= len(file) <= MAX_FILE, len(file), "bytes are not a network")
    length = int.from_bytes(file[:8], "little")
    _need(length <= min(MAX_HEADER, len(file) - 8), "header of", length, "bytes")
    header = json.loads(file[8:8 + length])
    description = json.loads(header.pop("__metadata__")["spikeray_network"])
    data = memoryview(file)[8 + length:]

    def tensor(name, *dtypes):
        entry = header[name]
        first, last = entry["data_offsets"]
        _need(entry["dtype"] in dtypes, "tensor", name, "is", entry["dtype"])
        _whole(first, 0, len(data), "offset")
        _whole(last, first, len(data), "offset")
        dtype = DTYPES[entry["dtype"]]
        _need((last - first) % dtype.itemsize == 0, "tensor", name, "ends in the middle")
        return np.frombuffer(data[first:last], dtype)

    def weighted(spec, before, i):
        dense = spec["type"] == "dense"
        kernel = (1, 1) if dense else _pair(spec["kernel"], MAX_KERNEL, "kernel")
        stride = (1, 1) if dense else _pair(spec["stride"], MAX_MAP, "stride")
        channels = _whole(spec["units" if dense else "channels"], 1, MAX_CHANNELS, "channels")
        _need(dense or spec["padding"] in ("same", "valid"), "padding is", spec.get("padding"))
        _need(not dense or before[:2] == (1, 1), "a dense layer takes a flat input")
        weights = tensor(spec["weights"], "F32", "I8")
        _need(weights.size == kernel[0] * kernel[1] * before[2] * channels, weights.size, "weights of", spec["name"])
        scale = tensor(spec["scale"], "F32") if weights.dtype == np.int8 else None
        bias = tensor(spec["bias"], "F32") if "bias" in spec else None
        _need(all(x is None or x.size == channels for x in (scale, bias)), "scale or bias of", spec["name"])
        return Weighted(spec["name"], dense, kernel, stride, not dense and spec["padding"] == "same",
                        weights.reshape(*kernel, before[2], channels), scale, bias)

    def windows(before, kernel, stride, same, channels):
        if same:
            return tuple(-(-n // s) for n, s in zip(before, stride)) + (channels,)
        _need(before[0] >= kernel[0] and before[1] >= kernel[1], "a window does not fit its map")
        return tuple((n - k) // s + 1 for n, k, s in zip(before, kernel, stride)) + (channels,)

    _need(description["format"] == 1, "format", description["format"])
    axis = description["axis"]
    _need(axis in ("rows", "steps"), "axis", axis)
    steps = _whole(description["steps"], int(axis == "steps"), MAX_STEPS if axis == "steps" else 0, "steps")
    _need(isinstance(description["input"], list) and len(description["input"]) == 3, "input is not a shape")
    shape = tuple(_whole(n, 1, MAX_MAP, "input") for n in description["input"])
    _need(math.prod(shape) <= MAX_MAP, "input is too large")
    specs = description["layers"]
    _need(isinstance(specs, list) and 0 < len(specs) <= MAX_LAYERS, "the layers must be a list of 1 to", MAX_LAYERS)
    network = Network("sha256:" + hashlib.sha256(file).hexdigest(), axis, steps, shape, neurons(description["source"]), [])
    names, current = set(), False
    for i, spec in enumerate(specs):
        kind, name = spec["type"], spec["name"]
        _need(isinstance(name, str) and name not in names and len(name) <= 256, "name", name)
        names.add(name)
        _need((kind == "neurons") == current, f"layer {name}: neurons and weighted layers have to alternate")
        if kind in ("conv2d", "dense"):
            layer = weighted(spec, shape, i)
            before = shape[2]
            shape = windows(shape, layer.kernel, layer.stride, layer.same, layer.weights.shape[-1])
            _need(math.prod((*shape[:2], *layer.kernel, before)) <= MAX_WINDOWS, f"layer {name}: its windows are too large")
        elif kind == "max_pool2d":
            layer = Pool(name, _pair(spec["pool"], MAX_KERNEL, "pool"), _pair(spec["stride"], MAX_MAP, "stride"))
            shape = windows(shape, layer.pool, layer.stride, False, shape[2])
        elif kind == "flatten":
            layer, shape = Flatten(name), (1, 1, math.prod(shape))
        else:
            _need(kind == "neurons", "layer type", kind)
            layer = neurons(spec)
            _need(layer.most == 1, f"layer {name}: graded spikes are the source's alone")
        _need(math.prod(shape) <= MAX_MAP, f"layer {name}: its map is too large")
        current = isinstance(layer, Weighted)
        network.layers.append(layer)
        network.shapes.append(shape)
    _need(not current and any(isinstance(layer, Neurons) for layer in network.layers), "the last weighted layer has no neurons")
    return network


def neurons(spec):
    _need(spec["type"] == "neurons", "source is not a layer of neurons")
    start = spec["start"]
    if start["kind"] == "constant":
        _float32(start["value"], "start")
    else:
        _need(start["kind"] == "uniform", "start", start["kind"])
        _whole(start["seed"], 0, 2**64 - 1, "seed")
    n = Neurons(spec["name"], spec["model"], reset=spec.get("reset", ""), start=start, most=_whole(spec.get("most", 1), 1, 255, "most"),
                **{key: _float32(spec.get(key, 0), key) for key in ("dt", "threshold", "decay", "amplitude")})
    if n.model == "spiking_relu":
        _need(n.dt > 0 and n.most == 1, "dt is not above 0, or most not 1")
        return n
    _need(n.model in ("integrate_and_fire", "leaky_integrate_and_fire"), "neuron model", n.model)
    _need(n.threshold > 0 and n.amplitude > 0 and n.reset in ("zero", "subtract"), "threshold, amplitude or reset of", n.name)
    _need(n.model == "integrate_and_fire" or 0 < n.decay < 1, "decay of", n.name)
    return n
