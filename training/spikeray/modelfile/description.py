"""What a model file says of its model: the JSON object of docs/MODEL_FILE.md as dataclasses, checked as it is read."""

import re
from dataclasses import dataclass
from typing import Any, Self

from . import bounds
from .decision import Calibration, Early, OperatingPoint, decision_fields, early_from_json
from .layers import Layer, Neurons, layer_from_json
from .limits import (
    MAX_AGE,
    MAX_COUNT,
    MAX_GATE_LABELS,
    MAX_LABELS,
    MAX_LAYERS,
    MAX_SIDE,
    MAX_STEPS,
)
from .part import Part
from .reference import Reference, reference_from_json
from .values import ModelFileError, keys, line, share, single, whole

RESIZE = "bilinear_antialiased"
_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
_VERSION = re.compile(r"[0-9]{1,6}\.[0-9]{1,6}\.[0-9]{1,6}(-[0-9A-Za-z.-]{1,32})?")
_DIGEST = re.compile("[0-9a-f]{64}")


@dataclass(frozen=True, kw_only=True)
class Window(Part):
    """The grey window; shares in 65536ths."""

    low: int
    high: int
    least: int

    @classmethod
    def from_json(cls, at: str, w: Any) -> Self:
        keys(at, w, "low high least")
        high = whole(f"{at}.high", w["high"], 1, 1 << 16)
        low = whole(f"{at}.low", w["low"], 0, high - 1)
        return cls(low=low, high=high, least=whole(f"{at}.least", w["least"], 1, MAX_COUNT), order=tuple(w))


@dataclass(frozen=True, kw_only=True)
class Preparation(Part):
    """How a picture becomes the network's input."""

    width: int
    height: int
    resize: str = RESIZE
    scale: float
    window: Window | None = None
    reduced_decoding: bool | None = None

    @classmethod
    def from_json(cls, at: str, p: Any) -> Self:
        keys(at, p, "width height resize scale", "window reduced_decoding")
        width, height = (whole(f"{at}.{key}", p[key], 1, MAX_SIDE) for key in ("width", "height"))
        if p["resize"] != RESIZE:
            raise ModelFileError(f"{at}.resize", f"is {p['resize']!r}, {RESIZE!r} is wanted")
        if not isinstance(p.get("reduced_decoding", False), bool):
            raise ModelFileError(f"{at}.reduced_decoding", "true or false is wanted")
        return cls(
            width=width,
            height=height,
            scale=_scale(f"{at}.scale", p["scale"]),
            window=Window.from_json(f"{at}.window", p["window"]) if "window" in p else None,
            reduced_decoding=p.get("reduced_decoding"),
            order=tuple(p),
        )


@dataclass(frozen=True, kw_only=True)
class Time(Part):
    """The axis along which a spiking network's time runs: "rows", or "steps" and how many of them."""

    axis: str
    steps: int | None = None

    @classmethod
    def from_json(cls, at: str, t: Any) -> Self:
        if not isinstance(t, dict) or t.get("axis") not in ("rows", "steps"):
            raise ModelFileError(at, "a network with neurons wants an axis, 'rows' or 'steps'")
        keys(at, t, "axis steps" if t["axis"] == "steps" else "axis")
        steps = whole(f"{at}.steps", t["steps"], 1, MAX_STEPS) if t["axis"] == "steps" else None
        return cls(axis=t["axis"], steps=steps, order=tuple(t))


@dataclass(frozen=True, kw_only=True)
class Gate(Part):
    """A second network, which says whether a picture is of the kind that the model is for."""

    width: int
    height: int
    scale: float
    labels: tuple[str, ...]
    accept: str
    threshold: float
    time: Time | None = None
    layers: tuple[Layer, ...]

    @classmethod
    def from_json(cls, at: str, g: Any) -> Self:
        keys(at, g, "width height scale labels accept threshold layers", "time")
        width, height = (whole(f"{at}.width", g[key], 1, MAX_SIDE) for key in ("width", "height"))
        scale = _scale(f"{at}.scale", g["scale"])
        labels = _labels(f"{at}.labels", g["labels"], MAX_GATE_LABELS)
        if g["accept"] not in labels:
            raise ModelFileError(f"{at}.accept", f"{g['accept']!r} is none of the labels")
        return cls(
            width=width,
            height=height,
            scale=scale,
            labels=labels,
            accept=g["accept"],
            threshold=share(f"{at}.threshold", g["threshold"]),
            **_network(f"{at}.", g),
            order=tuple(g),
        )


