"""What is wrong with profiles: broken ones, keys that do not count, ways around us.

    Profiles + a Summary of each -> findings

Reads nothing but what it is given.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sts_plugin.doctor.finding import Finding
from sts_plugin.doctor.processes import is_own_line, native
from sts_plugin.doctor.spelling import meant
from sts_plugin.ourselves import named_profiles
from sts_plugin.profiles import OWN_PREFIX

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sts_plugin.model import Setting
    from sts_plugin.overview import Summary
    from sts_plugin.profiles import Profile, Profiles

__all__ = ["profile_findings"]

KEY_ID: Final = "aws_access_key_id"

FIXES: Final = {
    "role_arn": "spell the role's keys with sts_plugin_ (sts_plugin_role_arn,"
    " sts_plugin_source_profile, sts_plugin_mfa_serial): SDKs pass over these",
    KEY_ID: "move the access key to a profile of its own, and name that one in"
    " sts_plugin_source_profile",
}
FIX: Final = "keep one of the two, or move the other one to a profile of its own"


def profile_findings(
    profiles: Profiles, summaries: Sequence[Summary]
) -> Iterator[Finding]:
    """Yield what is wrong with each profile, by what the files say alone."""
    named = _named(profiles)
    spelled: dict[str, str | None] = {}
    for one in summaries:
        profile = profiles.profiles[one.name]
        if one.error:
            yield _broken(profiles, one)
        if one.plan:
            for note in one.plan.notes:
                text, origin = _without_owner(note, one.name), str(profile.origin)
                yield Finding("plan-note", "note", text, origin, one.name)
        yield from _rivals(profile)
        yield from _in_both_files(profile)
        yield from _misspelt(profile, spelled)
        yield from _skipped(profiles, profile)
        yield from _without_session(profiles, profile)
        if one.plan and one.name not in named:
            yield from _unseen(profile)


def _broken(profiles: Profiles, one: Summary) -> Finding:
    """Return the error of a plan, its place taken out of its text."""
    assert one.error is not None
    what, where = one.error.message, str(one.profile.origin)
    for path in (profiles.config_path, profiles.credentials_path):
        rest = what.removeprefix(f"{path}:")
        number, _, said = rest.partition(": ")
        if rest != what and number.isdecimal():
            what, where = said, f"{path}:{number}"
            break
    what = _without_owner(what, one.name)
    return Finding("profile-broken", "error", what, where, one.name, one.error.hint)


def _without_owner(text: str, name: str) -> str:
    """Return a text less what a finding says anyhow: then it is one for many."""
    return text.replace(f' of profile "{name}"', "")


def _rivals(profile: Profile) -> Iterator[Finding]:
    """Yield what SDKs take before the ``credential_process`` of a profile.

    The order is botocore's, which all SDKs share as far as this goes.
    """
    process = native(profile, "credential_process")
    if process is None:
        return
    ours = is_own_line(process)
    for key in ("role_arn", "web_identity_token_file", "sso_account_id"):
        if rival := native(profile, key) or (
            native(profile, "sso_role_name") if key.startswith("sso") else None
        ):
            yield _rival(profile, rival, ours=ours)
            return
    if rival := profile.credentials.get(KEY_ID) or native(profile, "login_session"):
        yield _rival(profile, rival, ours=ours)
    elif not ours and (idle := profile.config.get(KEY_ID)):
        yield Finding(
            "key-shadowed",
            "warning",
            "aws_access_key_id in the config file is never used: the credential_process"
            " beside it comes first",
            str(idle.origin),
            profile.name,
            FIX,
        )


def _rival(profile: Profile, rival: Setting, *, ours: bool) -> Finding:
    key, where = rival.key, str(rival.origin)
    if ours:
        what = (
            f"{key} stands beside credential_process: SDKs take that, and never run"
            " sts-plugin"
        )
        fix = FIXES.get(key, FIX)
        return Finding("bypassed", "warning", what, where, profile.name, fix)
    what = f"credential_process is never run: {key} beside it comes first"
    return Finding("key-shadowed", "warning", what, where, profile.name, FIX)


def _in_both_files(profile: Profile) -> Iterator[Finding]:
    for key in profile.credentials.keys() & profile.config.keys():
        here, there = profile.config[key], profile.credentials[key]
        if here.value != there.value:
            yield Finding(
                "key-in-both-files",
                "warning",
                f"{key} is in both files, with two values: that of the credentials file"
                " counts",
                str(here.origin),
                profile.name,
                f"remove one of them; the other one is {there.origin}",
            )


def _misspelt(profile: Profile, spelled: dict[str, str | None]) -> Iterator[Finding]:
    """Yield keys that look like a slip; ``spelled`` has those that were looked at."""
    for layer in (profile.config, profile.credentials):
        for key, setting in layer.items():
            if key not in spelled:
                spelled[key] = meant(key)
            if (right := spelled[key]) is None:
                continue
            yield Finding(
                "key-unknown",
                "warning",
                f"nobody reads a key {key}",
                str(setting.origin),
                profile.name,
                f"write {right}" if right else "the reference has all keys",
            )


def _skipped(profiles: Profiles, profile: Profile) -> Iterator[Finding]:
    """Yield a finding if the role of a profile's source is passed over.

    botocore looks past static keys only where a chain begins; so do we.
    """
    setting = profile.get("source_profile")
    if setting is None or setting.value == profile.name:
        return
    source = profiles.profiles.get(setting.value) if setting.value in profiles else None
    role = source.get("role_arn") if source else None
    if source and role and (native(source, KEY_ID)):
        yield Finding(
            "role-skipped",
            "warning",
            f'{setting.key} is profile "{source.name}", which has an access key and a'
            f" {role.key}: its key is used, and its role is passed over",
            str(setting.origin),
            profile.name,
            "keep the key and the role in two profiles, and name the one that is meant",
        )


def _without_session(profiles: Profiles, profile: Profile) -> Iterator[Finding]:
    setting = native(profile, "sso_session")
    if setting and setting.value not in profiles.sso_sessions:
        yield Finding(
            "sso-session-missing",
            "error",
            f'sso_session names "{setting.value}", which does not exist',
            str(setting.origin),
            profile.name,
            f"add [sso-session {setting.value}] to {profiles.config_path}",
        )


def _named(profiles: Profiles) -> set[str]:
    """Return the profiles that others name: SDKs reach them through these."""
    found = set()
    for profile in profiles.profiles.values():
        for key in ("source_profile", "include_profile"):
            if setting := profile.get(key):
                found.add(setting.value)
        process = native(profile, "credential_process")
        if process and "--profile" in process.value:
            found.update(named_profiles(process.value.split()))
    return found


def _unseen(profile: Profile) -> Iterator[Finding]:
    """Yield a finding for a role of ours that no SDK has a way to."""
    role = profile.get("role_arn")
    ways = (
        "credential_process",
        "role_arn",
        "sso_account_id",
        "login_session",
        KEY_ID,
        "web_identity_token_file",
    )
    if role is None or not role.key.startswith(OWN_PREFIX):
        return
    if any(native(profile, key) for key in ways):
        return
    yield Finding(
        "not-for-sdks",
        "note",
        "SDKs see no credentials here: there is no credential_process, and no other"
        " profile leads to it",
        str(role.origin),
        profile.name,
        "add credential_process = sts-plugin credential-process --profile"
        f" {profile.name}, unless programs register sts_plugin",
    )
