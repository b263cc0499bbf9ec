"""A chain of Keras layers, as plain records, into the layers and tensors of a model file.

Both ways in end here: `spikeray.article.export`, which asks Keras, and `convert`, which reads a file itself.

A layer that only scales and shifts what comes in, such as a batch normalisation or a Rescaling, goes into the weights
before it or behind it: what it does is kept as `pending` until weights come. A key of a layer's configuration that is
not known is refused, since it may change what the layer computes.
"""

import re
from dataclasses import dataclass, replace

import numpy as np

from ..modelfile import Conv2d, Dense, Layer, Neurons, Pool, SpikingReLU, Start, Tensors, Time, Weighted
from .record import KEYS, LEFT_OUT, WEIGHTED, Record, UnsupportedError, bare, known, pair, plain, whole

_STEPWISE = LEFT_OUT | {  # what may stand in a network over steps as it is
    "SpikingActivation",
    "MeanOverSteps",
    "GlobalAveragePooling1D",
    "Activation",
    "ReLU",
    "Softmax",
    "Rescaling",
    "BatchNormalization",
    "Identity",
}
_COMMUTE_WITH_MEAN = {"conv2d", "dense", "max_pool2d", "average_pool2d", "global_average_pool2d", "flatten"}


@dataclass
class Network:
    """What a chain became: `time` (None without neurons), `layers` and `tensors` of docs/MODEL_FILE.md, and what
    pixels are divided by."""

    time: Time | None
    layers: list[Layer]
    tensors: Tensors
    scale: float

    @property
    def units(self) -> int:
        """Of the read-out."""
        return next((layer.units for layer in reversed(self.layers) if isinstance(layer, Dense)), 0)


def translate(records: list[Record], scale: float = 255, offset: float = 0) -> Network:
    """Records that are fed pixels / scale + offset, as layers of a model file.

    Raises UnsupportedError at the first layer that the format cannot hold.
    """
    chain = _Chain(scale, offset)
    for record in records:
        chain.add(record)
    return chain.network()


