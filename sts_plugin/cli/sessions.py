"""Commands that get and forget sessions: ``login`` and ``logout``."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from sts_plugin.cli.common import add_profile, left, make_engine, plan_of, show

if TYPE_CHECKING:
    import argparse

    from sts_plugin.cli.common import Subparsers

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
    for hop in plan.calls[:-1]:
        if (entry := engine.store.read(hop.key)) and entry.label["kind"] == "session":
            span = left(entry.life.expires, now)
            show(f"MFA session of {hop.mfa_serial}: {span} left")
    until = credentials.expiration
    span = f"{left(until, now)} left" if until else "long-term keys, without expiry"
    show(f"{plan.profile}: {span}")
    return 0


def logout(options: argparse.Namespace) -> int:
    """Remove the cached entries of a profile's plan, or all of them.

    A session is shared: to forget it for one profile is to forget it for all that
    stand behind the same device.
    """
    engine = make_engine()
    if options.all:
        entries = list(engine.store.entries())
    else:
        found = (engine.store.read(hop.key) for hop in plan_of(engine, options).calls)
        entries = [entry for entry in found if entry]
    for entry in entries:
        engine.store.remove(entry)
    things = "entry" if len(entries) == 1 else "entries"
    show(f"{len(entries)} {things} forgotten")
    return 0
