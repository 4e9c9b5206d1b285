"""The command that gets sessions before they are needed: ``login``."""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import re
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from sts_plugin.cli.common import (
    add_output,
    left,
    make_engine,
    show,
    tell,
)
from sts_plugin.document import timestamp
from sts_plugin.engine import chosen_profile
from sts_plugin.errors import (
    CacheUnusable,
    ConfigurationError,
    StsPluginError,
)
from sts_plugin.overview import plans
from sts_plugin.profiles import load_profiles

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from sts_plugin.cli.common import Subparsers
    from sts_plugin.engine import Engine
    from sts_plugin.model import Plan

__all__ = ["add", "login", "span"]

SPAN: Final = re.compile(r"(?:(\d{1,6})h)?(?:(\d{1,6})m)?(?:(\d{1,6})s?)?")

SESSION_SECONDS: Final = (900, 129_600)
"""Lifetime of an MFA session (shape ``durationSecondsType`` of STS)."""

LONG_TERM: Final = "long-term keys, without expiry"


def add(commands: Subparsers) -> None:
    """Add the command of this module."""
    parser = commands.add_parser(
        "login",
        help="get a new MFA session now, so that nobody is asked later",
        description="Ask for an MFA code now, and get a new session for everything"
        " behind the device. Profiles without MFA get their credentials.",
    )
    which = parser.add_mutually_exclusive_group()
    which.add_argument(
        "--profile",
        metavar="NAME",
        action="append",
        help="profile in the AWS config files (default: AWS_PROFILE, else default);"
        " may be given more than once: each device is asked for once",
    )
    which.add_argument(
        "--all",
        action="store_true",
        help="a session of every MFA device that a profile names",
    )
    parser.add_argument(
        "--for",
        dest="seconds",
        metavar="TIME",
        type=span,
        help="how long the session is to last, such as 36h or 90m: 15m to 36h",
    )
    parser.add_argument(
        "--if-needed",
        action="store_true",
        help="ask only if there is no session that is still good",
    )
    add_output(parser)
    parser.set_defaults(command=login, chosen="several")


def span(text: str) -> int:
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
    """Get a new session for each profile or device, and say until when that will do."""
    engine = make_engine()
    if options.all:
        wanted = _of_every_device()
    else:
        chosen = [
            chosen_profile(given, os.environ) for given in options.profile or [None]
        ]
        wanted = [engine.plan(name, explicit=explicit) for name, explicit in chosen]
    # All of them are looked at before anybody is asked.
    wanted = [_lasting(plan, options.seconds) for plan in wanted]
    got = _Got()
    failed = 0
    for plan in wanted:
        try:
            credentials = engine.login(plan, if_needed=options.if_needed)
        except (StsPluginError, KeyboardInterrupt) as error:
            if not options.all or isinstance(error, KeyboardInterrupt):
                got.tell()
                raise
            # The next device is another one: what was wrong here need not be there.
            tell(error.line)
            failed = failed or error.exit_code
            continue
        until = None if options.all else (plan.profile, credentials.expiration)
        got.add(_sessions(engine, plan, last=options.all), until)
    if failed:
        got.tell()
        return failed
    if options.output == "json":
        show(json.dumps(got.facts(), indent=2))
    else:
        show("\n".join(got.lines))
    return 0


class _Got:
    """What a login got: the ends of sessions and of profiles, and a line for each."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self._sessions: dict[str, str] = {}
        self._profiles: dict[str, str | None] = {}

    def add(
        self,
        sessions: Iterable[tuple[str, datetime]],
        profile: tuple[str, datetime | None] | None,
    ) -> None:
        """Add what was got for one plan: devices and a profile, each with its end."""
        now = datetime.now(UTC)
        for device, expires in sessions:
            if device not in self._sessions:
                self.lines.append(f"MFA session of {device}: {left(expires, now)} left")
            self._sessions.setdefault(device, timestamp(expires))
        if profile:
            name, until = profile
            rest = f"{left(until, now)} left" if until else LONG_TERM
            self.lines.append(f"{name}: {rest}")
            self._profiles[name] = timestamp(until) if until else None

    def tell(self) -> None:
        """Say on stderr what was got: a part of what was asked for, but it is there."""
        for line in self.lines:
            tell(line)

    def facts(self) -> dict[str, list[dict[str, str | None]]]:
        """Return it as plain JSON values."""
        return {
            "sessions": [
                {"mfa_serial": device, "expires": expires}
                for device, expires in self._sessions.items()
            ],
            "profiles": [
                {"profile": name, "expires": expires}
                for name, expires in self._profiles.items()
            ],
        }


def _of_every_device() -> list[Plan]:
    """Return a plan for each device that a profile names: as far as its code goes."""
    found: dict[str, Plan] = {}
    environ = dict(os.environ)  # ten thousand plans look into it: that is slow
    profiles = load_profiles(environ)
    for plan in plans(profiles, environ, lambda e: tell(f"passed over: {e.line}")):
        for number, call in enumerate(plan.calls, start=1):
            known = found.get(call.mfa_serial) if call.mfa_serial else plan
            session = call.action == "GetSessionToken"
            if known is None or (session and known.calls[-1].action != call.action):
                found[str(call.mfa_serial)] = replace(plan, calls=plan.calls[:number])
    if not found:
        raise ConfigurationError(
            "no profile names an MFA device", hint="add mfa_serial to one"
        )
    return list(found.values())


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


def _sessions(
    engine: Engine, plan: Plan, *, last: bool
) -> Iterator[tuple[str, datetime]]:
    """Yield the device and the end of each cached session that the plan stands on.

    ``last``: and of the last one, if that is what the plan gives.
    """
    with contextlib.suppress(CacheUnusable):  # whoever got the credentials said so
        for hop in plan.calls if last else plan.calls[:-1]:
            if hop.mfa_serial and (entry := engine.store.read(hop.key)):
                yield hop.mfa_serial, entry.life.expires
