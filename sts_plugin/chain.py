"""The profile graph, followed from the profile that was asked for to its source.

    Profiles + name + environment -> Chain

Owns botocore's rules of who is whose source, loops included, how long a chain may be,
and the rule that a ``credential_process`` which is sts-plugin itself is followed here
and never run: that would be a process which starts a process for the same question.
Runs nothing and needs no network.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from sts_plugin.actions import WEB_IDENTITY, action_of, is_native
from sts_plugin.errors import ConfigurationError
from sts_plugin.model import UNSIGNED_ACTIONS, Origin, Setting
from sts_plugin.ourselves import leads_home, named_profile, own_target, without_us
from sts_plugin.profiles import OWN_PREFIX, Profile
from sts_plugin.settings import HOPS_MAX
from sts_plugin.source_kinds import (
    CREDENTIAL_SOURCES,
    environment_source,
    has_own_keys,
    named_source,
    profile_source,
    proof_source,
    web_identity_in_environment,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sts_plugin.model import SourceHop
    from sts_plugin.profiles import Profiles

__all__ = ["Chain", "Link", "follow"]

TARGET_VARIABLES: Mapping[str, str] = {
    "source_identity": "AWS_SOURCE_IDENTITY",
    "session_tags": "AWS_SESSION_TAGS",
    "transitive_session_tags": "AWS_TRANSITIVE_TAGS",
}
"""Variables of aws-vault's, which win over the keys of the profile asked for."""


@dataclass(frozen=True, slots=True)
class Link:
    """A profile and the action of STS that it asks for."""

    profile: Profile
    action: str


@dataclass(frozen=True, slots=True)
class Chain:
    """A source and what is asked of STS behind it, in the order of the calls.

    ``selected`` is the profile whose region counts; None when the environment
    speaks alone.
    """

    source: SourceHop
    links: tuple[Link, ...]
    selected: Profile | None


def follow(
    profiles: Profiles, name: str, environ: Mapping[str, str], *, explicit: bool
) -> Chain:
    """Follow a profile to its source.

    ``explicit`` says that a person named the profile in so many words; otherwise
    access keys in the environment come first, as in botocore. Raises
    ConfigurationError for everything that is missing, contradictory or a loop.
    """
    if not explicit and environ.get("AWS_ACCESS_KEY_ID"):
        # A profile that does not exist is an error all the same, as in botocore.
        selected = profiles[name] if name in profiles or name != "default" else None
        return Chain(environment_source(name, environ), (), selected)
    asked_for = _asked_for(profiles, name, explicit=explicit)
    selected = current = _spoken_for(asked_for, environ)
    links: list[Link] = []
    visited = [name]
    begins = True  # botocore looks past static keys only where a chain begins
    while True:
        action = action_of(current)
        proven = _proven(current, action, environ, alone=not (explicit or links))
        if proven:
            source = proof_source(proven.profile, proven.action)
            return Chain(source, (proven, *links), selected)
        if action and (begins or not has_own_keys(current)):
            links.insert(0, Link(current, action))
            signer = _next_profile(profiles, current, action, visited)
            if signer is None:
                kind = CREDENTIAL_SOURCES[_value(current, "credential_source")]
                hop = named_source(kind, current, environ)
                return Chain(hop, tuple(links), selected)
            # A profile may name itself when static keys stand beside its role.
            begins = False
            if signer.name != current.name:
                current = signer
                continue
            # What the profile asks for itself is not what its own process gives.
            process = own_target(current)
            if process and leads_home(current, process):
                current = without_us(current)
        target = own_target(current)
        if target is None:
            break
        current = _alias(profiles, current, target, visited)
        begins = True
        if not links:
            selected = current = _spoken_for(current, environ)
    # What a profile asks for with its own credentials may be the machine's.
    top = not links or (len(links) == 1 and _asks_for_itself(links[0]))
    hop = profile_source(profiles, current, environ, top=top)
    return Chain(hop, tuple(links), selected)


