"""The terminal device: opened with care, drawn on, and never waited for without an end.

The controlling terminal itself, not stdin or stderr: SDKs swallow the stderr of a
``credential_process``, and the stdin that JavaScript gives it never ends. Knows nothing
of questions and codes.
"""

from __future__ import annotations

import atexit
import contextlib
import errno
import io
import math
import os
import select
import signal
import threading
import time
from typing import TYPE_CHECKING, Final

from sts_plugin.settings import PROMPT_TICK_SECONDS as TICK_SECONDS
from sts_plugin.widths import shortened

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

__all__ = [
    "Drawing",
    "NoTerminal",
    "in_foreground",
    "open_terminal",
    "read_hidden_line",
    "read_line",
    "wait",
    "write",
]

DEVICE = "/dev/tty"

CTRL_C: Final = b"\x03"

ERASE_LINE: Final = "\r\x1b[K"
LINE_UP: Final = "\x1b[A"

COLUMNS_DEFAULT: Final = 80

SELECT_MAX: Final = 1024
"""Above it select fails (FD_SETSIZE): a host may have many files open."""


class NoTerminal(Exception):
    """There is none that we may use; the text is the end of a sentence that says so."""


@contextlib.contextmanager
def open_terminal(*, inheritable: bool = False) -> Iterator[int]:
    """Open the controlling terminal, if we may speak to it; yield its descriptor.

    ``inheritable`` is for a child that is to speak there: such a descriptor blocks,
    ours does not. Raises NoTerminal.
    """
    flags = os.O_RDWR
    for name in ("O_NOCTTY", "O_CLOEXEC"):
        flags |= getattr(os, name, 0)
    if not inheritable:
        flags |= getattr(os, "O_NONBLOCK", 0)
    try:
        terminal = os.open(DEVICE, flags)
    except OSError:  # ENXIO without a controlling terminal, ENOENT on Windows
        raise NoTerminal("there is no terminal") from None
    try:
        # Whoever reads from the background is stopped (SIGTTIN): that is a hang.
        if not in_foreground(terminal):
            raise NoTerminal("this is a background job")
        yield terminal
    finally:
        os.close(terminal)


def in_foreground(terminal: int) -> bool:
    """Whether we may read there; False as well for a terminal that was closed."""
    try:
        return os.tcgetpgrp(terminal) == os.getpgrp()
    except OSError:
        return False


def wait(reading: list[int], writing: list[int], deadline: float) -> None:
    """Wait until one is ready; raise TimeoutError at the deadline (monotonic)."""
    left = deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError
    if max([*reading, *writing]) < SELECT_MAX:
        # Where it can be: macOS's poll knows no terminals.
        if not any(select.select(reading, writing, [], left)):
            raise TimeoutError
        return
    poll = select.poll()
    for descriptor in reading:
        poll.register(descriptor, select.POLLIN)
    for descriptor in writing:
        poll.register(descriptor, select.POLLOUT)
    if not poll.poll(math.ceil(left * 1000)):
        raise TimeoutError


def write(terminal: int, text: str, deadline: float) -> None:
    """Write it all, or raise TimeoutError at the deadline, OSError if it is gone."""
    data = text.encode(errors="replace")
    while data:
        wait([], [terminal], deadline)
        with contextlib.suppress(BlockingIOError):
            data = data[os.write(terminal, data) :]


class Drawing:
    """A few lines at the cursor that can be drawn again and erased.

    Each is cut to the width of the terminal, so that it takes one row: only then is
    known how many there are to erase. A terminal without cursor movements (``TERM`` is
    ``dumb`` or nothing) shows the lines once, and keeps them.
    """

    def __init__(self, terminal: int, environ: Mapping[str, str]) -> None:
        self._terminal = terminal
        self._moves = environ.get("TERM", "") not in {"", "dumb", "unknown"}
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
        write(self._terminal, text, deadline)

    def erase(self, deadline: float) -> None:
        """Erase what was drawn, or end its line where that cannot be done."""
        if not self._shown:
            return
        up = (LINE_UP + ERASE_LINE) * (self._rows - 1)
        write(self._terminal, ERASE_LINE + up if self._moves else "\r\n", deadline)
        self._shown = False

    def _columns(self) -> int:
        try:
            return os.get_terminal_size(self._terminal).columns or COLUMNS_DEFAULT
        except OSError:
            return COLUMNS_DEFAULT


