"""The layers of a network as the description has them, one class for each kind of fields."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

from .limits import MAX_CHANNELS, MAX_COUNT, MAX_KERNEL
from .part import Part
from .values import ModelFileError, keys, number, single, whole

_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_./-]{0,63}")
_RESETS = ("subtract", "zero")


@dataclass(frozen=True, kw_only=True)
class Layer(Part):
    """A layer; global_average_pool2d, flatten, relu and softmax have no fields but these."""

    type: str
    name: str

    @classmethod
    def from_json(cls, at: str, value: Any) -> Self:
        """A layer whose fields `at` in the description are `value`. Raises ModelFileError."""
        keys(at, value, "type name")
        return cls(type=value["type"], name=_name(at, value), order=tuple(value))


@dataclass(frozen=True, kw_only=True)
class Conv2d(Layer):
    type: str = "conv2d"
    kernel: tuple[int, int]
    stride: tuple[int, int]
    padding: str  # "valid" or "same"
    channels: int
    weights: str
    scale: str | None = None
    bias: str | None = None

    @classmethod
    def from_json(cls, at: str, value: Any) -> Self:
        keys(at, value, "type name kernel stride padding channels weights", "scale bias")
        if value["padding"] not in ("valid", "same"):
            raise ModelFileError(f"{at}.padding", "'valid' or 'same' is wanted")
        return cls(
            name=_name(at, value),
            kernel=_pair(f"{at}.kernel", value["kernel"]),
            stride=_pair(f"{at}.stride", value["stride"]),
            padding=value["padding"],
            channels=whole(f"{at}.channels", value["channels"], 1, MAX_CHANNELS),
            **_tensors(at, value),
        )


@dataclass(frozen=True, kw_only=True)
class Dense(Layer):
    type: str = "dense"
    units: int
    weights: str
    scale: str | None = None
    bias: str | None = None

    @classmethod
    def from_json(cls, at: str, value: Any) -> Self:
        keys(at, value, "type name units weights", "scale bias")
        units = whole(f"{at}.units", value["units"], 1, MAX_CHANNELS)
        return cls(name=_name(at, value), units=units, **_tensors(at, value))


@dataclass(frozen=True, kw_only=True)
class Pool(Layer):
    """max_pool2d or average_pool2d."""

    pool: tuple[int, int]
    stride: tuple[int, int]

    @classmethod
    def from_json(cls, at: str, value: Any) -> Self:
        keys(at, value, "type name pool stride")
        pool, stride = (_pair(f"{at}.{key}", value[key]) for key in ("pool", "stride"))
        return cls(type=value["type"], name=_name(at, value), pool=pool, stride=stride, order=tuple(value))


@dataclass(frozen=True, kw_only=True)
class Start(Part):
    """The voltages that neurons start from: "constant" with a value, or "uniform" with a seed."""

    kind: str
    value: float | None = None
    seed: int | None = None

    @classmethod
    def from_json(cls, at: str, value: Any) -> Self:
        if isinstance(value, dict) and value.get("kind") == "constant":
            keys(at, value, "kind value")
            return cls(kind="constant", value=number(f"{at}.value", value["value"]), order=tuple(value))
        if isinstance(value, dict) and value.get("kind") == "uniform":
            keys(at, value, "kind seed")
            seed = whole(f"{at}.seed", value["seed"], 0, (1 << 64) - 1)
            return cls(kind="uniform", seed=seed, order=tuple(value))
        raise ModelFileError(at, "of kind 'constant' or 'uniform' is wanted")


@dataclass(frozen=True, kw_only=True)
class SpikingReLU(Layer):
    type: str = "neurons"
    model: str = "spiking_relu"
    dt: float
    start: Start

    @classmethod
    def from_json(cls, at: str, value: Any) -> Self:
        keys(at, value, "type name model dt start")
        return cls(
            name=_name(at, value),
            dt=single(f"{at}.dt", value["dt"], above=0),
            start=Start.from_json(f"{at}.start", value["start"]),
            order=tuple(value),
        )

    @property
    def unit(self) -> float:
        """What one spike stands for."""
        return 1 / self.dt


@dataclass(frozen=True, kw_only=True)
class IntegrateAndFire(Layer):
    """integrate_and_fire, or with a decay leaky_integrate_and_fire."""

    type: str = "neurons"
    model: str = "integrate_and_fire"
    threshold: float
    reset: str  # "subtract" or "zero"
    decay: float | None = None
    amplitude: float
    most: int | None = None  # spikes in a step; None is 1
    start: Start

    @classmethod
    def from_json(cls, at: str, value: Any) -> Self:
        leaky = value["model"] == "leaky_integrate_and_fire"
        keys(at, value, "type name model threshold reset amplitude start" + " decay" * leaky, "most")
        threshold, amplitude = (single(f"{at}.{key}", value[key], above=0) for key in ("threshold", "amplitude"))
        if value["reset"] not in _RESETS:
            raise ModelFileError(f"{at}.reset", f"one of {_RESETS} is wanted")
        if whole(f"{at}.most", value.get("most", 1), 1, MAX_COUNT) > 1 and (
            threshold != 1 or value["reset"] != "subtract"
        ):
            raise ModelFileError(f"{at}.most", "more than 1 only with threshold 1 and reset 'subtract'")
        if leaky:
            single(f"{at}.decay", value["decay"], above=0, below=1)
        return cls(
            name=_name(at, value),
            model=value["model"],
            threshold=threshold,
            reset=value["reset"],
            decay=value.get("decay"),
            amplitude=amplitude,
            most=value.get("most"),
            start=Start.from_json(f"{at}.start", value["start"]),
            order=tuple(value),
        )

    @property
    def unit(self) -> float:
        """What one spike stands for."""
        return self.amplitude


Weighted = Conv2d | Dense
Neurons = SpikingReLU | IntegrateAndFire

_CLASSES: dict[str, type[Layer]] = {
    "conv2d": Conv2d,
    "dense": Dense,
    "max_pool2d": Pool,
    "average_pool2d": Pool,
    "global_average_pool2d": Layer,
    "flatten": Layer,
    "relu": Layer,
    "softmax": Layer,
}
_NEURONS: dict[str, type[SpikingReLU] | type[IntegrateAndFire]] = {
    "spiking_relu": SpikingReLU,
    "integrate_and_fire": IntegrateAndFire,
    "leaky_integrate_and_fire": IntegrateAndFire,
}


def layer_from_json(at: str, value: Any) -> Layer:
    """A layer of any type; `at` names it in complaints."""
    kind = value.get("type") if isinstance(value, dict) else None
    if kind == "neurons":
        model = value.get("model")
        if not isinstance(model, str) or model not in _NEURONS:
            raise ModelFileError(f"{at}.model", f"one of {sorted(_NEURONS)} is wanted")
        return _NEURONS[model].from_json(at, value)
    if not isinstance(kind, str) or kind not in _CLASSES:
        raise ModelFileError(f"{at}.type", f"one of {sorted([*_CLASSES, 'neurons'])} is wanted")
    return _CLASSES[kind].from_json(at, value)


def front_end(layers: Sequence[Layer]) -> int:
    """The first layer of the body: behind the first neurons and the pooling right after them."""
    end = next(i for i, layer in enumerate(layers) if isinstance(layer, Neurons)) + 1
    while end < len(layers) and layers[end].type == "max_pool2d":
        end += 1
    return end


def body_end(layers: Sequence[Layer]) -> int:
    """The first layer of the read-out: behind the last neurons and the pooling right after them."""
    end = max(i for i, layer in enumerate(layers) if isinstance(layer, Neurons)) + 1
    while end < len(layers) and layers[end].type == "max_pool2d":
        end += 1
    return end


def takes_whole_numbers(layers: Sequence[Layer], i: int, axis: str | None) -> bool:
    """Whether what reaches layer i is whole numbers: the picture's pixels, or counts that no mean was taken of."""
    spiking = [j for j, layer in enumerate(layers) if isinstance(layer, Neurons)]
    before = [layer.type for layer in layers[:i] if layer.type not in ("flatten", "max_pool2d")]
    if not before:  # max_pool2d would do as well, but the server's first layer takes the picture itself
        return all(layer.type == "flatten" for layer in layers[:i])
    return before[-1] == "neurons" and (axis == "rows" or i < spiking[-1])


def _name(at: str, value: dict[str, Any]) -> str:
    name = value["name"]
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise ModelFileError(f"{at}.name", f"{name!r} is not of the form wanted")
    return name


def _pair(field: str, value: Any) -> tuple[int, int]:
    if not isinstance(value, list) or len(value) != 2:
        raise ModelFileError(field, "two whole numbers are wanted")
    first, second = (whole(field, v, 1, MAX_KERNEL) for v in value)
    return first, second


def _tensors(at: str, value: dict[str, Any]) -> dict[str, Any]:
    """What every layer of weights has: the names of its tensors, and the order of its keys."""
    for key in ("weights", "scale", "bias"):
        if key in value and not isinstance(value[key], str):
            raise ModelFileError(f"{at}.{key}", f"there is no tensor {value[key]!r}")
    return {"order": tuple(value), **{key: value.get(key) for key in ("weights", "scale", "bias")}}
