"""A chain of Keras layers, as plain records, into the layers and tensors of a model file.

Both ways in end here: `spikeray.export`, which asks Keras, and `spikeray.convert`, which reads an HDF5 file itself.
"""

import re
from dataclasses import dataclass, field

import numpy as np

_LEFT_OUT = {"InputLayer", "Dropout", "SpatialDropout2D"}  # nothing happens there once trained
_LINEAR = {"conv2d", "dense"}
_COMMUTE_WITH_MEAN = {"max_pool2d", "average_pool2d", "global_average_pool2d", "flatten"}


class UnsupportedError(ValueError):
    """A layer, or an arrangement of layers, that a model file cannot hold. `layer` names it."""

    def __init__(self, layer: str, reason: str):
        super().__init__(f"layer {layer}: {reason}")
        self.layer, self.reason = layer, reason


@dataclass(frozen=True)
class Record:
    """One Keras layer: its class's bare name, its name and configuration, its weights in Keras's order."""

    kind: str
    name: str
    config: dict
    weights: list[np.ndarray] = field(default_factory=list)


@dataclass
class Network:
    """What a chain became: `time` (None without neurons), `layers` and `tensors` of docs/MODEL_FILE.md."""

    time: dict | None
    layers: list[dict]
    tensors: dict[str, np.ndarray]


def translate(records: list[Record]) -> Network:
    """Raises UnsupportedError at the first layer that the format cannot hold."""
    chain = _Chain()
    for record in records:
        chain.add(record)
    return chain.network()


