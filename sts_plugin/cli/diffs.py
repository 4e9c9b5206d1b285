"""What an edit of an AWS file changes, for a person to look at: no secret in it.

    pairs of lines -> the lines of a unified diff

A file may hold keys beside the lines that change.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from sts_plugin.addresses import without_user

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sts_plugin.cli.look import Look, Style
    from sts_plugin.config_edits import Pair

__all__ = ["holds_secret", "unified"]

CONTEXT: Final = 3
"""Lines that are shown before and behind a change, as ``diff -u`` does."""

SECRET: Final = re.compile(
    r"(?P<name>[\s#;]*[\w.-]*(?:secret|token|password|passwd|seed|api_?key)[\w.-]*)"
    r"(?P<delimiter>\s*[=:]\s*)\S.*",
    re.IGNORECASE,
)

PLACE: Final = re.compile(r"_(?:file|process|arn|url)\s*\Z", re.IGNORECASE)
"""Ends the name of a key that says where a secret is."""

PROCESS: Final = re.compile(
    r"(?P<head>[\s#;]*\w+_process\s*[=:]\s*\S+)\s+(?P<more>\S.*)"
)

KEY: Final = re.compile(
    r"(?<![A-Za-z0-9/+:])(?=[a-z0-9/+]*[A-Z])[A-Za-z0-9/+]{40}(?![A-Za-z0-9/+=])"
)
"""What a secret access key looks like, and neither a part of an ARN nor a commit."""

SEED: Final = re.compile(
    r"(?<=otpauth://)\S+|(?<![\w/+:=-])[A-Z2-7]{26,}={0,6}(?![\w=-])"
)
"""What the seed of an MFA device looks like: a URI, or base32 of at least 128 bits."""

GOES_ON: Final = re.compile(r"(?P<indent>\s+)(?:-.*|[^\s\[#;=:][^=:]*)")
"""A line that goes on with the value above it, and is no key of a nested block."""

OURS: Final = re.compile(r"(?:sts-plugin\S*|sts_plugin) credential-process ")
"""In a command that is ours, which has no secret among its options."""

HIDDEN: Final = "***"


def holds_secret(text: str) -> bool:
    """Whether a line of a text, a comment perhaps, holds what must not be copied."""
    return any(_hidden(line) != line for line in re.split(r"[\r\n]+", text))


def unified(path: str, pairs: Sequence[Pair], look: Look) -> Iterator[str]:
    """Yield the lines of a diff, coloured where there are colours."""
    yield look.styled(f"--- {path}", "strong")
    yield look.styled(f"+++ {path}", "strong")
    changed = [at for at, (was, now) in enumerate(pairs) if was != now]
    old = new = 1  # the numbers of the line at ``done``
    done = 0
    for first, last in _hunks(changed, len(pairs)):
        for was, now in pairs[done:first]:
            old, new = old + (was is not None), new + (now is not None)
        hunk = pairs[first:last]
        lines_were = sum(was is not None for was, _ in hunk)
        lines_are = sum(now is not None for _, now in hunk)
        head = f"@@ -{_span(old, lines_were)} +{_span(new, lines_are)} @@"
        yield look.styled(head, "dim")
        yield from _hunk(hunk, look)
        old, new, done = old + lines_were, new + lines_are, last


def _hunks(changed: Sequence[int], size: int) -> Iterator[tuple[int, int]]:
    """Yield from where to where the changes are shown, those together that are near."""
    first = last = -1
    for at in changed:
        if last >= 0 and at - CONTEXT > last:
            yield first, last
            last = -1
        if last < 0:
            first = max(0, at - CONTEXT)
        last = min(size, at + CONTEXT + 1)
    if last >= 0:
        yield first, last


def _span(line: int, lines: int) -> str:
    return f"{line if lines else line - 1},{lines}"


def _hunk(pairs: Sequence[Pair], look: Look) -> Iterator[str]:
    """Yield the lines of one hunk: of those in a row, first what goes."""
    gone: list[str] = []
    come: list[str] = []
    for was, now in (*pairs, (None, None)):
        if was == now:
            yield from (_line("-", one, "bad", look) for one in gone)
            yield from (_line("+", one, "good", look) for one in come)
            gone, come = [], []
            if was is not None:  # None twice ends them all
                yield _line(" ", was, "", look)
            continue
        gone += [] if was is None else [was]
        come += [] if now is None else [now]


def _line(mark: str, text: str, style: Style, look: Look) -> str:
    return look.styled(mark + _masked(text.expandtabs()), style)


def _masked(line: str) -> str:
    """Return a line without a secret that it may hold, or the options of a command."""
    # They may hold a password; ours hold none.
    process = PROCESS.fullmatch(line)
    if process and not OURS.search(line):
        return f"{process['head']} ..."
    if more := GOES_ON.fullmatch(line):
        return f"{more['indent']}..."
    return _hidden(line)


def _hidden(line: str) -> str:
    if (found := SECRET.fullmatch(line)) and not PLACE.search(found["name"]):
        return found["name"] + found["delimiter"] + HIDDEN
    return SEED.sub(HIDDEN, KEY.sub(HIDDEN, without_user(line)))
