"""AssumeRole, and what it shares with the other ways to get a role's session.

Owns: the order in which AssumeRole looks at things, and the session that comes
of it. Never: reads a proof of an identity provider. Source: the STS API
reference, AssumeRole.
"""

import re
from collections.abc import Mapping

from sts_plugin.sandbox.contexts import check_contexts
from sts_plugin.sandbox.errors import not_authorized, validation_error
from sts_plugin.sandbox.estate import Ask, Estate, issue
from sts_plugin.sandbox.identities import Caller, Kind
from sts_plugin.sandbox.organisation import Role
from sts_plugin.sandbox.policies import check_policies, packed_percent
from sts_plugin.sandbox.tags import Tags, check_source_identity, session_tags
from sts_plugin.sandbox.trust import is_trusted, missing_permission
from sts_plugin.sandbox.wire import Result

__all__ = ["account_of", "assume", "assume_role", "find_role", "role_duration"]

_HOUR = 3600
_IAM_ARN = re.compile(r"arn:[a-z-]+:iam::(?P<account>\d{12}):\S+")


def assume_role(estate: Estate, caller: Caller, ask: Ask) -> Result:
    """Carry out AssumeRole."""
    role_arn = str(ask.arguments["RoleArn"])
    check_policies(ask.arguments, account_of(role_arn))
    tags = session_tags(ask.arguments, caller)
    source_identity = check_source_identity(
        ask.text("SourceIdentity"), caller, role_arn
    )
    context = check_contexts(estate, ask)
    # The code before the trust policy, whose condition it may satisfy: a right
    # code is spent even if the role is refused.
    mfa = estate.devices.check(
        caller, ask.text("SerialNumber"), ask.text("TokenCode"), ask.now
    )
    role = find_role(estate, role_arn)
    if role is None or not is_trusted(
        caller, role, external_id=ask.text("ExternalId"), mfa=mfa
    ):
        raise not_authorized(caller.arn, "AssumeRole", role_arn)
    missing = missing_permission(role.trust, tags, source_identity, context=context)
    if missing is not None:
        raise not_authorized(caller.arn, missing, role_arn)
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
        tags=tags,
        source_identity=source_identity,
        chained=caller.kind is not Kind.USER,
    )


def assume(  # noqa: PLR0913 (what makes a role's session)
    estate: Estate,
    role: Role,
    ask: Ask,
    session_name: str,
    lifetime_seconds: int,
    *,
    tags: Tags,
    source_identity: str | None,
    chained: bool = False,
) -> dict[str, str | Mapping[str, str]]:
    """Issue a role's session. It has no user and no MFA context any more.

    Raises ``StsError`` PackedPolicyTooLarge.
    """
    packed = packed_percent(ask.arguments, tags.values)
    session = Caller(
        Kind.ROLE,
        f"arn:aws:sts::{role.account}:assumed-role/{role.name}/{session_name}",
        f"{role.role_id}:{session_name}",
        role.account,
        role_arn=role.arn,
        tags=tags.values,
        transitive_tags=tags.transitive,
        source_identity=source_identity,
        chained=chained,
    )
    result = issue(estate, session, ask, lifetime_seconds)
    result["AssumedRoleUser"] = {
        "AssumedRoleId": session.unique_id,
        "Arn": session.arn,
    }
    if packed is not None:
        result["PackedPolicySize"] = str(packed)
    if source_identity is not None:
        result["SourceIdentity"] = source_identity
    return result


def account_of(role_arn: str) -> str:
    """Return the account of a role's ARN.

    Raises ``StsError`` ValidationError for what is no ARN of IAM at all.
    """
    found = _IAM_ARN.fullmatch(role_arn)
    if found is None:
        raise validation_error("Request ARN is invalid")
    return found["account"]


def find_role(estate: Estate, arn: str) -> Role | None:
    """Return the role of exactly this ARN."""
    return next((role for role in estate.organisation.roles if role.arn == arn), None)


def role_duration(ask: Ask, role: Role) -> int:
    """Return the lifetime asked for, within the role's maximum.

    Raises ``StsError`` ValidationError.
    """
    seconds = ask.duration_seconds(_HOUR)
    if seconds > role.max_session_seconds:
        raise validation_error(
            "The requested DurationSeconds exceeds the MaxSessionDuration set for this"
            " role."
        )
    return seconds