class _Chain:
    def __init__(self):
        self.layers, self.tensors = [], {}
        self.axis, self.steps, self.open = None, None, False  # open: between ShowForSteps and MeanOverSteps
        self.since_neurons = None  # layer types since the last neurons; None before any
        self.foldable = False  # is the last layer a convolution or dense layer with nothing after it?

    def add(self, r: Record):
        if r.kind == "TimeDistributed":
            r = self._each_step(r)
        elif self.open and r.kind not in {"SpikingActivation", "MeanOverSteps", "Activation", "ReLU"} | _LEFT_OUT:
            raise UnsupportedError(r.name, f"{r.kind} inside a network over steps must be wrapped in TimeDistributed")
        if r.kind in _LEFT_OUT:
            return
        handler = getattr(self, "_" + r.kind, None) if re.fullmatch(r"[A-Z]\w*", r.kind) else None
        if handler is None:
            raise UnsupportedError(r.name, f"a model file has no layer for {r.kind}")
        try:
            handler(r)
        except KeyError as e:
            raise UnsupportedError(r.name, f"its configuration lacks {e}") from e

    def network(self) -> Network:
        if self.open:
            raise UnsupportedError(self.layers[-1]["name"] if self.layers else "input", "no MeanOverSteps ends the steps")
        if self.steps is not None and self.axis is None:
            raise UnsupportedError("input", "the picture is shown for steps, but there are no spiking activations")
        time = {"axis": self.axis} if self.axis else None
        if self.axis == "steps":
            time["steps"] = self.steps
        return Network(time, self.layers, self.tensors)

    def _push(self, kind, name, **fields):
        name = re.sub(r"[^A-Za-z0-9_.-]", "_", name)[:60]
        if any(layer["name"] == name for layer in self.layers):
            raise UnsupportedError(name, "two layers would have this name")
        self.layers.append({"type": kind, "name": name, **fields})
        self.foldable = kind in _LINEAR
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

    def _weighted(self, r, kind, rank, outputs, **fields):
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
        names = {"weights": f"{r.name}.weights"} | ({"bias": f"{r.name}.bias"} if bias else {})
        self._push(kind, r.name, **fields, **names)
        for tensor, a in zip(names.values(), w):
            self.tensors[tensor] = np.asarray(a, np.float32)
        self._activation(r.name, c.get("activation"), f"{r.name}_")

    def _Conv2D(self, r):
        c = r.config
        _plain(r)
        if tuple(c.get("dilation_rate") or (1, 1)) != (1, 1) or (c.get("groups") or 1) != 1:
            raise UnsupportedError(r.name, "dilation and groups other than 1 are not held")
        if c.get("padding", "valid") not in ("valid", "same"):
            raise UnsupportedError(r.name, f"padding {c['padding']!r}, 'valid' or 'same' is wanted")
        units, kernel = _whole(r, c["filters"]), _pair(r, c["kernel_size"])
        if r.weights and tuple(r.weights[0].shape[:2]) != tuple(kernel):
            raise UnsupportedError(r.name, f"weights of shape {r.weights[0].shape} for a kernel of {kernel}")
        self._weighted(r, "conv2d", 4, units, kernel=kernel, stride=_pair(r, c.get("strides", 1)),
                       padding=c.get("padding", "valid"), channels=units)

    def _Dense(self, r):
        units = _whole(r, r.config["units"])
        self._weighted(r, "dense", 2, units, units=units)

    def _MaxPooling2D(self, r, kind="max_pool2d"):
        _plain(r)
        if r.config.get("padding", "valid") != "valid":
            raise UnsupportedError(r.name, "pooling with padding is not held")
        pool = _pair(r, r.config["pool_size"])
        self._push(kind, r.name, pool=pool, stride=_pair(r, r.config.get("strides") or pool))

    def _AveragePooling2D(self, r):
        self._MaxPooling2D(r, "average_pool2d")

    def _GlobalAveragePooling2D(self, r):
        _plain(r)
        self._push("global_average_pool2d", r.name)
        if r.config.get("keepdims"):
            raise UnsupportedError(r.name, "keepdims is not held")

    def _Flatten(self, r):
        _plain(r)
        self._push("flatten", r.name)

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
            function = function.get("config")
        if function in (None, "linear"):
            return
        if function not in ("relu", "softmax"):
            raise UnsupportedError(name, f"activation {function!r}; relu, softmax or linear is wanted")
        self._push(function, f"{prefix}{function}" if prefix else name)

    def _BatchNormalization(self, r):
        if not self.foldable:
            raise UnsupportedError(r.name, "batch normalisation is folded into a convolution or dense layer, "
                                           "so it must follow one directly, before the activation")
        target, c = self.layers[-1], r.config
        axis = c.get("axis", -1)
        axis = axis[0] if isinstance(axis, list) and len(axis) == 1 else axis
        last = 3 if target["type"] == "conv2d" else 1
        if axis not in (-1, last, last + self.open):
            raise UnsupportedError(r.name, f"normalises axis {axis}, the last is wanted")
        names = [n for n in ("scale", "center") if c.get(n, True)]
        weights = self.tensors[target["weights"]].astype(np.float64)
        units = weights.shape[-1]
        if len(r.weights) != len(names) + 2 or any(np.shape(a) != (units,) for a in r.weights):
            raise UnsupportedError(r.name, f"its weights do not fit the {units} channels before it")
        values = dict(zip([*names, "mean", "variance"], (np.asarray(a, np.float64) for a in r.weights)))
        gain = values.get("scale", 1.0) / np.sqrt(values["variance"] + float(c.get("epsilon", 1e-3)))
        bias = self.tensors[target["bias"]] if "bias" in target else np.zeros(units)
        folded = (weights * gain, (bias - values["mean"]) * gain + values.get("center", 0.0))
        if not all(np.isfinite(a).all() for a in folded):
            raise UnsupportedError(r.name, "folding it gives a weight that is not finite")
        target["bias"] = f"{target['name']}.bias"
        for key, a in zip(("weights", "bias"), folded):
            self.tensors[target[key]] = a.astype(np.float32)

    def _SpikingActivation(self, r):
        axis = r.config["time_axis"]
        if axis not in ("rows", "steps") or (axis == "steps") != self.open:
            raise UnsupportedError(r.name, f"time axis {axis!r} does not fit where it stands: 'steps' goes between "
                                           "ShowForSteps and MeanOverSteps, 'rows' outside")
        if self.axis not in (None, axis):
            raise UnsupportedError(r.name, "a network has one time axis")
        self.axis = axis
        seed, dt = r.config["seed"], r.config["dt"]
        if not isinstance(seed, int) or not 0 <= seed < 1 << 64 or not isinstance(dt, (int, float)) or not dt > 0:
            raise UnsupportedError(r.name, f"dt {dt!r} and seed {seed!r}: a number above 0 and an unsigned 64-bit number are wanted")
        self._push("neurons", r.name, model="spiking_relu", dt=dt, start={"kind": "uniform", "seed": seed})
        self.since_neurons = []

    def _ShowForSteps(self, r):
        if self.steps is not None or self.axis is not None:
            raise UnsupportedError(r.name, "a picture is shown once, before the first neurons")
        self.steps, self.open, self.foldable = _whole(r, r.config["steps"]), True, False

    def _MeanOverSteps(self, r):
        # The format takes the mean right after the last neurons and their max pooling; what stands between in
        # Keras must give the same either way.
        if not self.open or self.since_neurons is None:
            raise UnsupportedError(r.name, "the mean over steps comes after ShowForSteps and neurons")
        rest = self.since_neurons
        while rest and rest[0] == "max_pool2d":
            rest = rest[1:]
        if any(kind not in _COMMUTE_WITH_MEAN - {"max_pool2d"} for kind in rest):
            raise UnsupportedError(r.name, "the mean over steps must come before the read-out's layers")
        self.open = self.foldable = False


def bare(class_name) -> str:
    """`spikeray>SpikingActivation` -> `SpikingActivation`."""
    return str(class_name).rsplit(">", 1)[-1]


def _plain(r):
    if r.config.get("data_format") not in (None, "channels_last"):
        raise UnsupportedError(r.name, f"data format {r.config['data_format']!r}, channels_last is wanted")


def _whole(r, value):
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise UnsupportedError(r.name, f"{value!r} where a whole number above 0 is wanted")
    return value


def _pair(r, value):
    value = [value, value] if isinstance(value, int) else value
    if not isinstance(value, (list, tuple)) or len(value) != 2:
        raise UnsupportedError(r.name, f"{value!r} where two whole numbers are wanted")
    return [_whole(r, v) for v in value]
