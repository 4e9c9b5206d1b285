"""The one module that calls AWS.

    hop + caller + code -> Credentials, or one of our errors

No botocore exception, request or response leaves it: they carry signatures, session
tokens and MFA codes. A call with an MFA code is sent once, since an answer that got
lost has spent the code; others are tried three times by botocore.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from sts_plugin import settings
from sts_plugin.deadline import within
from sts_plugin.errors import StsPluginError
from sts_plugin.model import Credentials, Secret, SessionHop
from sts_plugin.refusals import failure, no_answer, refusal

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from sts_plugin.errors import Unreachable
    from sts_plugin.model import Endpoint, RoleHop

__all__ = ["Identity", "Sts", "call_of"]

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Identity:
    """Who AWS says we are: GetCallerIdentity."""

    account_id: str
    arn: str
    user_id: str


def call_of(hop: SessionHop | RoleHop) -> str:
    """Return the call that a hop makes, in words."""
    if isinstance(hop, SessionHop):
        return f"GetSessionToken with MFA device {hop.mfa_serial}"
    return f"AssumeRole of {hop.role_arn}"


class Sts:
    """STS at one endpoint.

    ``session`` makes a botocore session for a profile name (or None); a plugin
    passes the session of its host instead.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        *,
        session: Callable[[str | None], Any] | None = None,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._endpoint = endpoint
        self._make_session = session or _own_session
        self._session: Any = None
        self._now = now

    def call(
        self, hop: SessionHop | RoleHop, caller: Credentials, code: Secret | None
    ) -> Credentials:
        """Make the call of a hop; ``code`` is six digits where the hop wants one.

        Raises CodeRefused, CallerRejected or Refused by what AWS answers,
        Unreachable when there is no usable answer, ConfigurationError when the call
        cannot be built.
        """
        return _raised(self._call(hop, caller, code))

    def caller_identity(self, caller: Credentials) -> Identity:
        """Ask AWS whose credentials these are; no permission is needed for it.

        Raises as ``call`` does.
        """
        what = "GetCallerIdentity"
        answer = _raised(self._ask("get_caller_identity", {}, caller, what=what))
        fields = [answer.get(name) for name in ("Account", "Arn", "UserId")]
        if not all(isinstance(field, str) for field in fields):
            raise no_answer(what, "the answer is not STS's")
        return Identity(*map(str, fields))

    # Below here errors are returned, not raised: a traceback would reach into
    # frames that hold requests, answers and codes.

    def _call(
        self, hop: SessionHop | RoleHop, caller: Credentials, code: Secret | None
    ) -> Credentials | StsPluginError:
        mfa = {}
        if code is not None:
            mfa = {"SerialNumber": hop.mfa_serial, "TokenCode": code.reveal()}
        if isinstance(hop, SessionHop):
            name = "get_session_token"
            arguments: dict[str, Any] = {"DurationSeconds": hop.duration_seconds}
        else:
            name = "assume_role"
            arguments = {
                "RoleArn": hop.role_arn,
                "RoleSessionName": hop.role_session_name or self._session_name(),
                "ExternalId": hop.external_id,
                "DurationSeconds": hop.duration_seconds,
            }
        given = {k: v for k, v in (arguments | mfa).items() if v is not None}
        what = f'{call_of(hop)} (profile "{hop.profile}")'
        answer = self._ask(name, given, caller, what=what, hop=hop)
        if isinstance(answer, StsPluginError):
            return answer
        return _credentials(answer, what, self._now(), account_id=_account(hop))

    def _session_name(self) -> str:
        return f"sts-plugin-{self._now().timestamp():.0f}"

    def _ask(
        self,
        name: str,
        arguments: Mapping[str, Any],
        caller: Credentials,
        *,
        what: str,
        hop: SessionHop | RoleHop | None = None,
    ) -> Mapping[str, Any] | StsPluginError:
        from botocore import exceptions as aws  # noqa: PLC0415 - heavy: late
        from botocore.parsers import ResponseParserError  # noqa: PLC0415

        # An answer that got lost has spent the code: no second attempt.
        once = "TokenCode" in arguments
        attempts = 1 if once else settings.ATTEMPTS_WITHOUT_CODE
        try:
            client = self._client(caller, attempts=attempts)
            method: Callable[..., Mapping[str, Any]] = getattr(client, name)
            answer = within(settings.CALL_SECONDS_MAX, partial(method, **arguments))
        except TimeoutError:
            return no_answer(what, f"none in {settings.CALL_SECONDS_MAX:.0f} seconds")
        except aws.ClientError as error:
            return refusal(error.response, what, caller, hop)
        except (aws.BotoCoreError, ResponseParserError, ValueError) as error:
            return failure(error, what)
        except (LookupError, TypeError, AttributeError):
            # botocore's parser, given well-formed XML that is not STS's.
            return no_answer(what, "the answer is not STS's")
        return answer

    def _client(self, caller: Credentials, *, attempts: int) -> Any:  # noqa: ANN401
        from botocore.config import Config  # noqa: PLC0415 - heavy: late

        if self._session is None:
            self._session = self._make_session(self._endpoint.profile)
        token = caller.session_token
        return self._session.create_client(
            "sts",
            # A configured URL without a region is an error in botocore; STS signs
            # for us-east-1 where none is named.
            region_name=self._endpoint.region
            or ("us-east-1" if self._endpoint.url else None),
            endpoint_url=self._endpoint.url,
            aws_access_key_id=caller.access_key_id,
            aws_secret_access_key=caller.secret_access_key.reveal(),
            aws_session_token=token.reveal() if token else None,
            config=Config(
                connect_timeout=settings.CONNECT_TIMEOUT_SECONDS,
                read_timeout=settings.READ_TIMEOUT_SECONDS,
                retries={"total_max_attempts": attempts, "mode": "standard"},
                user_agent_extra="sts-plugin",
            ),
        )


def _own_session(profile: str | None) -> Any:  # noqa: ANN401 - the botocore seam
    import botocore.session  # noqa: PLC0415 - heavy: late

    return botocore.session.Session(profile=profile)


def _account(hop: SessionHop | RoleHop) -> str | None:
    """Return the account of the answer: a device and its user share one."""
    arn = hop.mfa_serial if isinstance(hop, SessionHop) else hop.role_arn
    parts = arn.split(":")
    return parts[4] if len(parts) > 4 and parts[4].isdigit() else None  # noqa: PLR2004


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
    expiration = issued.get("Expiration")
    if not isinstance(expiration, datetime) or expiration.tzinfo is None:
        return no_answer(what, "the answer does not say when it expires")
    if expiration <= now:
        return no_answer(
            what,
            f"the credentials expired at {expiration:%Y-%m-%d %H:%M:%S} UTC already",
            hint="check this machine's clock",
        )
    return Credentials(
        access_key_id=str(issued["AccessKeyId"]),
        secret_access_key=Secret(str(issued["SecretAccessKey"])),
        session_token=Secret(str(issued["SessionToken"])),
        expiration=expiration.astimezone(UTC),
        account_id=account_id,
    )
