"""One call of a plan, made: with the code that it carries, as long as it may last.

    call + caller -> a code if it takes one, recorded before it is sent -> credentials

Whose turn it is, and what becomes of the answer, is the resolver's affair.
"""

from __future__ import annotations

import re
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from sts_plugin.errors import DurationRefused, Unreachable
from sts_plugin.keys import digest
from sts_plugin.mfa import Question
from sts_plugin.mfa.asking import Asking
from sts_plugin.model import Setting
from sts_plugin.rules import lowered
from sts_plugin.settings import (
    LOWER_ROLE_SECONDS,
    PROOF_COMMAND_SECONDS,
    RUN_SECONDS_MAX,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from sts_plugin.cache import Cache
    from sts_plugin.mfa import CodeSource
    from sts_plugin.model import Call, Credentials, Plan, Secret
    from sts_plugin.settings import Settings
    from sts_plugin.watcher import Watcher

__all__ = ["Caller", "Calling", "scope_of"]


class Caller(Protocol):
    """What makes the call of a hop: ``sts.Sts``."""

    def call(
        self, call: Call, caller: Credentials | None, brought: Mapping[str, Any]
    ) -> Credentials:
        """Return the answer as credentials, or raise one of our errors."""
        ...


@dataclass(frozen=True, slots=True)
class Calling:
    """Makes the calls of one plan; the fields are as for ``resolve.Resolver``.

    ``login``: somebody wants to be asked now, and no quiet period counts.
    """

    plan: Plan
    cache: Cache
    sts: Caller
    sources: Callable[[], Iterable[CodeSource]]
    bring: Callable[[Call], Mapping[str, Any]]
    watcher: Watcher
    settings: Settings
    login: bool

    def make(self, call: Call, caller: Credentials | None) -> Credentials:
        """Make a call, signed by ``caller``, and return what it gives.

        Raises what asking for a code raises, what STS answers, and what the call
        brings along cannot be had for.
        """
        if caller and caller.session_token:
            # The plan has done so already, but where it could not know: a process.
            call = lowered(call, [])
        device, brought = call.mfa_serial, self._brought(call)
        if device is None:
            return self._as_long_as_allowed(call, caller, brought)

        def send(code: Secret) -> Credentials:
            self.cache.record_code(device, code)  # before the call: it may be spent
            try:
                return self._ask(call, caller, {**brought, "TokenCode": code})
            except Unreachable as error:
                if not error.sent:
                    self.cache.forget_code(device, code)
                raise

        asking = Asking(
            Question(
                self.plan.profile,
                device,
                time.monotonic() + self.settings.prompt_seconds,
                account=_account(self.plan),
            ),
            self.cache.used_codes(device),
            send,
            self.watcher,
            quiet=lambda source: self._quiet(call, source),
        )
        return asking.ask(self.sources())

    def _quiet(self, call: Call, source: CodeSource) -> str:
        """Return why a source is not asked now, after nobody answered; or nothing."""
        if source.automatic and source.name != "command":
            return ""  # it asks nobody, whatever others did
        scope = scope_of(self.plan, call) if source.automatic else ""
        at = self.cache.unanswered(call.lock).get(scope)
        seconds = self.settings.quiet_seconds
        if self.login or at is None or not 0 <= time.time() - at < seconds:
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
                return self._ask(call, caller, brought)
            except DurationRefused:
                self.watcher.tell(
                    f"{call.subject} does not allow {asked} seconds; asking for"
                    f" {seconds}"
                )
                asked, brought = seconds, {**brought, "DurationSeconds": seconds}
        return self._ask(call, caller, brought)

    def _ask(
        self, call: Call, caller: Credentials | None, brought: Mapping[str, Any]
    ) -> Credentials:
        # Without the account: it has to fit into a row.
        what = f"AWS, {call.action} {call.subject.rpartition(':')[2]}"
        with self.watcher.during(what, RUN_SECONDS_MAX):
            return self.sts.call(call, caller, brought)

    def _brought(self, call: Call) -> Mapping[str, Any]:
        if call.proof is None or call.proof.how != "process":
            return self.bring(call)
        setting = call.proof.setting
        what = f"{setting.key}{setting.owner} ({setting.origin})"
        with self.watcher.during(what, PROOF_COMMAND_SECONDS, shared=True):
            return self.bring(call)


def scope_of(plan: Plan, call: Call) -> str:
    """Return what tells a call that fails as ours does: it, and who gives codes."""
    codes = plan.codes
    ways = [*codes.ways, codes.process, codes.totp_file]
    ways = [one.value if isinstance(one, Setting) else one for one in ways]
    return digest("scope", call.key, ways if call.mfa_serial else [])


def _account(plan: Plan) -> str:
    """Return the account that a plan leads to, or "" where nothing says."""
    names = (call.subject for call in reversed(plan.calls))
    found = (re.match(r"arn:[\w-]+:iam::(\d{12}):", name) for name in names)
    return next((one[1] for one in found if one), "")
