"""The cache of a run that keeps no entries on disk: in memory, for this process only.

``MemoryStore`` is for a run without a folder. ``UnwrittenStore`` is for one that has a
folder and must not write entries to it: there is no key to seal them with.

Threads may share one: what is read without its lock is read in one step.
"""

from __future__ import annotations

import contextlib
import os
import threading
import time
from typing import TYPE_CHECKING

from sts_plugin import settings
from sts_plugin.keys import digest
from sts_plugin.ledger import Ledger
from sts_plugin.locks import busy
from sts_plugin.store import DiskStore

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from sts_plugin.ledger import Failure
    from sts_plugin.locks import News, Waiting
    from sts_plugin.store import Entry, Store

__all__ = ["MemoryStore", "UnwrittenStore"]


class MemoryStore:
    """A Store that ends with its process."""

    def __init__(self, *, wait_seconds: float = settings.LOCK_WAIT_SECONDS) -> None:
        self._wait_seconds = wait_seconds
        self._entries: dict[str, Entry] = {}
        self._codes: dict[str, frozenset[str]] = {}
        self._ledgers: dict[str, Ledger] = {}
        # By process: the thread that holds one does not exist in a forked child.
        self._locks: dict[tuple[int, str], threading.Lock] = {}

    def read(self, key: str) -> Entry | None:
        """Return the entry of this key."""
        return self._entries.get(key)

    def publish(self, entry: Entry) -> None:
        """Put the entry in the place of an older one."""
        self._entries[entry.key] = entry

    def remove(self, entry: Entry) -> None:
        """Remove this entry, unless a newer one has taken its place."""
        if self._entries.get(entry.key) == entry:
            self._entries.pop(entry.key, None)

    @contextlib.contextmanager
    def lock(
        self, name: str, waiting: Waiting, news: News = lambda: False
    ) -> Iterator[bool]:
        """Hold the lock of this name; only threads of this process can wait."""
        lock = self._locks.setdefault((os.getpid(), name), threading.Lock())
        held = self._acquire(lock, waiting, news)
        try:
            yield held
        finally:
            if held:
                lock.release()

    def _acquire(self, lock: threading.Lock, waiting: Waiting, news: News) -> bool:
        began, told = time.monotonic(), False
        while not lock.acquire(timeout=settings.LOCK_POLL_SECONDS[0]):
            waited = time.monotonic() - began
            if news():
                return False
            if waited > self._wait_seconds:
                raise busy(None, self._wait_seconds)
            if waited > settings.LOCK_NOTICE_SECONDS and not told:
                told = True
                waiting(None)
        return True

    def used_codes(self, device: str) -> frozenset[str]:
        """Return the digests of the codes that were given out for a device."""
        return self._codes.get(device, frozenset())

    def record_code(self, device: str, code: str) -> None:
        """Note that a code is about to be used. Call it under the device's lock."""
        self._codes[device] = self.used_codes(device) | {digest(device, code)}

    def forget_code(self, device: str, code: str) -> None:
        """Note that a code was not used after all. Call it under the same lock."""
        self._codes[device] = self.used_codes(device) - {digest(device, code)}

    def failure(self, name: str) -> Failure | None:
        """Return why the last turn under this lock came to nothing, if it did."""
        return self._ledger(name).failure

    def unanswered(self, name: str) -> Mapping[str, float]:
        """Return when nobody answered (epoch seconds), by whom it concerns."""
        return self._ledger(name).unanswered

    def record_failure(self, name: str, failure: Failure | None) -> None:
        """Note that a turn came to nothing, or that one did not. Call it under it."""
        self._ledgers[name] = self._ledger(name).with_failure(failure)

    def _ledger(self, name: str) -> Ledger:
        # Leaves no empty one behind: it might take the place of what was just noted.
        return self._ledgers.get(name) or Ledger()


class UnwrittenStore(DiskStore):
    """The locks and ledgers of a folder, and ``entries`` that are kept elsewhere.

    Locks and ledgers hold no secret, and it is they that keep two processes from
    asking on one terminal at once, or from sending one code twice.
    """

    def __init__(self, folder: Path, entries: Store, *, wait_seconds: float) -> None:
        super().__init__(folder, wait_seconds=wait_seconds)
        self._entries = entries

    def read(self, key: str) -> Entry | None:
        """Return the entry of this key."""
        return self._entries.read(key)

    def publish(self, entry: Entry) -> None:
        """Put the entry in the place of an older one, in memory."""
        self._entries.publish(entry)

    def remove(self, entry: Entry) -> None:
        """Remove this entry, unless a newer one has taken its place."""
        self._entries.remove(entry)