@contextlib.contextmanager
def hidden(terminal: int) -> Iterator[Callable[[], None]]:
    """Switch the echo off, and put everything back; raise OSError if it is gone.

    Yields what switches it off again, should somebody else have switched it on: a
    shell does so when it brings us back to the foreground.
    """
    import termios  # noqa: PLC0415 - there is none on Windows

    def hide() -> None:
        try:
            quiet = termios.tcgetattr(terminal)
            # Ctrl-S stops the output, of the prompt too: without IXON it means
            # nothing, and Linux starts again what it stopped.
            echoing = quiet[3] & termios.ECHO or quiet[0] & termios.IXON
            quiet[0] &= ~termios.IXON
            quiet[3] &= ~termios.ECHO
            if not _interruptible():
                # Its signal would reach the main thread only: it is to reach us.
                quiet[3] &= ~termios.ISIG
                quiet[6][termios.VEOL] = CTRL_C
            if echoing:
                # Not TCSAFLUSH, which waits until the output has drained: it may never.
                termios.tcsetattr(terminal, termios.TCSANOW, quiet)
        except termios.error as error:  # it was closed
            raise OSError(*error.args) from None

    def restore() -> None:
        # In the background (Ctrl-Z, bg) it is the shell's, and SIGTTOU stops us.
        with contextlib.suppress(OSError, termios.error):
            if in_foreground(terminal):
                termios.tcsetattr(terminal, termios.TCSANOW, before)
                termios.tcflush(terminal, termios.TCIFLUSH)

    # Who had to wait for the terminal may have been put into the background meanwhile.
    _insist_on_foreground(terminal)
    try:
        before = termios.tcgetattr(terminal)
        # A thread may be left behind here when its program ends.
        atexit.register(restore)
        hide()
        try:
            termios.tcflow(terminal, termios.TCOON)  # for the other systems
            termios.tcflush(terminal, termios.TCIFLUSH)
            yield hide
        finally:
            restore()
            atexit.unregister(restore)
    except termios.error as error:
        raise OSError(*error.args) from None


def _interruptible() -> bool:
    """Whether Ctrl-C raises KeyboardInterrupt in this very thread."""
    return threading.current_thread() is threading.main_thread()


def read_line(terminal: int, deadline: float, tick: Callable[[], None]) -> str:
    """Return one line, or what was typed before Ctrl-D.

    ``tick`` is called several times a second, and may raise. Raises TimeoutError when
    no line ends in time, EOFError when the input ends, OSError when the terminal goes
    away or is no longer ours, KeyboardInterrupt when Ctrl-C came as a character.
    """
    typed = io.BytesIO()  # unlike bytes it shows nothing in the locals of a traceback
    while b"\n" not in typed.getvalue():
        _insist_on_foreground(terminal)
        tick()
        try:
            wait([terminal], [], min(deadline, time.monotonic() + TICK_SECONDS))
        except TimeoutError:
            if time.monotonic() >= deadline:
                raise
            continue
        _insist_on_foreground(terminal)
        with contextlib.suppress(BlockingIOError):
            if typed.write(os.read(terminal, 256)):
                if bytes([typed.getvalue()[-1]]) == CTRL_C and not _interruptible():
                    os.killpg(os.getpgrp(), signal.SIGINT)  # as the terminal would
                    raise KeyboardInterrupt
                continue
            os.tcgetpgrp(terminal)  # OSError: this is no Ctrl-D, it was closed
            if not typed.getvalue():
                raise EOFError
            break
    return typed.getvalue().decode(errors="replace")


def _insist_on_foreground(terminal: int) -> None:
    # Whoever reads from the background is stopped, and would hold a lock for ever.
    if not in_foreground(terminal):
        raise OSError(errno.EIO, "the terminal is not ours any more")


def read_hidden_line(
    terminal: int,
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

    with hidden(terminal) as hide:
        try:
            return read_line(terminal, deadline, tick)
        finally:
            with contextlib.suppress(OSError):  # TimeoutError is one
                if in_foreground(terminal):
                    drawing.erase(time.monotonic() + TICK_SECONDS)
