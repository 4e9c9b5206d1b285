"""A ``credential_process`` that is sts-plugin itself: seen here, and never run.

    Profile -> whether it sends us to ourselves, and for which profile

Owns: how such a command line is told from another's, and what it names. The chain then
goes on with that profile.
"""

from __future__ import annotations

import itertools
import os
from dataclasses import replace
from typing import TYPE_CHECKING

from sts_plugin.errors import ConfigurationError
from sts_plugin.profiles import OWN_PREFIX
from sts_plugin.source_kinds import source_kind
from sts_plugin.words import profile_option, split

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sts_plugin.model import Setting
    from sts_plugin.profiles import Profile

__all__ = [
    "is_ours",
    "leads_home",
    "named_profile",
    "named_profiles",
    "own_target",
    "without_us",
    "words",
]


def own_target(profile: Profile) -> Setting | None:
    """Return the setting by which a profile sends us to ourselves, or None.

    Only where the process is what the profile's credentials would come from.
    """
    process = profile.plain("credential_process")
    if process is None or source_kind(profile) != "process":
        return None
    return process if is_ours(process) else None


def is_ours(process: Setting) -> bool:
    """Whether a command line runs sts-plugin; raise for one that is none."""
    return _is_ours(_words(process))


def leads_home(profile: Profile, process: Setting) -> bool:
    """Whether our own command line is for the profile it stands in."""
    return named_profiles(_words(process))[-1:] == [profile.name]


def without_us(profile: Profile) -> Profile:
    """Return a profile less the process that would ask us for what we ask of it."""
    process = own_target(profile)
    if process is None:
        return profile

    def less(layer: Mapping[str, Setting]) -> dict[str, Setting]:
        return {key: one for key, one in layer.items() if one != process}

    return replace(
        profile,
        credentials=less(profile.credentials),
        config=less(profile.config),
        fallback=less(profile.fallback),
    )


def _words(process: Setting) -> list[str]:
    try:
        return split(process.value)
    except ValueError as error:
        raise ConfigurationError(
            f"{process.origin}: credential_process cannot be split into words: {error}",
            hint="close every quotation",
        ) from None


def _is_ours(words: Sequence[str]) -> bool:
    if "credential-process" not in words:
        return False
    program = os.path.basename(words[0]).removesuffix(".exe")  # noqa: PTH119
    program = program.removesuffix(".py")  # what the command goes on with
    module = ("-m", "sts_plugin") in itertools.pairwise(words)
    return program == "sts-plugin" or module


def named_profiles(words: Sequence[str]) -> list[str]:
    """Return what follows each ``--profile``; the last one counts."""
    named = []
    for word, following in itertools.pairwise([*words, ""]):
        option, equals, value = word.partition("=")
        if option == "--profile":
            named.append(value if equals else following)
    return named


def named_profile(profile: Profile, process: Setting) -> str:
    """Return the profile that our own command line is for.

    Raises ConfigurationError where it names none, or the one that it stands in.
    """
    named = named_profiles(_words(process))
    if not named or not named[-1]:
        raise ConfigurationError(
            f'{process.origin}: credential_process of profile "{profile.name}" runs'
            " sts-plugin without saying for which profile",
            hint=f"add {profile_option(profile.name)}",
        )
    if named[-1] == profile.name:
        raise ConfigurationError(
            f'{process.origin}: credential_process of profile "{profile.name}" runs'
            " sts-plugin for the same profile, which has no role or keys of its own",
            hint=f"add {OWN_PREFIX}role_arn and {OWN_PREFIX}source_profile, which the"
            " SDKs pass over, or name another profile",
        )
    return named[-1]


def words(process: Setting) -> list[str]:
    """Return the words of a command line; none where a quotation is not closed."""
    try:
        return _words(process)
    except ConfigurationError:
        return []
