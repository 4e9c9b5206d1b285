"""The command that changes an access key: ``keys rotate``."""

from __future__ import annotations

import itertools
from dataclasses import replace
from typing import TYPE_CHECKING

from sts_plugin.cli.common import make_engine, show, tell
from sts_plugin.cli.keys_kept import access_keys, lock, profile_of
from sts_plugin.errors import ConfigurationError
from sts_plugin.rotation import Rotation
from sts_plugin.words import profile_option

if TYPE_CHECKING:
    import argparse

    from sts_plugin.engine import Engine
    from sts_plugin.model import Plan

__all__ = ["rotate"]


def rotate(options: argparse.Namespace) -> int:
    """Put a new key in the place of a profile's, or finish what was begun."""
    engine, profile, keys = make_engine(), profile_of(options), access_keys()
    keys.record(profile)  # nothing is locked for a profile without a key
    plan = _user_plan(engine, profile)
    with lock(engine, profile):
        old, new = Rotation(
            profile,
            keys=keys,
            # Planned anew each time: the key in use changes in the middle.
            sign_in=lambda: engine.credentials(_user_plan(engine, profile)),
            sts=lambda: engine.sts(plan),
            iam=engine.iam(plan),
            tell=tell,
        ).run()
    show(f'profile "{profile}": {new} is in use, {old} is deleted')
    new_ones = "roles get new ones"
    if plan.device:
        new_ones += ", by the MFA session that the new key has now"
    tell(f"sessions that were got with {old} are not found any more: {new_ones}")
    return 0


def _user_plan(engine: Engine, profile: str) -> Plan:
    """Return how the user of a profile signs: with its keys, or their MFA session."""
    plan = engine.plan(profile)
    source = plan.source
    if source.kind != "keychain" or source.profile != profile:
        raise ConfigurationError(
            f'profile "{profile}" does not use the key that is kept for it: its'
            f" credentials are the {source.kind} ones of profile"
            f' "{source.profile}"',
            hint="write sts_plugin_keychain = yes below it, or rotate that one:"
            f" {profile_option(source.profile)}",
        )
    # IAM is asked by the user, not by the role that may stand behind it.
    session = itertools.takewhile(
        lambda call: call.action == "GetSessionToken", plan.calls
    )
    return replace(plan, calls=tuple(session))