class _Chain:
    def __init__(self, scale: float, offset: float):
        self.scale = scale
        self.pending: tuple[np.ndarray, np.ndarray] | None = None  # gain, offset of each channel
        if offset:
            self.pending = (np.ones(1), np.full(1, float(offset)))
        self.pending_of = "input"
        self.layers: list[Layer] = []
        self.tensors: Tensors = {}
        self.axis: str | None = None
        self.steps: int | None = None
        self.open = False  # between ShowForSteps and MeanOverSteps
        self.since_neurons: list[str] | None = None  # layer types since the last neurons; None before any
        self.foldable = False  # is the last layer a convolution or dense layer with nothing after it?

    def add(self, r: Record):
        if r.kind == "TimeDistributed":
            known(r)
            r = self._each_step(r)
        elif self.open and self.steps == 1 and r.kind in {"Flatten", "GlobalAveragePooling1D"}:
            self.open = False  # the mean over one step is that step
        elif self.open and r.kind not in _STEPWISE:
            raise UnsupportedError(r.name, f"{r.kind} inside a network over steps must be wrapped in TimeDistributed")
        if r.kind in LEFT_OUT:
            return
        handler = getattr(self, "_" + r.kind, None) if r.kind in KEYS else None
        if handler is None:
            raise UnsupportedError(r.name, f"a model file has no layer for {r.kind}")
        known(r)
        weights = [np.asarray(w) for w in r.weights]  # generators' states are whole numbers
        if r.kind not in WEIGHTED and any(w.dtype.kind == "f" for w in weights):
            raise UnsupportedError(
                r.name, f"a {r.kind} with weights, of which it has none: another class of that name"
            )
        try:
            handler(r)
        except KeyError as e:
            raise UnsupportedError(r.name, f"its configuration lacks {e}") from e

    def network(self) -> Network:
        if self.open and self.steps != 1:
            raise UnsupportedError(
                self.layers[-1].name if self.layers else "input", "nothing takes the mean over the steps"
            )
        if self.steps not in (None, 1) and self.axis is None:
            raise UnsupportedError("input", "the picture is shown for steps, but there are no spiking activations")
        if not self.layers or self.layers[-1].type != "softmax":
            raise UnsupportedError(
                self.layers[-1].name if self.layers else "input",
                "the network ends here; a softmax, or one unit with a sigmoid, is wanted as its read-out",
            )
        steps = self.steps if self.axis == "steps" else None
        time = Time(axis=self.axis, steps=steps) if self.axis else None
        return Network(time, self.layers, self.tensors, self.scale)

    def _affine(self, r, gain, offset, mean=0.0):
        """Takes up (x - mean) * gain + offset of each channel: into the weights right before, or to be folded into the
        next."""
        gain, offset, mean = np.broadcast_arrays(
            *(np.asarray(v, np.float64).reshape(-1) for v in (gain, offset, mean))
        )
        if self.foldable:
            target = self.layers[-1]
            assert isinstance(target, Weighted)
            weights = self.tensors[target.weights].astype(np.float64)
            units = weights.shape[-1]
            if len(gain) not in (1, units):
                raise UnsupportedError(r.name, f"its weights do not fit the {units} channels before it")
            bias = self.tensors[target.bias] if target.bias is not None else np.zeros(units)
            folded = (weights * gain, (bias - mean) * gain + offset)
            if not all(np.isfinite(a).all() for a in folded):
                raise UnsupportedError(r.name, "folding it gives a weight that is not finite")
            name = f"{target.name}.bias"
            self.layers[-1] = target.changed(bias=name)
            self.tensors[target.weights], self.tensors[name] = (a.astype(np.float32) for a in folded)
            return
        offset = offset - mean * gain
        if self.pending is not None:
            before, shift = self.pending
            if max(len(gain), len(before)) % min(len(gain), len(before)):
                raise UnsupportedError(r.name, f"its {len(gain)} channels do not fit the {len(before)} before it")
            most = max(len(gain), len(before))
            gain, offset, before, shift = (np.tile(v, most // len(v)) for v in (gain, offset, before, shift))
            gain, offset = gain * before, gain * shift + offset
        if not np.isfinite(gain).all() or not np.isfinite(offset).all():
            raise UnsupportedError(r.name, "it scales by a number that is not finite")
        self.pending, self.pending_of = (gain, offset), r.name

    def _settle(self, name, kind):
        """Makes sure that nothing is pending, for a layer that it cannot go through."""
        if self.pending is None:
            return
        gain, offset = self.pending
        untouched = all(isinstance(layer, Pool) or layer.type == "flatten" for layer in self.layers)
        if untouched and not offset.any() and (gain == gain[0]).all() and gain[0] > 0:
            self.scale, self.pending = _tidy(self.scale / gain[0]), None
            return
        raise UnsupportedError(
            self.pending_of,
            f"it scales or shifts what reaches {kind} {name}; it can only go into a "
            "convolution or dense layer right before or behind it",
        )

    def _fold(self, r, weights, padding):
        """(weights, what is added to the bias) with what is pending in them."""
        if self.pending is None:
            return weights, None
        gain, offset = self.pending
        inputs = weights.shape[-2]
        if inputs % len(gain):
            raise UnsupportedError(
                self.pending_of, f"{len(gain)} channels do not fit the {inputs} that come into {r.name}"
            )
        first = not any(isinstance(layer, Weighted | Neurons) for layer in self.layers)
        if first and not offset.any() and (gain == gain[0]).all() and gain[0] > 0:
            self.scale, self.pending = _tidy(self.scale / gain[0]), None
            return weights, None
        if offset.any() and padding == "same":
            raise UnsupportedError(
                self.pending_of,
                f"it shifts what reaches {r.name}, which pads it with zeros that are not shifted; that cannot "
                "be folded into the weights",
            )
        gain, offset = (np.tile(v, inputs // len(v)) for v in (gain, offset))
        wide = weights.astype(np.float64)
        added = (wide * offset[:, None]).sum(axis=tuple(range(wide.ndim - 1)))
        self.pending = None
        return (wide * gain[:, None]).astype(np.float32), added.astype(np.float32) if offset.any() else None

    def _fresh(self, name: str) -> str:
        """A layer's name as the format has them, and no other layer's."""
        name = re.sub(r"^[.-]", "_", re.sub(r"[^A-Za-z0-9_.-]", "_", name))[:56]
        names = {layer.name for layer in self.layers}
        return next(n for n in (name, *(f"{name}_{i}" for i in range(2, 999))) if n not in names)

    def _push(self, layer: Layer) -> None:
        kind, name = layer.type, layer.name
        if self.layers and self.layers[-1].type == "softmax":
            raise UnsupportedError(name, "comes after the read-out's softmax or sigmoid")
        if kind not in ("max_pool2d", "average_pool2d", "global_average_pool2d", "flatten", "conv2d", "dense"):
            self._settle(name, kind)
        elif kind == "max_pool2d" and self.pending is not None and (self.pending[0] < 0).any():
            raise UnsupportedError(
                self.pending_of,
                f"it turns signs before the max-pooling {name}, so it cannot go into the weights behind that",
            )
        self.layers.append(layer)
        self.foldable = isinstance(layer, Weighted)
        if self.since_neurons is not None:
            self.since_neurons.append(kind)

    def _each_step(self, r):
        if not self.open:
            raise UnsupportedError(r.name, "TimeDistributed outside a network over steps")
        inner = r.config.get("layer")
        if not isinstance(inner, dict) or not isinstance(inner.get("config"), dict):
            raise UnsupportedError(r.name, "TimeDistributed without a layer in it")
        kind = bare(inner.get("class_name"))
        if kind in {"SpikingActivation", "ShowForSteps", "MeanOverSteps", "TimeDistributed"}:
            raise UnsupportedError(r.name, f"{kind} inside TimeDistributed")
        return Record(kind, str(inner["config"].get("name") or r.name), inner["config"], r.weights)

    def _weighted(self, r: Record, layer: Conv2d | Dense, outputs: int) -> None:
        """Takes up a layer whose weights are still to be named; outputs: its channels or units."""
        rank, padding = (4, layer.padding) if isinstance(layer, Conv2d) else (2, None)
        c = r.config
        bias = c.get("use_bias", True)
        if len(r.weights) != 1 + bool(bias):
            raise UnsupportedError(r.name, f"{1 + bool(bias)} weights are wanted, it has {len(r.weights)}")
        w = [np.asarray(a) for a in r.weights]
        if w[0].ndim != rank or w[0].shape[-1] != outputs or any(a.shape != (outputs,) for a in w[1:]):
            raise UnsupportedError(r.name, f"weights of shape {[a.shape for a in w]} do not fit its configuration")
        for a in w:
            if a.dtype.kind != "f" or not np.isfinite(a).all():
                raise UnsupportedError(r.name, "a weight is not a finite number")
        w[0], added = self._fold(r, w[0], padding)
        if added is not None:
            w[1:] = [w[1].astype(np.float64) + added if bias else added]
        if not all(np.isfinite(a).all() for a in w):
            raise UnsupportedError(r.name, "folding what comes before into it gives a weight that is not finite")
        name = self._fresh(r.name)
        names = [f"{name}.{key}" for key in ("weights", "bias")]
        self._push(replace(layer, name=name, weights=names[0], bias=names[1] if len(w) > 1 else None))
        self.tensors |= {n: np.asarray(a, np.float32) for n, a in zip(names, w)}
        self._activation(r.name, c.get("activation"), f"{r.name}_")

    def _Conv2D(self, r):
        c = r.config
        plain(r)
        if tuple(c.get("dilation_rate") or (1, 1)) != (1, 1) or (c.get("groups") or 1) != 1:
            raise UnsupportedError(r.name, "dilation and groups other than 1 are not held")
        if c.get("padding", "valid") not in ("valid", "same"):
            raise UnsupportedError(r.name, f"padding {c['padding']!r}, 'valid' or 'same' is wanted")
        units, kernel = whole(r, c["filters"]), pair(r, c["kernel_size"])
        if r.weights and tuple(r.weights[0].shape[:2]) != tuple(kernel):
            raise UnsupportedError(r.name, f"weights of shape {r.weights[0].shape} for a kernel of {kernel}")
        stride, padding = pair(r, c.get("strides", 1)), c.get("padding", "valid")
        layer = Conv2d(name="", kernel=kernel, stride=stride, padding=padding, channels=units, weights="")
        self._weighted(r, layer, units)

    def _Dense(self, r):
        units = whole(r, r.config["units"])
        self._weighted(r, Dense(name="", units=units, weights=""), units)

    def _MaxPooling2D(self, r, kind="max_pool2d"):
        plain(r)
        if r.config.get("padding", "valid") != "valid":
            raise UnsupportedError(r.name, "pooling with padding is not held")
        pool = pair(r, r.config["pool_size"])
        stride = pair(r, r.config.get("strides") or pool)
        self._push(Pool(type=kind, name=self._fresh(r.name), pool=pool, stride=stride))

    def _AveragePooling2D(self, r):
        self._MaxPooling2D(r, "average_pool2d")

    def _GlobalAveragePooling2D(self, r):
        plain(r)
        # with keepdims the map is 1x1, in the same order
        self._push(Layer(type="global_average_pool2d", name=self._fresh(r.name)))

    def _Flatten(self, r):
        plain(r)
        self._push(Layer(type="flatten", name=self._fresh(r.name)))

    def _Activation(self, r):
        self._activation(r.name, r.config["activation"])

    def _ReLU(self, r):
        c = r.config
        if c.get("max_value") is not None or any(c.get(k) for k in ("negative_slope", "threshold")):
            raise UnsupportedError(r.name, "only the plain ReLU is held")
        self._activation(r.name, "relu")

    def _Softmax(self, r):
        if r.config.get("axis", -1) not in (-1, [-1]):
            raise UnsupportedError(r.name, "softmax over another axis than the last")
        self._activation(r.name, "softmax")

    def _activation(self, name, function, prefix=None):
        if isinstance(function, dict):
            if str(function.get("module") or "keras").split(".")[0] not in (
                "keras",
                "tf_keras",
                "tensorflow",
                "builtins",
            ) or ">" in str(function.get("registered_name")):
                raise UnsupportedError(
                    name,
                    "its activation is a function of "
                    f"{str(function.get('registered_name') or function['module'])[:64]}",
                )
            function = function.get("config")
        if function in (None, "linear"):
            return
        if function == "sigmoid":
            self._sigmoid(name)
            function = "softmax"
        if function not in ("relu", "softmax"):
            raise UnsupportedError(
                name,
                f"activation {str(function)[:64]!r}; relu, softmax, linear, or sigmoid at one last unit, is wanted",
            )
        if function == "softmax" and self.foldable and getattr(self.layers[-1], "units", None) == 1:
            raise UnsupportedError(name, "a softmax of one unit is always 1; was a sigmoid meant?")
        self._push(Layer(type=function, name=self._fresh(f"{prefix}{function}" if prefix else name)))

    def _sigmoid(self, name):
        """One unit z with a sigmoid as the two of a softmax: 1 / (1 + e^-z) is the softmax of 0 and z."""
        dense = self.layers[-1] if self.layers else None
        if not isinstance(dense, Dense) or dense.units != 1 or not self.foldable:
            raise UnsupportedError(
                name, "a sigmoid is held at one unit of a dense layer, as the read-out, and nowhere else"
            )
        self._settle(name, "the sigmoid")
        self.layers[-1] = dense.changed(units=2)
        for tensor in (dense.weights, dense.bias):
            if tensor is not None:
                w = self.tensors[tensor]
                self.tensors[tensor] = np.concatenate([np.zeros_like(w), w], axis=-1)

    def _Identity(self, r):
        pass

    def _Rescaling(self, r):
        self._affine(r, r.config["scale"], r.config.get("offset", 0.0))

    def _Normalization(self, r):
        c = r.config
        mean, variance = r.weights[:2] if len(r.weights) >= 2 else (c.get("mean"), c.get("variance"))
        if mean is None or variance is None:
            raise UnsupportedError(r.name, "it was never adapted, nor given a mean and a variance")
        mean, variance = (np.asarray(v, np.float64).reshape(-1) for v in (mean, variance))
        axis = c.get("axis", -1)
        axis = list(axis) if isinstance(axis, (list, tuple)) else [axis]
        if c.get("invert") or (len(mean) != 1 and axis not in ([-1], [3], [3 + self.open])):
            raise UnsupportedError(
                r.name,
                "normalisation of the last axis alone, or of everything by one number, is held, and not its inverse",
            )
        gain = 1 / np.maximum(np.sqrt(variance), 1e-7)
        self._affine(r, gain, 0.0, mean)

    def _BatchNormalization(self, r):
        c = r.config
        axis = c.get("axis", -1)
        axis = axis[0] if isinstance(axis, list) and len(axis) == 1 else axis
        last = 1 if any(layer.type in ("flatten", "global_average_pool2d") for layer in self.layers) else 3
        if axis not in (-1, last, last + self.open):
            raise UnsupportedError(r.name, f"normalises axis {axis}, the last is wanted")
        names = [n for n in ("scale", "center") if c.get(n, True)]
        units = r.weights[0].size if r.weights else 0
        if not units or len(r.weights) != len(names) + 2 or any(np.shape(a) != (units,) for a in r.weights):
            raise UnsupportedError(r.name, "its weights do not fit its configuration")
        values = dict(zip([*names, "mean", "variance"], (np.asarray(a, np.float64) for a in r.weights)))
        gain = values.get("scale", 1.0) / np.sqrt(values["variance"] + float(c.get("epsilon", 1e-3)))
        self._affine(r, gain, values.get("center", 0.0), values["mean"])

    def _SpikingActivation(self, r):
        axis = r.config["time_axis"]
        if axis not in ("rows", "steps") or (axis == "steps") != self.open:
            raise UnsupportedError(
                r.name,
                f"time axis {axis!r} does not fit where it stands: 'steps' goes between "
                "ShowForSteps and MeanOverSteps, 'rows' outside",
            )
        if self.axis not in (None, axis):
            raise UnsupportedError(r.name, "a network has one time axis")
        self.axis = axis
        seed, dt = r.config["seed"], r.config["dt"]
        if not isinstance(seed, int) or not 0 <= seed < 1 << 64 or not isinstance(dt, (int, float)) or not dt > 0:
            raise UnsupportedError(
                r.name, f"dt {dt!r} and seed {seed!r}: a number above 0 and an unsigned 64-bit number are wanted"
            )
        start = Start(kind="uniform", seed=seed)
        self._push(SpikingReLU(name=self._fresh(r.name), dt=dt, start=start))
        self.since_neurons = []

    def _ShowForSteps(self, r):
        if self.steps is not None or self.axis is not None:
            raise UnsupportedError(r.name, "a picture is shown once, before the first neurons")
        self.steps, self.open, self.foldable = whole(r, r.config["steps"]), True, False

    def _MeanOverSteps(self, r):
        # The format takes the mean right after the last neurons and their max pooling; what stands between in
        # Keras must give the same either way.
        if not self.open or self.since_neurons is None:
            raise UnsupportedError(r.name, "the mean over steps comes after a picture shown for steps, and neurons")
        rest = self.since_neurons
        while rest and rest[0] == "max_pool2d":
            rest = rest[1:]
        if any(kind not in _COMMUTE_WITH_MEAN - {"max_pool2d"} for kind in rest):
            raise UnsupportedError(r.name, "the mean over steps must come before the read-out's layers")
        self.open = self.foldable = False

    def _GlobalAveragePooling1D(self, r):
        plain(r)
        if r.config.get("keepdims"):
            raise UnsupportedError(r.name, "keepdims is not held")
        if self.steps != 1:
            self._MeanOverSteps(r)


def _tidy(scale) -> float:
    """255, where 1 / (1 / 255) missed it by a rounding."""
    return float(round(scale)) if abs(scale - round(scale)) < 1e-6 * abs(scale) and round(scale) else float(scale)
