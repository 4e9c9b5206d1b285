"""The controlling terminal of POSIX, by its descriptor.

Nobody is read from or drawn for in the background: the kernel would stop us there, and
all who wait for us.
"""

from __future__ import annotations

import atexit
import contextlib
import math
import os
import select
import signal
import sys
import threading
import time
from typing import TYPE_CHECKING, Final

from sts_plugin.device import NoTerminal, insist_on_foreground

if TYPE_CHECKING:
    import io
    from collections.abc import Callable, Iterator, Mapping

__all__ = ["Tty", "in_foreground", "opened", "wait"]

CTRL_C: Final = b"\x03"

SELECT_MAX: Final = 1024
"""Above it select fails (FD_SETSIZE): a host may have many files open."""

TIOCGDEV: Final = 0x80045432
"""Linux's ioctl for the number of a terminal; other systems answer with an error."""


@contextlib.contextmanager
def opened(device: str, *, inheritable: bool = False) -> Iterator[Tty]:
    """Open the controlling terminal, if we may speak to it.

    ``inheritable`` is for a child that is to speak there: such a descriptor blocks,
    ours does not. Raises NoTerminal.
    """
    flags = os.O_RDWR | os.O_NOCTTY | os.O_CLOEXEC
    if not inheritable:
        flags |= os.O_NONBLOCK
    try:
        terminal = os.open(device, flags)
    except OSError:  # ENXIO without a controlling terminal
        raise NoTerminal("there is no terminal") from None
    try:
        # Whoever reads from the background is stopped (SIGTTIN): that is a hang.
        if not in_foreground(terminal):
            raise NoTerminal("this is a background job")
        yield Tty(terminal)
    finally:
        os.close(terminal)


def in_foreground(terminal: int) -> bool:
    """Whether we may read there; False as well for a terminal that was closed."""
    try:
        return os.tcgetpgrp(terminal) == os.getpgrp()
    except OSError:
        return False


def wait(reading: list[int], writing: list[int], seconds: float) -> None:
    """Wait until one is ready; raise TimeoutError if that takes longer."""
    if seconds <= 0:
        raise TimeoutError
    if max([*reading, *writing]) < SELECT_MAX:
        # Where it can be: macOS's poll knows no terminals.
        if not any(select.select(reading, writing, [], seconds)):
            raise TimeoutError
        return
    poll = select.poll()
    for descriptor in reading:
        poll.register(descriptor, select.POLLIN)
    for descriptor in writing:
        poll.register(descriptor, select.POLLOUT)
    if not poll.poll(math.ceil(seconds * 1000)):
        raise TimeoutError


