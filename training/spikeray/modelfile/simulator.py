"""A plain simulator of docs/MODEL_FILE.md, to compare others with: numpy, float32, one loop a step, nothing clever.

It shares no code with the Keras layers and none with the Go simulator.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
from PIL import Image

from . import voltage, window
from .decision import Calibration
from .description import Description, Time
from .layers import Conv2d, IntegrateAndFire, Layer, Neurons, Pool, SpikingReLU, Weighted, body_end
from .limits import MAX_COUNT
from .network import Tensors, check

Product = Callable[[np.ndarray, np.ndarray], np.ndarray]
Units = dict[str, np.float32]  # by the name of a layer of whole-number weights: what 1 stands for in what reaches it


@dataclass
class Answer:
    """logits: float32 [labels], what the softmax takes. probabilities: [labels], float32, or float64 where the model
    has a calibration, which is in them. raw: float32 [labels], before it. gate: float32 [gate's labels], of a model
    with a gate. counts: spikes by neuron layer, uint8, rows [H][W][C] or steps [T][H][W][C] (steps [T][N] after a
    flatten). clipped: spikes by layer of spiking_relu that did not fit into a step and were put off."""

    logits: np.ndarray
    probabilities: np.ndarray
    raw: np.ndarray
    gate: np.ndarray | None = None
    counts: dict[str, np.ndarray] = field(default_factory=dict)
    clipped: dict[str, int] = field(default_factory=dict)


def run(description: Description, tensors: Tensors, picture: np.ndarray) -> Answer:
    """One prepared picture, uint8 [height][width], before any window, through a model that `modelfile.read` gave."""
    check(description, tensors)
    p = description.preparation
    if picture.dtype != np.uint8 or picture.shape != (p.height, p.width):
        raise ValueError(f"a uint8 picture of {p.height}x{p.width} is wanted, not {picture.dtype} {picture.shape}")
    seen = window.apply(picture, p.window.low, p.window.high, p.window.least) if p.window else picture
    answer = _network(description.layers, description.time, tensors, seen, p.scale)
    if c := description.calibration:
        answer.probabilities = calibrate(c, answer.logits, description.labels.index(description.positive))
    if g := description.gate:
        small = Image.fromarray(picture).resize((g.width, g.height), Image.Resampling.BILINEAR)
        answer.gate = _network(g.layers, g.time, tensors, np.asarray(small), g.scale).raw
    return answer


def calibrate(c: Calibration, logits: np.ndarray, positive: int) -> np.ndarray:
    """Calibrated probabilities, float64, of two float32 logits. The server's differ by at most 4 units in the last
    place, all of them from its own exponential."""
    odds = float(logits[positive]) - float(logits[1 - positive])
    odds = c.slope * odds + c.intercept
    p = np.empty(2)
    p[positive], p[1 - positive] = sigmoid(odds), sigmoid(-odds)
    return p


def sigmoid(x: float) -> float:
    """1 / (1 + e^-x), without an overflow for any x."""
    e = math.exp(-abs(x))
    return e / (1 + e) if x < 0 else 1 / (1 + e)


def _network(
    layers: Sequence[Layer], time: Time | None, tensors: Tensors, picture: np.ndarray, scale: float
) -> Answer:
    """The layers of a description, or of its gate, for a picture of their size."""
    x = (picture.astype(np.float32) / np.float32(scale))[..., None]
    nothing = np.empty(0, np.float32)
    answer = Answer(nothing, nothing, nothing)
    units = _units(layers, np.float32(1) / np.float32(scale))
    if time and time.steps:
        x, layers = _steps(layers, units, tensors, x, time.steps, answer)
    for layer in layers[:-1]:
        x = _rows(layer, x, answer) if isinstance(layer, Neurons) else apply(layer, tensors, x, units.get(layer.name))
    answer.logits = x
    answer.probabilities = answer.raw = apply(layers[-1], tensors, x)
    return answer


def _units(layers: Sequence[Layer], unit: np.float32) -> Units:
    out = {}
    for layer in layers:
        if isinstance(layer, Weighted) and layer.scale is not None:
            out[layer.name] = unit
        if isinstance(layer, SpikingReLU):
            unit = np.float32(1) / np.float32(layer.dt)
        elif isinstance(layer, IntegrateAndFire):
            unit = np.float32(layer.amplitude)
    return out


def _weigh(layer: Weighted, tensors: Tensors, x: np.ndarray, unit: np.float32 | None, product: Product) -> np.ndarray:
    """product(x, weights), with the bias; in whole numbers, summed exactly, if the weights are."""
    weights = tensors[layer.weights]
    if layer.scale is not None:
        counts = np.rint(x / unit).astype(np.int64)
        y = product(counts, weights.astype(np.int64)).astype(np.float32) * tensors[layer.scale]
    else:
        y = product(x, weights)
    return y + tensors[layer.bias] if layer.bias is not None else y


def _rows(layer: Neurons, x: np.ndarray, answer: Answer) -> np.ndarray:
    """The rows of x [H][W][C] are the steps."""
    state = start(layer, x.shape[1:])
    out, counts = np.empty_like(x), np.empty(x.shape, np.uint8)
    answer.clipped[layer.name] = 0
    for t in range(x.shape[0]):
        out[t], counts[t], state, clipped = step(layer, state, x[t])
        answer.clipped[layer.name] += clipped
    answer.counts[layer.name] = counts
    return out


def _steps(
    layers: Sequence[Layer], units: Units, tensors: Tensors, x: np.ndarray, steps: int, answer: Answer
) -> tuple[np.ndarray, Sequence[Layer]]:
    """Shows x for `steps` steps; gives back the mean of what the body hands on, and the layers still to come."""
    first = next(i for i, layer in enumerate(layers) if isinstance(layer, Neurons))
    end = body_end(layers)
    for layer in layers[:first]:
        x = apply(layer, tensors, x, units.get(layer.name))
    states, handed_on = {}, []
    for t in range(steps):
        y = x
        for layer in layers[first:end]:
            if not isinstance(layer, Neurons):
                y = apply(layer, tensors, y, units.get(layer.name))
                continue
            name = layer.name
            if t == 0:
                states[name] = start(layer, y.shape)
                answer.counts[name] = np.empty((steps, *y.shape), np.uint8)
                answer.clipped[name] = 0
            y, answer.counts[name][t], states[name], clipped = step(layer, states[name], y)
            answer.clipped[name] += clipped
        handed_on.append(y)
    total = np.zeros_like(handed_on[0])
    for y in handed_on:
        total = total + y
    return total / np.float32(steps), layers[end:]


def start(layer: Neurons, shape: tuple[int, ...]) -> np.ndarray:
    """The membrane potentials before the first step, float32 of the state's shape."""
    s = layer.start
    if s.seed is not None:
        return voltage.uniform(s.seed, shape)
    return np.full(shape, s.value, np.float32)


def step(layer: Neurons, v: np.ndarray, x: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, int]:
    """One step of a layer of neurons: (values handed on, counts uint8, potentials after, spikes clipped)."""
    f = np.float32
    if isinstance(layer, SpikingReLU):
        dt = f(layer.dt)
        v = v + np.maximum(x, f(0)) * dt
        whole = np.floor(v)
        n = np.minimum(whole, f(MAX_COUNT))
        return n / dt, n.astype(np.uint8), v - n, int((whole - n).sum(dtype=np.float64))
    threshold = f(layer.threshold)
    if layer.decay is not None:
        v = f(layer.decay) * v
    v = v + x
    if layer.most is not None and layer.most > 1:
        n = np.clip(np.floor(v), f(0), f(layer.most))
        return n * f(layer.amplitude), n.astype(np.uint8), v - n, 0
    fired = v >= threshold
    reset = v - threshold if layer.reset == "subtract" else np.zeros_like(v)
    return fired * f(layer.amplitude), fired.astype(np.uint8), np.where(fired, reset, v), 0


def apply(layer: Layer, tensors: Tensors, x: np.ndarray, unit: np.float32 | None = None) -> np.ndarray:
    """A layer without state, float32 in and out. unit: what 1 stands for in x, for whole-number weights."""
    kind = layer.type
    if isinstance(layer, Conv2d):
        return _conv2d(layer, tensors, x, unit)
    if isinstance(layer, Weighted):
        return _weigh(layer, tensors, x, unit, np.matmul)
    if isinstance(layer, Pool):
        (ph, pw), (sh, sw) = layer.pool, layer.stride
        h, w = (x.shape[0] - ph) // sh + 1, (x.shape[1] - pw) // sw + 1
        y = np.empty((h, w, x.shape[2]), np.float32)
        for i in range(h):
            for j in range(w):
                seen = x[i * sh : i * sh + ph, j * sw : j * sw + pw]
                y[i, j] = seen.max(axis=(0, 1)) if kind == "max_pool2d" else seen.mean(axis=(0, 1), dtype=np.float32)
        return y
    if kind == "global_average_pool2d":
        return x.mean(axis=(0, 1), dtype=np.float32)
    if kind == "flatten":
        return x.reshape(-1)
    if kind == "relu":
        return np.maximum(x, np.float32(0))
    if kind == "softmax":
        e = np.exp(x - x.max())
        return e / e.sum()
    raise AssertionError(kind)


def _conv2d(layer: Conv2d, tensors: Tensors, x: np.ndarray, unit: np.float32 | None) -> np.ndarray:
    (kh, kw), (sh, sw) = layer.kernel, layer.stride
    if layer.padding == "same":
        pad = []
        for n, k, s in ((x.shape[0], kh, sh), (x.shape[1], kw, sw)):
            total = max((-(-n // s) - 1) * s + k - n, 0)
            pad.append((total // 2, total - total // 2))  # TensorFlow's: the odd one after
        x = np.pad(x, (*pad, (0, 0)))
    h, w = (x.shape[0] - kh) // sh + 1, (x.shape[1] - kw) // sw + 1

    def product(x: np.ndarray, weights: np.ndarray) -> np.ndarray:
        flat = weights.reshape(-1, weights.shape[3])
        y = np.empty((h, w, weights.shape[3]), x.dtype)
        for i in range(h):
            patches = np.stack([x[i * sh : i * sh + kh, j * sw : j * sw + kw].reshape(-1) for j in range(w)])
            y[i] = patches @ flat
        return y

    return _weigh(layer, tensors, x, unit, product)
