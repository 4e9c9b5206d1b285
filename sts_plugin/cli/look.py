"""What people see: colours, tables, bars and trees; plain text where nobody looks.

    rows, branches -> lines of text

Owns when there are colours (``NO_COLOR``, ``FORCE_COLOR``, ``TERM``), what is cut to
fit a terminal, and that no text from outside moves a cursor. Prints nothing itself.

A library for this (rich) takes four seconds for the table of ten thousand profiles.
"""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass, field
from itertools import zip_longest
from typing import TYPE_CHECKING, Final, Literal, NamedTuple, TextIO

from sts_plugin.mfa import printable
from sts_plugin.widths import columns, shortened

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

__all__ = ["Branch", "Cell", "Look", "Style"]

Style = Literal["", "good", "soon", "bad", "dim", "strong"]

CODES: Final[Mapping[Style, str]] = {
    "good": "32",
    "soon": "33",
    "bad": "31",
    "dim": "2",
    "strong": "1",
}
"""SGR parameters, of the eight colours that every theme of a terminal defines."""

GAP: Final = "  "
COLUMN_MIN: Final = 8
"""No column of a table is cut to less."""

BAR_COLUMNS: Final = 10


class Cell(NamedTuple):
    """A text and how it looks."""

    text: str
    style: Style = ""


@dataclass(frozen=True, slots=True)
class Branch:
    """A line of a tree, in columns, and what hangs on it."""

    cells: tuple[Cell | str, ...]
    below: tuple[Branch, ...] = field(default=())


@dataclass(frozen=True, slots=True)
class Look:
    """How things look on one stream.

    ``width`` is that of a terminal, None where nothing is to be cut. ``lines``: the
    stream can show lines and blocks that are not ASCII.
    """

    colours: bool = False
    width: int | None = None
    lines: bool = True

    @classmethod
    def of(
        cls, stream: TextIO | None = None, environ: Mapping[str, str] = os.environ
    ) -> Look:
        """Return how things look on a stream: stdout, if none is given.

        ``NO_COLOR`` is heard first (no-color.org), then ``FORCE_COLOR``.
        """
        stream = stream or sys.stdout
        seen = stream is not None and stream.isatty()
        able = seen and environ.get("TERM", "") not in {"", "dumb", "unknown"}
        colours = bool(environ.get("FORCE_COLOR")) or able
        if environ.get("NO_COLOR"):
            colours = False
        width = None
        if seen:
            try:
                width = os.get_terminal_size(stream.fileno()).columns or None
            except OSError:
                width = None
        return cls(colours, width, _can_draw(stream))

    def styled(self, text: str, style: Style) -> str:
        """Return a text as it looks, without what could move a cursor."""
        text = printable(text)
        if not (self.colours and style and text):
            return text
        return f"\x1b[{CODES[style]}m{text}\x1b[0m"

    def table(
        self, head: Sequence[str], rows: Sequence[Sequence[Cell | str]]
    ) -> Iterator[str]:
        """Yield the lines of a table: each column as wide as its longest cell.

        On a terminal that is narrower the widest columns lose of their middle.
        """
        cells = [[Cell(one, "strong") for one in head], *map(_cells, rows)]
        texts = [[printable(one.text) for one in row] for row in cells]
        widths = [max(map(columns, column)) for column in zip(*texts, strict=True)]
        if self.width:
            widths = _fitting(widths, self.width)
            texts = [list(map(shortened, row, widths)) for row in texts]
        for row, line in zip(cells, texts, strict=True):
            yield self._line(row, line, widths)

    def tree(self, root: Branch) -> Iterator[str]:
        """Yield the lines of a tree, the columns of all its branches aligned.

        Nothing of it is cut. The last text of a branch stretches as far as it likes.
        """
        rows = list(self._walk(root, "", ""))
        texts = [[printable(one.text) for one in cells] for _, cells in rows]
        for (before, _), line in zip(rows, texts, strict=True):
            line[0] = before + line[0]
        bounded = zip_longest(*(line[:-1] for line in texts), fillvalue="")
        widths = [max(map(columns, column)) for column in bounded]
        for (_, cells), line in zip(rows, texts, strict=True):
            yield self._line(cells, line, widths)

    def bar(self, part: float) -> Cell:
        """Return a bar for a part of a whole, 0 to 1, in the colour of how much."""
        part = min(max(part, 0.0), 1.0)
        full = round(part * BAR_COLUMNS)
        if part and not full:
            full = 1  # something is left
        on, off = ("█", "░") if self.lines else ("#", ".")
        style: Style = "good" if part > 0.5 else "soon" if part > 0.2 else "bad"  # noqa: PLR2004 - half, a fifth
        return Cell(on * full + off * (BAR_COLUMNS - full), style)

    def _walk(
        self, branch: Branch, first: str, others: str
    ) -> Iterator[tuple[str, list[Cell]]]:
        yield first, _cells(branch.cells)
        fork, last, on = ("├─ ", "└─ ", "│  ") if self.lines else ("|- ", "`- ", "|  ")
        for number, child in enumerate(branch.below, start=1):
            ends = number == len(branch.below)
            yield from self._walk(
                child,
                others + (last if ends else fork),
                others + ("   " if ends else on),
            )

    def _line(
        self, cells: Sequence[Cell], texts: Sequence[str], widths: Sequence[int]
    ) -> str:
        parts = []
        for place, (cell, text) in enumerate(zip(cells, texts, strict=True)):
            last = place == len(texts) - 1
            fill = "" if last else " " * (widths[place] - columns(text))
            parts.append(self.styled(text, cell.style) + fill)
        return GAP.join(parts).rstrip()


def _fitting(widths: Sequence[int], most: int) -> list[int]:
    """Return widths of columns that fit, less of the widest ones."""
    fitted = list(widths)
    room = most - len(GAP) * (len(fitted) - 1)
    while sum(fitted) > room and max(fitted) > COLUMN_MIN:
        fitted[fitted.index(max(fitted))] -= 1
    return fitted


def _cells(row: Sequence[Cell | str]) -> list[Cell]:
    return [Cell(one) if isinstance(one, str) else one for one in row]


def _can_draw(stream: TextIO | None) -> bool:
    try:
        "├─█░".encode(getattr(stream, "encoding", None) or "ascii")
    except (UnicodeEncodeError, LookupError):
        return False
    return True
