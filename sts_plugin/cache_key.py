"""The key that the cache is sealed with: one for each user, in the OS keychain.

Made by the first run that needs it, and read ever after. Where it cannot be had, that
is CacheUnusable, with what to do about it: never a reason to fail, and never one to
write entries in the open.
"""

from __future__ import annotations

import re
import threading
import time
from typing import TYPE_CHECKING, Final

from sts_plugin.errors import (
    Busy,
    CacheUnusable,
    ConfigurationError,
    HumanNeeded,
)
from sts_plugin.sealing import KeySeal, new_key
from sts_plugin.settings import CACHE_KEY_SECONDS

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

    from sts_plugin.model import Secret
    from sts_plugin.sealing import Seal

__all__ = ["NAME", "CacheKey"]

NAME: Final = "cache encryption key"
"""Its name in the keychain, where the names of MFA devices stand as well: no serial
number has a blank in it. The lock under which it is made has the same name."""

KEYLIKE: Final = re.compile(r"[A-Za-z0-9+/]{20,}=*")
"""What a backend says could be anything; it shall not be the key."""

EXTRA: Final = "pip install 'sts-plugin[keyring]'"


class CacheKey:
    """The keychain's key. It is asked for once, whatever comes of it.

    ``lock`` takes a name and the longest wait in seconds: two runs that start without
    a key must not make two.
    """

    def __init__(
        self, lock: Callable[[str, float], AbstractContextManager[object]]
    ) -> None:
        self._lock = lock
        self._turn = threading.Lock()
        self._found: Seal | CacheUnusable | None = None

    def seal(self, *, seconds: float = CACHE_KEY_SECONDS) -> Seal:
        """Return the seal with this key, or raise CacheUnusable."""
        # A thread may have been asking when this process was forked: then nobody ever
        # lets go, and to ask twice does no harm.
        took_turn = self._turn.acquire(timeout=seconds)
        try:
            if self._found is None:
                self._found = self._ask(seconds)
        finally:
            if took_turn:
                self._turn.release()
        if isinstance(self._found, CacheUnusable):
            raise CacheUnusable(self._found.message, hint=self._found.hint)
        return self._found

    def _ask(self, seconds: float) -> Seal | CacheUnusable:
        try:
            # Outside of the limit: a busy machine is slow to load them, and that says
            # nothing about the keychain.
            import cryptography.hazmat.primitives.ciphers.aead  # noqa: F401, PLC0415
            import keyring  # noqa: F401, PLC0415
        except ImportError as error:
            return CacheUnusable(
                f"cache_encryption = keychain needs {error.name or 'a library'}, which"
                " is not installed",
                hint=EXTRA,
            )
        try:
            return KeySeal(self._key(time.monotonic() + seconds))
        except CacheUnusable as error:  # no lock
            return error
        except Busy:
            return CacheUnusable(
                "another process is making the key of the cache, and does not come to"
                " an end",
                hint="try again",
            )
        except (ConfigurationError, HumanNeeded) as error:
            message = KEYLIKE.sub("...", error.message)
            return CacheUnusable(
                f"the key of the cache cannot be had: {message}", hint=_hint(error)
            )
        except ValueError:
            return CacheUnusable(
                f'the OS keychain holds no key of ours under "{NAME}"',
                hint=f"keyring del sts-plugin '{NAME}', and try again",
            )

    def _key(self, until: float) -> Secret:
        """Return the key; make it if there is none. All within the time."""
        from sts_plugin import keychain  # noqa: PLC0415 - most runs need none

        def left() -> float:
            return max(0.0, until - time.monotonic())

        if found := keychain.kept(NAME, seconds=left()):
            return found
        with self._lock(NAME, left()):
            if found := keychain.kept(NAME, seconds=left()):
                return found
            made = new_key()
            keychain.keep(NAME, made, seconds=left())
            # What is there counts: a run with another cache folder has another lock.
            return keychain.kept(NAME, seconds=left()) or made


def _hint(error: ConfigurationError | HumanNeeded) -> str:
    """Return what to do about it; that of the keychain may be about MFA devices."""
    if isinstance(error, HumanNeeded):
        return "unlock it, by sts-plugin login for instance, and try again"
    return (
        "see keyring diagnose; cache_encryption = none keeps the cache in files that"
        " are not encrypted"
    )
