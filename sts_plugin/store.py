"""The cache on disk: one entry, one file.

Knows nothing of AWS: it sees keys, JSON objects and when they expire.

States of an entry: absent; fresh, usable or expired (``model.Life`` tells); damaged,
which reads as absent and is replaced by the next ``publish``.

Calling sequence: ``read``; on a miss take ``lock``, ``read`` again, make the new
entry, ``publish`` it, let go. Readers take no lock and meet the old entry or the new
one, never a mixture: an entry appears by ``rename``. Locks are advisory, never
deleted (deleting one splits its waiters), and freed by the kernel when their holder
dies. Methods raise CacheUnusable for trouble with the disk; the caller goes on
without. File names are digests.
"""

from __future__ import annotations

import contextlib
import os
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Protocol

from sts_plugin import settings
from sts_plugin.errors import Busy, CacheUnusable
from sts_plugin.keys import digest
from sts_plugin.model import Life
from sts_plugin.private import PrivateFolder, unusable

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from contextlib import AbstractContextManager
    from pathlib import Path

__all__ = ["DiskStore", "Entry", "Store", "Waiting", "busy"]

FORMAT = 1
"""Version of the files' format; another one reads as absent."""

# Somebody may keep other things in the folder: only names of ours are touched.
ENTRY_NAME = re.compile(r"[0-9a-f]{64}\.json")
TEMPORARY_NAME = re.compile(r"\.([0-9a-f]{64})\.(?:json|codes)\.[0-9a-f]{16}\.tmp")

Waiting = Callable[[int | None], None]
"""Called once when a lock takes long, with the process id of its holder if known."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One answer: ``document`` may hold secrets, ``label`` is for people to read."""

    key: str
    life: Life
    document: Mapping[str, Any]
    label: Mapping[str, str]

    def __repr__(self) -> str:
        """Show the key and the life; never the document."""
        return f"Entry(key={self.key!r}, life={self.life!r})"


class Store(Protocol):
    """What the resolver needs of a cache."""

    def read(self, key: str) -> Entry | None:
        """Return the entry of this key; anything damaged or foreign is None."""
        ...

    def publish(self, entry: Entry) -> None:
        """Put the entry in the place of an older one, all at once."""
        ...

    def remove(self, entry: Entry) -> None:
        """Remove this entry, unless a newer one has taken its place."""
        ...

    def lock(self, name: str, waiting: Waiting) -> AbstractContextManager[None]:
        """Hold the lock of this name; raise Busy after ``LOCK_WAIT_SECONDS``."""
        ...

    def used_codes(self, device: str) -> frozenset[str]:
        """Return the digests of the codes that were given out for a device."""
        ...

    def record_code(self, device: str, code: str) -> None:
        """Note that a code is about to be used. Call it under the device's lock."""
        ...


