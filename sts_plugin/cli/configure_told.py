"""What ``configure`` tells of its work: for people as it goes, or as JSON at its end.

    Change -> text on stdout and stderr, or one document

The difference of a file holds no secret in either.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from sts_plugin.cli.common import show, tell
from sts_plugin.cli.diffs import unified
from sts_plugin.cli.look import Look
from sts_plugin.mfa import printable
from sts_plugin.words import profile_option

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from sts_plugin.config_edits import Pair

__all__ = ["Change", "show_difference", "tell_left", "tell_result", "what"]

LINES_MAX: Final = 20
"""As many profiles that are left alone, or change with others, are told one by one."""


@dataclass(frozen=True, slots=True)
class Change:
    """What becomes of a config file: its lines, as pairs, and whose they are.

    ``profiles`` are edited or added; ``left`` are lines on what was left alone;
    ``dependants`` are other profiles that give something else with it.
    """

    path: str
    pairs: Sequence[Pair] = field(default=(), repr=False)
    profiles: Sequence[str] = ()
    left: Sequence[str] = ()
    dependants: Sequence[str] = ()

    def as_json(self, *, written: bool, backup: Path | None = None) -> str:
        """Return it as JSON; ``backup`` is where the old text is kept, if it is."""
        plain = Look()
        lines = unified(self.path, self.pairs, plain) if self.pairs else ()
        document = {
            "path": self.path,
            "written": written,
            "backup": None if backup is None else str(backup),
            "profiles": list(self.profiles),
            "left": list(self.left),
            "dependants": list(self.dependants),
            "diff": "".join(f"{line}\n" for line in lines),
        }
        return json.dumps(document, indent=2)


def what(profiles: Sequence[str]) -> str:
    """Return how profiles are called together: a name, or their number."""
    return (
        f"profile {profiles[0]}" if len(profiles) == 1 else f"{len(profiles)} profiles"
    )


def tell_left(lines: Sequence[str]) -> None:
    """Say what was left alone, and why, before anything else."""
    for line in lines[:LINES_MAX]:
        tell(f"left alone: {line}")
    if len(lines) > LINES_MAX:
        tell(f"left alone: {len(lines) - LINES_MAX} more")


def show_difference(change: Change, plan: Sequence[str], look: Look) -> None:
    """Show the difference, and the new plan of a profile if there is one."""
    show("\n".join(unified(change.path, change.pairs, look)))
    if plan:
        show("\n".join(["", *plan]))
    for name in change.dependants[:LINES_MAX]:
        tell(f'profile "{name}" goes through it, and changes with it')


def tell_result(change: Change, backup: Path | None) -> None:
    """Say that it is written, and what to do next."""
    show(f"{printable(change.path)} is written")
    if backup:
        tell(f"what it said before is in {backup}")
    option = profile_option(change.profiles[-1])
    tell(f"to see whose credentials it gives: sts-plugin whoami {option}")
