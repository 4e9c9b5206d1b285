"""The profile graph, followed from the profile that was asked for to its source.

    Profiles + name + environment -> Chain

Owns botocore's rules of who is whose source, loops included, and the rule that a
``credential_process`` which is sts-plugin itself is followed here and never run:
that would be a process which starts a process for the same question. Runs nothing,
reads no file, needs no network.
"""

from __future__ import annotations

import itertools
import os
import shlex
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sts_plugin.errors import ConfigurationError
from sts_plugin.model import Origin
from sts_plugin.profiles import OWN_PREFIX, Profile
from sts_plugin.source_kinds import (
    CREDENTIAL_SOURCES,
    environment_source,
    has_static_keys,
    named_source,
    profile_source,
    source_kind,
    web_identity_in_environment,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sts_plugin.model import Setting, SourceHop
    from sts_plugin.profiles import Profiles

__all__ = ["Chain", "follow"]


@dataclass(frozen=True, slots=True)
class Chain:
    """A source and the role profiles behind it, in the order of the calls.

    ``selected`` is the profile whose region counts; None when the environment
    speaks alone.
    """

    source: SourceHop
    roles: tuple[Profile, ...]
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
    selected = current = _asked_for(profiles, name, explicit=explicit)
    roles: list[Profile] = []
    visited = [name]
    begins = True  # botocore looks past static keys only where a chain begins
    while True:
        if _is_role(current) and (begins or not has_static_keys(current)):
            roles.insert(0, current)
            source = _next_profile(profiles, current, visited)
            if source is None:
                kind = CREDENTIAL_SOURCES[_value(current, "credential_source")]
                hop = named_source(kind, current, environ)
                return Chain(hop, tuple(roles), selected)
            # A profile may name itself when static keys stand beside its role.
            begins = False
            if source is current:
                break
            current = source
        elif not (explicit or roles) and (
            found := web_identity_in_environment(current, environ)
        ):
            return Chain(found, (), selected)
        elif (target := _own_target(current)) is not None:
            current = _alias(profiles, current, target, visited)
            begins = True
            selected = selected if roles else current
        else:
            break
    hop = profile_source(profiles, current, environ, top=not roles)
    return Chain(hop, tuple(roles), selected)


def _asked_for(profiles: Profiles, name: str, *, explicit: bool) -> Profile:
    if name == "default" and not explicit and name not in profiles:
        # A machine without files may still have an instance or container role.
        return Profile(name, Origin(profiles.config_path))
    return profiles[name]


def _value(profile: Profile, key: str) -> str:
    setting = profile.get(key)
    return setting.value if setting else ""


def _is_role(profile: Profile) -> bool:
    role = profile.get("role_arn")
    if role is None:
        return False
    return role.key.startswith(OWN_PREFIX) or not profile.plain(
        "web_identity_token_file"
    )


def _next_profile(
    profiles: Profiles, profile: Profile, visited: list[str]
) -> Profile | None:
    """Return the source profile of a role, or None for a ``credential_source``."""
    named, special = profile.get("source_profile"), profile.get("credential_source")
    if named and special:
        raise ConfigurationError(
            f'profile "{profile.name}" has both source_profile ({named.origin}) and'
            f" credential_source ({special.origin})",
            hint="keep the one that the role is to be assumed from",
        )
    if special:
        if special.value not in CREDENTIAL_SOURCES:
            raise ConfigurationError(
                f"{special.origin}: {special.key} = {special.value} of profile"
                f' "{profile.name}" is not known',
                hint=f"use one of {', '.join(CREDENTIAL_SOURCES)}, spelled so",
            )
        return None
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
    itself = source is profile and has_static_keys(source)
    if named.value in visited and not itself:
        raise _loop(named, profile, visited, named.value)
    visited.append(named.value)
    return source


def _loop(
    setting: Setting, profile: Profile, visited: Sequence[str], target: str
) -> Exception:
    way = " -> ".join([*visited, target])
    return ConfigurationError(
        f'{setting.origin}: {setting.key} of profile "{profile.name}" closes a loop:'
        f" {way}",
        hint="one profile of the loop must have credentials of its own",
    )


# --- A credential_process that is sts-plugin ---------------------------------


def _own_target(profile: Profile) -> Setting | None:
    """Return the setting by which a profile sends us to ourselves, or None.

    Only where the process is what the profile's credentials would come from.
    """
    process = profile.plain("credential_process")
    if process is None or source_kind(profile) != "process":
        return None
    return process if _is_ours(_words(process)) else None


def _words(process: Setting) -> list[str]:
    try:
        return shlex.split(process.value)
    except ValueError as error:
        raise ConfigurationError(
            f"{process.origin}: credential_process cannot be split into words: {error}",
            hint="close every quotation",
        ) from None


def _is_ours(words: Sequence[str]) -> bool:
    if "credential-process" not in words:
        return False
    program = os.path.basename(words[0]).removesuffix(".exe")  # noqa: PTH119
    module = ("-m", "sts_plugin") in itertools.pairwise(words)
    return program == "sts-plugin" or module


def _named_profiles(words: Sequence[str]) -> list[str]:
    """Return what follows each ``--profile``; the last one counts."""
    named = []
    for word, following in itertools.pairwise([*words, ""]):
        option, equals, value = word.partition("=")
        if option == "--profile":
            named.append(value if equals else following)
    return named


def _alias(
    profiles: Profiles, profile: Profile, process: Setting, visited: list[str]
) -> Profile:
    named = _named_profiles(_words(process))
    if not named or not named[-1]:
        raise ConfigurationError(
            f'{process.origin}: credential_process of profile "{profile.name}" runs'
            " sts-plugin without saying for which profile",
            hint=f"add --profile {profile.name}",
        )
    target = named[-1]
    if target == profile.name:
        raise ConfigurationError(
            f'{process.origin}: credential_process of profile "{profile.name}" runs'
            " sts-plugin for the same profile, which has no role or keys of its own",
            hint=f"add {OWN_PREFIX}role_arn and {OWN_PREFIX}source_profile, which the"
            " SDKs pass over, or name another profile",
        )
    if target in visited:
        raise _loop(process, profile, visited, target)
    if target not in profiles:
        raise ConfigurationError(
            f'{process.origin}: credential_process of profile "{profile.name}" names'
            f' profile "{target}", which does not exist',
            hint="add the profile, or correct the command",
        )
    visited.append(target)
    return profiles[target]
