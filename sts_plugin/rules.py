"""What STS says of the order of calls, where it can be told on paper.

    a call + the calls before it -> the call, with what it cannot have taken away

Each rule names its source. Runs nothing.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from sts_plugin.errors import ConfigurationError
from sts_plugin.forms import wrong
from sts_plugin.settings import CHAINED_ROLE_SECONDS_MAX, ROLE_SECONDS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sts_plugin.model import Call, Endpoint

__all__ = ["check_order", "check_regional", "lowered"]


def lowered(call: Call, notes: list[str]) -> Call:
    """Return a call that asks for an hour at most, where STS gives a role no more.

    API reference, AssumeRole, "role chaining": for any caller with temporary
    credentials. Noted, since whoever wrote the duration expects another.
    """
    duration = call.arguments.get("DurationSeconds")
    limit, most = CHAINED_ROLE_SECONDS_MAX, ROLE_SECONDS[1]
    if call.action != "AssumeRole" or not limit < (duration or 0) <= most:
        return call
    notes.append(
        f'duration_seconds = {duration} of profile "{call.profile}" becomes {limit}:'
        " STS allows one hour for a role that is assumed with temporary credentials;"
        " it is renewed without asking"
    )
    return replace(call, arguments={**call.arguments, "DurationSeconds": limit})


def check_order(
    call: Call, before: Sequence[Call], endpoint: Endpoint, *, long_term: bool
) -> None:
    """Raise ConfigurationError for a call that STS refuses after those before it.

    ``long_term``: the call is signed with long-term keys.
    """
    where = f'{call.origin}: {call.action} of profile "{call.profile}"'
    last = before[-1] if before else None
    if last and last.action in {"GetFederationToken", "AssumeRoot"}:
        # IAM User Guide, "Compare AWS STS credentials".
        raise ConfigurationError(
            f"{where} cannot be signed with what {last.action} gives",
            hint=f'let source_profile name the profile that "{last.profile}" is'
            " signed with",
        )
    if call.action in {"GetFederationToken", "GetSessionToken"} and not long_term:
        # API reference, both: "long-term security credentials" of an IAM user.
        raise ConfigurationError(
            f"{where} must be signed with the long-term keys of a user",
            hint="let source_profile name a profile with aws_access_key_id and without"
            " a session token; where a credential_process prints such keys, set"
            " sts_plugin_long_term = yes beside it",
        )
    if call.action == "GetFederationToken" and not (
        {"Policy", "PolicyArns"} & call.arguments.keys()
    ):
        # The same page: without a policy the session has no permissions.
        raise ConfigurationError(
            f"{where} has no policy, so that its credentials would allow nothing",
            hint="add policy or policy_arns",
        )
    if call.action == "AssumeRoot":
        check_regional(where, endpoint)
    _check_source_identity(call, before)
    session = bool(before) and all(one.action == "GetSessionToken" for one in before)
    if long_term or session:
        _check_transitive_tags(call)


def check_regional(where: str, endpoint: Endpoint) -> None:
    """Raise ConfigurationError for a call that the global endpoint does not take.

    API reference, AssumeRoot and GetWebIdentityToken: "regional endpoints".
    """
    if endpoint.url is None and (endpoint.region is None or endpoint.legacy):
        why = "no region is set" if endpoint.region is None else "legacy endpoints"
        raise ConfigurationError(
            f"{where} is answered by regional STS endpoints only, and {why}",
            hint="set region in the profile, and sts_regional_endpoints = regional",
        )


def _check_transitive_tags(call: Call) -> None:
    """Raise for a transitive tag that is not there, where none can be inherited.

    API reference, AssumeRole, TransitiveTagKeys.
    """
    given = {tag["Key"].lower() for tag in call.arguments.get("Tags", ())}
    for key in call.arguments.get("TransitiveTagKeys", ()):
        if key.lower() not in given:
            raise wrong(
                call.settings["TransitiveTagKeys"],
                f"has {key}, which is none of the session tags",
                "add it to session_tags",
            )


def _check_source_identity(call: Call, before: Sequence[Call]) -> None:
    """Raise for a source identity that is not the one set before.

    API reference, AssumeRole, SourceIdentity: it persists across chained roles.
    """
    said = call.arguments.get("SourceIdentity")
    for earlier in before:
        there = earlier.arguments.get("SourceIdentity")
        if said and there and there != said:
            raise wrong(
                call.settings["SourceIdentity"],
                f'is not the {there} of profile "{earlier.profile}" before it',
                "a source identity stays the same through a chain: keep one of the two",
            )
