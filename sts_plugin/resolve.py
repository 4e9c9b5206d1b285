"""The conductor: from a plan to credentials.

Walk the plan backwards to the newest entry that is good enough; from there make each
call that is left, under its lock, and publish the answer. Parses nothing, prints
nothing, asks nobody itself.
"""

from __future__ import annotations

import contextlib
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Protocol, TypeVar

from sts_plugin.document import from_document, to_document
from sts_plugin.errors import (
    CacheUnusable,
    CallerRejected,
    StsPluginError,
)
from sts_plugin.keys import digest
from sts_plugin.mfa import Question, with_code
from sts_plugin.model import Life, RoleHop
from sts_plugin.store import Entry

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sts_plugin.mfa import CodeSource
    from sts_plugin.model import Credentials, Plan, Secret, SessionHop
    from sts_plugin.store import Store

__all__ = ["Resolver"]

T = TypeVar("T")


class Caller(Protocol):
    """What makes the call of a hop: ``sts.Sts``."""

    def call(
        self, hop: SessionHop | RoleHop, caller: Credentials, code: Secret | None
    ) -> Credentials:
        """Return the answer as credentials, or raise one of our errors."""
        ...


class Resolver:
    """Resolves one plan.

    ``source`` gets the credentials that the plan starts from; ``tell`` takes a line
    for whoever is watching. ``before_asking`` may raise for a device whose lock is
    about to be waited for.
    """

    def __init__(  # noqa: PLR0913 - every room below meets here
        self,
        plan: Plan,
        *,
        store: Store,
        sts: Caller,
        codes: CodeSource,
        source: Callable[[], Credentials],
        tell: Callable[[str], None],
        before_asking: Callable[[str], None] = lambda _device: None,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._plan = plan
        self._store = store
        self._sts = sts
        self._codes = codes
        self._source = source
        self._tell = tell
        self._before_asking = before_asking
        self._now = now
        self._cache_trouble = False
        self._sent: frozenset[str] = frozenset()
        self._rejected: frozenset[str | None] = frozenset()

    def resolve(self) -> Credentials:
        """Return credentials that may be handed out now.

        Raises what the rooms below raise. While an older set is still valid, it is
        returned instead, and the trouble is told: no request fails for a renewal
        that can wait.
        """
        if not self._plan.calls:
            return self._source()
        try:
            return self._resolve()
        except StsPluginError as error:
            last = self._read(self._plan.calls[-1], final=False)
            if last is None:
                raise
            until = f"{last.life.expires:%H:%M:%S} UTC"
            self._tell(f"renewal failed, good until {until} all the same: {error.line}")
            return from_document(last.document)

    def _resolve(self) -> Credentials:
        done, credentials = self._newest()
        try:
            return self._forward(done, credentials)
        except CallerRejected:
            # AWS no longer takes what the cache said was good (a revoked session,
            # a restarted test bench): forget it and build the chain once more.
            if credentials is None:
                raise
            self._forget(done, credentials)
            return self._forward(*self._newest())

    def _newest(self) -> tuple[int, Credentials | None]:
        """Return how many calls the newest good entry saves, and its credentials."""
        calls = self._plan.calls
        for done in range(len(calls), 0, -1):
            entry = self._read(calls[done - 1], final=done == len(calls))
            if entry is not None:
                return done, from_document(entry.document)
        return 0, None

    def _forward(self, done: int, credentials: Credentials | None) -> Credentials:
        credentials = credentials or self._source()
        for hop in self._plan.calls[done:]:
            credentials = self._pass(hop, credentials)
        return credentials

    def _pass(self, hop: SessionHop | RoleHop, caller: Credentials) -> Credentials:
        """Make one call, unless somebody else made it while we waited."""
        final = hop is self._plan.calls[-1]
        if hop.mfa_serial:
            self._before_asking(hop.mfa_serial)
        with self._lock(hop):
            if entry := self._read(hop, final=final):
                return from_document(entry.document)
            issued = self._now()
            credentials = self._call(hop, caller)
            self._publish(hop, caller, credentials, issued)
            return credentials

    def _call(self, hop: SessionHop | RoleHop, caller: Credentials) -> Credentials:
        device = hop.mfa_serial
        if device is None:
            return self._sts.call(hop, caller, None)

        def send(code: Secret) -> Credentials:
            self._record(device, code)  # before the call: it may be spent
            return self._sts.call(hop, caller, code)

        question = Question(self._plan.profile, device)
        used = self._used(device)
        return with_code(self._codes, question, used, send, tell=self._tell)

    # --- The store: trouble with it is told and never fatal ---

    def _read(self, hop: SessionHop | RoleHop, *, final: bool) -> Entry | None:
        entry = self._try(lambda: self._store.read(hop.key), None)
        if entry is None or not _sound(entry):
            return None
        if entry.document["AccessKeyId"] in self._rejected:
            return None  # a folder that cannot be written keeps what was removed
        # What is handed out must last; what signs our next call must only do so.
        good = entry.life.fresh if final else entry.life.usable
        return entry if good(self._now()) else None

    def _publish(
        self,
        hop: SessionHop | RoleHop,
        caller: Credentials,
        credentials: Credentials,
        issued: datetime,
    ) -> None:
        assert credentials.expiration is not None  # STS always says
        label = {
            "kind": "role" if isinstance(hop, RoleHop) else "session",
            "subject": hop.role_arn if isinstance(hop, RoleHop) else hop.mfa_serial,
            "profile": hop.profile,
            "caller": caller.access_key_id,
        }
        life = Life(issued, credentials.expiration)
        entry = Entry(hop.key, life, to_document(credentials), label)
        self._try(lambda: self._store.publish(entry), None)

    def _forget(self, done: int, rejected: Credentials) -> None:
        """Remove a rejected entry and all it stands on, unless it is newer by now."""
        entries = [
            self._try(partial(self._store.read, hop.key), None)
            for hop in self._plan.calls[:done]
        ]
        last = entries[-1]
        if last and last.document.get("AccessKeyId") == rejected.access_key_id:
            for entry in filter(None, entries):
                self._rejected |= {entry.document.get("AccessKeyId")}
                self._try(partial(self._store.remove, entry), None)

    def _used(self, device: str) -> frozenset[str]:
        nothing: frozenset[str] = frozenset()
        return self._sent | self._try(lambda: self._store.used_codes(device), nothing)

    def _record(self, device: str, code: Secret) -> None:
        # Should the ledger be out of reach, this run at least remembers.
        self._sent |= {digest(device, code.reveal())}
        self._try(lambda: self._store.record_code(device, code.reveal()), None)

    @contextlib.contextmanager
    def _lock(self, hop: SessionHop | RoleHop) -> Iterator[None]:
        with contextlib.ExitStack() as stack:
            lock = self._store.lock(hop.lock, self._waiting)
            self._try(lambda: stack.enter_context(lock), None)
            yield

    def _waiting(self, holder: int | None) -> None:
        whom = f"process {holder}" if holder else "another process"
        self._tell(
            f"waiting for {whom}, which gets credentials that profile"
            f' "{self._plan.profile}" needs too'
        )

    def _try(self, work: Callable[[], T], otherwise: T) -> T:
        try:
            return work()
        except CacheUnusable as error:
            if not self._cache_trouble:  # a full disk is one piece of news, not five
                self._tell(f"going on without the cache: {error.line}")
            self._cache_trouble = True
            return otherwise


def _sound(entry: Entry) -> bool:
    try:
        from_document(entry.document)
    except ValueError:
        return False
    return True
