"""How wide a text is on a terminal, and how it is made to fit.

Text in, text out: knows no terminal. Any module may import this one.
"""

from __future__ import annotations

import unicodedata

__all__ = ["columns", "shortened"]


def shortened(text: str, width: int) -> str:
    """Return the text in at most ``width`` columns, its middle left out if need be."""
    if columns(text) <= width:
        return text
    dots = "..."[:width]
    left = width - len(dots)
    head = _first(text, left // 3)
    tail = _first(text[::-1], left - left // 3)[::-1]
    return f"{head}{dots}{tail}"


def columns(text: str) -> int:
    """Return how many columns of a terminal a text takes."""
    if text.isascii():  # ten thousand cells of a table are
        return len(text)
    return sum(map(_width, text))


def _width(character: str) -> int:
    if unicodedata.combining(character):
        return 0
    return 2 if unicodedata.east_asian_width(character) in {"W", "F"} else 1


def _first(text: str, width: int) -> str:
    """Return as many of the first characters as fit."""
    room = width
    for place, character in enumerate(text):
        room -= _width(character)
        if room < 0:
            return text[:place]
    return text
