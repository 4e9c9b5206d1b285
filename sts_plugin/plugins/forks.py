"""What a forked child must not inherit: a lock that a thread of its parent held.

botocore's refreshable credentials have one. The thread that would open it again does
not exist in the child, which would wait for it for ever. State of the module's own is
what there must be here: a fork is an affair of the whole process.
"""

from __future__ import annotations

import os
import threading
import weakref
from typing import Any, TypeVar

__all__ = ["safe_to_fork"]

T = TypeVar("T")

_credentials: weakref.WeakSet[Any] = weakref.WeakSet()


def safe_to_fork(credentials: T) -> T:
    """Return the credentials, which a child will find with a lock that is open."""
    _credentials.add(credentials)
    return credentials


def _open_locks() -> None:
    for one in list(_credentials):
        if hasattr(one, "_refresh_lock"):
            one._refresh_lock = threading.Lock()  # noqa: SLF001 - botocore has no hook


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_open_locks)