class Tty:
    """The ``device.Terminal`` of POSIX."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def fileno(self) -> int:
        """Return the descriptor."""
        return self._descriptor

    def in_foreground(self) -> bool:
        """Whether we may read there; False as well for a terminal that was closed."""
        return in_foreground(self._descriptor)

    def columns(self) -> int:
        """Return how wide it is, or 0 if it does not say."""
        return os.get_terminal_size(self._descriptor).columns

    def moves(self, environ: Mapping[str, str]) -> bool:
        """Whether it can move its cursor, by what ``TERM`` says."""
        return environ.get("TERM", "") not in {"", "dumb", "unknown"}

    def write(self, text: str, seconds: float) -> None:
        """Write it all; raise TimeoutError if that takes longer."""
        deadline = time.monotonic() + seconds
        data = text.encode(errors="replace")
        while data:
            wait([], [self._descriptor], deadline - time.monotonic())
            with contextlib.suppress(BlockingIOError):
                data = data[os.write(self._descriptor, data) :]

    def read(self, typed: io.BytesIO, seconds: float) -> bool:
        """Add what is typed; return whether the line has ended, or the input."""
        try:
            wait([self._descriptor], [], seconds)
        except TimeoutError:
            return False
        insist_on_foreground(self)
        with contextlib.suppress(BlockingIOError):
            if typed.write(os.read(self._descriptor, 256)):
                if bytes([typed.getvalue()[-1]]) == CTRL_C and not _interruptible():
                    os.killpg(os.getpgrp(), signal.SIGINT)  # as the terminal would
                    raise KeyboardInterrupt
                return b"\n" in typed.getvalue()
            os.tcgetpgrp(self._descriptor)  # OSError: this is no Ctrl-D, it was closed
            if not typed.getvalue():
                raise EOFError
            return True
        return False

    # --- Its modes ---

    @contextlib.contextmanager
    def hidden(self) -> Iterator[Callable[[], None]]:
        """Switch the echo off, and put everything back; raise OSError if it is gone."""
        import termios  # noqa: PLC0415 - there is none on Windows

        terminal = self._descriptor

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
                    # Not TCSAFLUSH, which waits until the output has drained: it may
                    # never.
                    termios.tcsetattr(terminal, termios.TCSANOW, quiet)
            except termios.error as error:  # it was closed
                raise OSError(*error.args) from None

        def restore() -> None:
            # In the background (Ctrl-Z, bg) it is the shell's, and SIGTTOU stops us.
            with contextlib.suppress(OSError, termios.error):
                if in_foreground(terminal):
                    termios.tcsetattr(terminal, termios.TCSANOW, before)
                    termios.tcflush(terminal, termios.TCIFLUSH)

        # Who had to wait for the terminal may be in the background by now.
        insist_on_foreground(self)
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

    @contextlib.contextmanager
    def left_as_found(self) -> Iterator[None]:
        """Undo what a program did to the terminal."""
        import termios  # noqa: PLC0415 - there is none on Windows

        terminal = self._descriptor
        try:
            before = termios.tcgetattr(terminal)
        except termios.error:  # it was closed
            yield
            return
        try:
            yield
        finally:
            with contextlib.suppress(termios.error):
                changed = termios.tcgetattr(terminal) != before
                if changed and in_foreground(terminal):  # in the background: not ours
                    termios.tcsetattr(terminal, termios.TCSANOW, before)
                    termios.tcflush(terminal, termios.TCIFLUSH)

    def is_free(self) -> bool:
        """Whether nobody else reads the keys, as whoever wants each of them does."""
        import termios  # noqa: PLC0415 - there is none on Windows

        try:
            modes = termios.tcgetattr(self._descriptor)[3]
        except termios.error as error:  # it was closed
            raise OSError(*error.args) from None
        return bool(modes & termios.ICANON and modes & termios.ECHO)

    # --- A program that asks there ---

    @contextlib.contextmanager
    def streams(self) -> Iterator[tuple[int, int]]:
        """Open it by the name that other processes know it by, if there is one.

        The agents of gpg and rbw are told the name of the command's stdin, to ask for a
        password there: their own ``/dev/tty`` is another one, or none.
        """
        terminal = self._descriptor
        with contextlib.ExitStack() as stack:
            with contextlib.suppress(OSError):
                flags = os.O_RDWR | os.O_NOCTTY | os.O_CLOEXEC
                named = os.open(_name(terminal), flags)
                stack.callback(os.close, named)
                if in_foreground(named):  # so it is the same one
                    terminal = named
            yield terminal, terminal


def _name(terminal: int) -> str:
    """Return the name of the device that ``/dev/tty`` stands for; raise OSError."""
    import fcntl  # noqa: PLC0415 - there is none on Windows

    number = int.from_bytes(fcntl.ioctl(terminal, TIOCGDEV, bytes(4)), sys.byteorder)
    minor = os.minor(number)
    for name in (f"/dev/pts/{minor}", f"/dev/tty{minor}", "/dev/console"):
        with contextlib.suppress(FileNotFoundError):
            if os.stat(name).st_rdev == number:  # noqa: PTH116
                return name
    return os.ttyname(terminal)


def _interruptible() -> bool:
    """Whether Ctrl-C raises KeyboardInterrupt in this very thread."""
    return threading.current_thread() is threading.main_thread()
