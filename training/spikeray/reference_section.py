"""The model file's `reference`: what answers and pictures looked like where a model was measured. Checked as the server does."""

import re

from .checks import ModelFileError, keys, number, share, whole

MEASURES = ("log_odds", "gate_log_odds", "brightness", "contrast", "range", "detail_1", "detail_2", "detail_4", "detail_8", "size", "aspect", "format")
WORDS = "format"  # the measure that is a word
MAX_BINS = 32
MAX_COUNT = 1 << 31

_WORD = re.compile(r"[a-z0-9][a-z0-9._-]{0,31}")


def check(d: dict) -> None:
    """Raises ModelFileError unless the description's `reference` is whole and within its limits. The rest of it has been checked."""
    r = d["reference"]
    keys("reference", r, "measures", "estimates")
    measures = r["measures"]
    if not isinstance(measures, list) or not 1 <= len(measures) <= len(MEASURES):
        raise ModelFileError("reference.measures", f"1 to {len(MEASURES)} of them are wanted")
    names = set()
    for m in measures:
        at = "reference.measures"
        keys(at, m, "name counts", "edges values limit")
        if m["name"] not in list(MEASURES) or m["name"] in names:
            raise ModelFileError(f"{at}.name", f"{m['name']!r} is unknown, or is there twice")
        if m["name"] == "gate_log_odds" and "gate" not in d:
            raise ModelFileError(f"{at}.name", f"{m['name']!r} is for models with a gate")
        names.add(m["name"])
        _measure(at, m)
    if "estimates" in r:
        _estimates(d, names)


def _measure(at, m):
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
        if any(b <= a for a, b in zip(parts, parts[1:])):
            raise ModelFileError(f"{at}.edges", "finite numbers in ascending order are wanted")
    if not isinstance(m["counts"], list) or len(m["counts"]) != 2:
        raise ModelFileError(f"{at}.counts", "those of the two classes are wanted")
    for counts in m["counts"]:
        if not isinstance(counts, list) or len(counts) != len(parts) + 1:
            raise ModelFileError(f"{at}.counts", f"one for each of {len(parts) + 1} bins is wanted")
        if sum(whole(f"{at}.counts", n, 0, MAX_COUNT) for n in counts) < 1:
            raise ModelFileError(f"{at}.counts", "a picture at least is wanted")
    if "limit" in m:
        number(f"{at}.limit", m["limit"], above=0)


def _estimates(d, names):
    at, points = "reference.estimates", [p["name"] for p in d.get("operating_points", [])]
    estimates = d["reference"]["estimates"]
    if not isinstance(estimates, list) or not 1 <= len(estimates) <= len(points):
        raise ModelFileError(at, "1 to one for each operating point are wanted")
    if "calibration" not in d or "log_odds" not in names:
        raise ModelFileError(at, "are for models with a calibration whose reference has log_odds")
    left = list(points)
    for e in estimates:
        keys(at, e, "operating_point confident", "error")
        if e["operating_point"] not in left:
            raise ModelFileError(f"{at}.operating_point", f"{e['operating_point']!r} is none of them, or is there twice")
        left.remove(e["operating_point"])
        if not isinstance(e["confident"], list) or len(e["confident"]) != 2:
            raise ModelFileError(f"{at}.confident", "two numbers are wanted")
        for v in e["confident"]:
            number(f"{at}.confident", v)
        if "error" in e:
            keys(f"{at}.error", e["error"], "cbpe atc")
            for off in e["error"].values():
                keys(f"{at}.error", off, "sensitivity specificity")
                for v in off.values():
                    share(f"{at}.error", v)
