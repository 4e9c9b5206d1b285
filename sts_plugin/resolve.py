"""The conductor: from a plan to credentials.

Walk the plan backwards to the newest entry that is good enough; from there make each
call that is left, under its lock, and publish the answer. Parses nothing, prints
nothing, asks nobody itself.
"""

from __future__ import annotations

import contextlib
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from sts_plugin.document import from_document, to_document
from sts_plugin.errors import (
    CacheUnusable,
    CallerRejected,
    DurationRefused,
    StsPluginError,
)
from sts_plugin.keys import digest
from sts_plugin.limits import check
from sts_plugin.mfa import Question, with_code
from sts_plugin.model import Life
from sts_plugin.rules import lowered
from sts_plugin.settings import LOWER_ROLE_SECONDS
from sts_plugin.store import Entry

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from sts_plugin.mfa import CodeSource
    from sts_plugin.model import Call, Credentials, Plan, Secret
    from sts_plugin.store import Store

__all__ = ["Resolver"]

T = TypeVar("T")


class Caller(Protocol):
    """What makes the call of a hop: ``sts.Sts``."""

    def call(
        self, call: Call, caller: Credentials | None, brought: Mapping[str, Any]
    ) -> Credentials:
        """Return the answer as credentials, or raise one of our errors."""
        ...


class Resolver:
    """Resolves one plan.

    ``source`` gets the credentials that the plan starts from, ``bring`` what a call
    proves itself with; ``tell`` takes a line for whoever is watching.
    ``before_waiting`` may raise for a call whose lock is about to be waited for.
    """

    def __init__(  # noqa: PLR0913 - every room below meets here
        self,
        plan: Plan,
        *,
        store: Store,
        sts: Caller,
        codes: CodeSource,
        source: Callable[[], Credentials],
        bring: Callable[[Call], Mapping[str, Any]],
        tell: Callable[[str], None],
        before_waiting: Callable[[Call], None] = lambda _call: None,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._plan = plan
        self._store = store
        self._sts = sts
        self._codes = codes
        self._source = source
        self._bring = bring
        self._tell = tell
        self._before_waiting = before_waiting
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
        for call in self._plan.calls[done:]:
            check(call)  # all of them, before anybody is asked or anything is sent
        for call in self._plan.calls[done:]:
            credentials = self._pass(call, credentials)
        assert credentials is not None  # a plan without calls does not come here
        return credentials

    def _pass(self, call: Call, caller: Credentials | None) -> Credentials:
        """Make one call, unless somebody else made it while we waited."""
        final = call is self._plan.calls[-1]
        self._before_waiting(call)
        if call.mfa_serial:
            # A command that the source runs may need the lock of the same device.
            caller = caller or self._source()
        with self._lock(call):
            if entry := self._read(call, final=final):
                return from_document(entry.document)
            if caller is None and call.signed:
                caller = self._source()
            issued = self._now()
            credentials = self._call(call, caller)
            self._publish(call, caller, credentials, issued)
            return credentials

    def _call(self, call: Call, caller: Credentials | None) -> Credentials:
        if caller and caller.session_token:
            # The plan has done so already, but where it could not know: a process.
            call = lowered(call, [])
        device, brought = call.mfa_serial, self._bring(call)
        if device is None:
            return self._as_long_as_allowed(call, caller, brought)

        def send(code: Secret) -> Credentials:
            self._record(device, code)  # before the call: it may be spent
            return self._sts.call(call, caller, {**brought, "TokenCode": code})

        question = Question(self._plan.profile, device)
        used = self._used(device)
        return with_code(self._codes, question, used, send, tell=self._tell)

    def _as_long_as_allowed(
        self, call: Call, caller: Credentials | None, brought: Mapping[str, Any]
    ) -> Credentials:
        """Make a call, for a shorter session where the profile says that will do.

        Not for a call with a code: each attempt would cost another one.
        """
        asked = {**call.arguments, **brought}.get("DurationSeconds", 0)
        shorter = [one for one in LOWER_ROLE_SECONDS if one < asked]
        attempts = shorter if call.lower_duration else []
        for seconds in attempts:
            try:
                return self._sts.call(call, caller, brought)
            except DurationRefused:
                self._tell(
                    f"{call.subject} does not allow {asked} seconds; asking for"
                    f" {seconds}"
                )
                asked, brought = seconds, {**brought, "DurationSeconds": seconds}
        return self._sts.call(call, caller, brought)

    # --- The store: trouble with it is told and never fatal ---

    def _read(self, call: Call, *, final: bool) -> Entry | None:
        entry = self._try(lambda: self._store.read(call.key), None)
        if entry is None or not _sound(entry):
            return None
        if entry.document["AccessKeyId"] in self._rejected:
            return None  # a folder that cannot be written keeps what was removed
        # What is handed out must last; what signs our next call must only do so.
        good = entry.life.fresh if final else entry.life.usable
        return entry if good(self._now()) else None

    def _publish(
        self,
        call: Call,
        caller: Credentials | None,
        credentials: Credentials,
        issued: datetime,
    ) -> None:
        assert credentials.expiration is not None  # STS always says
        label = {
            "kind": call.kind,
            "action": call.action,
            "subject": call.subject,
            "profile": self._plan.profile if call.of_program else call.profile,
            "caller": caller.access_key_id if caller else "",
        }
        life = Life(issued, credentials.expiration)
        entry = Entry(call.key, life, to_document(credentials), label)
        self._try(lambda: self._store.publish(entry), None)

    def _forget(self, done: int, rejected: Credentials) -> None:
        """Remove a rejected entry and all it stands on, unless it is newer by now."""
        entries = [
            self._try(partial(self._store.read, call.key), None)
            for call in self._plan.calls[:done]
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
    def _lock(self, call: Call) -> Iterator[None]:
        with contextlib.ExitStack() as stack:
            lock = self._store.lock(call.lock, self._waiting)
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
