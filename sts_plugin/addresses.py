"""Addresses of servers as they may be shown: a password may stand in one.

Text in, text out. Any module may import this one.
"""

from __future__ import annotations

import re
from typing import Final

__all__ = ["without_user"]

USER: Final = re.compile(r"(?<=://)[^/?#\s\"']*@")
"""What stands before the host: a name, and perhaps a password."""


def without_user(text: str) -> str:
    """Return a text whose URLs name nobody."""
    return USER.sub("", text)
