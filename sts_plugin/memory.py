"""The cache of a run whose folder cannot be used: in memory, for this process only."""

from __future__ import annotations

import contextlib
import threading
from collections import defaultdict
from typing import TYPE_CHECKING

from sts_plugin import settings
from sts_plugin.keys import digest
from sts_plugin.store import busy

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sts_plugin.store import Entry, Waiting

__all__ = ["MemoryStore"]


class MemoryStore:
    """A Store that ends with its process."""

    def __init__(self) -> None:
        self._entries: dict[str, Entry] = {}
        self._codes: dict[str, set[str]] = defaultdict(set)
        self._locks: dict[str, threading.Lock] = {}

    def read(self, key: str) -> Entry | None:
        """Return the entry of this key."""
        return self._entries.get(key)

    def publish(self, entry: Entry) -> None:
        """Put the entry in the place of an older one."""
        self._entries[entry.key] = entry

    def remove(self, entry: Entry) -> None:
        """Remove this entry, unless a newer one has taken its place."""
        if self._entries.get(entry.key) == entry:
            del self._entries[entry.key]

    @contextlib.contextmanager
    def lock(self, name: str, waiting: Waiting) -> Iterator[None]:
        """Hold the lock of this name; only threads of this process can wait."""
        lock = self._locks.setdefault(name, threading.Lock())
        notice = settings.LOCK_NOTICE_SECONDS
        if not lock.acquire(timeout=notice):
            waiting(None)
            if not lock.acquire(timeout=settings.LOCK_WAIT_SECONDS - notice):
                raise busy(None)
        try:
            yield
        finally:
            lock.release()

    def used_codes(self, device: str) -> frozenset[str]:
        """Return the digests of the codes that were given out for a device."""
        return frozenset(self._codes[device])

    def record_code(self, device: str, code: str) -> None:
        """Note that a code is about to be used."""
        self._codes[device].add(digest(device, code))
