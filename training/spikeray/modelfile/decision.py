"""How what a network gives becomes an answer: calibration, thresholds and operating points."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol, Self

from .limits import MAX_POINTS
from .part import Part
from .values import ModelFileError, keys, number, share, whole

_POINT_NAME = re.compile(r"[a-z][a-z0-9_-]{0,31}")


@dataclass(frozen=True, kw_only=True)
class Calibration(Part):
    """A line over the log-odds."""

    method: str = "logistic"
    slope: float
    intercept: float
    prevalence: float

    @classmethod
    def from_json(cls, at: str, c: Any) -> Self:
        keys(at, c, "method slope intercept prevalence")
        if c["method"] != "logistic":
            raise ModelFileError(f"{at}.method", f"is {c['method']!r}, 'logistic' is wanted")
        number(f"{at}.slope", c["slope"], above=0)
        number(f"{at}.intercept", c["intercept"])
        if not 0 < number(f"{at}.prevalence", c["prevalence"]) < 1:
            raise ModelFileError(f"{at}.prevalence", "a number in (0, 1) is wanted")
        return cls(**c, order=tuple(c))


@dataclass(frozen=True, kw_only=True)
class Interval(Part):
    """A measured share with its 95% interval."""

    value: float
    low: float
    high: float

    @classmethod
    def from_json(cls, at: str, value: Any) -> Self:
        keys(at, value, "value low high")
        low, middle, high = (share(at, value[key]) for key in ("low", "value", "high"))
        if not low <= middle <= high:
            raise ModelFileError(at, "low <= value <= high is wanted")
        return cls(**value, order=tuple(value))


@dataclass(frozen=True, kw_only=True)
class OperatingPoint(Part):
    """A threshold with a name, and what was measured there."""

    name: str
    threshold: float
    sensitivity: Interval
    specificity: Interval

    @classmethod
    def from_json(cls, at: str, p: Any) -> Self:
        keys(at, p, "name threshold sensitivity specificity")
        if not isinstance(p["name"], str) or not _POINT_NAME.fullmatch(p["name"]):
            raise ModelFileError(f"{at}.name", f"{p['name']!r} is not of the form wanted")
        return cls(
            name=p["name"],
            threshold=share(f"{at}.threshold", p["threshold"]),
            sensitivity=Interval.from_json(f"{at}.sensitivity", p["sensitivity"]),
            specificity=Interval.from_json(f"{at}.specificity", p["specificity"]),
            order=tuple(p),
        )


class Decision(Protocol):
    """What a description has for all steps, and an entry of `early` for fewer."""

    @property
    def calibration(self) -> Calibration | None: ...
    @property
    def threshold(self) -> float | None: ...
    @property
    def operating_points(self) -> tuple[OperatingPoint, ...] | None: ...


def default_threshold(d: Decision) -> float:
    """The probability, calibrated if the model is, from which the positive label is given by default."""
    if d.operating_points:
        return d.operating_points[0].threshold
    assert d.threshold is not None  # a description has one or the other
    return d.threshold


def decision_fields(part: str, d: dict[str, Any], labels: Sequence[str]) -> dict[str, Any]:
    """The fields of a Decision from an object; `part` stands before their names in complaints."""
    out: dict[str, Any] = {}
    if ("threshold" in d) == ("operating_points" in d):
        raise ModelFileError(f"{part}threshold", "either it or operating_points is wanted")
    if "threshold" in d:
        out["threshold"] = share(f"{part}threshold", d["threshold"])
    else:
        out["operating_points"] = _points(f"{part}operating_points", d["operating_points"])
    if "calibration" in d:
        if len(labels) != 2:
            raise ModelFileError(f"{part}calibration", "is for models of two labels")
        out["calibration"] = Calibration.from_json(f"{part}calibration", d["calibration"])
    return out


def _points(field: str, points: Any) -> tuple[OperatingPoint, ...]:
    if not isinstance(points, list) or not 1 <= len(points) <= MAX_POINTS:
        raise ModelFileError(field, f"1 to {MAX_POINTS} of them are wanted")
    out = tuple(OperatingPoint.from_json(field, p) for p in points)
    if len({p.name for p in out}) != len(out):
        raise ModelFileError(f"{field}.name", "each is wanted once")
    return out


@dataclass(frozen=True, kw_only=True)
class Early(Part):
    """The decision for an answer after fewer steps than the model has."""

    steps: int
    calibration: Calibration | None = None
    threshold: float | None = None
    operating_points: tuple[OperatingPoint, ...] | None = None


def early_from_json(d: dict[str, Any], labels: Sequence[str], own: dict[str, Any]) -> tuple[Early, ...]:
    """The description's `early`; own: the fields of its own decision. Its time has been checked."""
    if d.get("time", {}).get("axis") != "steps":
        raise ModelFileError("early", "is for models whose time is steps")
    early, most = d["early"], d["time"]["steps"] - 1
    if not isinstance(early, list) or not 1 <= len(early) <= most:
        raise ModelFileError("early", f"1 to {most} of them are possible for a model of {most + 1} steps")
    out, least = [], 1
    for i, e in enumerate(early):
        at = f"early[{i}]"
        keys(at, e, "steps", "calibration threshold operating_points")
        steps = whole(f"{at}.steps", e["steps"], least, most)
        least = steps + 1
        out.append(Early(steps=steps, **decision_fields(f"{at}.", e, labels), order=tuple(e)))
        if ("calibration" in e) != ("calibration" in d):
            raise ModelFileError(f"{at}.calibration", "is wanted if and only if the model has one for all steps")
        if _names(out[-1].operating_points) != _names(own.get("operating_points")):
            raise ModelFileError(
                f"{at}.operating_points", "the names of those for all steps, in their order, are wanted"
            )
    return tuple(out)


def _names(points: Sequence[OperatingPoint] | None) -> list[str]:
    return [p.name for p in points or ()]
