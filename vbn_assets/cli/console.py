"""What the commands share of a terminal: tables, sizes, one-line notes, and progress bars.

Results go to stdout, everything said on the way to stderr, so that a pipe gets results only. In a pipe, tables
are as wide as they need to be and bars are plain lines.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console


@cache
def results() -> Console:
    from rich.console import Console

    return Console(highlight=False, markup=False, soft_wrap=True)


@cache
def notes() -> Console:
    from rich.console import Console

    return Console(stderr=True, highlight=False, markup=False, soft_wrap=True)


def print_table(title: str, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """A table on stdout, the same in a terminal and in a pipe. Numbers stand to the right, None is an empty cell."""
    table = [list(row) for row in rows]
    right = [all(isinstance(row[place], int | float | None) for row in table) for place in range(len(columns))]
    lines = [list(columns), *([_cell(cell) for cell in row] for row in table)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    if title:
        results().print(title, style="bold")
    for number, line in enumerate(lines):
        cells = [c.rjust(w) if r else c.ljust(w) for c, w, r in zip(line, widths, right, strict=True)]
        results().print("  ".join(cells).rstrip(), style=None if number else "dim")


class Size(int):
    """A number of bytes that prints itself as people say it."""

    def __str__(self) -> str:
        amount = float(self)
        for unit in ("B", "kB", "MB", "GB"):
            if amount < 1000:
                return f"{amount:.0f} {unit}" if unit == "B" else f"{amount:.1f} {unit}"
            amount /= 1000
        return f"{amount:.2f} TB"


def counted(number: int, noun: str) -> str:
    """`1 file`, `2 files`."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def note(line: str, style: str | None = None) -> None:
    """One line on stderr about what is going on."""
    notes().print(line, style=style)


def _cell(cell: object) -> str:
    if cell is None:
        return ""
    if isinstance(cell, bool) or not isinstance(cell, int) or isinstance(cell, Size):
        return str(cell)
    return f"{cell:,}"
