"""``status``: every cached session and role, and whom it serves.

Neither prompts, calls AWS or shows a secret.
"""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime, timedelta
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
from sts_plugin.errors import ConfigurationError
from sts_plugin.overview import Served, name_and_account, served
from sts_plugin.profiles import load_profiles
from sts_plugin.settings import SESSION_ENDS_SOON_SECONDS
from sts_plugin.words import profile_option

if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping, Sequence

    from sts_plugin.cli.common import Subparsers
    from sts_plugin.store import Entry

__all__ = ["add", "status"]

NAMED = 3
"""How many of the profiles that an entry serves are named in a row."""

HEAD = ("KIND", "NAME", "ACCOUNT", "WHOSE", "LEFT", "", "UNTIL", "RENEWS", "SERVES")


def add(commands: Subparsers) -> None:
    """Add the command of this module."""
    parser = commands.add_parser(
        "status",
        help="show what is cached, until when, and for which profiles",
        description="Show every cached session and role: whose it is, how long it"
        " lasts, from when on its next use renews it, and which profiles it serves.",
    )
    add_output(parser)
    parser.set_defaults(command=status)


def status(options: argparse.Namespace) -> int:
    """Print every cached session and role, the one that ends first first."""
    engine = make_engine()
    now = datetime.now(UTC)
    entries = known_entries(engine.store.entries)
    entries.sort(key=lambda entry: entry.life.expires)
    live = [entry for entry in entries if entry.life.expires > now]
    serves = _serves() if live else {}
    if options.output == "json":
        show(json.dumps([_facts(entry, serves) for entry in live], indent=2))
        return 0
    for entry in live:
        _warn_of_end(entry, now)
    if not live:
        show(f"nothing is cached in {engine.store.path}")
        return 0
    look = Look.of()
    rows = [_row(entry, serves, now, look) for entry in live]
    show("\n".join(look.table(HEAD, rows)))
    return 0


def _serves() -> Mapping[str, Served]:
    """Return the profiles that each entry serves; say so if that cannot be known."""
    try:
        environ = dict(os.environ)  # many plans look into it: that is slow
        return served(load_profiles(environ), environ)
    except ConfigurationError as error:
        tell(f"which profiles they serve is not known: {error.line}")
        return {}


def _facts(entry: Entry, serves: Mapping[str, Served]) -> dict[str, Any]:
    return {
        **entry.label,
        "issued": timestamp(entry.life.issued),
        "expires": timestamp(entry.life.expires),
        "renew_from": timestamp(_renewal(entry)),
        "source": serves[entry.key].source if entry.key in serves else None,
        "serves": list(serves[entry.key].profiles) if entry.key in serves else [],
    }


def _warn_of_end(entry: Entry, now: datetime) -> None:
    label, until = entry.label, entry.life.expires
    ending = timedelta(seconds=SESSION_ENDS_SOON_SECONDS)
    if label.get("kind") == "session" and until - now < ending:
        tell(
            f"the MFA session of {label.get('subject')} ends in {left(until, now)}"
            f" (run: sts-plugin login {profile_option(label.get('profile', ''))})"
        )


def _row(
    entry: Entry, serves: Mapping[str, Served], now: datetime, look: Look
) -> tuple[Cell | str, ...]:
    label, life = entry.label, entry.life
    lasts = max((life.expires - life.issued).total_seconds(), 1.0)
    known = serves.get(entry.key) or Served(label.get("caller", ""), ())
    bar = look.bar((life.expires - now).total_seconds() / lasts)
    name, account = name_and_account(label.get("subject", ""))
    return (
        label.get("kind", ""),
        Cell(name.removeprefix("role/"), "strong"),
        account,
        known.source,
        Cell(left(life.expires, now), bar.style),
        bar,
        _clock(life.expires, now),
        _clock(_renewal(entry), now),
        _names(known.profiles),
    )


def _clock(moment: datetime, now: datetime) -> str:
    """Return a moment as the clock on the wall shows it, with its date if not today."""
    here, today = moment.astimezone(), now.astimezone()
    return f"{here:%H:%M}" if here.date() == today.date() else f"{here:%d %b %H:%M}"


def _renewal(entry: Entry) -> datetime:
    """Return from when on the next use gets a new set."""
    # A session costs somebody a code, and is not renewed ahead.
    session = entry.label.get("kind") == "session"
    return entry.life.renew if session else entry.life.early


def _names(names: Sequence[str]) -> str:
    shown = ", ".join(names[:NAMED])
    more = len(names) - NAMED
    return f"{shown} and {more} more" if more > 0 else shown or "-"
