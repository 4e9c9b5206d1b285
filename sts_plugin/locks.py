"""One lock, held by one process at a time: taken, waited for, let go.

Advisory (``flock``), never deleted (deleting one splits its waiters), freed by the
kernel when its holder dies. Who waits looks again and again whether there is news: what
it wanted the lock for may be done already, and then nobody needs to queue for it. Of
the threads of a process one waits for the file, and the others for that one.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

from sts_plugin import settings
from sts_plugin.errors import Busy
from sts_plugin.gates import gate_of
from sts_plugin.lock_file import LockFile
from sts_plugin.private import unusable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sts_plugin.private import PrivateFolder

__all__ = [
    "Holder",
    "News",
    "Waiting",
    "busy",
    "hold",
    "terminal_session",
    "terminal_turn",
]


class Holder(NamedTuple):
    """Who holds a lock: a process id, and the session whose terminal it has."""

    process: int
    session: int


Waiting = Callable[[Holder | None], None]
"""Called once when a lock takes long, with its holder if that is known."""

News = Callable[[], bool]
"""Whether there is no need to wait any more."""


@contextlib.contextmanager
def hold(
    folder: PrivateFolder, name: str, *, seconds: float, waiting: Waiting, news: News
) -> Iterator[bool]:
    """Hold the lock, and yield True; or yield False, without it, as soon as ``news``.

    Raises Busy after ``seconds``, CacheUnusable where there are no locks.
    """
    lock = LockFile(folder, name)
    gate = gate_of(lock.path)
    wait = _Wait(lock, seconds, waiting, news)
    rarely = settings.LOCK_CROWD_SECONDS
    if not wait.until(gate.enter, (rarely, rarely)):
        yield False
        return
    try:
        try:
            held = wait.until(wait.taken, settings.LOCK_POLL_SECONDS)
        except OSError as error:
            raise unusable(lock.path, error) from None
        yield held
    finally:
        lock.close()
        gate.leave()


class _Wait:
    """One wait for a lock: before its gate, and then before its file."""

    def __init__(
        self, lock: LockFile, seconds: float, waiting: Waiting, news: News
    ) -> None:
        self._lock = lock
        self._seconds = seconds
        self._waiting = waiting
        self._news = news
        self._began = time.monotonic()
        self._told = False

    def taken(self, pause: float) -> bool:
        """Whether the file is ours now; if not, let some time pass."""
        if self._lock.taken(f"{os.getpid()} {terminal_session()}"):
            return True
        time.sleep(pause)
        return False

    def until(
        self, attempt: Callable[[float], bool], pauses: tuple[float, float]
    ) -> bool:
        """Return True once an attempt succeeds, or False as soon as there is news.

        ``pauses`` are how long an attempt may take: at first, and once it is told.
        Raises Busy.
        """
        notice = min(settings.LOCK_NOTICE_SECONDS, self._seconds)
        pause = 0.0
        while not attempt(pause):
            if self._news():
                return False
            waited = time.monotonic() - self._began
            if waited >= notice and not self._told:
                self._told = True
                self._waiting(_holder(self._lock))
            if waited >= self._seconds:
                raise busy(_holder(self._lock), self._seconds)
            pause, end = pauses[self._told], self._seconds if self._told else notice
            pause = max(0.0, min(pause, end - waited))
        return True


def busy(holder: Holder | None, seconds: float) -> Busy:
    """Return what to raise when a lock is held for too long."""
    whom = f"process {holder.process}" if holder else "somebody else"
    return Busy(
        f"{whom} has been getting these credentials for {seconds:.0f} seconds",
        hint="answer its prompt or end it, and try again",
    )


def terminal_session() -> int:
    """Return the id of our session: a terminal controls one, and only one.

    On Windows it is that of the console's window; 0 without a console.
    """
    if hasattr(os, "getsid"):
        return os.getsid(0)
    from sts_plugin.windows_system import window  # noqa: PLC0415 - Windows alone

    return window()


def terminal_turn() -> str:
    """Return the name of the lock for asking on our terminal, one after the other."""
    import platform  # noqa: PLC0415 - for this only

    return f"terminal of session {terminal_session()} on {platform.node()}"


def _holder(lock: LockFile) -> Holder | None:
    with contextlib.suppress(OSError, ValueError, TypeError):
        return Holder(*map(int, lock.signature()[:40].split()))
    return None
