"""One request in, one reply out: the order in which STS looks at things.

Owns: authenticate, then limits, then who may call, then the action; and the
record of it in the journal. Never: a socket. The server sends what comes back.
"""

import hmac
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from sts_plugin.sandbox import iam
from sts_plugin.sandbox.actions import signed_actions
from sts_plugin.sandbox.errors import EXPIRED_TOKEN, INVALID_TOKEN, StsError
from sts_plugin.sandbox.estate import Ask, Estate
from sts_plugin.sandbox.faults import (
    Fault,
    Faults,
    damage_answer,
    damage_result,
    enlarge,
)
from sts_plugin.sandbox.federation import unsigned_actions
from sts_plugin.sandbox.identities import Key
from sts_plugin.sandbox.journal import Call, Journal
from sts_plugin.sandbox.signature import parse_authorization, verify_signature
from sts_plugin.sandbox.signin import PATH, Visit, render_refusal, sign_in
from sts_plugin.sandbox.trust import check_may_call
from sts_plugin.sandbox.wire import (
    NAMESPACE,
    Answer,
    Request,
    Result,
    parse_parameters,
    render_error,
    render_result,
)

__all__ = ["Reply", "Service"]

# What the journal keeps of a text that a client made up.
_LONGEST_NOTE = 256


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer to send, or the fault that keeps it from being sent."""

    answer: Answer | None
    ends_in: str = "answer"  # or "silence", "drip", "reset"


@dataclass(slots=True)
class _Facts:
    """What is known of a call so far: refusals are recorded with it, too."""

    action: str = ""
    parameters: Mapping[str, str] = field(default_factory=dict, repr=False)
    access_key_id: str | None = None
    region: str | None = None
    caller_arn: str | None = None
    outcome: str = "ok"


class Service:
    """STS, without the HTTP. Safe for many threads: its parts hold the locks."""

    def __init__(
        self,
        estate: Estate,
        journal: Journal,
        faults: Faults,
        stopped: threading.Event,
    ) -> None:
        self._estate = estate
        self._journal = journal
        self._faults = faults
        self._stopped = stopped
        self._limits = estate.limits
        self._signed = signed_actions()
        self._unsigned = unsigned_actions()

    def reply(self, request: Request) -> Reply:
        """Carry out one call, faults on order included, and record it."""
        number, at = self._journal.next_number(), datetime.now(UTC)
        started = time.monotonic()
        facts = _Facts()
        problem = _read(request, facts)
        fault = self._faults.take(facts.action)
        reply = self._reply(request, facts, problem, fault)
        # Before the answer is sent: whoever has the answer finds the call here.
        elapsed_seconds = time.monotonic() - started
        arguments = self._limits.describe(facts.action, facts.parameters)
        self._journal.record(_call(facts, number, at, elapsed_seconds, arguments))
        return reply

    def _reply(
        self,
        request: Request,
        facts: _Facts,
        problem: StsError | None,
        fault: Fault | None,
    ) -> Reply:
        if fault is None:
            return Reply(self._answer(request, facts, problem, None))
        if fault.kind == "latency" and not fault.after:
            self._stopped.wait(fault.seconds)
        answer = None
        if fault.lets_the_call_through:
            answer = self._answer(request, facts, problem, fault)
        if fault.kind == "latency":
            if fault.after:
                self._stopped.wait(fault.seconds)
            return Reply(answer)
        facts.outcome = f"fault:{fault.kind}"
        if fault.kind in ("drip", "silence", "reset"):
            return Reply(None, fault.kind)
        return Reply(damage_answer(fault, answer))

    def _answer(
        self,
        request: Request,
        facts: _Facts,
        problem: StsError | None,
        fault: Fault | None,
    ) -> Answer:
        of_iam = facts.parameters.get("Version") == iam.VERSION
        namespace = iam.NAMESPACE if of_iam else NAMESPACE
        try:
            if problem is not None:
                raise problem
            if request.path == PATH:
                answer = self._sign_in(facts)
                return answer if fault is None else enlarge(fault, answer)
            act = self._act_as_iam if of_iam else self._act
            result = act(request, facts)
        except StsError as error:
            facts.outcome = error.code
            if request.path == PATH:
                return render_refusal(error)
            return render_error(error, namespace)
        if fault is not None:
            result = damage_result(fault, result)
        return render_result(facts.action, result, namespace)

    def _sign_in(self, facts: _Facts) -> Answer:
        visit = Visit(facts.parameters, self._estate.knobs.now())
        try:
            return sign_in(self._estate, visit)
        finally:
            facts.access_key_id = visit.access_key_id
            facts.caller_arn = visit.caller.arn if visit.caller else None

    def _act(self, request: Request, facts: _Facts) -> Result:
        action, now = facts.action, self._estate.knobs.now()
        version = facts.parameters.get("Version", "NO_VERSION_SPECIFIED")
        # A newer model may have actions that the sandbox has not, an older one
        # lacks some that it has.
        known = action in self._signed or action in self._unsigned
        limits = self._limits
        if not (known and limits.knows(action) and version == limits.version):
            raise StsError(
                "InvalidAction",
                400,
                f"Could not find operation {action[:64]} for version {version[:64]}",
            )
        if action in self._unsigned:
            arguments = limits.read(action, facts.parameters)
            return self._unsigned[action](self._estate, Ask(arguments, now))
        key = self._authenticate(request, facts, now)
        arguments = limits.read(action, facts.parameters)
        check_may_call(key.caller, action, facts.parameters.get("RoleArn"))
        ask = Ask(arguments, now, facts.region, key.expires_at)
        return self._signed[action](self._estate, key.caller, ask)

    def _act_as_iam(self, request: Request, facts: _Facts) -> Result:
        if facts.action != "ListMFADevices":
            raise StsError(
                "InvalidAction",
                400,
                f"Could not find operation {facts.action[:64]} for version"
                f" {iam.VERSION}",
            )
        key = self._authenticate(request, facts, self._estate.knobs.now(), "iam")
        return iam.list_mfa_devices(self._estate, key.caller, facts.parameters)

    def _authenticate(
        self, request: Request, facts: _Facts, now: datetime, service: str = "sts"
    ) -> Key:
        authorization = parse_authorization(request)
        facts.access_key_id = authorization.access_key_id[:_LONGEST_NOTE]
        facts.region = authorization.region[:_LONGEST_NOTE]
        key = self._estate.registry.find(authorization.access_key_id)
        token = request.headers.get("x-amz-security-token")
        if key is None or not _same(token, key.session_token):
            raise StsError("InvalidClientTokenId", 403, INVALID_TOKEN)
        # The signature first: without the secret nobody learns that a key
        # existed and has expired.
        secret = key.secret_access_key
        verify_signature(request, authorization, secret, now, service)
        facts.caller_arn = key.caller.arn
        if key.expires_at is not None and now >= key.expires_at:
            raise StsError("ExpiredToken", 403, EXPIRED_TOKEN)
        return key


def _read(request: Request, facts: _Facts) -> StsError | None:
    try:
        facts.parameters = parse_parameters(request)
    except StsError as error:
        return error
    facts.action = facts.parameters.get("Action", "")[:_LONGEST_NOTE]
    if not facts.action:
        return StsError("MissingAction", 400, "The request is missing an action.")
    return None


def _same(left: str | None, right: str | None) -> bool:
    if left is None or right is None:
        return left is right
    return hmac.compare_digest(left.encode(), right.encode())


def _call(
    facts: _Facts,
    number: int,
    at: datetime,
    elapsed_seconds: float,
    arguments: Mapping[str, Any],
) -> Call:
    duration = facts.parameters.get("DurationSeconds", "")
    is_number = duration.isascii() and duration.isdigit() and len(duration) <= 10  # noqa: PLR2004 (a sane number)
    return Call(
        number=number,
        at=at,
        action=facts.action,
        access_key_id=facts.access_key_id,
        caller_arn=facts.caller_arn,
        role_arn=_note(facts.parameters.get("RoleArn")),
        region=facts.region,
        session_name=_note(facts.parameters.get("RoleSessionName")),
        duration_seconds=int(duration) if is_number else None,
        mfa="TokenCode" in facts.parameters,
        outcome=facts.outcome,
        elapsed_seconds=elapsed_seconds,
        arguments=arguments,
    )


def _note(text: str | None) -> str | None:
    return None if text is None else text[:_LONGEST_NOTE]
