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
import time
import weakref
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final, TypeVar

if TYPE_CHECKING:
    from collections.abc import Iterator

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
    "sts_plugin.access_keys",
    "sts_plugin.drawing",
    "sts_plugin.mfa.command",
    "sts_plugin.mfa.dialog",
    "sts_plugin.mfa.pinentry",
    "sts_plugin.mfa.terminal",
    "sts_plugin.mfa.totp",
    "sts_plugin.mfa.variable",
    "sts_plugin.seeds",
    "sts_plugin.tty_device",
    "sts_plugin.words",
    "termios",
)
"""What the engine imports late: the executable must not pay for all of it.

Not in it: ``keyring``, which is heavy, for whoever keeps seeds in a keychain."""

LONG_WAY: Final = "sts_plugin.plugins.long_way"

TRIES: Final = 1000
"""How often a moment without a fork is looked for; then it has to do with one."""

IMPORT_SECONDS_MAX: Final = 20.0
"""How long a fork waits for an import: that takes a tenth of a second."""


class _Imports:
    """Keeps forks and our import apart.

    ``lock`` is held by whoever imports and by whoever forks; the one may do the other.
    Modules that are imported may want something done at forks, too (``_kept``). That
    counts from when all is imported and no fork is under way: what is registered last
    is done first, so that a fork held filelock's lock and waited for us, whose import
    waited for that lock.
    """

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self._turn = threading.RLock()
        self._kept: list[dict[str, Any]] = []
        self._done = False
        self._forking = threading.local()
        self._waiting: set[int] = set()

    def once(self) -> None:
        """Import all, unless that is done."""
        with self._turn:
            if not self._done:
                with self.lock, self._keeping_hooks():
                    for name in LATE:
                        with contextlib.suppress(ImportError):  # another platform
                            import_module(name)
                    import_module(LONG_WAY)
                for patient in (*(True,) * TRIES, False):
                    if self._hooks_registered(patient=patient):
                        break
                    time.sleep(0.001)
                self._done = True

    @contextlib.contextmanager
    def _keeping_hooks(self) -> Iterator[None]:
        register = os.register_at_fork

        def keep(**hooks: Any) -> None:  # noqa: ANN401 - as they come
            if os.register_at_fork is keep:
                self._kept.append(hooks)
            else:  # who was imported meanwhile may have kept this function
                register(**hooks)

        os.register_at_fork = keep
        try:
            yield
        finally:
            os.register_at_fork = register

    def _hooks_registered(self, *, patient: bool) -> bool:
        """Register them, if nobody is in the middle of a fork."""
        with self.lock:
            if not (patient and self._waiting):
                while self._kept:
                    os.register_at_fork(**self._kept.pop(0))
            return not self._kept

    def before_fork(self) -> None:
        """Wait until nobody imports."""
        self._waiting.add(threading.get_ident())
        self._forking.held = self.lock.acquire(timeout=IMPORT_SECONDS_MAX)
        self._waiting.discard(threading.get_ident())

    def after_in_parent(self) -> None:
        """Let others import again."""
        if self._forking.held:
            self.lock.release()

    def after_in_child(self) -> None:
        """Forget who held what: here is nobody else."""
        self.lock, self._turn = threading.RLock(), threading.RLock()
        self._waiting.clear()


_imports = _Imports()


def import_late() -> Any:  # noqa: ANN401 - a module
    """Return ``long_way``, once all is imported that it takes to get credentials."""
    if hasattr(os, "register_at_fork"):
        _imports.once()
    return import_module(LONG_WAY)


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
