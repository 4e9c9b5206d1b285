"""What a forked child must not inherit: a lock that a thread of its parent held.

The thread that would open it again does not exist in the child, which would wait for
it for ever. botocore's refreshable credentials have such a lock; and a module that a
thread is importing has one, so that all that getting credentials takes is imported at
once, where it is needed first, and a fork waits until that is done.
State of the module's own is what there must be here: a fork is an affair of the whole
process.
"""

from __future__ import annotations

import contextlib
import os
import threading
import weakref
from importlib import import_module
from typing import Any, Final, TypeVar

__all__ = ["import_late", "safe_to_fork"]

T = TypeVar("T")

LATE: Final = (
    "defusedxml.ElementTree",
    "encodings.idna",
    "encodings.utf_8_sig",
    "fcntl",
    "filelock",
    "platform",
    "platformdirs",
    "pyotp",
    "sts_plugin.mfa.command",
    "sts_plugin.mfa.dialog",
    "sts_plugin.mfa.pinentry",
    "sts_plugin.mfa.terminal",
    "sts_plugin.mfa.totp",
    "sts_plugin.mfa.variable",
    "sts_plugin.seeds",
    "termios",
)
"""What the engine imports late: the executable must not pay for all of it.

Not in it: ``keyring``, which is heavy, for whoever keeps seeds in a keychain."""

IMPORT_SECONDS_MAX: Final = 20.0
"""How long a fork waits for an import: that takes a tenth of a second."""


class _Imports:
    """The lock of whoever imports; who imports may fork in the middle of it."""

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self._forking = threading.local()

    def before_fork(self) -> None:
        """Wait until nobody imports."""
        self._forking.held = self.lock.acquire(timeout=IMPORT_SECONDS_MAX)

    def after_in_parent(self) -> None:
        """Let others import again."""
        if self._forking.held:
            self.lock.release()

    def after_in_child(self) -> None:
        """Forget who held it."""
        self.lock = threading.RLock()


_imports = _Imports()


def import_late() -> Any:  # noqa: ANN401 - a module
    """Return ``long_way``, once all is imported that it takes to get credentials."""
    with _imports.lock:
        if hasattr(os, "register_at_fork"):
            for name in LATE:
                with contextlib.suppress(ImportError):  # another platform
                    import_module(name)
        return import_module("sts_plugin.plugins.long_way")


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
    os.register_at_fork(
        before=_imports.before_fork,
        after_in_parent=_imports.after_in_parent,
        after_in_child=_imports.after_in_child,
    )
    os.register_at_fork(after_in_child=_open_locks)
