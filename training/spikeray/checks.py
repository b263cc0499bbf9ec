"""What the parts of a model file's description are held against."""

import numpy as np

MAX_NUMBER = float(np.finfo(np.float32).max)


class ModelFileError(ValueError):
    """A model file, or a description of one, that is not what docs/MODEL_FILE.md says. `field` names where."""

    def __init__(self, field: str, reason: str):
        super().__init__(f"{field}: {reason}")
        self.field, self.reason = field, reason


def whole(field, value, low, high):
    if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
        raise ModelFileError(field, f"a whole number from {low} to {high} is wanted, not {value!r}")
    return value


def number(field, value, above=None):
    if not isinstance(value, (int, float)) or isinstance(value, bool) or not abs(value) <= MAX_NUMBER:
        raise ModelFileError(field, f"a finite number is wanted, not {value!r}")
    if above is not None and not value > above:
        raise ModelFileError(field, f"a number above {above} is wanted, not {value!r}")
    return value


def share(field, value):
    if not 0 <= number(field, value) <= 1:
        raise ModelFileError(field, f"a number in [0, 1] is wanted, not {value!r}")
    return value


def keys(at, value, wanted, allowed=""):
    if not isinstance(value, dict):
        raise ModelFileError(at, "an object is wanted")
    wanted, allowed = set(wanted.split()), set(allowed.split())
    if missing := sorted(wanted - set(value)):
        raise ModelFileError(f"{at}.{missing[0]}", "is missing")
    if unknown := sorted(set(value) - wanted - allowed):
        raise ModelFileError(f"{at}.{unknown[0][:64]}", "is not a key of this format")
