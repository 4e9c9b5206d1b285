"""Threads of one process that want one lock: one of them queues for its file.

Fifty threads that each look at a file some times a second, in each of two hundred
processes, leave a machine no time for the one that does the work. So a thread passes a
gate first, and the others wait behind it at no cost. The lock file is what excludes:
a gate only spares.

The state is the module's own, since the threads know nothing of one another. A forked
child finds none of it: the threads that hold its gates do not exist there.
"""

from __future__ import annotations

import os
import threading
import weakref
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["Gate", "gate_of"]


class Gate:
    """The gate before one lock file; whoever is through must ``leave``."""

    __slots__ = ("__weakref__", "_lock")

    def __init__(self) -> None:
        self._lock = threading.Lock()

    def enter(self, seconds: float) -> bool:
        """Wait so long at most, and return whether we are through."""
        return self._lock.acquire(timeout=seconds)

    def leave(self) -> None:
        """Let the next one through."""
        self._lock.release()


_gates: weakref.WeakValueDictionary[tuple[int, Path], Gate] = (
    weakref.WeakValueDictionary()
)


def gate_of(path: Path) -> Gate:
    """Return the gate of a lock file: it is there as long as somebody needs it."""
    return _gates.setdefault((os.getpid(), path), Gate())
