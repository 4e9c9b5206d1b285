"""The store as the resolver uses it: trouble with it is told once, and never fatal."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, TypeVar

from sts_plugin.errors import CacheUnusable
from sts_plugin.keys import digest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from sts_plugin.ledger import Failure
    from sts_plugin.locks import News, Waiting
    from sts_plugin.model import Secret
    from sts_plugin.store import Entry, Store

__all__ = ["Cache"]

T = TypeVar("T")


class Cache:
    """Keeps in memory what the store does not take; where it fails, reads nothing."""

    def __init__(self, store: Store, *, tell: Callable[[str], None]) -> None:
        self._store = store
        self._tell = tell
        self._troubled = False
        self._sent: frozenset[str] = frozenset()
        self._kept: dict[str, Entry] = {}

    def read(self, key: str) -> Entry | None:
        """Return the entry of this key, if there is a sound one."""
        return self._kept.get(key) or self._try(lambda: self._store.read(key), None)

    def publish(self, entry: Entry) -> None:
        """Put the entry in the place of an older one."""

        def work() -> bool:
            self._store.publish(entry)
            return True

        self._kept.pop(entry.key, None)
        if not self._try(work, otherwise=False):
            self._kept[entry.key] = entry

    def remove(self, entry: Entry) -> None:
        """Remove this entry, unless a newer one has taken its place."""
        self._kept.pop(entry.key, None)
        self._try(lambda: self._store.remove(entry), None)

    @contextlib.contextmanager
    def lock(
        self,
        name: str,
        waiting: Waiting = lambda _holder: None,
        news: News = lambda: False,
    ) -> Iterator[bool]:
        """Hold the lock of this name, as ``locks.hold``; go on without if need be."""
        with contextlib.ExitStack() as stack:
            lock = self._store.lock(name, waiting, news)
            yield self._try(lambda: stack.enter_context(lock), otherwise=True)

    def used_codes(self, device: str) -> frozenset[str]:
        """Return the digests of the codes that were given out for a device."""
        nothing: frozenset[str] = frozenset()
        return self._sent | self._try(lambda: self._store.used_codes(device), nothing)

    def record_code(self, device: str, code: Secret) -> None:
        """Note that a code is about to be used."""
        # Should the ledger be out of reach, this run at least remembers.
        self._sent |= {digest(device, code.reveal())}
        self._try(lambda: self._store.record_code(device, code.reveal()), None)

    def forget_code(self, device: str, code: Secret) -> None:
        """Note that a code was not used after all."""
        self._sent -= {digest(device, code.reveal())}
        self._try(lambda: self._store.forget_code(device, code.reveal()), None)

    def failure(self, name: str) -> Failure | None:
        """Return why the last turn under this lock came to nothing, if it did."""
        return self._try(lambda: self._store.failure(name), None)

    def unanswered(self, name: str) -> Mapping[str, float]:
        """Return when nobody answered (epoch seconds), by whom it concerns."""
        nothing: Mapping[str, float] = {}
        return self._try(lambda: self._store.unanswered(name), nothing)

    def record_failure(self, name: str, failure: Failure | None) -> None:
        """Note that a turn came to nothing, or that one did not."""
        self._try(lambda: self._store.record_failure(name, failure), None)

    def _try(self, work: Callable[[], T], otherwise: T) -> T:
        try:
            return work()
        except CacheUnusable as error:
            if not self._troubled:  # a full disk is one piece of news, not five
                self._tell(f"going on without the cache: {error.line}")
            self._troubled = True
            return otherwise
