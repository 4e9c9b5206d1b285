"""The console of Windows: ``CONIN$`` and ``CONOUT$``, wherever our own streams lead.

A console gives keys and not lines, so the line is put together here. There are no jobs
in the background that must not read. Nothing is asked of it that Windows 10 lacks.

What is Windows' own comes by ``windows_system.System``: tests bring another, and nobody
has run this module on Windows yet.
"""

from __future__ import annotations

import atexit
import contextlib
import ctypes
import errno
import os
import signal
import threading
import time
from typing import TYPE_CHECKING, Final

from sts_plugin.deadline import within
from sts_plugin.device import NoTerminal
from sts_plugin.windows_system import ScreenBuffer, call, windows

if TYPE_CHECKING:
    import io
    from collections.abc import Callable, Iterator, Mapping

    from sts_plugin.windows_system import System

__all__ = ["Console", "opened"]

INPUT, OUTPUT = "CONIN$", "CONOUT$"

# consoleapi.h
ENABLE_PROCESSED_INPUT: Final = 0x0001
"""Ctrl-C is a signal; without it, a key like any other."""
ENABLE_LINE_INPUT: Final = 0x0002
ENABLE_ECHO_INPUT: Final = 0x0004
ENABLE_VIRTUAL_TERMINAL_PROCESSING: Final = 0x0004
"""Of the output: escape sequences move the cursor (Windows 10 1511)."""

CTRL_C, CTRL_Z, BACKSPACE, ESCAPE = "\x03", "\x1a", "\x08", "\x1b"
ENDS: Final = "\r\n"
PREFIXES: Final = "\x00\xe0"
"""What stands before the code of a key without a character, such as an arrow."""

POLL_SECONDS: Final = 0.02
"""Nothing tells when there is a key, and a paste is to come quickly."""

ECHO_SECONDS: Final = 0.2

LINE_BYTES_MAX: Final = 4096

UNITS_MAX: Final = 8192
"""Of UTF-16, in one call: consoles have had a limit of 64 kB."""


@contextlib.contextmanager
def opened(system: Callable[[], System] = windows) -> Iterator[Console]:
    """Open the console that we were started on; raise NoTerminal if there is none."""
    with contextlib.ExitStack() as stack:
        descriptors = []
        one = system()
        for name in (INPUT, OUTPUT):
            try:
                descriptor = one.open(name)
            except OSError:
                raise NoTerminal("there is no terminal") from None
            stack.callback(os.close, descriptor)
            descriptors.append(descriptor)
        console = Console(one, *descriptors)
        stack.enter_context(console.moving_cursor())
        yield console


