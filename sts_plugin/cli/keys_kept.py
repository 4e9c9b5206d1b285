"""Commands about the access keys that are kept: ``keys list``, ``keys remove``.

And what all ``keys`` commands share: where the keys are, and a lock for each profile.
"""

from __future__ import annotations

import json
import os
import shlex
from typing import TYPE_CHECKING

from sts_plugin.access_keys import AccessKeys
from sts_plugin.cli.common import cache_of, make_engine, show, tell
from sts_plugin.cli.confirm import confirm
from sts_plugin.cli.look import Look
from sts_plugin.document import timestamp
from sts_plugin.engine import chosen_profile
from sts_plugin.errors import ConfigurationError, StsPluginError
from sts_plugin.folders import data_folder
from sts_plugin.profiles import load_profiles
from sts_plugin.source_kinds import kept_keys

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator, Mapping
    from contextlib import AbstractContextManager

    from sts_plugin.engine import Engine
    from sts_plugin.key_records import KeyRecord
    from sts_plugin.locks import Holder
    from sts_plugin.profiles import Profiles

__all__ = [
    "access_keys",
    "hint_to_use",
    "list_keys",
    "lock",
    "profile_of",
    "remove",
    "still_active",
]

OUR_LINE = "sts_plugin_keychain = yes"


def access_keys() -> AccessKeys:
    """Return the access keys of this environment."""
    return AccessKeys(data_folder(os.environ))


def profile_of(options: argparse.Namespace) -> str:
    """Return the name of the profile that is meant, which need not exist."""
    return chosen_profile(options.profile, os.environ)[0]


def lock(engine: Engine, profile: str) -> AbstractContextManager[bool]:
    """Hold the lock of a profile's key, while it is changed."""

    def waiting(holder: Holder | None) -> None:
        whom = f"process {holder.process}" if holder else "another process"
        tell(f'waiting for {whom}, which changes the key of profile "{profile}"')

    return cache_of(engine).lock(f"access key of profile {profile}", waiting)


def still_active(key_id: str) -> None:
    """Say that a key works without us."""
    tell(
        f"{key_id} still is active at AWS; to delete it: aws iam delete-access-key"
        f" --access-key-id {key_id}"
    )


# --- list ---


def list_keys(options: argparse.Namespace) -> int:
    """Print the keys that are kept; the keychain is asked only if that is wanted."""
    keys = access_keys()
    records, damaged = keys.records()
    for path in damaged:
        tell(f"{path} is damaged, or others can read it")
    profiles = _profiles()
    there = {
        record.profile: _in_keychain(keys, record)
        for record in (records if options.check else ())
    }
    if options.output == "json":
        rows = [_row(record, profiles, there) for record in records]
        show(json.dumps(rows, indent=2))
        return 0
    if not records:
        show("no access key is kept")
        return 0
    words = {True: "there", False: "missing", None: "not known"}
    table = []
    for record in records:
        place = words[there[record.profile]] if there else "not asked"
        since, notes = timestamp(record.added), ", ".join(_notes(record, profiles))
        table.append((record.profile, record.access_key_id, since, place, notes))
    head = ("PROFILE", "ACCESS KEY ID", "SINCE", "KEYCHAIN", "NOTES")
    show("\n".join(Look.of().table(head, table)))
    return 0


def _row(
    record: KeyRecord, profiles: Profiles | None, there: Mapping[str, bool | None]
) -> dict[str, object]:
    """Return a key as JSON has it; ``in_keychain`` is there if it was asked."""
    return {
        "profile": record.profile,
        "access_key_id": record.access_key_id,
        "added": timestamp(record.added),
        "rotating": record.rotating is not None,
        "notes": list(_notes(record, profiles)),
        **({"in_keychain": there[record.profile]} if there else {}),
    }


def _notes(record: KeyRecord, profiles: Profiles | None) -> Iterator[str]:
    """Yield what is not as it should be with a key."""
    if record.rotating:
        yield "a rotation did not end: run sts-plugin keys rotate"
    if profiles is None:
        return
    try:
        profile = profiles.get(record.profile)
        if profile is None:
            yield "there is no such profile"
        elif kept_keys(profile) is None:
            yield f"not used: the profile does not say {OUR_LINE}"
    except ConfigurationError as error:
        yield error.message


def _profiles() -> Profiles | None:
    """Return what the files say; tell what is wrong with them."""
    try:
        return load_profiles(os.environ)
    except ConfigurationError as error:
        tell(error.line)
    return None


def _in_keychain(keys: AccessKeys, record: KeyRecord) -> bool | None:
    """Whether a key is there; None, and told why, if that cannot be known."""
    try:
        return keys.key(record.profile, record.access_key_id) is not None
    except StsPluginError as error:
        tell(error.line)
    return None


# --- remove ---


def remove(options: argparse.Namespace) -> int:
    """Remove a key for good, once somebody has said yes."""
    profile, keys = profile_of(options), access_keys()
    with lock(make_engine(), profile):
        if not keys.has(profile):
            raise ConfigurationError(
                f'no access key of profile "{profile}" is kept',
                hint="see sts-plugin keys list",
            )
        record = keys.find(profile)
        if not options.yes:
            _confirm(profile, record)
        keys.remove(profile)
    if record is None:
        show(f'the damaged record of profile "{profile}" is removed')
        tell(f'the keychain may still have it: "access key ... of profile {profile}"')
        return 0
    show(f'{record.access_key_id} of profile "{profile}" is not kept any more')
    for key_id in record.key_ids:
        still_active(key_id)
    return 0


def _confirm(profile: str, record: KeyRecord | None) -> None:
    named = record.access_key_id if record else "the access key"
    confirm(
        f"Remove {named} of profile {profile} from the OS keychain? It may be the only"
        " copy of its secret, which AWS does not tell again.",
        verb="remove",
        what=f'key of profile "{profile}"',
        option="--yes",
    )


def hint_to_use(profile: str) -> None:
    """Say what to write into the config file, unless it is there."""
    profiles = _profiles()
    if profiles is None:
        return
    known = profiles.get(profile)
    if known and kept_keys(known):
        return
    name = f"profile {shlex.quote(profile)}" if profile != "default" else profile
    tell(f"to use it, write below [{name}] in {profiles.config_path}: {OUR_LINE}")
