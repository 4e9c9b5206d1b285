"""Things that take a while, done all at once and given up together."""

from __future__ import annotations

import contextlib
import queue
import threading
import time
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

__all__ = ["at_once"]

K = TypeVar("K")
T = TypeVar("T")


def at_once(works: Mapping[K, Callable[[], T]], seconds: float) -> dict[K, T]:
    """Return what each returned within the time; who took longer, or raised, is absent.

    The threads are daemons: nothing ends a look-up of a name, and nobody waits for it.
    """
    done: queue.SimpleQueue[tuple[K, list[T]]] = queue.SimpleQueue()

    def run(key: K, work: Callable[[], T]) -> None:
        result = []
        # One that fails is one that tells nothing; a traceback would be all over the
        # screen of somebody who asked for a list.
        with contextlib.suppress(Exception):
            result.append(work())
        done.put((key, result))

    deadline = time.monotonic() + seconds
    for key, work in works.items():
        name = "sts-plugin doctor"
        threading.Thread(target=run, args=(key, work), name=name, daemon=True).start()
    found: dict[K, T] = {}
    for _ in works:
        try:
            key, result = done.get(timeout=max(0.0, deadline - time.monotonic()))
        except queue.Empty:
            break
        if result:
            found[key] = result[0]
    return found
