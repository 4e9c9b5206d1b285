"""The terminal device: opened with care, drawn on, and never waited for without an end.

The terminal itself, not stdin or stderr: SDKs swallow the stderr of a
``credential_process``, and the stdin that JavaScript gives it never ends. Each platform
brings its own (``device``). Knows nothing of questions and codes.
"""

from __future__ import annotations

import contextlib
import io
import os
import time
from typing import TYPE_CHECKING

from sts_plugin.device import NoTerminal, insist_on_foreground
from sts_plugin.settings import PROMPT_TICK_SECONDS as TICK_SECONDS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from sts_plugin.device import Terminal

__all__ = [
    "NoTerminal",
    "in_foreground",
    "open_terminal",
    "read_hidden_line",
    "read_line",
    "write",
]

DEVICE = "/dev/tty"


@contextlib.contextmanager
def open_terminal(*, inheritable: bool = False) -> Iterator[Terminal]:
    """Open the terminal that we were started on, if we may speak to it; yield it.

    ``inheritable`` is for a child that is to speak there. Raises NoTerminal.
    """
    if os.name == "nt":
        from sts_plugin import windows_console  # noqa: PLC0415 - Windows alone

        with windows_console.opened() as console:
            yield console
        return
    from sts_plugin import tty_device  # noqa: PLC0415 - most runs ask nobody

    with tty_device.opened(DEVICE, inheritable=inheritable) as tty:
        yield tty


def in_foreground(terminal: Terminal) -> bool:
    """Whether we may read there; False as well for a terminal that was closed."""
    return terminal.in_foreground()


def write(terminal: Terminal, text: str, deadline: float) -> None:
    """Write it all, or raise TimeoutError at the deadline, OSError if it is gone."""
    terminal.write(text, deadline - time.monotonic())


def read_line(terminal: Terminal, deadline: float, tick: Callable[[], None]) -> str:
    """Return one line, or what was typed before the input was ended.

    ``tick`` is called several times a second, and may raise. Raises TimeoutError when
    no line ends in time, EOFError when the input ends, OSError when the terminal goes
    away or is no longer ours, KeyboardInterrupt when Ctrl-C came as a character.
    """
    typed = io.BytesIO()  # unlike bytes it shows nothing in the locals of a traceback
    ended = False
    while not ended:
        insist_on_foreground(terminal)  # first of all: what is drawn may stop us
        tick()
        left = deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError
        ended = terminal.read(typed, min(left, TICK_SECONDS))
    return typed.getvalue().decode(errors="replace")


def read_hidden_line(
    terminal: Terminal,
    lines: Callable[[], list[str]],
    deadline: float,
    *,
    environ: Mapping[str, str],
    abandoned: Callable[[], bool] = lambda: False,
) -> str:
    """Ask for a line that is not shown, and erase the question.

    ``lines`` are drawn anew when they change. Raises as ``read_line`` does, and
    InterruptedError as soon as ``abandoned``.
    """
    from sts_plugin.drawing import Drawing  # noqa: PLC0415 - most runs draw nothing

    drawing = Drawing(terminal, environ)
    shown: list[str] = []

    def tick() -> None:
        nonlocal shown
        if abandoned():
            raise InterruptedError
        hide()
        if (new := lines()) != shown:
            drawing.draw(new, deadline)
            shown = new

    with terminal.hidden() as hide:
        try:
            return read_line(terminal, deadline, tick)
        finally:
            with contextlib.suppress(OSError):  # TimeoutError is one
                if terminal.in_foreground():
                    drawing.erase(time.monotonic() + TICK_SECONDS)
