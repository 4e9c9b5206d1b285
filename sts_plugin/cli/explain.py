"""``explain``: how a profile gets its credentials, and why; all of them as a picture.

Neither prompts, calls AWS or shows a secret.
"""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from sts_plugin.addresses import without_user
from sts_plugin.cli.common import (
    add_output,
    add_profile,
    known_entries,
    make_engine,
    plan_of,
    show,
    tell,
)
from sts_plugin.cli.look import Branch, Cell, Look
from sts_plugin.diagrams import as_json, picture
from sts_plugin.document import timestamp
from sts_plugin.forms import shown
from sts_plugin.graph import graph_of
from sts_plugin.limits import check
from sts_plugin.model import Endpoint, SourceHop
from sts_plugin.overview import summaries
from sts_plugin.profiles import load_profiles

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterable, Iterator

    from sts_plugin.cli.common import Subparsers
    from sts_plugin.engine import Engine
    from sts_plugin.model import CodeSettings, Hop, Plan, Setting

__all__ = ["add", "explain", "plan_lines"]

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
    """Add the command of this module."""
    parser = commands.add_parser(
        "explain",
        help="show how a profile gets its credentials, and why",
        description="Show the plan of a profile: each step, the file and line of every"
        " value in it, and what is cached. Or a picture of who chains through whom, for"
        " Mermaid or Graphviz.",
    )
    which = parser.add_mutually_exclusive_group()
    add_profile(which, chosen=True)
    which.add_argument(
        "--all",
        action="store_true",
        help="a picture of every profile: mermaid, dot or json",
    )
    add_output(parser, ("tree", "json", "mermaid", "dot"))
    parser.set_defaults(command=explain)


def explain(options: argparse.Namespace) -> int:
    """Print the plan: each hop, where it is written, and until when it is cached."""
    if options.all or options.output in {"mermaid", "dot"}:
        return _picture(options)
    engine = make_engine()
    plan = plan_of(engine, options)
    for call in plan.calls:
        check(call)
    if options.output == "json":
        show(json.dumps(_facts(engine, plan), indent=2))
    else:
        show("\n".join(plan_lines(engine, plan, Look.of())))
    return 0


def plan_lines(engine: Engine, plan: Plan, look: Look) -> Iterator[str]:
    """Yield the lines of a plan as ``explain`` prints it."""
    return _lines(_facts(engine, plan), look)


def _picture(options: argparse.Namespace) -> int:
    """Print who chains through whom, in a language that draws it."""
    profiles = load_profiles(os.environ)
    names = None
    if not options.all:
        names = [plan_of(make_engine(), options).profile]
    graph = graph_of(summaries(profiles, os.environ, names))
    for one in graph.broken:
        tell(f"{one.name}: {one.error.line}" if one.error else one.name)
    if options.output == "json":
        show(json.dumps(as_json(graph), indent=2))
    else:
        show(picture(graph, "dot" if options.output == "dot" else "mermaid"))
    return 0


def _facts(engine: Engine, plan: Plan) -> dict[str, Any]:
    """Return the plan as plain JSON values."""
    now = datetime.now(UTC)
    known = known_entries(lambda: [engine.store.read(hop.key) for hop in plan.calls])
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
        "endpoint_url": {"value": _url(endpoint), "from": endpoint.url_from},
        "fallback_region": {"value": other.region, "from": other.region_from},
        "fallback_endpoint_url": {"value": _url(other), "from": other.url_from},
        "mfa_codes": _codes(plan.codes) if plan.device else None,
        "cache_encryption": _encryption(plan.cache_encryption),
        "notes": list(plan.notes),
        "cache": str(engine.store.path),
    }


def _url(endpoint: Endpoint) -> str | None:
    return without_user(endpoint.url) if endpoint.url else None


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


def _lines(facts: dict[str, Any], look: Look) -> Iterator[str]:
    facts = _homely(facts, os.path.expanduser("~") + os.sep)  # noqa: PTH111 - as botocore
    hops = [_branch(number, hop) for number, hop in enumerate(facts["hops"], start=1)]
    yield from look.tree(Branch((Cell(facts["profile"], "strong"),), tuple(hops)))
    for name in LINES:
        fact = facts[name]
        default = name == "cache_encryption" and not fact["from"]
        if fact and fact["value"] and not default:
            source = look.styled(f"  ({fact['from']})", "dim") if fact["from"] else ""
            yield look.styled(f"{name.replace('_', ' ')}: {fact['value']}", "") + source
    for note in facts["notes"]:
        yield look.styled("note: ", "soon") + look.styled(note, "")


def _homely(value: Any, home: str) -> Any:  # noqa: ANN401 - whatever JSON is made of
    """Return the facts with paths as people write them: ``~/.aws/config``."""
    if isinstance(value, str):
        return (
            f"~{os.sep}{value.removeprefix(home)}" if value.startswith(home) else value
        )
    if isinstance(value, list):
        return [_homely(one, home) for one in value]
    if isinstance(value, dict):
        return {key: _homely(one, home) for key, one in value.items()}
    return value


def _branch(number: int, hop: dict[str, Any]) -> Branch:
    until = hop.get("cached_until")
    cached = Cell("" if hop["hop"] == "source" else "not cached", "dim")
    if until:
        cached = Cell(f"cached until {until}", "good")
    settings = tuple(
        Branch(
            (Cell(f"{hop['profile']}: {key} = {one['value']}  ({one['from']})", "dim"),)
        )
        for key, one in hop.get("settings", {}).items()
    )
    kind = Cell(f"{number} {hop['hop']}", "strong")
    return Branch((kind, _what(hop), Cell(hop["from"], "dim"), cached), settings)


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
