"""Sharing our terminal with a program that asks there, whatever becomes of the two."""

from __future__ import annotations

import contextlib
import signal
import threading
from typing import TYPE_CHECKING, Final

from sts_plugin.terminal import NoTerminal, open_terminal

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = [
    "keyboard_free",
    "signals_held",
    "unstopped",
]

ENDING: Final = ("SIGINT", "SIGTERM", "SIGHUP")
"""Signals that unwind the stack, wherever it is."""

STOPPING: Final = ("SIGTTIN", "SIGTTOU")
"""What stops a job of the background that wants the terminal; Windows has no such."""


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
def unstopped() -> Iterator[None]:
    """Go on where a program is stopped because it asks from the background.

    The kernel stops the whole group, and it is we who see to the program's end. A
    handler, and not SIG_IGN, which the program would inherit.
    """
    numbers = []
    if threading.current_thread() is threading.main_thread():
        numbers = [
            number
            for number in (getattr(signal, name, None) for name in STOPPING)
            if number and signal.getsignal(number) is signal.SIG_DFL
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
            return terminal.is_free()
    except (NoTerminal, OSError):
        return True
