"""A console of Windows for a test: keys that somebody types, and what it shows.

It is the ``System`` of ``windows_system``: the functions of its kernel32 take what
ctypes would hand on to Windows, and mind what Windows minds.
"""

from __future__ import annotations

import ctypes
import os
import threading

from ptys import Screen

from sts_plugin.windows_console import (
    ENABLE_ECHO_INPUT,
    ENABLE_LINE_INPUT,
    ENABLE_PROCESSED_INPUT,
    ENABLE_VIRTUAL_TERMINAL_PROCESSING,
)

COOKED = ENABLE_PROCESSED_INPUT | ENABLE_LINE_INPUT | ENABLE_ECHO_INPUT
OUTPUT = 3  # processed, wrapped: as cmd has it

ARROW_UP = "\xe0H"
F1 = "\x00;"


class FakeConsole:
    """A console; ``kernel32`` and the functions of msvcrt are its own."""

    def __init__(self, columns=80, *, cursor=True):
        self.columns = columns
        self.cursor = cursor  # whether it takes escape sequences: Windows 10 does
        self.keys = []
        self.written = b""
        self.modes = {"CONIN$": COOKED, "CONOUT$": OUTPUT}
        self.calls = []
        self.interrupts = []
        self.absent = set()
        self.gone = False
        self.marking = threading.Event()  # set: a write goes on
        self.marking.set()
        self.names = {}
        self.kernel32 = self
        self.most = 5  # so many units are taken at once

    # --- A person ---

    def type(self, keys):
        self.keys.extend(keys)

    @property
    def shown(self):
        """All that was written; of a character that is half there, the other half."""
        return self.written.decode("utf-16-le", errors="ignore")

    @property
    def screen(self):
        one = Screen(self.columns)
        one.feed(self.shown)
        return one.lines

    # --- System ---

    def open(self, name):
        if name in self.absent:
            raise FileNotFoundError(2, "No such file or directory", name)
        descriptor = os.open(os.devnull, os.O_RDWR)
        self.names[descriptor] = name
        return descriptor

    def handle(self, descriptor):
        return descriptor + 1000

    def kbhit(self):
        return bool(self.keys)

    def getwch(self):
        return self.keys.pop(0)

    # --- kernel32 ---

    def _named(self, handle, name):
        assert isinstance(handle, ctypes.c_void_p)  # a handle has 64 bits
        assert self.names[handle.value - 1000] == name
        return not self.gone

    def _name(self, handle):
        assert isinstance(handle, ctypes.c_void_p)
        return self.names[handle.value - 1000]

    def GetConsoleMode(self, handle, mode):  # noqa: N802
        assert isinstance(mode._obj, ctypes.c_ulong)
        mode._obj.value = self.modes[self._name(handle)]
        return not self.gone

    def SetConsoleMode(self, handle, mode):  # noqa: N802
        name = self._name(handle)
        new = mode.value
        refused = new & ENABLE_VIRTUAL_TERMINAL_PROCESSING and not self.cursor
        if self.gone or (name == "CONOUT$" and refused):
            return 0
        self.calls.append((name, new))
        self.modes[name] = new
        return 1

    def GetConsoleScreenBufferInfo(self, handle, found):  # noqa: N802
        assert ctypes.sizeof(found._obj) == 22  # as in wincon.h
        found._obj.size.x = 9001  # of the buffer, not of the window
        found._obj.window.left, found._obj.window.right = 0, self.columns - 1
        return self._named(handle, "CONOUT$")

    def WriteConsoleW(self, handle, data, units, done, nothing):  # noqa: N802
        assert nothing is None
        self.marking.wait(60)
        if not self._named(handle, "CONOUT$"):
            return 0
        taken = min(units.value, self.most)
        self.written += data.raw[: 2 * taken]
        done._obj.value = taken
        return 1

    def FlushConsoleInputBuffer(self, handle):  # noqa: N802
        self.keys.clear()
        return self._named(handle, "CONIN$")

    def GenerateConsoleCtrlEvent(self, event, group):  # noqa: N802
        self.interrupts.append((event, group))
        return 1
