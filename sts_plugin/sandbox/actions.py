"""The signed actions of STS, one small function each.

Owns: what each action checks beyond its parameters' limits, in which order,
and what it returns. Never: HTTP, signatures or the shape of XML. Source: the
STS API reference, the page of each action.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from sts_plugin.sandbox.errors import not_authorized, validation_error
from sts_plugin.sandbox.identities import Caller, Kind, Registry
from sts_plugin.sandbox.mfa import Devices
from sts_plugin.sandbox.organisation import Organisation, Role
from sts_plugin.sandbox.policies import (
    check_policies,
    check_source_identity,
    check_tags,
)
from sts_plugin.sandbox.saml import SamlProvider
from sts_plugin.sandbox.trust import is_trusted
from sts_plugin.sandbox.validation import Value
from sts_plugin.sandbox.web_identity import WebIdentityProvider
from sts_plugin.sandbox.wire import Result

__all__ = [
    "Ask",
    "Estate",
    "assume",
    "find_role",
    "role_duration",
    "signed_actions",
]

_HOUR = 3600
_TWELVE_HOURS = 43200


@dataclass(frozen=True, slots=True)
class Estate:
    """Everything that the actions work on; the parts keep their own state."""

    organisation: Organisation
    registry: Registry
    devices: Devices
    web_identities: WebIdentityProvider = field(default_factory=WebIdentityProvider)
    saml: SamlProvider = field(default_factory=SamlProvider)


@dataclass(frozen=True, slots=True)
class Ask:
    """One call: its checked arguments, the server's time, the knob on lifetimes."""

    arguments: Mapping[str, Value] = field(repr=False)
    now: datetime
    longest_seconds: int | None


def signed_actions() -> dict[str, Callable[[Estate, Caller, Ask], Result]]:
    """Name every action that needs credentials."""
    return {
        "AssumeRole": _assume_role,
        "GetAccessKeyInfo": _get_access_key_info,
        "GetCallerIdentity": _get_caller_identity,
        "GetFederationToken": _get_federation_token,
        "GetSessionToken": _get_session_token,
    }


def _optional(ask: Ask, name: str) -> str | None:
    """Return the text of an argument; None when it was not sent."""
    value = ask.arguments.get(name)
    return None if value is None else str(value)


def _asked_duration(ask: Ask, default: int) -> int:
    """Return the lifetime asked for, in seconds."""
    return int(_optional(ask, "DurationSeconds") or default)


def _credentials(
    estate: Estate, caller: Caller, ask: Ask, lifetime_seconds: int
) -> Mapping[str, str]:
    """Issue a set for ``caller``, capped by the sandbox's knob."""
    if ask.longest_seconds is not None:
        lifetime_seconds = min(lifetime_seconds, ask.longest_seconds)
    key = estate.registry.issue(caller, ask.now, lifetime_seconds)
    assert key.session_token is not None
    assert key.expires_at is not None
    return {
        "AccessKeyId": key.access_key_id,
        "SecretAccessKey": key.secret_access_key,
        "SessionToken": key.session_token,
        # Whole seconds and a Z, as STS writes it (moto writes fractions).
        "Expiration": key.expires_at.strftime("%Y-%m-%dT%H:%M:%SZ"),
    }


def assume(  # noqa: PLR0913 (what makes a role's session)
    estate: Estate,
    role: Role,
    ask: Ask,
    session_name: str,
    lifetime_seconds: int,
    *,
    transitive_tags: frozenset[str] = frozenset(),
    source_identity: str | None = None,
) -> dict[str, str | Mapping[str, str]]:
    """Issue a role's session. It has no user and no MFA context any more."""
    session = Caller(
        Kind.ROLE,
        f"arn:aws:sts::{role.account}:assumed-role/{role.name}/{session_name}",
        f"{role.role_id}:{session_name}",
        role.account,
        role_arn=role.arn,
        transitive_tags=transitive_tags,
        source_identity=source_identity,
    )
    result: dict[str, str | Mapping[str, str]] = {
        "Credentials": _credentials(estate, session, ask, lifetime_seconds),
        "AssumedRoleUser": {"AssumedRoleId": session.unique_id, "Arn": session.arn},
    }
    if source_identity is not None:
        result["SourceIdentity"] = source_identity
    return result


