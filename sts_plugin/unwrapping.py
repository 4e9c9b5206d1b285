"""Which lines of the config file give a profile back to SDKs without sts-plugin.

    Summary of a wrapped profile + its section -> an edit, or why there is none

Owns: what SDKs can do by themselves, and what would get lost if they did. Pure: reads
and writes no file.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sts_plugin.config_edits import Edit
from sts_plugin.errors import ConfigurationError
from sts_plugin.ourselves import is_ours, leads_home
from sts_plugin.profiles import OWN_PREFIX
from sts_plugin.source_kinds import kept_keys
from sts_plugin.wrapping import PROCESS, READ_BY_SDKS, elsewhere, twice

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sts_plugin.ini import Section
    from sts_plugin.model import Call, Setting
    from sts_plugin.overview import Summary
    from sts_plugin.profiles import Profile

__all__ = ["unwrapped"]

HEEDED_BY_SDKS: Final = frozenset(
    {"RoleArn", "RoleSessionName", "ExternalId", "DurationSeconds", "SerialNumber"}
)
"""Arguments of a call that SDKs make of these keys."""


def unwrapped(one: Summary, sections: Mapping[str, Section]) -> Edit | None:
    """Return what gives a profile its plain keys back; None: it has them.

    Raises ConfigurationError where SDKs could not do without us.
    """
    profile = one.profile
    process = profile.credentials.get(PROCESS) or profile.config.get(PROCESS)
    if process is None or not is_ours(process):
        return None
    if not leads_home(profile, process):
        raise ConfigurationError(
            f'{process.origin}: profile "{one.name}" says nothing but whose credentials'
            " sts-plugin gives",
            hint="remove the section by hand if it is not needed any more",
        )
    if one.error:
        raise one.error
    section = sections.get(one.name)
    if section is None or PROCESS not in section.values:
        raise elsewhere(profile)
    _refuse_loss(one, section, process)
    renamed: dict[str, str] = {}
    removed = {PROCESS}
    for key in READ_BY_SDKS:
        own = OWN_PREFIX + key
        if own not in section.values:
            continue
        if key not in section.values:
            renamed[own] = key
        elif section.values[own] == section.values[key]:
            removed.add(own)
        else:
            raise twice(profile, key, "keep the one that is meant")
    return Edit(section.header, renamed, removed=frozenset(removed))


def _refuse_loss(one: Summary, section: Section, process: Setting) -> None:
    """Raise if SDKs would get something else by the plain keys, or nothing."""
    calls, what = one.plan.calls if one.plan else (), ""
    if calls and _known_to_sdks(calls[-1]) and not kept_keys(one.profile):
        lost = _lost(one.profile, section, calls[-1])
        if lost is None:
            return
        what = f": {lost.key} ({lost.origin})"
    raise ConfigurationError(
        f'{process.origin}: SDKs cannot get what profile "{one.name}" gives without'
        f" sts-plugin{what}",
        hint="remove the line by hand if it is not needed any more",
    )


def _lost(profile: Profile, section: Section, call: Call) -> Setting | None:
    """Return what SDKs would not see, or not heed, once the keys are plain."""
    for argument in call.arguments.keys() - HEEDED_BY_SDKS:
        # A policy, say: without it the role may do more than it was to.
        if argument in call.settings:
            return call.settings[argument]
    for key in READ_BY_SDKS:
        setting = profile.get(key)
        if setting is None or (setting.key in section.values and setting.key != key):
            continue
        # One that is included, or has our prefix in another place.
        if setting not in (profile.config.get(key), profile.credentials.get(key)):
            return setting
    return None


def _known_to_sdks(call: Call) -> bool:
    if call.action == "AssumeRoleWithWebIdentity":
        return call.proof is not None and call.proof.how == "file"
    return call.action == "AssumeRole"
