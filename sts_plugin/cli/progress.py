"""What takes longer than a second is said on the terminal, and leaves no trace there.

On the terminal itself: SDKs swallow the stderr of a ``credential_process``. In a thread
of its own, which ends with what is waited for. Whoever else has the terminal (an
editor, a question for a password) is never drawn over.
"""

from __future__ import annotations

import contextlib
import os
import threading
import time
from typing import TYPE_CHECKING

from sts_plugin import settings
from sts_plugin.mfa import printable
from sts_plugin.terminal import NoTerminal, open_terminal, write

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sts_plugin.device import Terminal
    from sts_plugin.drawing import Drawing

__all__ = ["progress"]


@contextlib.contextmanager
def progress(
    what: str, seconds: float | None, *, shared: bool = False
) -> Iterator[None]:
    """Say what is waited for, for as long as it lasts, if that is more than a second.

    ``seconds`` is what it takes at most, None if that is not known. ``shared``: it may
    speak there itself, so that it is said once, in a line that stays.
    """
    ended = threading.Event()
    until = None if seconds is None else time.monotonic() + seconds
    thread = threading.Thread(
        target=_say if shared else _count_down,
        args=(f"sts-plugin: waiting for {printable(what)}", until, ended),
        daemon=True,
    )
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join(settings.PROMPT_TICK_SECONDS)


def _say(line: str, until: float | None, ended: threading.Event) -> None:
    if ended.wait(settings.PROGRESS_AFTER_SECONDS):
        return
    with contextlib.suppress(NoTerminal, OSError), open_terminal() as terminal:
        if terminal.is_free():  # or else it asks already
            write(terminal, f"\r\n{_timed(line, until)}\r\n", _soon())


def _count_down(line: str, until: float | None, ended: threading.Event) -> None:
    if ended.wait(settings.PROGRESS_AFTER_SECONDS):
        return
    from sts_plugin.drawing import Drawing  # noqa: PLC0415 - most things take no time

    with contextlib.suppress(NoTerminal, OSError), open_terminal() as terminal:
        drawing = Drawing(terminal, os.environ)
        try:
            while not ended.wait(_draw(drawing, terminal, _timed(line, until))):
                pass
        finally:
            if terminal.in_foreground() and terminal.is_free():
                drawing.erase(_soon())


def _draw(drawing: Drawing, terminal: Terminal, line: str) -> float:
    """Draw the line if the terminal is ours; return after how long to do so again."""
    if terminal.in_foreground() and terminal.is_free():
        drawing.draw([line], _soon())
    return 1.0


def _timed(line: str, until: float | None) -> str:
    if until is None:
        return line
    return f"{line}: {max(0.0, until - time.monotonic()):.0f} s at most"


def _soon() -> float:
    return time.monotonic() + settings.PROMPT_TICK_SECONDS
