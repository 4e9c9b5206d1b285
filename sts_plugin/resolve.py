"""The conductor: from a plan to credentials.

Walk the plan backwards to the newest entry that is good enough; from there make each
call that is left, in turn with everybody else who wants it, and publish the answer.
Parses nothing, prints nothing, asks nobody itself.
"""

from __future__ import annotations

import re
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Protocol

from sts_plugin.document import from_document, to_document
from sts_plugin.errors import (
    CallerRejected,
    DurationRefused,
    StsPluginError,
    Unreachable,
)
from sts_plugin.keys import digest
from sts_plugin.limits import check
from sts_plugin.mfa import Question
from sts_plugin.mfa.asking import Asking
from sts_plugin.model import Life, Setting
from sts_plugin.rules import lowered
from sts_plugin.settings import LOWER_ROLE_SECONDS, YOUNG_SESSION_SECONDS
from sts_plugin.store import Entry
from sts_plugin.turns import Turns, Want

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping

    from sts_plugin.cache import Cache
    from sts_plugin.locks import Holder
    from sts_plugin.mfa import CodeSource
    from sts_plugin.model import Call, Credentials, Plan, Secret
    from sts_plugin.settings import Settings
    from sts_plugin.watcher import Watcher

__all__ = ["Resolver"]


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
    proves itself with; ``sources`` are asked for codes, in their order.
    ``before_waiting`` may raise for a call whose lock is about to be waited for.

    ``login`` says that somebody wants to be asked now, and which key ids the same login
    has got already: a session that is not quite new is got anew, nothing else will do,
    and no quiet period counts.
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
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._plan = plan
        self._cache = cache
        self._sts = sts
        self._sources = sources
        self._source = source
        self._bring = bring
        self._watcher = watcher
        self._settings = settings
        self._before_waiting = before_waiting
        self._login = login
        self._now = now
        self._turns = Turns(cache, gone=watcher.orphaned)
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
            if last is None or self._login is not None:
                raise
            until = f"{last.life.expires:%H:%M:%S} UTC"
            self._watcher.tell(
                f"renewal failed, good until {until} all the same: {error.line}"
            )
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

        def found() -> Credentials | None:
            entry = self._read(call, final=final)
            return from_document(entry.document) if entry else None

        def work() -> Credentials:
            signer = caller
            if signer is None and call.signed:
                signer = self._source()
            issued = self._now()
            credentials = self._call(call, signer)
            self._publish(call, signer, credentials, issued)
            return credentials

        return self._turns.take(
            Want(
                call.lock,
                self._scope(call),
                signer=caller.access_key_id if caller else "",
                person=call.mfa_serial is not None,
            ),
            found=found,
            work=work,
            waiting=lambda holder: self._waiting(call, holder),
        )

    def _scope(self, call: Call) -> str:
        """Return what tells a call that fails as ours does: it, and who gives codes."""
        codes = self._plan.codes
        ways = [*codes.ways, codes.process, codes.totp_file]
        ways = [one.value if isinstance(one, Setting) else one for one in ways]
        return digest("scope", call.key, ways if call.mfa_serial else [])

    def _call(self, call: Call, caller: Credentials | None) -> Credentials:
        if caller and caller.session_token:
            # The plan has done so already, but where it could not know: a process.
            call = lowered(call, [])
        device, brought = call.mfa_serial, self._bring(call)
        if device is None:
            return self._as_long_as_allowed(call, caller, brought)

        def send(code: Secret) -> Credentials:
            self._cache.record_code(device, code)  # before the call: it may be spent
            try:
                return self._sts.call(call, caller, {**brought, "TokenCode": code})
            except Unreachable as error:
                if not error.sent:
                    self._cache.forget_code(device, code)
                raise

        asking = Asking(
            Question(
                self._plan.profile,
                device,
                time.monotonic() + self._settings.prompt_seconds,
                account=_account(self._plan),
            ),
            self._cache.used_codes(device),
            send,
            self._watcher,
            quiet=lambda source: self._quiet(call, source),
        )
        return asking.ask(self._sources())

    def _quiet(self, call: Call, source: CodeSource) -> str:
        """Return why a source is not asked now, after nobody answered; or nothing."""
        if source.automatic and source.name != "command":
            return ""  # it asks nobody, whatever others did
        scope = self._scope(call) if source.automatic else ""
        at = self._cache.unanswered(call.lock).get(scope)
        seconds = self._settings.quiet_seconds
        if self._login is not None or at is None or not 0 <= time.time() - at < seconds:
            return ""
        asked, again = (
            time.strftime("%H:%M:%S", time.localtime(moment))
            for moment in (at, at + seconds)
        )
        return f"nobody answered at {asked}, and nobody is asked again before {again}"

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
                self._watcher.tell(
                    f"{call.subject} does not allow {asked} seconds; asking for"
                    f" {seconds}"
                )
                asked, brought = seconds, {**brought, "DurationSeconds": seconds}
        return self._sts.call(call, caller, brought)

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
        good = entry.life.fresh if final else entry.life.usable
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


def _account(plan: Plan) -> str:
    """Return the account that a plan leads to, or "" where nothing says."""
    names = (call.subject for call in reversed(plan.calls))
    found = (re.match(r"arn:[\w-]+:iam::(\d{12}):", name) for name in names)
    return next((one[1] for one in found if one), "")


def _sound(entry: Entry) -> bool:
    try:
        from_document(entry.document)
    except ValueError:
        return False
    return True
