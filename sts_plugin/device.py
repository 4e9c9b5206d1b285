"""What a platform has to bring of a terminal, for ``terminal`` to ask there.

``tty_device`` brings it for POSIX, ``windows_console`` for Windows. Knows neither.
"""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import io
    from collections.abc import Callable, Mapping
    from contextlib import AbstractContextManager

__all__ = ["NoTerminal", "Terminal", "insist_on_foreground"]


class NoTerminal(Exception):
    """There is none that we may use; the text is the end of a sentence that says so."""


class Terminal(Protocol):
    """A terminal that was opened. All methods raise OSError once it is gone."""

    def write(self, text: str, seconds: float) -> None:
        """Write it all; raise TimeoutError if that takes longer."""
        ...

    def read(self, typed: io.BytesIO, seconds: float) -> bool:
        """Add what is typed within that time; return whether the line has ended.

        Raises EOFError when the input ends before anything was typed, and
        KeyboardInterrupt when Ctrl-C came as a character.
        """
        ...

    def hidden(self) -> AbstractContextManager[Callable[[], None]]:
        """Switch the echo off, and put everything back.

        Yields what switches it off again, should somebody else have switched it on: a
        shell does so when it brings us back to the foreground.
        """
        ...

    def in_foreground(self) -> bool:
        """Whether we may read and draw; False as well where it is gone."""
        ...

    def columns(self) -> int:
        """Return how wide it is, or 0 if it does not say."""
        ...

    def moves(self, environ: Mapping[str, str]) -> bool:
        """Whether it understands how to move the cursor and to erase."""
        ...

    def left_as_found(self) -> AbstractContextManager[None]:
        """Undo what a program did to the terminal.

        Killed at its question for a password, it has left the echo off, and perhaps
        half of the password for whoever reads next.
        """
        ...

    def is_free(self) -> bool:
        """Whether nobody else reads the keys: no editor, no pager, no shell's line."""
        ...

    def streams(self) -> AbstractContextManager[tuple[int, int]]:
        """Yield the descriptors that are to be stdin and stderr of a program."""
        ...


def insist_on_foreground(terminal: Terminal) -> None:
    """Raise OSError if the terminal is another job's by now.

    Whoever reads from the background is stopped, and would hold a lock for ever.
    """
    if not terminal.in_foreground():
        raise OSError(errno.EIO, "the terminal is not ours any more")
