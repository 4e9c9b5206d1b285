"""Lines of ``credential_process``: whether SDKs can run them, and whom they give.

A line is looked at word by word and never shown: it may hold a secret. Of its program
the name is told, where it looks like one.
"""

from __future__ import annotations

import os
import re
import shlex
from typing import TYPE_CHECKING, Final

from sts_plugin.doctor.finding import Finding
from sts_plugin.ourselves import is_ours, named_profiles, words
from sts_plugin.profiles import CALLS
from sts_plugin.words import profile_option

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from sts_plugin.doctor.finding import Level
    from sts_plugin.model import Setting
    from sts_plugin.overview import Summary
    from sts_plugin.profiles import Profile, Profiles

__all__ = ["is_own_line", "native", "process_findings", "recursions", "words_of"]

QUOTING: Final = frozenset("\"'\\")
NAME: Final = re.compile(r"[\w.+/\\: -]+")
"""What a path or a name of a program is made of; a word that is neither is not told."""

SHELL_WORDS: Final = frozenset({"|", "||", "&", "&&", ";", ">", ">>", "<", "2>&1"})
ASSIGNMENT: Final = re.compile(r"[A-Za-z_]\w*=")
FOLDED_MAX: Final = 3
"""How deep a command is looked for in a command: env sh -c '...'."""


def native(profile: Profile, key: str) -> Setting | None:
    """Return a key as the SDKs see it: spelled out, in a file, with a value."""
    found = profile.credentials.get(key) or profile.config.get(key)
    return found if found and found.value else None


def words_of(process: Setting) -> list[str]:
    """Return the words of a line as Python splits it; none where it cannot be split."""
    if QUOTING.isdisjoint(process.value):  # shlex takes twenty times as long
        return process.value.split()
    return words(process)


def is_own_line(process: Setting) -> bool:
    """Whether a line is sts-plugin itself."""
    # Most lines of others need not be split for that.
    return "credential-process" in process.value and bool(
        words_of(process) and is_ours(process)
    )


def process_findings(
    profile: Profile, *, found: Callable[[str], bool], platform: str
) -> Iterator[Finding]:
    """Yield what is wrong with the line of a profile.

    ``found`` tells whether a program of that name or path can be run here.
    """
    process = native(profile, "credential_process")
    if process is None:
        return

    def tell(check: str, level: Level, what: str, fix: str) -> Finding:
        return Finding(check, level, what, str(process.origin), profile.name, fix)

    line = words_of(process)
    if not line:
        yield tell(
            "process-unparsable",
            "error",
            "credential_process cannot be split into words",
            "close every quotation",
        )
        return
    if process.value.startswith('"') and platform != "win32":
        yield tell(
            "process-double-quote",
            "warning",
            "credential_process begins with a double quote: Go SDKs run what is in the"
            " quotes without its arguments",
            "write the path without quotes, or in single ones",
        )
    if _needs_shell(line):
        yield tell(
            "process-needs-shell",
            "warning",
            "credential_process is written for a shell, and Python and the AWS CLI use"
            " none",
            "write an absolute path and plain arguments, or sh -c '...'",
        )
    elif "/" in line[0] and not os.path.isabs(line[0]):  # noqa: PTH117 - a word
        yield tell(
            "process-relative",
            "warning",
            "credential_process runs a program by a path that is not absolute: it is"
            " another one in another folder",
            "write the path from the root",
        )
    elif not found(line[0]):
        shown = f": {line[0]}" if NAME.fullmatch(line[0]) else ""
        yield tell(
            "process-not-found",
            "error",
            f"credential_process runs a program that cannot be run here{shown}",
            "correct the path, or install it; it must be executable, and on the PATH"
            " unless it is a path",
        )
    if is_own_line(process) and any(profile.get(key) for key in CALLS):
        yield from _for_whom(profile, process, named_profiles(line)[-1:])


def _for_whom(
    profile: Profile, process: Setting, named: Sequence[str]
) -> Iterator[Finding]:
    """Yield a finding unless a line of ours is for the profile it stands in."""
    if named == [profile.name]:
        return
    whose = f'profile "{named[0]}"' if named and named[0] else "no profile"
    yield Finding(
        "process-other-profile",
        "error",
        f"credential_process names {whose}: SDKs get that one's credentials, and the"
        " role of this profile counts for nothing",
        str(process.origin),
        profile.name,
        f"write {profile_option(profile.name)}, or remove the role keys",
    )


def _needs_shell(words: Sequence[str]) -> bool:
    first = words[0]
    return (
        first.startswith("~")
        or "$" in first
        or bool(ASSIGNMENT.match(first))
        or not SHELL_WORDS.isdisjoint(words)
    )


# --- Commands that lead back -------------------------------------------------


def recursions(
    profiles: Profiles, summaries: Sequence[Summary], environ: Mapping[str, str]
) -> Iterator[Finding]:
    """Yield each foreign command whose profile it asks for in the end.

    The plan follows lines of ours and refuses loops of them; this is about wrappers
    (``sh -c``), the AWS CLI's ``export-credentials``, and a profile that is exported.
    """
    sources = {
        one.name: one.plan.source.profile
        for one in summaries
        if one.plan and one.plan.source.kind == "process"
    }
    goes_on = {
        source: target
        for source in set(sources.values())
        if (target := _target(profiles, source, environ))
    }
    for source in sorted(goes_on):
        way = [source]
        while (target := goes_on.get(way[-1])) and target in sources:
            way.append(sources[target])
            if way[-1] in way[:-1]:
                break
        if len(way) > 1 and way[-1] == source:
            process = native(profiles.profiles[source], "credential_process")
            yield Finding(
                "process-recursion",
                "error",
                "credential_process leads back to its own profile"
                f" ({' -> '.join(way)}): it starts itself again and again",
                str(process.origin) if process else "",
                source,
                "let the command behind it use another profile, by --profile",
            )


def _target(profiles: Profiles, source: str, environ: Mapping[str, str]) -> str | None:
    """Return the profile that a profile's command asks for, if it is one we know."""
    profile = profiles.get(source)
    process = native(profile, "credential_process") if profile else None
    words = _unfolded(words_of(process)) if process else []
    programs = [os.path.basename(word).removesuffix(".exe") for word in words]  # noqa: PTH119
    ours = "credential-process" in words and bool(
        {"sts-plugin", "sts-plugin.py", "sts_plugin"} & set(programs)
    )
    aws = "aws" in programs and "export-credentials" in words
    if not (ours or aws):
        return None
    if named := named_profiles(words):
        return named[-1]
    for variable in ("AWS_DEFAULT_PROFILE", "AWS_PROFILE"):
        said = [word for word in words if word.startswith(f"{variable}=")]
        if said:
            return said[-1].partition("=")[2]
    names = (environ.get("AWS_DEFAULT_PROFILE"), environ.get("AWS_PROFILE"))
    return next(filter(None, names), "default")


def _unfolded(words: list[str]) -> list[str]:
    """Return words, and in the place of a command in one word the words of that."""
    for _ in range(FOLDED_MAX):
        unfolded: list[str] = []
        for word in words:
            try:
                unfolded += shlex.split(word) if " " in word else [word]
            except ValueError:
                unfolded.append(word)
        if unfolded == words:
            break
        words = unfolded
    return words
