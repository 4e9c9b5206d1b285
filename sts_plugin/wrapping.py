"""Which lines of the config file make SDKs get a profile through sts-plugin.

    Summary of a profile + its section -> edits, or why there are none

Owns: what a wrapped profile looks like, what stands in the way of one, and the profiles
that are added. SDKs that see a role, or keys of another kind, in a profile never run
the ``credential_process`` beside them, so the keys of a role get our prefix. Pure:
reads and writes no file.
"""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Final

from sts_plugin.config_edits import Edit, NewSection
from sts_plugin.errors import ConfigurationError
from sts_plugin.ourselves import is_ours, leads_home, named_profile, own_target
from sts_plugin.profiles import OWN_PREFIX, section_name
from sts_plugin.source_kinds import kept_keys
from sts_plugin.words import profile_option

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from sts_plugin.ini import Section
    from sts_plugin.model import Setting
    from sts_plugin.overview import Summary
    from sts_plugin.profiles import Profile, Profiles

__all__ = [
    "PROCESS",
    "READ_BY_SDKS",
    "added",
    "changed_plans",
    "elsewhere",
    "needless",
    "process_line",
    "refuse_bypass",
    "refuse_override",
    "targets",
    "twice",
    "updated",
    "with_device",
    "wrapped",
]

PROCESS: Final = "credential_process"

ROLE_KEYS: Final = (
    "role_arn",
    "source_profile",
    "credential_source",
    "web_identity_token_file",
)
"""With a plain one of these an SDK assumes the role itself, or refuses the profile."""

READ_BY_SDKS: Final = (
    *ROLE_KEYS,
    "mfa_serial",
    "external_id",
    "duration_seconds",
    "role_session_name",
)
"""What an SDK needs plain to assume the role itself."""

PREFERRED: Final = (
    *ROLE_KEYS,
    "aws_access_key_id",
    "aws_secret_access_key",
    "sso_session",
    "sso_account_id",
    "sso_role_name",
    "sso_start_url",
    "login_session",
)
"""What SDKs, or some of them, take before a ``credential_process``."""

SECOND: Final = "-mfa"
"""Ends the name of the profile that hands out a user's MFA session."""


def process_line(command: str, profile: str) -> str:
    """Return what ``credential_process`` says; ``command`` is quoted already."""
    return f"{command} credential-process {profile_option(profile)}"


def wrapped(
    one: Summary, profiles: Profiles, sections: Mapping[str, Section], command: str
) -> Edit | NewSection | None:
    """Return what makes SDKs get a profile through us; None: nothing is needed.

    Raises ConfigurationError for a profile that is broken, or in whose way something
    stands.
    """
    profile = one.profile
    if one.error:
        raise one.error
    target = _target(profile)
    if target and not leads_home(profile, target) and _bypass(profile) is None:
        return None
    if needless(one):
        return None
    if one.kind == "session" and not kept_keys(profile):
        return _second(profile, profiles, command)
    if (section := sections.get(one.name)) is None:
        raise elsewhere(profile)
    return _in_place(profile, section, {}, command)


def needless(one: Summary) -> str:
    """Return why a profile needs no wrapping, or nothing."""
    if one.error or (one.plan and (one.plan.calls or kept_keys(one.profile))):
        return ""
    what = "no credentials of its own"
    if one.plan and one.kind != "ambient":
        what = f"{one.kind} credentials, which SDKs find without sts-plugin"
    return f'profile "{one.name}" has {what}'


def targets(profiles: Profiles) -> set[str]:
    """Return the profiles that SDKs get by the ``credential_process`` of another."""
    found = set()
    for profile in profiles.profiles.values():
        target = _target(profile)
        if target and not leads_home(profile, target):
            found.add(named_profile(profile, target))
    return found


def _target(profile: Profile) -> Setting | None:
    """Return the line by which SDKs come to us for a profile, or for another by it."""
    found = own_target(profile)
    # They know no include_profile.
    said = (profile.config.get(PROCESS), profile.credentials.get(PROCESS))
    return found if found in said else None


def _second(profile: Profile, profiles: Profiles, command: str) -> NewSection | None:
    """Return a second profile for a user: SDKs look no further than at the keys."""
    name = profile.name + SECOND
    if there := profiles.get(name):
        target = _target(there)
        if target and leads_home(profile, target):
            return None
        raise ConfigurationError(
            f'{there.origin}: profile "{name}" is there already, and is not the MFA'
            f' session of "{profile.name}"',
            hint="add a profile of another name with the line credential_process ="
            f" {process_line(command, profile.name)}",
        )
    region = profile.plain("region")
    values = {"region": region.value} if region else {}
    values[PROCESS] = process_line(command, profile.name)
    return NewSection(header_of(name), values)


def updated(
    profile: Profile,
    sections: Mapping[str, Section],
    said: Mapping[str, str],
    command: str,
) -> Edit | None:
    """Return what gives a profile other settings, by plain key, and wraps it.

    None if it says so already. Raises ConfigurationError.
    """
    section = sections.get(profile.name)
    if section is None:
        raise elsewhere(profile)
    put = {}
    for key, value in said.items():
        own = key in ROLE_KEYS or OWN_PREFIX + key in section.values
        put[OWN_PREFIX + key if own else key] = value
    return _in_place(profile, section, put, command)


