"""Commands that look and touch nothing: ``explain`` and ``status``.

Neither prompts, calls AWS or shows a secret.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from sts_plugin.cli.common import (
    add_json,
    add_profile,
    columns,
    left,
    make_engine,
    plan_of,
    show,
    tell,
)
from sts_plugin.document import timestamp
from sts_plugin.errors import CacheUnusable
from sts_plugin.forms import shown
from sts_plugin.limits import check
from sts_plugin.model import Endpoint, SourceHop
from sts_plugin.settings import SESSION_ENDS_SOON_SECONDS

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Iterable, Iterator

    from sts_plugin.cli.common import Subparsers
    from sts_plugin.engine import Engine
    from sts_plugin.model import CodeSettings, Hop, Plan, Setting
    from sts_plugin.store import Entry

__all__ = ["add", "explain", "status"]

LINES = (
    "region",
    "endpoint_url",
    "fallback_region",
    "fallback_endpoint_url",
    "mfa_codes",
    "cache_encryption",
)
"""What ``explain`` says of the whole plan, below its hops."""


def add(commands: Subparsers) -> None:
    """Add the commands of this module."""
    parser = commands.add_parser(
        "explain", help="show how a profile gets its credentials, and why"
    )
    add_profile(parser)
    add_json(parser)
    parser.set_defaults(command=explain)
    parser = commands.add_parser("status", help="show what is cached, and until when")
    add_json(parser)
    parser.set_defaults(command=status)


def explain(options: argparse.Namespace) -> int:
    """Print the plan: each hop, where it is written, and until when it is cached."""
    engine = make_engine()
    plan = plan_of(engine, options)
    for call in plan.calls:
        check(call)
    facts = _facts(engine, plan)
    text = json.dumps(facts, indent=2) if options.json else "\n".join(_tree(facts))
    show(text)
    return 0


def status(options: argparse.Namespace) -> int:
    """Print every cached session and role, the one that ends first first."""
    engine = make_engine()
    now = datetime.now(UTC)
    entries = _known(engine.store.entries)
    entries.sort(key=lambda entry: entry.life.expires)
    live = [entry for entry in entries if entry.life.expires > now]
    rows = [{**entry.label, "expires": timestamp(entry.life.expires)} for entry in live]
    if options.json:
        show(json.dumps(rows, indent=2))
        return 0
    ending = timedelta(seconds=SESSION_ENDS_SOON_SECONDS)
    for entry in live:
        label, until = entry.label, entry.life.expires
        if label.get("kind") == "session" and until - now < ending:
            tell(
                f"the MFA session of {label.get('subject')} ends in {left(until, now)}"
                f" (run: sts-plugin login --profile {label.get('profile')})"
            )
    if not rows:
        show(f"nothing is cached in {engine.store.path}")
        return 0
    cells: list[tuple[str, ...]] = [("KIND", "WHAT", "PROFILE", "FROM KEY", "LEFT")]
    for entry in live:
        label = entry.label
        names = [label.get(name, "") for name in ("kind", "subject", "profile")]
        cells.append((*names, label.get("caller", ""), left(entry.life.expires, now)))
    show("\n".join(columns(cells)))
    return 0


def _known(entries: Callable[[], Iterable[Entry | None]]) -> list[Entry]:
    """Return the entries that there are; say so if the cache cannot be used."""
    try:
        return [entry for entry in entries() if entry]
    except CacheUnusable as error:
        tell(f"the cache cannot be used: {error.line}")
        return []


def _facts(engine: Engine, plan: Plan) -> dict[str, Any]:
    """Return the plan as plain JSON values."""
    now = datetime.now(UTC)
    known = _known(lambda: [engine.store.read(hop.key) for hop in plan.calls])
    until = {
        entry.key: timestamp(entry.life.expires)
        for entry in known
        if entry.life.expires > now
    }
    hops = []
    for hop in plan.hops:
        fact = _hop(hop)
        if not isinstance(hop, SourceHop):
            fact["cached_until"] = until.get(hop.key)
        hops.append(fact)
    endpoint = plan.endpoint
    other = endpoint.fallback or Endpoint()
    return {
        "profile": plan.profile,
        "hops": hops,
        "region": {"value": endpoint.region, "from": endpoint.region_from},
        "endpoint_url": {"value": endpoint.url, "from": endpoint.url_from},
        "fallback_region": {"value": other.region, "from": other.region_from},
        "fallback_endpoint_url": {"value": other.url, "from": other.url_from},
        "mfa_codes": _codes(plan.codes) if plan.device else None,
        "cache_encryption": _encryption(plan.cache_encryption),
        "notes": list(plan.notes),
        "cache": str(engine.store.path),
    }


def _codes(codes: CodeSettings) -> dict[str, str]:
    """Return the ways to get a code, in order, and the keys that name them."""
    named = [one for one in (codes.prompt, codes.process, codes.totp_file) if one]
    keys = {"command": codes.process, "totp": codes.totp_file}
    ways = [
        f"{way} ({setting.key})" if (setting := keys.get(way)) else way
        for way in codes.ways
    ]
    origins = dict.fromkeys(str(one.origin) for one in named)
    return {"value": ", ".join(ways), "from": ", ".join(origins)}


def _encryption(said: Setting | None) -> dict[str, str]:
    return {
        "value": said.value if said else "none",
        "from": str(said.origin) if said else "",
    }


def _hop(hop: Hop) -> dict[str, Any]:
    if isinstance(hop, SourceHop):
        keys = hop.kind in {"static", "keychain", "environment"}
        return {
            "hop": "source",
            "kind": hop.kind,
            "profile": hop.profile,
            "access_key_id": hop.identity if keys else None,
            "from": str(hop.origin or "environment"),
        }
    return {
        "hop": hop.kind,
        "call": hop.action,
        "profile": hop.profile,
        "subject": hop.subject,
        "role_arn": hop.arguments.get("RoleArn"),
        "duration_seconds": hop.arguments.get("DurationSeconds"),
        "mfa_serial": hop.mfa_serial,
        "from": str(hop.origin),
        "settings": _settings(hop.settings.values()),
    }


def _settings(settings: Iterable[Setting]) -> dict[str, dict[str, str]]:
    return {
        setting.key: {"value": shown(setting), "from": str(setting.origin)}
        for setting in settings
    }


def _tree(facts: dict[str, Any]) -> Iterator[str]:
    yield facts["profile"]
    rows = []
    for number, hop in enumerate(facts["hops"], start=1):
        until = hop.get("cached_until")
        cached = "" if hop["hop"] == "source" else "not cached"
        cached = f"cached until {until}" if until else cached
        rows.append((f"{number:2}", hop["hop"], _what(hop), hop["from"], cached))
    yield from columns(rows)
    for hop in facts["hops"]:
        for key, setting in hop.get("settings", {}).items():
            shown = f"{key} = {setting['value']}"
            yield f"    {hop['profile']}: {shown}  ({setting['from']})"
    for name in LINES:
        fact = facts[name]
        default = name == "cache_encryption" and not fact["from"]
        if fact and fact["value"] and not default:
            source = f"  ({fact['from']})" if fact["from"] else ""
            yield f"  {name.replace('_', ' ')}: {fact['value']}{source}"
    for note in facts["notes"]:
        yield f"  note: {note}"


def _what(hop: dict[str, Any]) -> str:
    match hop["hop"]:
        case "source" if hop["access_key_id"]:
            return f"{hop['kind']} keys {hop['access_key_id']} of [{hop['profile']}]"
        case "source" if hop["kind"] == "saml":
            return f"SAML assertion of [{hop['profile']}]"
        case "source" if hop["kind"] == "web-identity":
            return f"web identity token of [{hop['profile']}]"
        case "source":
            return f"{hop['kind']} credentials of [{hop['profile']}]"
        case "session":
            return f"GetSessionToken, MFA {hop['mfa_serial']}"
    mfa = f", MFA {hop['mfa_serial']}" if hop["mfa_serial"] else ""
    return f"{hop['call']} {hop['subject']}{mfa}"
