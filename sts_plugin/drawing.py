"""Lines on a terminal that are drawn, drawn anew and erased."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

from sts_plugin.widths import shortened

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sts_plugin.device import Terminal

__all__ = ["Drawing"]

ERASE_LINE: Final = "\r\x1b[K"
LINE_UP: Final = "\x1b[A"

COLUMNS_DEFAULT: Final = 80


class Drawing:
    """A few lines at the cursor that can be drawn again and erased.

    Each is cut to the width of the terminal, so that it takes one row: only then is
    known how many there are to erase. A terminal without cursor movements shows the
    lines once, and keeps them.
    """

    def __init__(self, terminal: Terminal, environ: Mapping[str, str]) -> None:
        self._terminal = terminal
        self._moves = terminal.moves(environ)
        self._rows = 0
        self._shown = False

    def draw(self, lines: list[str], deadline: float) -> None:
        """Draw lines of printable text; of a drawing that is there, the last line.

        Only the last one can have changed, and what others wrote meanwhile stays.
        """
        if self._shown and not self._moves:
            return
        width = self._columns() - 1
        cut = [shortened(line, width) if self._moves else line for line in lines]
        text = ERASE_LINE + cut[-1] if self._shown else "\r\n".join(cut)
        if self._moves and not self._shown:
            text = ERASE_LINE + text
        # First: a signal may end the writing in the middle.
        self._rows, self._shown = len(cut), True
        self._write(text, deadline)

    def erase(self, deadline: float) -> None:
        """Erase what was drawn, or end its line where that cannot be done."""
        if not self._shown:
            return
        up = (LINE_UP + ERASE_LINE) * (self._rows - 1)
        self._write(ERASE_LINE + up if self._moves else "\r\n", deadline)
        self._shown = False

    def _write(self, text: str, deadline: float) -> None:
        self._terminal.write(text, deadline - time.monotonic())

    def _columns(self) -> int:
        try:
            return self._terminal.columns() or COLUMNS_DEFAULT
        except OSError:
            return COLUMNS_DEFAULT
