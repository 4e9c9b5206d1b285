"""The cache on disk: one entry, one file; one lock and one ledger for each name.

Knows nothing of AWS: it sees keys, JSON objects and when they expire.

States of an entry: absent; fresh, usable or expired (``model.Life`` tells); damaged,
which reads as absent and is replaced by the next ``publish``.

Calling sequence: ``read``; on a miss take ``lock``, ``read`` again, make the new
entry, ``publish`` it, let go. Readers take no lock and meet the old entry or the new
one, never a mixture: an entry appears by ``rename``. Methods raise CacheUnusable for
trouble with the disk; the caller goes on without. File names are digests.

Beside them are the records and the claims of ``warm``, which is why an entry that is
not sealed has a stamp before its other fields: it reads no JSON.
"""

from __future__ import annotations

import contextlib
import json
import re
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Protocol

from sts_plugin import settings, warm
from sts_plugin.document import timestamp
from sts_plugin.errors import CacheUnusable
from sts_plugin.keys import digest
from sts_plugin.ledger import Ledger
from sts_plugin.locks import hold
from sts_plugin.model import Life
from sts_plugin.private import PrivateFolder
from sts_plugin.sealing import PLAIN, Plain

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from contextlib import AbstractContextManager
    from pathlib import Path

    from sts_plugin.ledger import Failure
    from sts_plugin.locks import News, Waiting
    from sts_plugin.sealing import Seal

__all__ = ["DiskStore", "Entry", "Store"]

FORMAT = 1
"""Version of the files' format; another one reads as absent."""

# Somebody may keep other things in the folder: only names of ours are touched.
ENTRY_NAME = re.compile(r"[0-9a-f]{64}\.json")
LEDGER_NAME = re.compile(r"[0-9a-f]{64}\.ledger")
RECORD_NAME = re.compile(r"[0-9a-f]{32}\.[0-9a-f]\.warm")
CLAIM_NAME = re.compile(r"([0-9a-f]{64})\.\d+\.\d+\.claim")
TEMPORARY_NAME = re.compile(
    r"\.([0-9a-f]{64}|[0-9a-f]{32})\.(?:json|ledger|[0-9a-f]\.warm)\.[0-9a-f]{16}\.tmp"
)

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


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

    def lock(
        self, name: str, waiting: Waiting, news: News = ...
    ) -> AbstractContextManager[bool]:
        """Hold the lock of this name, as ``locks.hold`` says."""
        ...

    def used_codes(self, device: str) -> frozenset[str]:
        """Return the digests of the codes that were given out for a device."""
        ...

    def record_code(self, device: str, code: str) -> None:
        """Note that a code is about to be used. Call it under the device's lock."""
        ...

    def forget_code(self, device: str, code: str) -> None:
        """Note that a code was not used after all. Call it under the same lock."""
        ...

    def failure(self, name: str) -> Failure | None:
        """Return why the last turn under this lock came to nothing, if it did."""
        ...

    def unanswered(self, name: str) -> Mapping[str, float]:
        """Return when nobody answered (epoch seconds), by whom it concerns."""
        ...

    def record_failure(self, name: str, failure: Failure | None) -> None:
        """Note that a turn came to nothing, or that one did not. Call it under it."""
        ...


