"""The part of a Markdown file that a program writes, between two markers that say which program."""

import pathlib
from dataclasses import dataclass


@dataclass(frozen=True)
class Section:
    """name: what stands there. command: the sub-command that writes it."""

    name: str
    command: str

    @property
    def begin(self) -> str:
        return f"<!-- {self.name}: begin (python -m spikeray {self.command} writes what follows) -->"

    @property
    def end(self) -> str:
        return f"<!-- {self.name}: end -->"

    def put(self, path: str | pathlib.Path, text: str) -> None:
        """Replaces what stands between the markers in a file; one without them gets them at its end."""
        path = pathlib.Path(path)
        whole = path.read_text() if path.exists() else f"# Results\n\n{self.begin}\n{self.end}\n"
        if whole.count(self.begin) != whole.count(self.end) or whole.count(self.begin) > 1:
            raise ValueError(f"{path}: the markers of the {self.name} do not pair")
        if self.begin not in whole:
            whole = whole.rstrip() + f"\n\n{self.begin}\n{self.end}\n"
        before, rest = whole.split(self.begin)
        path.write_text(f"{before}{self.begin}\n\n{text}\n\n{self.end}{rest.split(self.end)[1]}")
