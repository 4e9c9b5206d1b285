"""The one module that calls STS.

    call + caller + what it brings along -> Credentials, or one of our errors

No botocore exception, request or response leaves it: they carry signatures, session
tokens and MFA codes. What is sent once more, and when, is decided in ``retries``.
"""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, TypeVar

from sts_plugin import settings
from sts_plugin.aws import Time, answer_to, by_client, make_client
from sts_plugin.botocore_session import make_session
from sts_plugin.document import parse_timestamp
from sts_plugin.errors import ConfigurationError, StsPluginError, Unreachable
from sts_plugin.limits import problems
from sts_plugin.model import Credentials, Secret
from sts_plugin.refusals import no_answer
from sts_plugin.retries import Budget, again
from sts_plugin.skew import skew, words

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from sts_plugin.aws import Ask
    from sts_plugin.direct import Direct
    from sts_plugin.model import Call, Endpoint

__all__ = ["Identity", "IdentityToken", "Sts", "call_of"]

T = TypeVar("T")

NAMED_ACTIONS = frozenset({"AssumeRole", "AssumeRoleWithWebIdentity"})
"""Calls that must name the session; where no profile does, the time is in it."""


@dataclass(frozen=True, slots=True)
class Identity:
    """Who AWS says we are: GetCallerIdentity."""

    account_id: str
    arn: str
    user_id: str


@dataclass(frozen=True, slots=True)
class IdentityToken:
    """A web identity token that AWS signs for others: GetWebIdentityToken."""

    token: Secret
    expiration: datetime


def call_of(call: Call) -> str:
    """Return a call in words."""
    match call.action:
        case "GetSessionToken" if call.mfa_serial:
            return f"GetSessionToken with MFA device {call.mfa_serial}"
        case "GetFederationToken":
            return f"GetFederationToken for {call.subject}"
        case _:
            return f"{call.action} of {call.subject}"


