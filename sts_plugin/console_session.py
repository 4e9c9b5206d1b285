"""With which credentials a plan's people can be signed in to the console.

    Plan -> as a role, or as a user by GetFederationToken; how long that may last

AWS signs in what AssumeRole* and GetFederationToken give. It refuses long-term keys and
what GetSessionToken gives ("Only federation tokens or assume role tokens may be used
for federated login", aws-vault#1191). Runs nothing.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from sts_plugin.errors import ConfigurationError
from sts_plugin.given import link_of
from sts_plugin.model import UNSIGNED_ACTIONS
from sts_plugin.settings import ROLE_SECONDS

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from sts_plugin.chain import Link
    from sts_plugin.model import Plan

__all__ = ["as_user", "ends_in_a_user", "session_seconds"]

EVERYTHING: Final = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}],
}
"""The session policy that takes nothing away. A federated user may do what both the
user and the session policy allow: without one, nothing (API reference,
GetFederationToken)."""

NAME_CHARACTERS: Final = (2, 32)
"""Of a federated user's name (shape ``userNameType`` of STS)."""


def ends_in_a_user(plan: Plan) -> bool:
    """Whether what the plan gives is a user's own: an MFA session, or its source."""
    return all(call.action == "GetSessionToken" for call in plan.calls)


def session_seconds(plan: Plan, seconds: int | None) -> int | None:
    """Return how long a session in the console may be asked to last, for a role.

    AWS takes SessionDuration for AssumeRole* only, and not where the caller's own
    credentials were temporary (knowledge center, "Invalid credentials parameter").
    Raises ConfigurationError.
    """
    if seconds is None:
        return None
    most = ROLE_SECONDS[1]
    if seconds > most:
        why = f"that of a role lasts {most // 3600} h at most"
        raise _no_duration(plan, why, "ask for less")
    if not plan.calls:
        return seconds  # AWS knows where the credentials are from, and we do not
    last = plan.calls[-1]
    if last.action in UNSIGNED_ACTIONS:
        return seconds
    if last.action != "AssumeRole":
        why = f"AWS gives what {last.action} gives no other end"
        raise _no_duration(plan, why, "set duration_seconds in the profile")
    source = plan.source
    if len(plan.calls) > 1 or not (source.long_term or source.kind == "process"):
        raise _no_duration(
            plan,
            "AWS allows none for a role that was assumed with temporary credentials",
            "leave --duration out; behind an MFA session, sts_plugin_mfa_mode = direct"
            " makes it one that long-term keys assume",
        )
    return seconds


def _no_duration(plan: Plan, why: str, hint: str) -> ConfigurationError:
    return ConfigurationError(f'--duration, profile "{plan.profile}": {why}', hint=hint)


def as_user(
    arn: str,
    *,
    seconds: int | None,
    policy: Path | None,
    policy_arns: Sequence[str],
) -> Link:
    """Return the call that makes a user somebody whom AWS signs in.

    ``arn`` is the user's; ``policy`` and ``policy_arns`` narrow what it may do, and
    without them that is everything that the user may. Raises ConfigurationError.
    """
    narrowed: Any = policy
    if policy is None and not policy_arns:
        narrowed = EVERYTHING
    return link_of(
        "GetFederationToken",
        {
            "federation_name": ("name", _name(arn)),
            "duration_seconds": ("--duration", seconds),
            "policy": ("--policy", narrowed),
            "policy_arns": ("--policy-arn", list(policy_arns) or None),
        },
    )


def _name(arn: str) -> str:
    """Return the name of a federated user, which tells in CloudTrail whose it is."""
    least, most = NAME_CHARACTERS
    name = re.sub(r"[^\w+=,.@-]", "-", re.split("[/:]", arn)[-1], flags=re.ASCII)
    return name[:most].ljust(least, "-")
