"""``list``: every profile, what it gives, and whether that is cached.

Neither prompts, calls AWS or shows a secret.
"""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

from sts_plugin.cli.common import (
    add_output,
    known_entries,
    left,
    make_engine,
    show,
    tell,
)
from sts_plugin.cli.look import Cell, Look
from sts_plugin.document import timestamp
from sts_plugin.overview import KINDS, summaries
from sts_plugin.profiles import load_profiles

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterable, Iterator, Mapping

    from sts_plugin.cli.common import Subparsers
    from sts_plugin.overview import Summary
    from sts_plugin.profiles import Profiles

__all__ = ["add", "list_profiles"]

HEAD = ("PROFILE", "KIND", "ACCOUNT", "ROLE", "MFA", "CACHED")


def add(commands: Subparsers) -> None:
    """Add the command of this module."""
    parser = commands.add_parser(
        "list",
        help="list profiles: what each gives, and whether it is cached",
        description="List the profiles of the AWS config files: what each gives, in"
        " which account, behind which MFA device, and how long what is cached lasts.",
    )
    parser.add_argument(
        "pattern",
        nargs="*",
        metavar="TEXT",
        help="only profiles with this in their name, account or role; * and ? stand for"
        " any characters",
    )
    parser.add_argument(
        "--kind",
        metavar="KIND",
        choices=KINDS,
        help="only of this kind, such as role, session, static, sso or broken",
    )
    parser.add_argument(
        "--mfa", action="store_true", help="only those that may ask for an MFA code"
    )
    parser.add_argument(
        "--cached", action="store_true", help="only those whose credentials are cached"
    )
    add_output(parser)
    parser.set_defaults(command=list_profiles)


def list_profiles(options: argparse.Namespace) -> int:
    """Print the profiles, in the order of the files."""
    engine = make_engine()
    environ = dict(os.environ)  # ten thousand plans look into it: that is slow
    profiles = load_profiles(environ)
    now = datetime.now(UTC)
    entries = known_entries(engine.store.entries)
    until = {one.key: one.life.expires for one in entries if one.life.expires > now}
    found = list(_matching(summaries(profiles, environ), until, options))
    if options.output == "json":
        show(json.dumps([_facts(one, until) for one in found], indent=2))
        return 0
    if not found:
        tell(_nothing(profiles))
        return 0
    look = Look.of()
    show("\n".join(look.table(HEAD, [_row(one, until, now) for one in found])))
    return 0


def _nothing(profiles: Profiles) -> str:
    if profiles.profiles:
        return f"none of {len(profiles.profiles)} profiles matches"
    return f"there is no profile in {profiles.config_path}"


def _matching(
    found: Iterable[Summary], until: Mapping[str, datetime], options: argparse.Namespace
) -> Iterator[Summary]:
    patterns = [text.lower() for text in options.pattern]
    for one in found:
        if (
            (not options.mfa or one.mfa)
            and (not options.kind or one.kind == options.kind)
            and (not options.cached or _ends(one, until))
            and all(_holds(one, pattern) for pattern in patterns)
        ):
            yield one


def _holds(one: Summary, pattern: str) -> bool:
    role = one.role if ":" in pattern else _role_name(one)
    texts = [text.lower() for text in (one.name, one.account, role)]
    if any(character in pattern for character in "*?["):
        return any(fnmatchcase(text, pattern) for text in texts)
    return any(pattern in text for text in texts)


def _role_name(one: Summary) -> str:
    return one.role.partition(":role/")[2] or one.role


def _ends(one: Summary, until: Mapping[str, datetime]) -> datetime | None:
    calls = one.plan.calls if one.plan else ()
    return until.get(calls[-1].key) if calls else None


def _facts(one: Summary, until: Mapping[str, datetime]) -> dict[str, Any]:
    ends = _ends(one, until)
    return {
        "profile": one.name,
        "kind": one.kind,
        "account": one.account or None,
        "role_arn": one.role or None,
        "mfa_serial": one.mfa or None,
        "cached_until": timestamp(ends) if ends else None,
        "error": one.error.line if one.error else None,
        "from": str(one.profile.origin),
    }


def _row(
    one: Summary, until: Mapping[str, datetime], now: datetime
) -> tuple[Cell | str, ...]:
    ends = _ends(one, until)
    role = one.error.message if one.error else _role_name(one)
    return (
        Cell(one.name, "strong"),
        Cell(one.kind, "bad" if one.error else ""),
        one.account,
        Cell(role, "bad" if one.error else ""),
        Cell(one.mfa.partition(":mfa/")[2] or one.mfa, "dim"),
        Cell(left(ends, now) + " left", "good") if ends else "",
    )