@dataclass(frozen=True, kw_only=True)
class Description(Part):
    """All of it. file_sha256 is None until the file is written."""

    format: int = 1
    name: str
    version: str
    summary: str
    population: str | None = None
    ages: tuple[int, int] | None = None
    labels: tuple[str, ...]
    positive: str
    preparation: Preparation
    time: Time | None = None
    layers: tuple[Layer, ...]
    threshold: float | None = None
    training: dict[str, Any] | None = None
    calibration: Calibration | None = None
    operating_points: tuple[OperatingPoint, ...] | None = None
    early: tuple[Early, ...] | None = None
    gate: Gate | None = None
    file_sha256: str | None = None
    reference: Reference | None = None

    @classmethod
    def from_json(cls, d: Any) -> Self:
        """The description that an object is. Raises ModelFileError unless it is whole and within the limits."""
        if isinstance(d, dict) and "tensors_sha256" in d and "file_sha256" not in d:
            raise ModelFileError(
                "tensors_sha256",
                "a file of a version before 1.3, whose digest leaves out the header: "
                "`python -m spikeray reseal` writes it anew",
            )
        keys(
            "description",
            d,
            "format name version summary labels positive preparation layers",
            "population ages training time calibration threshold operating_points early gate reference file_sha256",
        )
        if not isinstance(d["format"], int) or isinstance(d["format"], bool) or d["format"] != 1:
            raise ModelFileError("format", f"is {d['format']!r}, 1 is wanted")
        for key, pattern in (("name", _NAME), ("version", _VERSION), ("file_sha256", _DIGEST)):
            if key in d and (not isinstance(d[key], str) or not pattern.fullmatch(d[key])):
                raise ModelFileError(key, f"{d[key]!r} is not of the form wanted")
        for key in {"summary", "population"} & set(d):
            line(key, d[key])
        labels = _labels("labels", d["labels"], MAX_LABELS)
        if d["positive"] not in labels:
            raise ModelFileError("positive", f"{d['positive']!r} is none of the labels")
        preparation = Preparation.from_json("preparation", d["preparation"])
        decision = decision_fields("", d, labels)
        if not isinstance(d.get("training", {}), dict):
            raise ModelFileError("training", "an object is wanted")
        network = _network("", d)
        early = early_from_json(d, labels, decision) if "early" in d else None
        reference = reference_from_json(d) if "reference" in d else None
        gate = Gate.from_json("gate", d["gate"]) if "gate" in d else None
        if gate and len(network["layers"]) + len(gate.layers) > MAX_LAYERS:
            raise ModelFileError("gate.layers", f"with the model's own more than {MAX_LAYERS}")
        return cls(
            format=d["format"],
            name=d["name"],
            version=d["version"],
            summary=d["summary"],
            population=d.get("population"),
            ages=_ages(d["ages"]) if "ages" in d else None,
            labels=labels,
            positive=d["positive"],
            preparation=preparation,
            training=d.get("training"),
            early=early,
            gate=gate,
            reference=reference,
            file_sha256=d.get("file_sha256"),
            **network,
            **decision,
            order=tuple(d),
        )


def _ages(ages: Any) -> tuple[int, int]:
    """The youngest and the oldest that a model is made for, in whole years."""
    if not isinstance(ages, list) or len(ages) != 2:
        raise ModelFileError("ages", "two whole numbers are wanted")
    oldest = whole("ages", ages[1], 0, MAX_AGE)
    return whole("ages", ages[0], 0, oldest), oldest


def _scale(field: str, value: Any) -> float:
    """What pixels are divided by."""
    bounds.pixels(field, single(field, value, above=0))
    return value


def _labels(field: str, labels: Any, most: int) -> tuple[str, ...]:
    if (
        not isinstance(labels, list)
        or not 2 <= len(labels) <= most
        or not all(isinstance(s, str) and 0 < len(s.encode("utf-8", "replace")) <= 64 for s in labels)
        or len(set(labels)) != len(labels)
    ):
        raise ModelFileError(field, f"2 to {most} different names are wanted")
    return tuple(labels)


def _network(part: str, d: dict[str, Any]) -> dict[str, Any]:
    """`layers` and `time` of the description or of its gate; `part` stands before their names in complaints."""
    layers = d["layers"]
    if not isinstance(layers, list) or not 1 <= len(layers) <= MAX_LAYERS:
        raise ModelFileError(f"{part}layers", f"1 to {MAX_LAYERS} layers are wanted")
    read = tuple(layer_from_json(f"{part}layers[{i}]", layer) for i, layer in enumerate(layers))
    names = set()
    for i, layer in enumerate(read):
        if layer.name in names:
            raise ModelFileError(f"{part}layers[{i}].name", f"{layer.name!r} is not a name of its own")
        names.add(layer.name)
    if not any(isinstance(layer, Neurons) for layer in read):
        if "time" in d:
            raise ModelFileError(f"{part}time", "is given, but the network has no neurons")
        return {"layers": read}
    return {"layers": read, "time": Time.from_json(f"{part}time", d.get("time"))}
