"""What the values of a model file's description are held against."""

import unicodedata
from typing import Any

import numpy as np

from .limits import MAX_NUMBER, MAX_TEXT


class ModelFileError(ValueError):
    """A model file, or a description of one, that is not what docs/MODEL_FILE.md says. `field` names where."""

    def __init__(self, field: str, reason: str):
        super().__init__(f"{field}: {reason}")
        self.field, self.reason = field, reason


def whole(field: str, value: Any, low: int, high: int) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
        raise ModelFileError(field, f"a whole number from {low} to {high} is wanted, not {value!r}")
    return value


def number(field: str, value: Any, above: float | None = None) -> float:
    if not isinstance(value, int | float) or isinstance(value, bool) or not abs(value) <= MAX_NUMBER:
        raise ModelFileError(field, f"a finite number is wanted, not {value!r}")
    if above is not None and not value > above:
        raise ModelFileError(field, f"a number above {above} is wanted, not {value!r}")
    return value


def single(field: str, value: Any, above: float, below: float = float("inf")) -> float:
    """A number that float32, which networks compute in, does not round to a bound or beyond."""
    if not above < np.float32(number(field, value)) < below:
        raise ModelFileError(
            field, f"a number above {above:g} and below {below:g} in float32 is wanted, not {value!r}"
        )
    return value


def line(field: str, value: Any) -> str:
    """A line for people, who may see it in a terminal."""
    controls = isinstance(value, str) and any(unicodedata.category(c) == "Cc" for c in value)
    if not isinstance(value, str) or controls or len(value.encode("utf-8", "replace")) > MAX_TEXT:
        raise ModelFileError(field, f"one line of at most {MAX_TEXT} bytes is wanted")
    return value


def share(field: str, value: Any) -> float:
    if not 0 <= number(field, value) <= 1:
        raise ModelFileError(field, f"a number in [0, 1] is wanted, not {value!r}")
    return value


def keys(at: str, value: Any, wanted: str, allowed: str = "") -> None:
    """Raises ModelFileError unless it is an object with all the keys wanted, and no others but those allowed."""
    if not isinstance(value, dict):
        raise ModelFileError(at, "an object is wanted")
    needed, possible = set(wanted.split()), set(allowed.split())
    if missing := sorted(needed - set(value)):
        raise ModelFileError(f"{at}.{missing[0]}", "is missing")
    if unknown := sorted(set(value) - needed - possible):
        raise ModelFileError(f"{at}.{unknown[0][:64]}", "is not a key of this format")