class DiskStore:
    """The cache in a folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = PrivateFolder(folder)

    @property
    def path(self) -> Path:
        """The folder."""
        return self._folder.path

    def prepare(self) -> None:
        """Make the folder if need be; raise CacheUnusable if it is no use."""
        self._folder.make()

    # --- Entries ---

    def read(self, key: str) -> Entry | None:
        """Return the entry of this key; anything damaged or foreign is None."""
        data = self._folder.load(f"{key}.json")
        try:
            return _entry(data, key)
        except (KeyError, TypeError, ValueError, OverflowError):
            return None

    def entries(self) -> Iterator[Entry]:
        """Yield every readable entry, in no particular order."""
        for name, _ in self._folder.files():
            if _is_entry(name) and (entry := self.read(name.removesuffix(".json"))):
                yield entry

    def publish(self, entry: Entry) -> None:
        """Put the entry in the place of an older one, all at once.

        Leaves nothing behind when it fails: the old entry still stands.
        """
        self._sweep(entry.key)
        fields = {
            "version": FORMAT,
            "key": entry.key,
            "issued": entry.life.issued.isoformat(),
            "expires": entry.life.expires.isoformat(),
            "label": dict(entry.label),
            "document": dict(entry.document),
        }
        # A damaged disk may change a byte of a secret and leave sound JSON.
        self._folder.save(f"{entry.key}.json", {**fields, "digest": digest(fields)})

    def remove(self, entry: Entry) -> None:
        """Remove this entry, unless a newer one has taken its place."""
        current = self.read(entry.key)
        if current is not None and current.document == entry.document:
            self._folder.remove(f"{entry.key}.json")

    def clear(self) -> int:
        """Remove every entry, damaged ones and left-over files included.

        Returns how many entries there were. Locks and ledgers stay.
        """
        ours = [name for name, _ in self._folder.files() if _holds_secrets(name)]
        for name in ours:
            self._folder.remove(name)
        return sum(map(_is_entry, ours))

    def _sweep(self, key: str) -> None:
        """Remove what crashed writers and dead sessions left.

        Whoever publishes holds the lock of ``key``: no other writer of it is at work.
        """
        now = time.time()
        for name, changed in self._folder.files():
            age = now - changed
            temporary = TEMPORARY_NAME.fullmatch(name)
            left_over = temporary and (
                temporary[1] == key or age > settings.TEMPORARY_AGE_SECONDS_MAX
            )
            dead = _is_entry(name) and age > settings.ENTRY_AGE_SECONDS_MAX
            if left_over or dead:
                with contextlib.suppress(CacheUnusable):  # it can wait for another run
                    self._folder.remove(name)

    # --- Locks ---

    @contextlib.contextmanager
    def lock(self, name: str, waiting: Waiting) -> Iterator[None]:
        """Hold the lock of this name; raise Busy after ``LOCK_WAIT_SECONDS``."""
        # Imported late: a hit needs no lock, and this import has its price.
        from filelock import FileLock, Timeout  # noqa: PLC0415

        self._folder.make()
        path = self.path / f"{digest('lock', name)}.lock"
        lock = FileLock(
            path,
            mode=0o600,
            # A soft lock outlives a killed holder; without flock we say so instead.
            fallback_to_soft=False,
            preserve_lock_file=True,
            on_acquired=_sign,
        )
        notice = settings.LOCK_NOTICE_SECONDS
        try:
            try:
                lock.acquire(timeout=notice)
            except Timeout:
                waiting(_holder(path))
                lock.acquire(timeout=settings.LOCK_WAIT_SECONDS - notice)
        except Timeout:
            raise busy(_holder(path)) from None
        except OSError as error:
            raise unusable(path, error) from None
        try:
            yield
        finally:
            lock.release()

    # --- The ledger of used codes ---

    def used_codes(self, device: str) -> frozenset[str]:
        """Return the digests of the codes that were given out for a device."""
        return frozenset(self._codes(device))

    def record_code(self, device: str, code: str) -> None:
        """Note that a code is about to be used. Call it under the device's lock."""
        codes = {**self._codes(device), digest(device, code): time.time()}
        self._folder.save(_ledger(device), {"version": FORMAT, "codes": codes})

    def _codes(self, device: str) -> dict[str, float]:
        data = self._folder.load(_ledger(device))
        codes = data.get("codes") if isinstance(data, dict) else None
        if not isinstance(codes, dict):
            return {}
        now = time.time()
        return {
            code: used
            for code, used in codes.items()
            if isinstance(used, float) and abs(now - used) < settings.CODE_USED_SECONDS
        }


def busy(holder: int | None) -> Busy:
    """Return what to raise when a lock is held for too long."""
    whom = f"process {holder}" if holder else "somebody else"
    return Busy(
        f"{whom} has been getting these credentials for"
        f" {settings.LOCK_WAIT_SECONDS:.0f} seconds",
        hint="answer its prompt or end it, and try again",
    )


def _ledger(device: str) -> str:
    return f"{digest('codes', device)}.codes"


def _is_entry(name: str) -> bool:
    return bool(ENTRY_NAME.fullmatch(name))


def _holds_secrets(name: str) -> bool:
    return _is_entry(name) or bool(TEMPORARY_NAME.fullmatch(name))


def _entry(data: Any, key: str) -> Entry | None:  # noqa: ANN401 - JSON
    """Return the entry that ``data`` spells, or None or an error if it is not sound."""
    if not isinstance(data, dict) or (data["version"], data["key"]) != (FORMAT, key):
        return None
    if data.pop("digest") != digest(data):
        return None
    label, document = data["label"], data["document"]
    issued = datetime.fromisoformat(data["issued"])
    expires = datetime.fromisoformat(data["expires"])
    sound = (
        isinstance(label, dict)
        and all(isinstance(value, str) for value in label.values())
        and isinstance(document, dict)
        and issued.tzinfo is not None
        and expires.tzinfo is not None
    )
    if not sound:
        return None
    life = Life(issued.astimezone(UTC), expires.astimezone(UTC))
    seconds = (life.expires - life.issued).total_seconds()
    if not 0 < seconds <= settings.ENTRY_AGE_SECONDS_MAX:
        return None
    return Entry(key, life, document, label)


def _sign(descriptor: int) -> None:
    # For people only: who waits can be told whom for. The kernel holds the lock.
    with contextlib.suppress(OSError):
        os.ftruncate(descriptor, 0)
        os.write(descriptor, str(os.getpid()).encode())


def _holder(path: Path) -> int | None:
    with contextlib.suppress(OSError, ValueError):
        return int(path.read_bytes()[:20])
    return None
