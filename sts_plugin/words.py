"""Command lines: split into words, and put together, as their platform has it.

Split as botocore splits a ``credential_process``, whose module for it takes longer to
import than all of a run.
"""

from __future__ import annotations

import re
import shlex
import sys
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["join", "profile_option", "split"]

TOKEN: Final = re.compile(r"""(\\*)("|[ \t]|[^\\" \t]+|$)""")
"""Backslashes, and what they stand before: that decides what they are."""


def split(text: str, platform: str = sys.platform) -> list[str]:
    """Return the words; raise ValueError where a quotation is not closed."""
    return _windows(text) if platform == "win32" else shlex.split(text)


def join(words: Sequence[str], platform: str = sys.platform) -> str:
    """Return the command line that is split into these words again."""
    if platform == "win32":
        from subprocess import list2cmdline  # noqa: PLC0415 - slow, and for it alone

        return list2cmdline(words)
    return shlex.join(words)


def profile_option(name: str, platform: str = sys.platform) -> str:
    """Return ``--profile NAME`` as it is typed, or written into a command line."""
    if name.startswith("-"):  # it looks like an option itself
        return join([f"--profile={name}"], platform)
    return f"--profile {join([name], platform)}"


def _windows(text: str) -> list[str]:
    """Split as the C runtime of Windows does ("Parsing C++ command-line arguments")."""
    words: list[str] = []
    word: str | None = None
    quoted = False
    for backslashes, what in TOKEN.findall(text):
        if what == '"':  # before it, two backslashes are one
            half, odd = divmod(len(backslashes), 2)
            word = (word or "") + "\\" * half + what * odd
            quoted ^= not odd
            continue
        if backslashes:
            word = (word or "") + backslashes
        if what in {" ", "\t"} and not quoted:
            words += [] if word is None else [word]
            word = None
        elif what:
            word = (word or "") + what
    if quoted:
        raise ValueError("No closing quotation")
    return words if word is None else [*words, word]
