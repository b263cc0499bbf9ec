"""What the parts of a model file's description have in common: an object of JSON as a dataclass, and back."""

import dataclasses
from dataclasses import dataclass, field
from typing import Any, Self


@dataclass(frozen=True, kw_only=True)
class Part:
    """An object of the description: its keys are the fields that are not None.

    They are written in the order of the fields, but for a part that came from a file, which keeps that file's `order`:
    what was read and is written again differs in nothing but in what was changed.
    """

    order: tuple[str, ...] = field(default=(), repr=False, compare=False)

    def keys(self) -> list[str]:
        there = [f.name for f in dataclasses.fields(self) if f.name != "order" and getattr(self, f.name) is not None]
        known = [key for key in self.order if key in there]
        return known + [key for key in there if key not in known]

    def changed(self, **changes: Any) -> Self:
        """The part with other values, None for a key that goes. What is new comes last."""
        return dataclasses.replace(self, order=tuple(self.keys()), **changes)

    def json(self) -> dict[str, Any]:
        """The part as an object of JSON."""
        return {key: _plain(getattr(self, key)) for key in self.keys()}


def _plain(value: Any) -> Any:
    if isinstance(value, Part):
        return value.json()
    return [_plain(v) for v in value] if isinstance(value, tuple | list) else value
