"""What Windows has for a console: a DLL, two functions of msvcrt, two names of files.

    System -> Console

The one place that asks the machine for them, so that tests can bring others.
"""

from __future__ import annotations

import ctypes
import errno
import os
import sys
from typing import TYPE_CHECKING, Any, Protocol

from sts_plugin.device import NoTerminal

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["ScreenBuffer", "System", "call", "window", "windows"]


class System(Protocol):
    """What Windows has for a console. Handles are those of the system."""

    kernel32: Any
    """The DLL."""

    def open(self, name: str) -> int:
        """Return a descriptor of ``CONIN$`` or ``CONOUT$``; raise OSError."""
        ...

    def handle(self, descriptor: int) -> int:
        """Return the handle of a descriptor."""
        ...

    def kbhit(self) -> bool:
        """Whether there is a key."""
        ...

    def getwch(self) -> str:
        """Return the next key, without echo."""
        ...


class _Windows:
    """The ``System`` of this machine."""

    kernel32: Any
    handle: Callable[[int], int]
    kbhit: Callable[[], bool]
    getwch: Callable[[], str]

    def __init__(self) -> None:
        if sys.platform == "win32":
            import msvcrt  # noqa: PLC0415 - Windows alone

            self.kernel32 = ctypes.WinDLL("kernel32", use_last_error=True)
            self.handle = msvcrt.get_osfhandle
            self.kbhit, self.getwch = msvcrt.kbhit, msvcrt.getwch
        else:
            raise NoTerminal("there is no terminal")

    def open(self, name: str) -> int:
        """Return a descriptor of ``CONIN$`` or ``CONOUT$``; raise OSError."""
        return os.open(name, os.O_RDWR)


def windows() -> System:
    """Return the console's part of this machine; raise NoTerminal elsewhere."""
    return _Windows()


def window(system: Callable[[], System] = windows) -> int:
    """Return what tells our console from every other one; 0 without any."""
    try:
        get = system().kernel32.GetConsoleWindow
    except NoTerminal:
        return 0
    get.argtypes, get.restype = [], ctypes.c_void_p
    return get() or 0


def call(system: System, name: str, descriptor: int, *given: object) -> None:
    """Call a function of the console; raise OSError if it fails."""
    handle = ctypes.c_void_p(system.handle(descriptor))
    if not getattr(system.kernel32, name)(handle, *given):
        raise OSError(errno.EIO, f"{name} failed: the console is gone")


class _Coordinates(ctypes.Structure):
    _fields_ = (("x", ctypes.c_short), ("y", ctypes.c_short))


class _Rectangle(ctypes.Structure):
    _fields_ = (
        ("left", ctypes.c_short),
        ("top", ctypes.c_short),
        ("right", ctypes.c_short),
        ("bottom", ctypes.c_short),
    )


class ScreenBuffer(ctypes.Structure):
    """``CONSOLE_SCREEN_BUFFER_INFO``."""

    _fields_ = (
        ("size", _Coordinates),
        ("cursor", _Coordinates),
        ("attributes", ctypes.c_ushort),
        ("window", _Rectangle),
        ("largest", _Coordinates),
    )