def _assume_role(estate: Estate, caller: Caller, ask: Ask) -> Result:
    check_policies(ask.arguments)
    transitive_tags = check_tags(ask.arguments, caller)
    source_identity = check_source_identity(_optional(ask, "SourceIdentity"), caller)
    # The code before the trust policy, whose condition it may satisfy: a right
    # code is spent even if the role is refused.
    mfa = estate.devices.check(
        caller, _optional(ask, "SerialNumber"), _optional(ask, "TokenCode"), ask.now
    )
    role_arn = str(ask.arguments["RoleArn"])
    role = find_role(estate, role_arn)
    if role is None or not is_trusted(
        caller, role, external_id=_optional(ask, "ExternalId"), mfa=mfa
    ):
        raise not_authorized(caller.arn, "AssumeRole", role_arn)
    lifetime_seconds = role_duration(ask, role)
    # Not only role to role: GetSessionToken's credentials count as well
    # (aws-vault#263, aws-runas#11).
    if caller.kind is not Kind.USER and lifetime_seconds > _HOUR:
        raise validation_error(
            "The requested DurationSeconds exceeds the 1 hour session limit for roles"
            " assumed by role chaining."
        )
    return assume(
        estate,
        role,
        ask,
        str(ask.arguments["RoleSessionName"]),
        lifetime_seconds,
        transitive_tags=transitive_tags,
        source_identity=source_identity,
    )


def find_role(estate: Estate, arn: str) -> Role | None:
    """Return the role of exactly this ARN."""
    return next((role for role in estate.organisation.roles if role.arn == arn), None)


def role_duration(ask: Ask, role: Role) -> int:
    """Return the lifetime asked for, within the role's maximum.

    Raises ``StsError`` ValidationError.
    """
    seconds = _asked_duration(ask, _HOUR)
    if seconds > role.max_session_seconds:
        raise validation_error(
            "The requested DurationSeconds exceeds the MaxSessionDuration set for this"
            " role."
        )
    return seconds


def _get_session_token(estate: Estate, caller: Caller, ask: Ask) -> Result:
    mfa = estate.devices.check(
        caller, _optional(ask, "SerialNumber"), _optional(ask, "TokenCode"), ask.now
    )
    session = Caller(
        Kind.SESSION,
        caller.arn,
        caller.unique_id,
        caller.account,
        user_arn=caller.user_arn,
        mfa=mfa,
    )
    seconds = _asked_duration(ask, _TWELVE_HOURS)
    return {"Credentials": _credentials(estate, session, ask, seconds)}


def _get_federation_token(estate: Estate, caller: Caller, ask: Ask) -> Result:
    check_policies(ask.arguments)
    check_tags(ask.arguments, caller)
    name = str(ask.arguments["Name"])
    session = Caller(
        Kind.FEDERATED,
        f"arn:aws:sts::{caller.account}:federated-user/{name}",
        f"{caller.account}:{name}",
        caller.account,
    )
    seconds = _asked_duration(ask, _TWELVE_HOURS)
    return {
        "Credentials": _credentials(estate, session, ask, seconds),
        "FederatedUser": {"FederatedUserId": session.unique_id, "Arn": session.arn},
    }


def _get_caller_identity(estate: Estate, caller: Caller, ask: Ask) -> Result:
    del estate, ask
    return {"Arn": caller.arn, "UserId": caller.unique_id, "Account": caller.account}


def _get_access_key_info(estate: Estate, caller: Caller, ask: Ask) -> Result:
    key = estate.registry.find(str(ask.arguments["AccessKeyId"]))
    if key is None:
        raise not_authorized(caller.arn, "GetAccessKeyInfo", None)
    return {"Account": key.caller.account}
