"""What a check has found, and the list of all checks.

    check + level + what + where + fix -> Finding

Values only; whoever looks at something is in the other modules of this package.
"""

from __future__ import annotations

import shlex
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, Literal

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

__all__ = ["CHECKS", "LEVELS", "Finding", "Level", "Mend", "by_cause", "in_order"]

Level = Literal["error", "warning", "note", "ok"]

LEVELS: Final[tuple[Level, ...]] = ("error", "warning", "note", "ok")
"""The worst first. An error does not work, gives somebody else, or lies open; a warning
works otherwise than it reads; a note is good to know."""

CHECKS: Final[Mapping[str, tuple[str, ...]]] = {
    "profiles": (
        "config-unreadable",
        "profile-broken",
        "process-other-profile",
        "process-recursion",
        "process-not-found",
        "process-unparsable",
        "process-needs-shell",
        "process-double-quote",
        "process-relative",
        "bypassed",
        "key-shadowed",
        "key-in-both-files",
        "key-unknown",
        "role-skipped",
        "sso-session-missing",
        "section-ignored",
        "section-twice",
        "section-default",
        "credentials-header",
        "not-for-sdks",
        "plan-note",
        "environment-profile",
        "environment-keys",
        "environment-file",
    ),
    "files": (
        "file-mode",
        "file-owner",
        "cache-unusable",
        "cache-entry",
        "cache-left-over",
        "data-unusable",
        "seed-unusable",
        "key-in-file",
    ),
    "network": (
        "sts-answers",
        "sts-unreachable",
        "sts-not-asked",
        "clock-skew",
        "endpoint-plain",
    ),
    "codes": (
        "cannot-ask",
        "command-missing",
        "way-terminal",
        "way-dialog",
        "way-pinentry",
        "way-seeds",
        "keychain",
    ),
    "programs": (
        "library-old",
        "libraries",
        "aws-cli",
        "aws-cli-old",
        "aws-cli-plugins",
        "sts-plugin-other",
    ),
}
"""The families, and in each the names of its checks: they stay what they are."""

FAMILY: Final = {check: family for family, checks in CHECKS.items() for check in checks}
PLACE: Final = {check: place for place, check in enumerate(FAMILY)}


@dataclass(frozen=True, slots=True)
class Mend:
    """What ``--fix`` may do: a mode for what is ours, or less of the cache.

    ``remove`` is for files right in the folder of the cache, and for nothing else.
    """

    action: Literal["chmod", "remove"]
    path: str
    mode: int = 0

    def __str__(self) -> str:
        """As a person would do it."""
        if self.action == "chmod":
            return f"chmod {self.mode:o} {shlex.quote(self.path)}"
        return f"rm {shlex.quote(self.path)}"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that a check has found.

    ``what`` does not name the ``profile`` that it is about: so it is the same for all
    that have one cause. ``where`` is a file and its line, or "". ``fix`` is how to mend
    it, ``mend`` what ``--fix`` does about it.
    """

    check: str
    level: Level
    what: str
    where: str = ""
    profile: str = ""
    fix: str = ""
    mend: Mend | None = None

    @property
    def family(self) -> str:
        """The family of its check."""
        return FAMILY[self.check]


def in_order(found: Iterable[Finding]) -> list[Finding]:
    """Return findings by family, level and check."""
    families = list(CHECKS)
    return sorted(
        found,
        key=lambda one: (
            families.index(one.family),
            LEVELS.index(one.level),
            PLACE[one.check],
        ),
    )


def by_cause(found: Iterable[Finding]) -> list[tuple[Finding, list[str]]]:
    """Return the first finding of each cause, and the profiles of all of them."""
    causes: dict[Finding, tuple[Finding, list[str]]] = {}
    for one in found:
        cause = replace(one, where="", profile="") if one.profile else one
        _, profiles = causes.setdefault(cause, (one, []))
        if one.profile and one.profile not in profiles[-1:]:
            profiles.append(one.profile)
    return list(causes.values())
