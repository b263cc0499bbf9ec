"""The model file's `reference`: how answers and pictures were distributed where a model was measured."""

import itertools
import re
from dataclasses import dataclass
from typing import Any, Self

from .part import Part
from .values import ModelFileError, keys, number, share, whole

WORDS = "format"  # the measure that is a word
MEASURES = (
    "log_odds",
    "gate_log_odds",
    "brightness",
    "contrast",
    "range",
    "detail_1",
    "detail_2",
    "detail_4",
    "detail_8",
    "size",
    "aspect",
    WORDS,
)
MAX_BINS = 32
MAX_PICTURES = 1 << 31  # of a bin

_WORD = re.compile(r"[a-z0-9][a-z0-9._-]{0,31}")


@dataclass(frozen=True, kw_only=True)
class Measure(Part):
    """The distribution of one measure: pictures by bin, of those without the positive label and of those with it."""

    name: str
    values: tuple[str, ...] | None = None
    edges: tuple[float, ...] | None = None
    counts: tuple[tuple[int, ...], tuple[int, ...]]
    limit: float | None = None

    @property
    def bins(self) -> int:
        return len(self.counts[0])

    @classmethod
    def from_json(cls, at: str, m: Any) -> Self:
        keys(at, m, "name counts", "edges values limit")
        if m["name"] not in list(MEASURES):
            raise ModelFileError(f"{at}.name", f"{m['name']!r} is unknown")
        key = "values" if m["name"] == WORDS else "edges"
        if (key == "values") != ("values" in m) or (key == "edges") != ("edges" in m):
            raise ModelFileError(f"{at}.edges", f"numbers have edges, and {WORDS!r} has values")
        parts = m[key]
        if not isinstance(parts, list) or not 2 <= len(parts) + 1 <= MAX_BINS:
            raise ModelFileError(f"{at}.{key}", f"2 to {MAX_BINS} bins are possible")
        if key == "values":
            if not all(isinstance(v, str) and _WORD.fullmatch(v) for v in parts) or len(set(parts)) != len(parts):
                raise ModelFileError(f"{at}.values", "words of their own are wanted")
        else:
            for v in parts:
                number(f"{at}.edges", v)
            if any(b <= a for a, b in itertools.pairwise(parts)):
                raise ModelFileError(f"{at}.edges", "finite numbers in ascending order are wanted")
        if not isinstance(m["counts"], list) or len(m["counts"]) != 2:
            raise ModelFileError(f"{at}.counts", "those of the two classes are wanted")
        for counts in m["counts"]:
            if not isinstance(counts, list) or len(counts) != len(parts) + 1:
                raise ModelFileError(f"{at}.counts", f"one for each of {len(parts) + 1} bins is wanted")
            if sum(whole(f"{at}.counts", n, 0, MAX_PICTURES) for n in counts) < 1:
                raise ModelFileError(f"{at}.counts", "a picture at least is wanted")
        if "limit" in m:
            number(f"{at}.limit", m["limit"], above=0)
        well, ill = (tuple(c) for c in m["counts"])
        return cls(name=m["name"], **{key: tuple(parts)}, counts=(well, ill), limit=m.get("limit"), order=tuple(m))


@dataclass(frozen=True, kw_only=True)
class Estimate(Part):
    """What estimates of an operating point's rates without labels need. error: how far each kind was off, by rate."""

    operating_point: str
    confident: tuple[float, float]
    error: dict[str, dict[str, float]] | None = None

    @classmethod
    def from_json(cls, at: str, e: Any) -> Self:
        keys(at, e, "operating_point confident", "error")
        if not isinstance(e["confident"], list) or len(e["confident"]) != 2:
            raise ModelFileError(f"{at}.confident", "two numbers are wanted")
        below, above = (number(f"{at}.confident", v) for v in e["confident"])
        if "error" in e:
            keys(f"{at}.error", e["error"], "cbpe atc")
            for off in e["error"].values():
                keys(f"{at}.error", off, "sensitivity specificity")
                for v in off.values():
                    share(f"{at}.error", v)
        return cls(
            operating_point=e["operating_point"], confident=(below, above), error=e.get("error"), order=tuple(e)
        )


@dataclass(frozen=True, kw_only=True)
class Reference(Part):
    measures: tuple[Measure, ...]
    estimates: tuple[Estimate, ...] | None = None


def reference_from_json(d: dict[str, Any]) -> Reference:
    """The description's `reference`, in whole and within its limits. The rest of the description has been checked."""
    r = d["reference"]
    keys("reference", r, "measures", "estimates")
    measures, at = r["measures"], "reference.measures"
    if not isinstance(measures, list) or not 1 <= len(measures) <= len(MEASURES):
        raise ModelFileError(at, f"1 to {len(MEASURES)} of them are wanted")
    read = tuple(Measure.from_json(at, m) for m in measures)
    names = {m.name for m in read}
    if len(names) != len(read):
        raise ModelFileError(f"{at}.name", "each is wanted once")
    if "gate_log_odds" in names and "gate" not in d:
        raise ModelFileError(f"{at}.name", "'gate_log_odds' is for models with a gate")
    return Reference(measures=read, estimates=_estimates(d, names) if "estimates" in r else None, order=tuple(r))


def _estimates(d: dict[str, Any], names: set[str]) -> tuple[Estimate, ...]:
    at, points = "reference.estimates", [p["name"] for p in d.get("operating_points", [])]
    estimates = d["reference"]["estimates"]
    if not isinstance(estimates, list) or not 1 <= len(estimates) <= len(points):
        raise ModelFileError(at, "1 to one for each operating point are wanted")
    if "calibration" not in d or "log_odds" not in names:
        raise ModelFileError(at, "are for models with a calibration whose reference has log_odds")
    out = tuple(Estimate.from_json(at, e) for e in estimates)
    for e in out:
        if e.operating_point not in points:
            raise ModelFileError(f"{at}.operating_point", f"{e.operating_point!r} is none of them, or is there twice")
        points.remove(e.operating_point)
    return out