class Sts:
    """STS at one endpoint, for one run: its calls share the time that a run has.

    ``session`` makes a botocore session for a profile name (or None); a plugin
    passes the session of its host instead. ``direct`` makes a shorter way to an
    endpoint than by a client, or None where there is none: see ``direct``.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        *,
        session: Callable[[str | None], Any] | None = None,
        direct: Callable[[Endpoint], Direct | None] = lambda _endpoint: None,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._endpoint = endpoint
        self._make_direct = direct
        self._direct: dict[Endpoint, Direct | None] = {}
        self._make_session = session or make_session
        self._session: Any = None
        self._now = now
        self._budget = Budget(settings.RUN_SECONDS_MAX)
        self._retries = 0

    def call(
        self, call: Call, caller: Credentials | None, brought: Mapping[str, Any]
    ) -> Credentials:
        """Make a call; ``brought`` are the arguments that only this moment knows.

        Those are an MFA code, a token, what an assertion says; a secret among them is
        a ``Secret``. ``caller`` signs it; a call that is not signed needs none.
        Raises CodeRefused, CallerRejected, DurationRefused or Refused by what AWS
        answers, Unreachable when there is no usable answer, ConfigurationError when
        the call cannot be built.
        """
        return _raised(self._call(call, caller, brought))

    def caller_identity(self, caller: Credentials) -> Identity:
        """Ask AWS whose credentials these are; no permission is needed for it.

        Raises as ``call`` does.
        """
        names = ("Account", "Arn", "UserId")
        return Identity(*self._texts("GetCallerIdentity", {}, caller, names))

    def access_key_account(self, access_key_id: str, caller: Credentials) -> str:
        """Ask AWS which account an access key id belongs to (GetAccessKeyInfo).

        Raises as ``call`` does.
        """
        arguments = {"AccessKeyId": access_key_id}
        return self._texts("GetAccessKeyInfo", arguments, caller, ("Account",))[0]

    def decoded_message(self, message: str, caller: Credentials) -> str:
        """Have AWS decode why a request was not authorized: JSON text.

        Raises as ``call`` does.
        """
        arguments = {"EncodedMessage": message}
        names = ("DecodedMessage",)
        return self._texts("DecodeAuthorizationMessage", arguments, caller, names)[0]

    def web_identity_token(
        self, arguments: Mapping[str, Any], caller: Credentials
    ) -> IdentityToken:
        """Have AWS sign a token about the caller, for a service outside of AWS.

        ``arguments`` are those of GetWebIdentityToken. Raises as ``call`` does.
        """
        what = "GetWebIdentityToken"
        answer = _raised(self._ask(what, arguments, caller, what=what))
        token, ends = answer.get("WebIdentityToken"), _moment(answer.get("Expiration"))
        if not isinstance(token, str) or ends is None:
            raise no_answer(what, "the answer is not STS's")
        return IdentityToken(Secret(token), ends)

    def _texts(
        self,
        action: str,
        arguments: Mapping[str, Any],
        caller: Credentials,
        names: tuple[str, ...],
    ) -> list[str]:
        answer = _raised(self._ask(action, arguments, caller, what=action))
        fields = [answer.get(name) for name in names]
        if not all(isinstance(field, str) for field in fields):
            raise no_answer(action, "the answer is not STS's")
        return [str(field) for field in fields]

    # Below here errors are returned, not raised: a traceback would reach into
    # frames that hold requests, answers and codes.

    def _call(
        self, call: Call, caller: Credentials | None, brought: Mapping[str, Any]
    ) -> Credentials | StsPluginError:
        arguments = {**call.arguments, **brought}
        if call.action in NAMED_ACTIONS:
            arguments.setdefault("RoleSessionName", self._session_name())
        if "RoleArn" in arguments:  # a SAML assertion may have named it
            call = replace(
                call, arguments={**call.arguments, "RoleArn": arguments["RoleArn"]}
            )
        what = call_of(call)
        if not call.of_program:  # that needs no second name
            what += f' (profile "{call.profile}")'
        for name, why in problems(call.action, arguments):
            return ConfigurationError(f"{what} cannot be sent: {name} {why}")
        answer = self._ask(call.action, arguments, caller, what=what, call=call)
        if isinstance(answer, StsPluginError):
            return answer
        account_id = _account(call, answer)
        return _credentials(answer, what, self._now(), account_id=account_id)

    def _session_name(self) -> str:
        return f"sts-plugin-{self._now().timestamp():.0f}"

    def _ask(
        self,
        action: str,
        arguments: Mapping[str, Any],
        caller: Credentials | None,
        *,
        what: str,
        call: Call | None = None,
    ) -> Mapping[str, Any] | StsPluginError:
        coded = "TokenCode" in arguments
        while True:
            outcome = self._attempt(action, arguments, caller, what=what, call=call)
            if not isinstance(outcome, Unreachable):
                return outcome
            fallback = self._endpoint.fallback
            once_more = again(
                outcome, coded=coded, done=self._retries, elsewhere=fallback is not None
            )
            if once_more is None or not self._budget.wait(once_more.seconds):
                # Whoever waited for us has waited long, and is not to try the same.
                outcome.passing &= self._budget.left > settings.RUN_SECONDS_MAX / 2
                return outcome
            self._retries += 1
            if once_more.elsewhere and fallback:
                self._endpoint = fallback  # for the rest of this run

    def _attempt(
        self,
        action: str,
        arguments: Mapping[str, Any],
        caller: Credentials | None,
        *,
        what: str,
        call: Call | None,
    ) -> Mapping[str, Any] | StsPluginError:
        """Make a call once, and return the answer, or why there is none."""
        # The other region is to have its time, too.
        seconds = self._budget.left / (2 if self._endpoint.fallback else 1)
        if seconds <= 0:
            return no_answer(what, "the calls before it took too long", sent=False)
        return answer_to(
            action,
            arguments,
            ask=lambda: self._way(caller),
            what=what,
            signer=caller,
            call=call,
            time=Time(seconds, self._budget, self._now()),
            elsewhere=self._endpoint.fallback is not None,
        )

    def _way(self, caller: Credentials | None) -> Ask:
        """Return what asks STS, signed by ``caller``: over the same connection."""
        endpoint = self._endpoint
        if endpoint not in self._direct:
            self._direct[endpoint] = self._make_direct(endpoint)
        if direct := self._direct[endpoint]:
            return functools.partial(direct.ask, signer=caller)
        return by_client(self._client(caller))

    def _client(self, caller: Credentials | None) -> Any:  # noqa: ANN401 - the botocore seam
        if self._session is None:
            self._session = self._make_session(self._endpoint.profile)
        return make_client(
            self._session,
            "sts",
            caller,
            # A configured URL without a region is an error in botocore; STS signs
            # for us-east-1 where none is named.
            region=self._endpoint.region
            or ("us-east-1" if self._endpoint.url else None),
            url=self._endpoint.url,
        )


def _account(call: Call, answer: Mapping[str, Any]) -> str | None:
    """Return the account of the answer: a device and its user share one."""
    principal = answer.get("AssumedPrincipal")
    user = answer.get("FederatedUser")
    if isinstance(user, dict):
        principal = user.get("Arn")
    return _account_in(str(principal or call.subject))


def _account_in(principal: str) -> str | None:
    """Return the account in an ARN, or the account that the text itself is."""
    parts = principal.split(":")
    account = parts[4] if len(parts) > 4 else principal  # noqa: PLR2004
    return account if re.fullmatch(r"[0-9]{12}", account) else None


def _raised(outcome: T | StsPluginError) -> T:
    if isinstance(outcome, StsPluginError):
        raise outcome
    return outcome


def _credentials(
    answer: Mapping[str, Any], what: str, now: datetime, *, account_id: str | None
) -> Credentials | Unreachable:
    """Return the credentials of an answer, or an error unless it is whole."""
    issued = answer.get("Credentials")
    names = ("AccessKeyId", "SecretAccessKey", "SessionToken")
    if not isinstance(issued, dict) or not all(issued.get(name) for name in names):
        return no_answer(what, "the answer holds no credentials")
    if len(str(issued["SessionToken"])) > settings.SESSION_TOKEN_BYTES_MAX:
        return no_answer(what, "the answer is not STS's")
    expiration = _moment(issued.get("Expiration"))
    if expiration is None:
        return no_answer(what, "the answer does not say when it expires")
    if expiration <= now:
        why = f"the credentials expired at {expiration:%Y-%m-%d %H:%M:%S} UTC already"
        if off := skew(answer, now):
            why += f"; {words(off)}"
        return no_answer(what, why, hint="check this machine's clock")
    return Credentials(
        access_key_id=str(issued["AccessKeyId"]),
        secret_access_key=Secret(str(issued["SecretAccessKey"])),
        session_token=Secret(str(issued["SessionToken"])),
        expiration=expiration,
        account_id=account_id,
    )


def _moment(said: object) -> datetime | None:
    """Return a moment of an answer; None unless it is one.

    The AWS CLI has its sessions leave moments as AWS writes them.
    """
    text = said.isoformat() if isinstance(said, datetime) else str(said)
    try:
        return parse_timestamp(text)
    except ValueError:
        return None
