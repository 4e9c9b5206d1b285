"""A command line out of a file, split into words as its platform has it.

As botocore splits a ``credential_process``, whose module for it takes longer to import
than all of a run.
"""

from __future__ import annotations

import re
import shlex
import sys
from typing import Final

__all__ = ["split"]

TOKEN: Final = re.compile(r"""(\\*)("|[ \t]|[^\\" \t]+|$)""")
"""Backslashes, and what they stand before: that decides what they are."""


def split(text: str, platform: str = sys.platform) -> list[str]:
    """Return the words; raise ValueError where a quotation is not closed."""
    return _windows(text) if platform == "win32" else shlex.split(text)


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