def with_device(
    profile: Profile,
    profiles: Profiles,
    sections: Mapping[str, Section],
    said: Mapping[str, str],
    command: str,
) -> list[Edit | NewSection]:
    """Return what gives a user's profile a device, and SDKs a profile for its session.

    Raises ConfigurationError.
    """
    section = sections.get(profile.name)
    values = section.values if section else {}
    put = {key: one for key, one in said.items() if values.get(key) != one}
    edits: list[Edit | NewSection] = []
    if section and put:
        edits.append(Edit(section.header, put=put))
    elif put:  # its keys are in the credentials file
        edits.append(NewSection(header_of(profile.name), put))
    second = _second(profile, profiles, command)
    return [*edits, second] if second else edits


def added(name: str, said: Mapping[str, str], command: str) -> NewSection:
    """Return a profile that is new: settings by plain key, in their order."""
    values = {key: said[key] for key in ("region",) if key in said}
    values[PROCESS] = process_line(command, name)
    for key, value in said.items():
        values.setdefault(OWN_PREFIX + key if key in ROLE_KEYS else key, value)
    return NewSection(header_of(name), values)


def header_of(name: str) -> str:
    """Return the header of a profile; raise for a name that none can have."""
    header = name if name == "default" else f"profile {shlex.quote(name)}"
    if not name or not name.isprintable() or section_name(header) != ("profile", name):
        raise ConfigurationError(
            f"{name!r} cannot be the name of a profile",
            hint="use letters, digits and characters such as - _ .",
        )
    return header


def _in_place(
    profile: Profile, section: Section, put: dict[str, str], command: str
) -> Edit | None:
    """Return the edit that lets SDKs run us for the profile itself."""
    process = profile.config.get(PROCESS)
    if process is None:
        put = {PROCESS: process_line(command, profile.name), **put}
    elif not is_ours(process) or not leads_home(profile, process):
        raise ConfigurationError(
            f'{process.origin}: profile "{profile.name}" has a credential_process'
            " already, which gives something else",
            hint="remove it, or add another profile for the role",
        )
    if found := _bypass(profile, section):
        raise _bypassed(profile, found)
    renamed: dict[str, str] = {}
    removed = set()
    for key in ROLE_KEYS:
        if key not in section.values:
            continue
        own = OWN_PREFIX + key
        if own not in section.values:
            renamed[key] = own
        elif section.values[own] == section.values[key] or own in put:
            removed.add(key)
        else:
            raise twice(profile, key, "remove the plain one if it is not meant")
    put = {key: one for key, one in put.items() if section.values.get(key) != one}
    edit = Edit(section.header, renamed, put, frozenset(removed))
    return edit if renamed or put or removed else None


def refuse_bypass(edits: Iterable[Edit | NewSection], after: Profiles) -> None:
    """Raise if SDKs would not run the ``credential_process`` of a new section.

    They would take what [DEFAULT] says, which counts there as well.
    """
    for edit in edits:
        if isinstance(edit, NewSection) and PROCESS in edit.values:
            profile = after[section_name(edit.header)[1]]
            if found := _bypass(profile):
                raise _bypassed(profile, found)


def refuse_override(profile: Profile, said: Mapping[str, str]) -> None:
    """Raise if a profile says something else than it was to, by plain key.

    The credentials file wins, and so does a key of [DEFAULT] that has our prefix.
    """
    for key, value in said.items():
        found = profile.get(key)
        if found and found.value != value:
            raise ConfigurationError(
                f'{found.origin}: {found.key} wins over what profile "{profile.name}"'
                " is to say",
                hint="remove it there, or change it by hand",
            )


def _bypass(profile: Profile, section: Section | None = None) -> Setting | None:
    """Return what SDKs would take before a process.

    ``section``: were the keys of a role not in it.
    """
    seen = dict(profile.config)  # they know no include_profile
    if section:
        defaults = section.defaults.settings(profile.name) if section.defaults else {}
        for key in section.values.keys() & set(ROLE_KEYS):
            del seen[key]
            # What the defaults say counts as soon as the section is silent.
            if key in defaults:
                seen[key] = defaults[key]
    seen |= profile.credentials
    return next((seen[key] for key in PREFERRED if key in seen), None)


def _bypassed(profile: Profile, found: Setting) -> ConfigurationError:
    return ConfigurationError(
        f'{found.origin}: SDKs take {found.key} of profile "{profile.name}" before a'
        " credential_process",
        hint="move it to another profile, or add a second one for the SDKs with the"
        f" line credential_process = {process_line('sts-plugin', profile.name)}",
    )


def elsewhere(profile: Profile) -> ConfigurationError:
    """Return what is said where it is not the section that says it."""
    return ConfigurationError(
        f'{profile.origin}: profile "{profile.name}" has no section of its own in the'
        " config file, or not with these keys",
        hint="move them there: only the config file is edited",
    )


def twice(profile: Profile, key: str, hint: str) -> ConfigurationError:
    """Return what is said of a key that is there plain and with our prefix."""
    setting: Setting | None = profile.config.get(key)
    return ConfigurationError(
        f'{setting.origin if setting else profile.origin}: profile "{profile.name}" has'
        f" both {key} and {OWN_PREFIX}{key}, and they differ",
        hint=hint,
    )


def changed_plans(before: Sequence[Summary], after: Mapping[str, Summary]) -> list[str]:
    """Return the profiles that give something else than before.

    The keys of a plan digest everything that changes its answer.
    """
    changed = []
    for one in before:
        if one.plan is None:
            continue
        now = after[one.name].plan
        if now is None or _keys(one) != _keys(after[one.name]):
            changed.append(one.name)
    return changed


def _keys(one: Summary) -> list[str]:
    assert one.plan is not None
    return [hop.key for hop in one.plan.hops]
