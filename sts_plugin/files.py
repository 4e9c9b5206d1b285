"""Files that a profile names: read whole, in a moment, or refused.

A profile may name anything as a file: a pipe would be waited for without an end, and a
device may have none. Only regular files of a sane size are read.
"""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["BYTES_MAX", "read_text"]

BYTES_MAX = 1_048_576
"""More than any policy, token or assertion that STS takes (100,000 characters)."""


def read_text(path: Path) -> str:
    """Return the text of a regular file.

    Raises OSError (with ``strerror``) for anything else, ValueError for what is not
    UTF-8.
    """
    # Non-blocking, so that a pipe is opened, seen and closed instead of waited for.
    descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))
    # closefd: fdopen leaves the descriptor of a folder open when it refuses it.
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise OSError(0, "it is not a regular file", str(path))
        with os.fdopen(descriptor, "rb", closefd=False) as file:
            data = file.read(BYTES_MAX + 1)
    finally:
        os.close(descriptor)
    if len(data) > BYTES_MAX:
        raise OSError(0, f"it has more than {BYTES_MAX} bytes", str(path))
    return data.decode()