def _proven(
    profile: Profile, action: str | None, environ: Mapping[str, str], *, alone: bool
) -> Link | None:
    """Return the call that a token or an assertion vouches for, if one comes first.

    ``alone``: no profile was named, and no role is to be assumed with it, so that the
    environment may name a web identity.
    """
    if alone and (action is None or is_native(profile)):
        found = web_identity_in_environment(profile, environ)
        if found:
            return Link(found, WEB_IDENTITY)
    return Link(profile, action) if action in UNSIGNED_ACTIONS else None


def _asks_for_itself(link: Link) -> bool:
    keys = ("source_profile", "credential_source")
    return not any(link.profile.get(key) for key in keys)


def _asked_for(profiles: Profiles, name: str, *, explicit: bool) -> Profile:
    if name == "default" and not explicit and name not in profiles:
        # A machine without files may still have an instance or container role.
        return Profile(name, Origin(profiles.config_path))
    return profiles[name]


def _spoken_for(profile: Profile, environ: Mapping[str, str]) -> Profile:
    """Return the profile asked for; the environment speaks before its own keys."""
    said = {
        OWN_PREFIX + key: Setting(variable, value, Origin("environment"))
        for key, variable in TARGET_VARIABLES.items()
        if (value := environ.get(variable))
    }
    return replace(profile, credentials={**profile.credentials, **said})


def _value(profile: Profile, key: str) -> str:
    setting = profile.get(key)
    return setting.value if setting else ""


def _next_profile(
    profiles: Profiles, profile: Profile, action: str, visited: list[str]
) -> Profile | None:
    """Return the profile whose credentials sign, or None for a ``credential_source``.

    Only a role needs to name one: what a user asks for is asked with own keys.
    """
    named, special = profile.get("source_profile"), profile.get("credential_source")
    if named and special:
        raise ConfigurationError(
            f'profile "{profile.name}" has both source_profile ({named.origin}) and'
            f" credential_source ({special.origin})",
            hint="keep the one that the call is to be signed with",
        )
    if special:
        if special.value not in CREDENTIAL_SOURCES:
            raise ConfigurationError(
                f"{special.origin}: {special.key} = {special.value} of profile"
                f' "{profile.name}" is not known',
                hint=f"use one of {', '.join(CREDENTIAL_SOURCES)}, spelled so",
            )
        return None
    if named is None and action != "AssumeRole":
        return profile
    if named is None:
        role = profile.get("role_arn")
        raise ConfigurationError(
            f'{role.origin if role else profile.origin}: profile "{profile.name}" has'
            " a role_arn and nothing to assume it from",
            hint="add source_profile or credential_source",
        )
    if named.value not in profiles:
        raise ConfigurationError(
            f'{named.origin}: {named.key} = {named.value} of profile "{profile.name}"'
            " does not exist",
            hint=f"add the profile, or correct {named.key}",
        )
    source = profiles[named.value]
    itself = source.name == profile.name and has_own_keys(source)
    if named.value in visited and not itself:
        raise _loop(named, profile, visited, named.value)
    _visit(named, profile, visited, named.value)
    return source


def _visit(setting: Setting, profile: Profile, visited: list[str], target: str) -> None:
    """Go on to a profile; raise ConfigurationError if the way is too long."""
    if len(visited) > HOPS_MAX:
        raise ConfigurationError(
            f'{setting.origin}: {setting.key} of profile "{profile.name}" goes on with'
            f' the chain of profile "{visited[0]}", which is {HOPS_MAX} profiles long'
            " already",
            hint="name a source_profile that is nearer to the credentials",
        )
    visited.append(target)


def _loop(
    setting: Setting, profile: Profile, visited: Sequence[str], target: str
) -> Exception:
    way = " -> ".join([*visited, target])
    return ConfigurationError(
        f'{setting.origin}: {setting.key} of profile "{profile.name}" closes a loop:'
        f" {way}",
        hint="one profile of the loop must have credentials of its own",
    )


def _alias(
    profiles: Profiles, profile: Profile, process: Setting, visited: list[str]
) -> Profile:
    target = named_profile(profile, process)
    if target in visited:
        raise _loop(process, profile, visited, target)
    if target not in profiles:
        raise ConfigurationError(
            f'{process.origin}: credential_process of profile "{profile.name}" names'
            f' profile "{target}", which does not exist',
            hint="add the profile, or correct the command",
        )
    _visit(process, profile, visited, target)
    return profiles[target]
