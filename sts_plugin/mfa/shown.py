"""What a program shows of a question, in letters that it can read."""

from __future__ import annotations

import re
import textwrap
from typing import TYPE_CHECKING, Final

from sts_plugin.widths import shortened

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sts_plugin.mfa import Question

__all__ = ["in_its_locale", "text_for"]

COLUMNS: Final = 60
"""Few programs break a line inside of a name: the window would get as wide as it."""


def text_for(question: Question, length: int) -> str:
    """Return for whom, what, and for how long it is there, in lines of 60 columns.

    Each of them is cut to ``length`` characters before it is folded.
    """
    parts = [
        question.purpose,
        question.trouble,
        question.request,
        f"This question stays for {question.seconds_left:.0f} seconds.",
    ]
    return "\n".join(
        line
        for part in parts
        for line in textwrap.wrap(
            shortened(part, length), COLUMNS, break_on_hyphens=False
        )
    )


def in_its_locale(text: str, environ: Mapping[str, str]) -> str:
    """Return what a Unix program can read of a text: ASCII, unless UTF-8 is its locale.

    In the locale C, which services and containers often have, zenity refuses a command
    line that has any other letter in it, and pinentry-curses such a question.
    """
    names = ("LC_ALL", "LC_CTYPE", "LANG")
    locale = next((environ[name] for name in names if environ.get(name)), "")
    if re.search("utf-?8", locale, re.IGNORECASE):
        return text
    return text.encode("ascii", errors="replace").decode()
