"""The conductor: from a plan to credentials.

Walk the plan backwards to the newest entry that is good enough; from there make each
call that is left, in turn with everybody else who wants it, and publish the answer.
Parses nothing, prints nothing, asks nobody itself.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from sts_plugin.backoff import Renewals, Resting
from sts_plugin.calling import Calling, scope_of
from sts_plugin.document import from_document, to_document
from sts_plugin.errors import Busy, CallerRejected, HumanNeeded, StsPluginError
from sts_plugin.limits import check
from sts_plugin.model import Life
from sts_plugin.settings import RUN_SECONDS_MAX, YOUNG_SESSION_SECONDS
from sts_plugin.store import Entry
from sts_plugin.turns import Turns, Want

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping

    from sts_plugin.cache import Cache
    from sts_plugin.calling import Caller
    from sts_plugin.locks import Holder
    from sts_plugin.mfa import CodeSource
    from sts_plugin.model import Call, Credentials, Plan
    from sts_plugin.settings import Settings
    from sts_plugin.watcher import Watcher

__all__ = ["Resolver"]

AT_HAND = ("environment", "given", "static")
"""Sources that nobody has to be asked for."""

RESTING = "the last renewal failed a moment ago"


class Resolver:
    """Resolves one plan.

    ``source`` gets the credentials that the plan starts from, ``bring`` what a call
    proves itself with; ``sources`` are asked for codes, in their order.
    ``before_waiting`` may raise for a call whose lock is about to be waited for.

    ``login`` says that somebody wants to be asked now, and which key ids the same login
    has got already: a session that is not quite new is got anew, nothing else will do,
    and no quiet period counts.

    ``ahead`` says that what will be due for renewal before long is to be got now.
    """

    def __init__(  # noqa: PLR0913 - every room below meets here
        self,
        plan: Plan,
        *,
        cache: Cache,
        sts: Caller,
        sources: Callable[[], Iterable[CodeSource]],
        source: Callable[[], Credentials],
        bring: Callable[[Call], Mapping[str, Any]],
        watcher: Watcher,
        settings: Settings,
        before_waiting: Callable[[Call], None] = lambda _call: None,
        login: Collection[str] | None = None,
        ahead: bool = False,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._plan = plan
        self._ahead = ahead
        self._cache = cache
        self._source = source
        self._watcher = watcher
        self._before_waiting = before_waiting
        self._login = login
        self._now = now
        self._calling = Calling(
            plan,
            cache,
            sts,
            sources,
            bring,
            watcher,
            settings,
            login=login is not None,
        )
        self._turns = Turns(cache, gone=watcher.orphaned)
        self._renewals = Renewals(cache, now=now)
        self._rejected: frozenset[str | None] = frozenset()

    def resolve(self) -> Credentials:
        """Return credentials that may be handed out now.

        Raises what the rooms below raise. While an older set is still valid, it is
        returned instead, and the trouble is told: no request fails for a renewal
        that can wait. The next attempt is then made some time later, by whoever comes.
        """
        if not self._plan.calls:
            return self._start()
        try:
            return self._resolve()
        except StsPluginError as error:
            old = self._old()
            if old is None:
                raise
            if not isinstance(error, Resting):
                self._rest(error)
                until = f"{old.life.expires:%H:%M:%S} UTC"
                self._watcher.tell(
                    f"renewal failed, good until {until} all the same: {error.line}"
                )
            return from_document(old.document)

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
        if self._plan.calls[done:] and self._resting():
            raise Resting(RESTING)
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
            caller = caller or self._start()

        def found() -> Credentials | None:
            if entry := self._read(call, final=final):
                return from_document(entry.document)
            if self._resting():
                raise Resting(RESTING)
            return None

        def work() -> Credentials:
            try:
                return self._make(call, caller)
            except CallerRejected:
                raise  # the chain may be built once more
            except StsPluginError as error:
                self._rest(error)  # before those who wait have their turn
                raise

        return self._turns.take(
            Want(
                call.lock,
                scope_of(self._plan, call),
                signer=caller.access_key_id if caller else "",
                person=call.mfa_serial is not None,
            ),
            found=found,
            work=work,
            waiting=lambda holder: self._waiting(call, holder),
        )

    def _make(self, call: Call, caller: Credentials | None) -> Credentials:
        """Make a call and keep what it gives."""
        if caller is None and call.signed:
            caller = self._start()
        issued = self._now()
        credentials = self._calling.make(call, caller)
        self._publish(call, caller, credentials, issued)
        return credentials

    def _start(self) -> Credentials:
        """Return the credentials that the chain starts from."""
        source = self._plan.source
        if source.kind in AT_HAND:
            return self._source()
        process = source.kind == "process"
        what = f'the {source.kind} credentials of profile "{source.profile}"'
        seconds = None if process else RUN_SECONDS_MAX
        with self._watcher.during(what, seconds, shared=process):
            return self._source()

    # --- Renewal ---

    def _old(self) -> Entry | None:
        """Return the set that a renewal would replace, if it is still good."""
        if self._login is not None:
            return None
        return self._read(self._plan.calls[-1], final=False)

    def _rest(self, error: StsPluginError) -> None:
        """Note that a renewal failed, so that nobody tries again at once.

        Not for want of a person: somebody at another terminal may be there.
        """
        waits = isinstance(error, HumanNeeded | Busy)
        if not waits and not self._resting() and self._old():
            self._renewals.failed(self._plan.calls[-1].key, error)

    def _resting(self) -> bool:
        if self._old() is None:
            return False
        return self._renewals.rest(self._plan.calls[-1].key)

    # --- The cache ---

    def _read(self, call: Call, *, final: bool) -> Entry | None:
        entry = self._cache.read(call.key)
        if entry is None or not _sound(entry):
            return None
        if entry.document["AccessKeyId"] in self._rejected:
            return None  # a folder that cannot be written keeps what was removed
        if self._login is not None and call.mfa_serial:
            own = entry.document["AccessKeyId"] in self._login
            if not own and not self._young(call, entry):
                return None
        # What is handed out must last; what signs our next call must only do so.
        lasting = entry.life.young if self._ahead else entry.life.fresh
        good = lasting if final else entry.life.usable
        return entry if good(self._now()) else None

    def _young(self, call: Call, entry: Entry) -> bool:
        """Whether a login need not renew this: it is new, and lasts as it is to."""
        issued, expires = entry.life.issued, entry.life.expires
        age = (self._now() - issued).total_seconds()
        lasts = (expires - issued).total_seconds()
        wanted = call.arguments.get("DurationSeconds", 0) - YOUNG_SESSION_SECONDS
        return 0 <= age < YOUNG_SESSION_SECONDS and lasts >= wanted

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
        self._cache.publish(Entry(call.key, life, to_document(credentials), label))

    def _forget(self, done: int, rejected: Credentials) -> None:
        """Remove a rejected entry and all it stands on, unless it is newer by now."""
        entries = [self._cache.read(call.key) for call in self._plan.calls[:done]]
        last = entries[-1]
        if last and last.document.get("AccessKeyId") == rejected.access_key_id:
            for entry in filter(None, entries):
                self._rejected |= {entry.document.get("AccessKeyId")}
                self._cache.remove(entry)

    def _waiting(self, call: Call, holder: Holder | None) -> None:
        whom = f"process {holder.process}" if holder else "another process"
        what = f"MFA code of {call.mfa_serial}" if call.mfa_serial else call.subject
        self._watcher.warn(
            f"waiting for {whom}, which sees to the {what}: profile"
            f' "{self._plan.profile}" needs it too',
            session=holder.session if holder else None,
        )


def _sound(entry: Entry) -> bool:
    try:
        from_document(entry.document)
    except ValueError:
        return False
    return True
