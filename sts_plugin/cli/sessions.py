"""Commands that get and forget sessions: ``login`` and ``logout``."""

from __future__ import annotations

import contextlib
import os
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from sts_plugin.cli.common import add_profile, left, make_engine, plan_of, show
from sts_plugin.engine import chosen_profile
from sts_plugin.errors import CacheUnusable, ConfigurationError, StsPluginError

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

    from sts_plugin.cli.common import Subparsers
    from sts_plugin.engine import Engine
    from sts_plugin.model import Plan

__all__ = ["add", "login", "logout"]


def add(commands: Subparsers) -> None:
    """Add the commands of this module."""
    parser = commands.add_parser(
        "login", help="get a profile's credentials now, so that nobody is asked later"
    )
    add_profile(parser)
    parser.set_defaults(command=login)
    parser = commands.add_parser("logout", help="forget what is cached")
    which = parser.add_mutually_exclusive_group()
    add_profile(which)
    which.add_argument("--all", action="store_true", help="of every profile")
    parser.set_defaults(command=logout)


def login(options: argparse.Namespace) -> int:
    """Resolve the profile, asking if need be, and say until when that will do."""
    engine = make_engine()
    plan = plan_of(engine, options)
    credentials = engine.credentials(plan)
    now = datetime.now(UTC)
    for device, expires in _sessions(engine, plan):
        show(f"MFA session of {device}: {left(expires, now)} left")
    until = credentials.expiration
    span = f"{left(until, now)} left" if until else "long-term keys, without expiry"
    show(f"{plan.profile}: {span}")
    return 0


def _sessions(engine: Engine, plan: Plan) -> Iterator[tuple[str, datetime]]:
    """Yield the device and the end of each cached session that the plan stands on."""
    with contextlib.suppress(CacheUnusable):  # whoever got the credentials said so
        for hop in plan.calls[:-1]:
            device = hop.mfa_serial if hop.action == "GetSessionToken" else None
            if device and (entry := engine.store.read(hop.key)):
                yield device, entry.life.expires


def logout(options: argparse.Namespace) -> int:
    """Remove the cached entries of a profile, or every one.

    A session is shared: to forget it for one profile is to forget it for all that
    stand behind the same device.
    """
    engine = make_engine()
    try:
        count = engine.store.clear() if options.all else _forget(engine, options)
    except CacheUnusable as error:
        raise StsPluginError(
            f"what is cached could not be forgotten: {error.message}", hint=error.hint
        ) from None
    show(f"{count} {'entry' if count == 1 else 'entries'} forgotten")
    return 0


def _forget(engine: Engine, options: argparse.Namespace) -> int:
    """Remove what the profile stands on, and what was once got for it.

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
    entries = {entry.key: entry for entry in (*found, *planned) if entry}
    for entry in entries.values():
        engine.store.remove(entry)
    return len(entries)
