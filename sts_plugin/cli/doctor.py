"""``doctor``: what is wrong, or will be, on this machine, and how to mend it.

Neither prompts, uses credentials nor shows a secret.
"""

from __future__ import annotations

import json
import os
from collections import Counter
from typing import TYPE_CHECKING, Any, Final

from sts_plugin.cli.common import add_output, make_engine, show
from sts_plugin.cli.look import Look
from sts_plugin.cli.progress import progress
from sts_plugin.doctor.finding import CHECKS, LEVELS, by_cause

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from sts_plugin.cli.common import Subparsers
    from sts_plugin.cli.look import Style
    from sts_plugin.doctor.examine import Machine
    from sts_plugin.doctor.finding import Finding, Level

__all__ = ["add", "doctor"]

FOUND: Final = 3
"""Exit code where there is an error: that of a configuration that is wrong."""

TITLES: Final = {
    "profiles": "Profiles",
    "files": "Files",
    "network": "Network",
    "codes": "MFA codes",
    "programs": "Programs",
}
STYLES: Final[Mapping[Level, Style]] = {
    "error": "bad",
    "warning": "soon",
    "note": "dim",
    "ok": "good",
}
GLYPHS: Final = {"error": "✗", "warning": "!", "note": "·", "ok": "✓"}
LETTERS: Final = {"error": "x", "warning": "!", "note": "-", "ok": "+"}

CAUSES_MAX: Final = 10
"""So many causes of one check are shown; a machine can read them all."""

NAMES_MAX: Final = 3

NO_DIFFERENCE: Final = "it made no difference"


def add(commands: Subparsers) -> None:
    """Add the command of this module."""
    parser = commands.add_parser(
        "doctor",
        help="look for what is wrong on this machine, and say how to mend it",
        description="Look at profiles, files, endpoints, prompts and programs, and say"
        " what is wrong with each and how to mend it. Asks nobody, and uses no"
        " credentials.",
    )
    parser.add_argument(
        "--profile",
        metavar="NAME",
        help="look at this profile and those that it gets its credentials through"
        " (default: at all)",
    )
    parser.add_argument(
        "--fix",
        action="store_true",
        help="mend what is safe to mend: modes of files and folders of yours, and what"
        " is of no use in the cache",
    )
    parser.add_argument(
        "--offline", action="store_true", help="do not ask whether STS answers"
    )
    add_output(parser)
    parser.set_defaults(command=doctor)


def doctor(options: argparse.Namespace) -> int:
    """Print what was found; return 3 if there is an error that was not mended."""
    # Here: other commands do without these.
    from sts_plugin.doctor.examine import Machine, examine  # noqa: PLC0415

    user = os.geteuid() if hasattr(os, "geteuid") else 0
    machine = Machine(os.environ, lambda: make_engine().store, user=user)

    def look() -> list[Finding]:
        with progress("STS, prompts and programs", None):
            return examine(machine, profile=options.profile, offline=options.offline)

    found = look()
    done: dict[Finding, str] = {}
    if options.fix and (done := _mend(found, machine)):
        # A folder that could not be entered shows now what is in it.
        found = look()
        new = [one for one in found if one not in done]
        # A file system without modes says yes, and stays as it is.
        done |= dict.fromkeys([one for one in found if one in done], NO_DIFFERENCE)
        done |= _mend(new, machine)
    left = [one for one in found if done.get(one) != ""]
    if options.output == "json":
        everything = dict.fromkeys([*(one for one in done if not done[one]), *left])
        show(json.dumps([_facts(one, done) for one in everything], indent=2))
    else:
        _print(left, done)
    return FOUND if any(one.level == "error" for one in left) else 0


def _mend(found: Iterable[Finding], machine: Machine) -> dict[Finding, str]:
    """Mend what can be mended; return for each "", or why it was not done."""
    from sts_plugin.doctor.mending import mended  # noqa: PLC0415

    return {
        one: mended(one.mend, machine.store, user=machine.user)
        for one in found
        if one.mend
    }


def _facts(one: Finding, done: Mapping[Finding, str]) -> dict[str, Any]:
    return {
        "check": one.check,
        "family": one.family,
        "level": one.level,
        "what": one.what,
        "where": one.where or None,
        "profile": one.profile or None,
        "fix": one.fix or None,
        "safe_fix": str(one.mend) if one.mend else None,
        "mended": done.get(one) == "",
    }


def _print(left: Sequence[Finding], done: Mapping[Finding, str]) -> None:
    look = Look.of()
    lines = list(_mended(done, look))
    causes = by_cause(left)
    for family in CHECKS:
        mine = [cause for cause in causes if cause[0].family == family]
        if mine:
            lines += [""] if lines else []
            lines += [look.styled(TITLES[family], "strong"), *_family(mine, look)]
    show("\n".join([*lines, "", _closing(causes, look)]))


def _mended(done: Mapping[Finding, str], look: Look) -> Iterator[str]:
    for one, trouble in done.items():
        if trouble:
            yield look.styled(f"not mended: {one.mend}: {trouble}", "bad")
        else:
            yield look.styled(f"mended: {one.mend}", "good")


def _family(
    causes: Sequence[tuple[Finding, Sequence[str]]], look: Look
) -> Iterator[str]:
    shown: Counter[str] = Counter()
    counts = Counter(one.check for one, _ in causes)
    for one, profiles in causes:
        shown[one.check] += 1
        if shown[one.check] <= CAUSES_MAX:
            yield from _lines(one, profiles, look)
        elif shown[one.check] == counts[one.check]:
            more = counts[one.check] - CAUSES_MAX
            yield f"  and {more} more of {one.check}: --output json"


def _lines(one: Finding, profiles: Sequence[str], look: Look) -> Iterator[str]:
    style = STYLES[one.level]
    glyph = (GLYPHS if look.lines else LETTERS)[one.level]
    whose = ""
    if profiles:
        whose = ", ".join(profiles[:NAMES_MAX])
        if len(profiles) > NAMES_MAX:
            whose += f" and {len(profiles) - NAMES_MAX} more"
        whose += ": "
    text = f"{look.styled(glyph, style)} {look.styled(whose, 'strong')}"
    text += look.styled(one.what, style if one.level == "note" else "")
    where = f"  {look.styled(one.where, 'dim')}" if one.where else ""
    yield f"{text}{where}  {look.styled(f'[{one.check}]', 'dim')}"
    if one.fix:
        yield f"    {look.styled('fix:', 'dim')} {look.styled(one.fix, '')}"


def _closing(causes: Sequence[tuple[Finding, Sequence[str]]], look: Look) -> str:
    counts = Counter(one.level for one, _ in causes)
    parts = []
    for level in LEVELS[:-1]:
        number = counts[level]
        text = f"{number} {level}{'' if number == 1 else 's'}"
        parts.append(look.styled(text, STYLES[level] if number else ""))
    return ", ".join(parts)
