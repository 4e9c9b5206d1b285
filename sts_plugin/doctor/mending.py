"""What ``--fix`` does: modes of what is ours, and less of the cache.

    Mend -> done, or why not

Each path is opened without following a link, judged by its descriptor, and changed by
that: what is another's stays as it is.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import TYPE_CHECKING

from sts_plugin.errors import CacheUnusable

if TYPE_CHECKING:
    from collections.abc import Callable

    from sts_plugin.doctor.finding import Mend
    from sts_plugin.store import DiskStore

__all__ = ["mended"]

CAREFULLY = (
    os.O_RDONLY
    | getattr(os, "O_NOFOLLOW", 0)
    | getattr(os, "O_CLOEXEC", 0)
    | getattr(os, "O_NONBLOCK", 0)
)


def mended(mend: Mend, store: Callable[[], DiskStore], *, user: int) -> str:
    """Do it, and return "", or why it was not done.

    ``store`` returns the cache, ``user`` is our user id.
    """
    try:
        if mend.action == "chmod":
            return _mode(mend.path, mend.mode, user)
        return _less(Path(mend.path), store())
    except OSError as error:
        return error.strerror or type(error).__name__
    except CacheUnusable as error:
        return error.message


def _mode(path: str, mode: int, user: int) -> str:
    descriptor = os.open(path, CAREFULLY)
    try:
        found = os.fstat(descriptor)
        if found.st_uid != user:
            return "it belongs to another user"
        if not (stat.S_ISREG(found.st_mode) or stat.S_ISDIR(found.st_mode)):
            return "it is neither a file nor a folder"
        os.fchmod(descriptor, mode)
    finally:
        os.close(descriptor)
    return ""


def _less(path: Path, store: DiskStore) -> str:
    if path.parent != store.path:
        return "it is not in the cache"
    store.discard(path.name)
    return ""