class DiskStore:
    """The cache in a folder. ``wait_seconds``: how long a lock is waited for.

    ``seal`` is what entries are written and read with; see ``sealing``.
    """

    def __init__(
        self,
        folder: Path,
        *,
        wait_seconds: float = settings.LOCK_WAIT_SECONDS,
        seal: Seal = PLAIN,
    ) -> None:
        self._folder = PrivateFolder(folder)
        self._wait_seconds = wait_seconds
        self._seal = seal

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
            entry = _entry(data, key, self._seal)
        except (KeyError, TypeError, ValueError, OverflowError, RecursionError):
            return None
        return entry if entry and _agrees(entry) else None

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
        plain = {
            "version": FORMAT,
            "key": entry.key,
            "issued": entry.life.issued.isoformat(),
            "expires": entry.life.expires.isoformat(),
            "label": dict(entry.label),
            "document": dict(entry.document),
        }
        fields = self._seal.close(plain)
        # A damaged disk may change a byte of a secret and leave sound JSON.
        data = json.dumps({**fields, "digest": digest(fields)}).encode()
        if isinstance(self._seal, Plain):  # what is sealed is not to be printed
            document = json.dumps(plain["document"]).encode()
            data = warm.stamp(data, document, _moments(entry.life))
        self._folder.write(f"{entry.key}.json", data)

    def printed(self, key: str) -> bytes | None:
        """Return the document of an entry as ``warm`` would print it, if it would."""
        data = self._folder.read(f"{key}.json")
        found = warm.stamped(data) if data else None
        if found is None:
            return None
        fields, (*_, offset, length) = found
        return fields[offset : offset + length]

    def remove(self, entry: Entry) -> None:
        """Remove this entry, unless a newer one has taken its place."""
        current = self.read(entry.key)
        if current is not None and current.document == entry.document:
            self._folder.remove(f"{entry.key}.json")

    def clear(self) -> int:
        """Remove every entry, damaged ones and left-over files included.

        Returns how many entries there were. Locks and ledgers stay.
        """
        ours = [name for name, _ in self._folder.files() if _is_cached(name)]
        for name in ours:
            self._folder.remove(name)
        return sum(map(_is_entry, ours))

    def useless(self) -> Iterator[tuple[str, bool]]:
        """Yield what only takes room: (name, whether it is an entry that is damaged).

        The others are temporary files that crashed writers left.
        """
        now = time.time()
        for name, changed in self._folder.files():
            old = now - changed > settings.TEMPORARY_AGE_SECONDS_MAX
            if old and TEMPORARY_NAME.fullmatch(name):
                yield name, False
            elif _is_entry(name) and self.read(name.removesuffix(".json")) is None:
                yield name, True

    def discard(self, name: str) -> None:
        """Remove what ``useless`` found, unless a sound entry has taken its place."""
        if (name, _is_entry(name)) in self.useless():
            self._folder.remove(name)

    def _sweep(self, key: str) -> None:
        """Remove what crashed writers and dead sessions left.

        Whoever writes the entry or the ledger of ``key`` holds its lock: no other
        writer of it is at work.
        """
        now = time.time()
        for name, changed in self._folder.files():
            age = now - changed
            passing = TEMPORARY_NAME.fullmatch(name) or CLAIM_NAME.fullmatch(name)
            left_over = passing and (
                passing[1] == key or age > settings.TEMPORARY_AGE_SECONDS_MAX
            )
            ours = _is_cached(name) or LEDGER_NAME.fullmatch(name)
            dead = ours and age > settings.ENTRY_AGE_SECONDS_MAX
            if left_over or dead:
                with contextlib.suppress(CacheUnusable):  # it can wait for another run
                    self._folder.remove(name)

    # --- What is for ``warm`` ---

    def record(self, name: str, data: bytes) -> None:
        """Keep a record, unless it is there as it is."""
        if self._folder.read(name) != data:
            self._folder.write(name, data, lasting=False)

    def claim(self, key: str, life: Life, now: datetime) -> bool:
        """Whether nobody else has started a renewal of an entry; we do it then."""
        _, early, until, _ = _moments(life)
        name = warm.claim_name(key, early, until, _microseconds(now))
        return self._folder.claim(name)

    # --- Locks and ledgers ---

    @contextlib.contextmanager
    def lock(
        self, name: str, waiting: Waiting, news: News = lambda: False
    ) -> Iterator[bool]:
        """Hold the lock of this name, as ``locks.hold`` says."""
        file, seconds = f"{digest('lock', name)}.lock", self._wait_seconds
        with hold(
            self._folder, file, seconds=seconds, waiting=waiting, news=news
        ) as held:
            yield held

    def used_codes(self, device: str) -> frozenset[str]:
        """Return the digests of the codes that were given out for a device."""
        return frozenset(self._ledger(device).codes)

    def record_code(self, device: str, code: str) -> None:
        """Note that a code is about to be used. Call it under the device's lock."""
        ledger = self._ledger(device).with_code(digest(device, code), time.time())
        self._save(device, ledger)

    def forget_code(self, device: str, code: str) -> None:
        """Note that a code was not used after all. Call it under the same lock."""
        self._save(device, self._ledger(device).without_code(digest(device, code)))

    def failure(self, name: str) -> Failure | None:
        """Return why the last turn under this lock came to nothing, if it did."""
        return self._ledger(name).failure

    def unanswered(self, name: str) -> Mapping[str, float]:
        """Return when nobody answered (epoch seconds), by whom it concerns."""
        return self._ledger(name).unanswered

    def record_failure(self, name: str, failure: Failure | None) -> None:
        """Note that a turn came to nothing, or that one did not. Call it under it."""
        self._save(name, self._ledger(name).with_failure(failure))

    def _ledger(self, name: str) -> Ledger:
        data = self._folder.load(_ledger_name(name))
        if not isinstance(data, dict) or data.get("version") != FORMAT:
            return Ledger()
        now = time.time()
        span = settings.CODE_USED_SECONDS
        return Ledger.from_json(data).since(now - span, now + span)

    def _save(self, name: str, ledger: Ledger) -> None:
        self._sweep(digest("ledger", name))
        data = {"version": FORMAT, **ledger.to_json()}
        self._folder.save(_ledger_name(name), data)


def _ledger_name(name: str) -> str:
    return f"{digest('ledger', name)}.ledger"


def _is_entry(name: str) -> bool:
    return bool(ENTRY_NAME.fullmatch(name))


def _is_cached(name: str) -> bool:
    kinds = (ENTRY_NAME, TEMPORARY_NAME, RECORD_NAME, CLAIM_NAME)
    return any(kind.fullmatch(name) for kind in kinds)


def _moments(life: Life) -> tuple[int, int, int, int]:
    """Return what the stamp says of a life, in microseconds of the epoch."""
    moments = (life.begins, life.early, life.renew, life.last)
    begins, early, renew, last = map(_microseconds, moments)
    return begins, early, renew, last


def _microseconds(moment: datetime) -> int:
    return (moment - EPOCH) // timedelta(microseconds=1)


def _agrees(entry: Entry) -> bool:
    """Whether what SDKs are told of its end is what we go by ourselves."""
    ends = timestamp(entry.life.expires)
    return bool(entry.document.get("Expiration", ends) == ends)


def _entry(data: Any, key: str, seal: Seal) -> Entry | None:  # noqa: ANN401 - JSON
    """Return the entry that ``data`` spells, or None or an error if it is not sound."""
    if not isinstance(data, dict) or (data["version"], data["key"]) != (FORMAT, key):
        return None
    data.pop("stamp", None)  # who reads by it looks whether it is sound
    if data.pop("digest") != digest(data):
        return None
    data = seal.open(data)
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