class Console:
    """The ``device.Terminal`` of Windows, on two descriptors."""

    def __init__(self, system: System, reading: int, writing: int) -> None:
        self._system = system
        self._reading, self._writing = reading, writing
        self._echoes = True
        self._moves = False

    def in_foreground(self) -> bool:
        """Whether we may read there: always, a console has no jobs."""
        return True

    def columns(self) -> int:
        """Return how wide its window is."""
        found = ScreenBuffer()
        self._call("GetConsoleScreenBufferInfo", self._writing, ctypes.byref(found))
        return int(found.window.right - found.window.left + 1)

    def moves(self, environ: Mapping[str, str]) -> bool:
        """Whether it understands escape sequences; Windows has no ``TERM`` for it."""
        return self._moves and environ.get("TERM", "") not in {"dumb", "unknown"}

    def write(self, text: str, seconds: float) -> None:
        """Write it all; raise TimeoutError if that takes longer.

        In a thread of its own: while somebody marks text with the mouse, a write to the
        console waits, and nothing tells it beforehand.
        """
        if seconds <= 0:
            raise TimeoutError
        within(seconds, lambda: self._write(text.encode("utf-16-le", "replace")))

    def _write(self, left: bytes) -> None:
        if self._moves:  # another process of ours may have put it back meanwhile
            self._move_cursor()
        while left:
            done, data = ctypes.c_ulong(), left[: 2 * UNITS_MAX]
            self._call(
                "WriteConsoleW",
                self._writing,
                ctypes.create_string_buffer(data, len(data)),
                ctypes.c_ulong(len(data) // 2),
                ctypes.byref(done),
                None,
            )
            if not done.value:
                raise OSError(errno.EIO, "the console takes nothing")
            left = left[2 * done.value :]

    def read(self, typed: io.BytesIO, seconds: float) -> bool:
        """Add what is typed; return whether the line has ended, or the input."""
        deadline = time.monotonic() + seconds
        while not self._system.kbhit():
            left = deadline - time.monotonic()
            if left <= 0:
                return False
            time.sleep(min(left, POLL_SECONDS))
        while self._system.kbhit():  # a paste comes at once
            if self._take(typed, self._system.getwch()):
                return True
        return False

    def _take(self, typed: io.BytesIO, key: str) -> bool:
        """Add one key to the line; return whether that ends it."""
        if key in ENDS:
            ended = _at_an_end(typed)
            typed.write(b"\n")
            self._echo("\r\n")
            if ended:
                raise EOFError
            return True
        if key == CTRL_C:
            self._interrupt()
            raise KeyboardInterrupt
        if key in PREFIXES and self._system.kbhit():
            self._system.getwch()
        elif key == BACKSPACE:
            if _drop_last(typed):
                self._echo("\b \b")
        elif key == ESCAPE:  # as in cmd: the line begins anew
            while _drop_last(typed):
                self._echo("\b \b")
        elif len(typed.getvalue()) < LINE_BYTES_MAX and _counts(key):
            typed.write(key.encode())
            self._echo(key.replace(CTRL_Z, "^Z"))
        return False

    def _echo(self, text: str) -> None:
        if self._echoes:
            with contextlib.suppress(TimeoutError):  # it is there, if it is not seen
                self.write(text, ECHO_SECONDS)

    def _interrupt(self) -> None:
        """Let Ctrl-C reach all who share the console, as it does as a signal."""
        if threading.current_thread() is not threading.main_thread():
            self._system.kernel32.GenerateConsoleCtrlEvent(
                getattr(signal, "CTRL_C_EVENT", 0), 0
            )

    # --- Its modes ---

    @contextlib.contextmanager
    def hidden(self) -> Iterator[Callable[[], None]]:
        """Show nothing of what is typed: keys are read one by one, without echo."""
        before = self._mode(self._reading)

        def hide() -> None:
            mode = self._mode(self._reading)
            # Not for us: it tells others that somebody asks here (is_free).
            quiet = mode & ~ENABLE_ECHO_INPUT
            # Ctrl-C as a signal reaches the main thread only: it is to reach us.
            if threading.current_thread() is not threading.main_thread():
                quiet &= ~ENABLE_PROCESSED_INPUT
            if quiet != mode:
                self._set(self._reading, quiet)

        def restore() -> None:
            with contextlib.suppress(OSError):
                self._forget_typed()
                self._set(self._reading, before)

        atexit.register(restore)  # a thread may be left behind when its program ends
        self._echoes = False
        try:
            self._forget_typed()
            hide()
            yield hide
        finally:
            self._echoes = True
            restore()
            atexit.unregister(restore)

    def _forget_typed(self) -> None:
        """Drop what was typed before the question or after its end."""
        self._call("FlushConsoleInputBuffer", self._reading)

    @contextlib.contextmanager
    def left_as_found(self) -> Iterator[None]:
        """Undo what a program did to the console."""
        ends = (self._reading, self._writing)
        before = [self._mode(one) for one in ends]
        try:
            yield
        finally:
            with contextlib.suppress(OSError):
                changed = [self._mode(one) for one in ends] != before
                for one, mode in zip(ends, before, strict=True):
                    self._set(one, mode)
                if changed:
                    self._forget_typed()

    def is_free(self) -> bool:
        """Whether nobody else reads the keys, as whoever wants each of them does."""
        lines = ENABLE_LINE_INPUT | ENABLE_ECHO_INPUT
        return self._mode(self._reading) & lines == lines

    @contextlib.contextmanager
    def streams(self) -> Iterator[tuple[int, int]]:
        """Yield the descriptors that are to be stdin and stderr of a program."""
        yield self._reading, self._writing

    @contextlib.contextmanager
    def moving_cursor(self) -> Iterator[None]:
        """Let it understand escape sequences, where it can, and leave it as it was."""
        try:
            before = self._mode(self._writing)
            self._move_cursor()
        except OSError:
            yield
            return
        self._moves = True
        try:
            yield
        finally:
            with contextlib.suppress(OSError):
                self._set(self._writing, before)

    def _move_cursor(self) -> None:
        mode = self._mode(self._writing)
        if not mode & ENABLE_VIRTUAL_TERMINAL_PROCESSING:
            self._set(self._writing, mode | ENABLE_VIRTUAL_TERMINAL_PROCESSING)

    def _mode(self, descriptor: int) -> int:
        mode = ctypes.c_ulong()
        self._call("GetConsoleMode", descriptor, ctypes.byref(mode))
        return mode.value

    def _set(self, descriptor: int, mode: int) -> None:
        self._call("SetConsoleMode", descriptor, ctypes.c_ulong(mode))

    def _call(self, name: str, descriptor: int, *given: object) -> None:
        call(self._system, name, descriptor, *given)


def _at_an_end(typed: io.BytesIO) -> bool:
    """Whether Ctrl-Z begins the line: with Enter that is the end of the input."""
    return typed.getvalue()[:1] == CTRL_Z.encode()


def _counts(key: str) -> bool:
    """Whether a key is part of a line; halves of a character (UTF-16) are not."""
    return key == CTRL_Z or key.isprintable()


def _drop_last(typed: io.BytesIO) -> bool:
    """Drop the last character; return whether there was one."""
    text = typed.getvalue().decode()
    typed.seek(0)
    typed.truncate()
    typed.write(text[:-1].encode())
    return bool(text)
