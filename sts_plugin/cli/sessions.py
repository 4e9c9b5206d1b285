"""Commands that get and forget sessions: ``login`` and ``logout``."""

from __future__ import annotations

import argparse
import contextlib
import os
import re
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from sts_plugin.cli.common import add_profile, left, make_engine, plan_of, show
from sts_plugin.engine import chosen_profile
from sts_plugin.errors import CacheUnusable, ConfigurationError, StsPluginError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sts_plugin.cli.common import Subparsers
    from sts_plugin.engine import Engine
    from sts_plugin.model import Plan

__all__ = ["add", "login", "logout"]

SPAN: Final = re.compile(r"(?:(\d{1,6})h)?(?:(\d{1,6})m)?(?:(\d{1,6})s?)?")

SESSION_SECONDS: Final = (900, 129_600)
"""Lifetime of an MFA session (shape ``durationSecondsType`` of STS)."""


def add(commands: Subparsers) -> None:
    """Add the commands of this module."""
    parser = commands.add_parser(
        "login",
        help="get a new MFA session now, so that nobody is asked later",
        description="Ask for an MFA code now, and get a new session for everything"
        " behind the device. Profiles without MFA get their credentials.",
    )
    parser.add_argument(
        "--profile",
        metavar="NAME",
        action="append",
        help="profile in the AWS config files (default: AWS_PROFILE, else default);"
        " may be given more than once: each device is asked for once",
    )
    parser.add_argument(
        "--for",
        dest="seconds",
        metavar="TIME",
        type=_seconds,
        help="how long the session is to last, such as 36h or 90m: 15m to 36h",
    )
    parser.add_argument(
        "--if-needed",
        action="store_true",
        help="ask only if there is no session that is still good",
    )
    parser.set_defaults(command=login, chosen="several")
    parser = commands.add_parser("logout", help="forget what is cached")
    which = parser.add_mutually_exclusive_group()
    add_profile(which)
    which.add_argument("--all", action="store_true", help="of every profile")
    parser.set_defaults(command=logout)


def _seconds(text: str) -> int:
    """Return a span of time in seconds: ``36h``, ``1h30m``, ``5400``."""
    found = SPAN.fullmatch(text.strip().lower())
    if not found or not any(found.groups()):
        raise argparse.ArgumentTypeError(f"{text} is not a time such as 36h or 90m")
    hours, minutes, seconds = (int(part or 0) for part in found.groups())
    total = hours * 3600 + minutes * 60 + seconds
    least, most = SESSION_SECONDS
    if not least <= total <= most:
        raise argparse.ArgumentTypeError(f"{text} is not from 15m to 36h")
    return total


def login(options: argparse.Namespace) -> int:
    """Get a new session for each profile, and say until when that will do."""
    engine = make_engine()
    plans = [
        _lasting(engine.plan(name, explicit=explicit), options.seconds)
        for name, explicit in (
            chosen_profile(given, os.environ) for given in options.profile or [None]
        )
    ]
    shown = set()
    for plan in plans:
        credentials = engine.login(plan, if_needed=options.if_needed)
        now = datetime.now(UTC)
        for device, expires in _sessions(engine, plan):
            if device not in shown:
                show(f"MFA session of {device}: {left(expires, now)} left")
                shown.add(device)
        until = credentials.expiration
        span = f"{left(until, now)} left" if until else "long-term keys, without expiry"
        show(f"{plan.profile}: {span}")
    return 0


def _lasting(plan: Plan, seconds: int | None) -> Plan:
    """Return the plan with a session that is asked to last so long."""
    if seconds is None:
        return plan
    calls = [
        replace(call, arguments={**call.arguments, "DurationSeconds": seconds})
        if call.action == "GetSessionToken"
        else call
        for call in plan.calls
    ]
    if not any(call.action == "GetSessionToken" for call in calls):
        raise ConfigurationError(
            f'profile "{plan.profile}" has no MFA session that could last longer',
            hint="leave --for out; see sts-plugin explain",
        )
    return replace(plan, calls=tuple(calls))


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
