"""One lock, held by one process at a time: taken, waited for, signed.

Advisory (``flock``), never deleted (deleting one splits its waiters), freed by the
kernel when its holder dies. Who waits looks again and again whether there is news: what
it wanted the lock for may be done already, and then nobody needs to queue for it.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

from sts_plugin import settings
from sts_plugin.errors import Busy
from sts_plugin.private import unusable

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from filelock import BaseFileLock

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
def hold(path: Path, *, seconds: float, waiting: Waiting, news: News) -> Iterator[bool]:
    """Hold the lock, and yield True; or yield False, without it, as soon as ``news``.

    Raises Busy after ``seconds``, CacheUnusable where there are no locks.
    """
    # Imported late: a hit needs no lock, and this import has its price.
    from filelock import FileLock  # noqa: PLC0415

    lock = FileLock(
        path,
        mode=0o600,
        # A soft lock outlives a killed holder; without flock we say so instead.
        fallback_to_soft=False,
        preserve_lock_file=True,
        on_acquired=_sign,
    )
    try:
        held = _acquire(lock, path, seconds, waiting, news)
    except OSError as error:
        raise unusable(path, error) from None
    try:
        yield held
    finally:
        if held:
            # A network file system may fail in it: the lock ends with the process.
            with contextlib.suppress(OSError):
                lock.release()


def _acquire(
    lock: BaseFileLock, path: Path, seconds: float, waiting: Waiting, news: News
) -> bool:
    from filelock import Timeout  # noqa: PLC0415

    heard: list[bool] = []

    def check() -> bool:
        if not heard and news():
            heard.append(True)
        return bool(heard)

    def acquired(timeout: float, poll: float) -> bool:
        with contextlib.suppress(Timeout):
            lock.acquire(timeout, poll, cancel_check=check)
            return True
        return False

    notice = min(settings.LOCK_NOTICE_SECONDS, seconds)
    often, seldom = settings.LOCK_POLL_SECONDS
    if acquired(notice, often):
        return True
    if not heard:
        waiting(_holder(path))
        if acquired(seconds - notice, seldom):
            return True
    if not heard:
        raise busy(_holder(path), seconds)
    return False


def busy(holder: Holder | None, seconds: float) -> Busy:
    """Return what to raise when a lock is held for too long."""
    whom = f"process {holder.process}" if holder else "somebody else"
    return Busy(
        f"{whom} has been getting these credentials for {seconds:.0f} seconds",
        hint="answer its prompt or end it, and try again",
    )


def terminal_session() -> int:
    """Return the id of our session: a terminal controls one, and only one."""
    return os.getsid(0) if hasattr(os, "getsid") else 0


def terminal_turn() -> str:
    """Return the name of the lock for asking on our terminal, one after the other."""
    import platform  # noqa: PLC0415 - for this only

    return f"terminal of session {terminal_session()} on {platform.node()}"


def _sign(descriptor: int) -> None:
    # For people only: who waits can be told whom for. The kernel holds the lock.
    with contextlib.suppress(OSError):
        os.ftruncate(descriptor, 0)
        os.write(descriptor, f"{os.getpid()} {terminal_session()}".encode())


def _holder(path: Path) -> Holder | None:
    with contextlib.suppress(OSError, ValueError, TypeError):
        return Holder(*map(int, path.read_bytes()[:40].split()))
    return None
