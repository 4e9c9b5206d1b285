"""The command that forgets what is cached: ``logout``."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

from sts_plugin.cli.common import (
    add_output,
    add_profile,
    make_engine,
    plan_of,
    show,
)
from sts_plugin.engine import chosen_profile
from sts_plugin.errors import CacheUnusable, ConfigurationError, StsPluginError
from sts_plugin.overview import plans
from sts_plugin.profiles import load_profiles

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterable

    from sts_plugin.cli.common import Subparsers
    from sts_plugin.engine import Engine
    from sts_plugin.store import Entry

__all__ = ["add", "logout"]


def add(commands: Subparsers) -> None:
    """Add the command of this module."""
    parser = commands.add_parser("logout", help="forget what is cached")
    which = parser.add_mutually_exclusive_group()
    add_profile(which)
    which.add_argument(
        "--device",
        metavar="ARN",
        help="of an MFA device: its sessions, and all that was got with them",
    )
    which.add_argument("--all", action="store_true", help="of every profile")
    add_output(parser)
    parser.set_defaults(command=logout)


def logout(options: argparse.Namespace) -> int:
    """Remove the cached entries of a profile or a device, or every one.

    A session is shared: to forget it for one profile is to forget it for all that
    stand behind the same device.
    """
    engine = make_engine()
    try:
        if options.all:
            count = engine.store.clear()
        elif options.device is not None:
            count = _removed(engine, _of_device(engine, options.device))
        else:
            count = _removed(engine, _of_profile(engine, options))
    except CacheUnusable as error:
        raise StsPluginError(
            f"what is cached could not be forgotten: {error.message}", hint=error.hint
        ) from None
    if options.output == "json":
        show(json.dumps({"forgotten": count}, indent=2))
    else:
        show(f"{count} {'entry' if count == 1 else 'entries'} forgotten")
    return 0


def _removed(engine: Engine, entries: Iterable[Entry]) -> int:
    """Remove entries, each once, and return how many there were."""
    unique = {entry.key: entry for entry in entries}
    for entry in unique.values():
        engine.store.remove(entry)
    return len(unique)


def _of_profile(engine: Engine, options: argparse.Namespace) -> list[Entry]:
    """Return what the profile stands on, and what was once got for it.

    The label finds what another region or an older text of the profile left behind,
    and the entries of a profile that is gone or broken.
    """
    name, _ = chosen_profile(options.profile, os.environ)
    found = [
        entry for entry in engine.store.entries() if entry.label.get("profile") == name
    ]
    try:
        hops = plan_of(engine, options).calls
    except ConfigurationError:
        if not found:
            raise
        hops = ()
    planned = [engine.store.read(hop.key) for hop in hops]
    return [*found, *filter(None, planned)]


def _of_device(engine: Engine, device: str) -> list[Entry]:
    """Return what was got with a device's codes, and all that stands on it.

    By the plans of today; by the labels of sessions that no plan leads to any more; and
    by the keys that entries were got with.
    """
    keys: set[str] = set()
    environ = dict(os.environ)  # ten thousand plans look into it: that is slow
    for plan in plans(load_profiles(environ), environ, lambda _error: None):
        serials = [call.mfa_serial for call in plan.calls]
        if device in serials:
            keys |= {call.key for call in plan.calls[serials.index(device) :]}
    entries = list(engine.store.entries())
    found = {
        entry.key: entry
        for entry in entries
        if entry.key in keys
        or (entry.label.get("kind"), entry.label.get("subject")) == ("session", device)
    }
    if not keys and not found:
        raise ConfigurationError(
            f"no profile names the MFA device {device}, and nothing is cached of it",
            hint="sts-plugin status shows whose sessions there are",
        )
    new = list(found.values())
    while new:
        with_keys = {entry.document.get("AccessKeyId") for entry in new} - {None, ""}
        new = [
            entry
            for entry in entries
            if entry.key not in found and entry.label.get("caller") in with_keys
        ]
        found |= {entry.key: entry for entry in new}
    return list(found.values())
