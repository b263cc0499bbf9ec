"""Markdown: the tables, and the file between its markers."""

import pathlib

from .pairs import Spread

BEGIN, END = "<!-- bench:begin -->", "<!-- bench:end -->"


def table(head: list[str], rows: list[list[str]]) -> str:
    """A table; the first column is text, the others are figures."""
    lines = ["| " + " | ".join(head) + " |", "|---|" + "---:|" * (len(head) - 1)]
    return "\n".join(lines + ["| " + " | ".join(row) + " |" for row in rows])


def ms(s: Spread) -> list[str]:
    """Seconds as three cells in milliseconds: median, quartiles, minimum."""
    return [f"**{_digits(s.median * 1e3)}**", f"{_digits(s.low * 1e3)} – {_digits(s.high * 1e3)}", _digits(s.least * 1e3)]


MS = ["median, ms", "quartiles", "minimum"]


def times(s: Spread) -> str:
    """A ratio as one cell: the median and the quartiles; "1" for what is compared with itself."""
    if s.least == s.low == s.median == s.high == 1:
        return "1"
    return f"{_digits(s.median)}× ({_digits(s.low)} – {_digits(s.high)})"


def number(value: float) -> str:
    return _digits(value)


def replace(path: pathlib.Path, text: str):
    """Puts the text between the file's markers; what stands around them stays."""
    old = path.read_text() if path.exists() else f"# Results\n\n{BEGIN}\n{END}\n"
    before, begin, rest = old.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"{path.name} lacks the markers {BEGIN} and {END}")
    path.write_text(f"{before}{BEGIN}\n{text.strip()}\n{END}{after}")


def _digits(value: float) -> str:
    """Three significant digits, never in powers of ten."""
    for bound, digits in ((0.00995, 4), (0.0995, 3), (9.95, 2), (99.5, 1)):
        if abs(value) < bound:
            return f"{value:.{digits}f}"
    return f"{value:.0f}"
