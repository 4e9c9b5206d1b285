"""Sharing our terminal with a program that asks there, whatever becomes of the two."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
from typing import TYPE_CHECKING, Final

from sts_plugin.terminal import NoTerminal, in_foreground, open_terminal

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = [
    "keyboard_free",
    "left_as_found",
    "signals_held",
    "under_its_name",
    "unstopped",
]

ENDING: Final = ("SIGINT", "SIGTERM", "SIGHUP")
"""Signals that unwind the stack, wherever it is."""

TIOCGDEV: Final = 0x80045432
"""Linux's ioctl for the number of a terminal; other systems answer with an error."""


@contextlib.contextmanager
def signals_held() -> Iterator[None]:
    """Put off what would end us until a program that is being started is known.

    Raised in the middle of that, nobody would be left to end the program.
    """
    if threading.current_thread() is not threading.main_thread():
        yield  # signals are the main thread's affair
        return
    came: list[int] = []
    before = {}
    for name in ENDING:
        number = getattr(signal, name, None)
        if number and callable(signal.getsignal(number)):
            before[number] = signal.signal(number, lambda one, _frame: came.append(one))
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        for number in came:
            signal.raise_signal(number)


@contextlib.contextmanager
def left_as_found(terminal: int) -> Iterator[None]:
    """Undo what a program did to the terminal.

    Killed at its question for a password, it has left the echo off, and perhaps half of
    the password for whoever reads next.
    """
    import termios  # noqa: PLC0415 - there is none on Windows

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
            if changed and in_foreground(terminal):  # in the background it is not ours
                termios.tcsetattr(terminal, termios.TCSANOW, before)
                termios.tcflush(terminal, termios.TCIFLUSH)


@contextlib.contextmanager
def unstopped() -> Iterator[None]:
    """Go on where a program is stopped because it asks from the background.

    The kernel stops the whole group, and it is we who see to the program's end. A
    handler, and not SIG_IGN, which the program would inherit.
    """
    numbers = []
    if threading.current_thread() is threading.main_thread():
        numbers = [
            number
            for number in (signal.SIGTTIN, signal.SIGTTOU)
            if signal.getsignal(number) is signal.SIG_DFL
        ]
    for number in numbers:
        signal.signal(number, lambda *_: None)
    try:
        yield
    finally:
        for number in numbers:
            signal.signal(number, signal.SIG_DFL)


def keyboard_free() -> bool:
    """Whether nobody else reads the keys: no editor, no pager, no shell's line.

    Where there is no terminal of ours there is nothing to fight for.
    """
    try:
        with open_terminal() as terminal:
            import termios  # noqa: PLC0415 - there is none on Windows

            modes = termios.tcgetattr(terminal)[3]
    except (NoTerminal, OSError):
        return True
    return bool(modes & termios.ICANON and modes & termios.ECHO)


@contextlib.contextmanager
def under_its_name(terminal: int) -> Iterator[int]:
    """Open the terminal by the name that other processes know it by, if there is one.

    The agents of gpg and rbw are told the name of the command's stdin, to ask for a
    password there: their own ``/dev/tty`` is another one, or none.
    """
    with contextlib.ExitStack() as stack:
        with contextlib.suppress(OSError):
            opened = os.open(_name(terminal), os.O_RDWR | os.O_NOCTTY | os.O_CLOEXEC)
            stack.callback(os.close, opened)
            if in_foreground(opened):  # so it is the same one
                terminal = opened
        yield terminal


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
