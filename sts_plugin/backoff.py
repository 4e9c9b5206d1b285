"""For how long nobody tries again, on the whole machine, what has just failed.

A renewal that fails while the old set is good rests for a while: the set is handed out
as it is, and neither this process nor another one bothers AWS. Kept in the store, under
names of their own, since the other ledgers are written under locks that are not held
here.
"""

from __future__ import annotations

import random
import secrets
from typing import TYPE_CHECKING, Final

from sts_plugin import settings
from sts_plugin.errors import StsPluginError
from sts_plugin.ledger import Failure

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from sts_plugin.cache import Cache

__all__ = ["Renewals", "Resting", "some_time"]

RENEWAL: Final = "renewal"


class Resting(StsPluginError):
    """A renewal failed a moment ago, and is not tried again yet."""


def some_time(now: float, span: tuple[float, float]) -> float:
    """Return a moment that lies within a span of seconds from now, at random.

    At random, so that whoever waits for it does not come back as a herd.
    """
    return now + random.uniform(*span)  # noqa: S311 - no secret


class Renewals:
    """Which renewals of a cache rest."""

    def __init__(self, cache: Cache, *, now: Callable[[], datetime]) -> None:
        self._cache = cache
        self._now = now

    def failed(self, key: str, error: StsPluginError) -> None:
        """Note that the entry of this key could not be renewed."""
        now = self._now().timestamp()
        failure = Failure(
            number=secrets.token_hex(8),
            at=now,
            kind=RENEWAL,
            message=error.message,
            hint=error.hint,
            until=some_time(now, settings.RENEWAL_PAUSE_SECONDS),
        )
        self._cache.record_failure(_name(key), failure)

    def rest(self, key: str) -> bool:
        """Whether it is too early to try again."""
        failure = self._cache.failure(_name(key))
        # No longer than that, whatever a clock that was set back makes of it.
        return failure is not None and failure.holds(
            self._now().timestamp(), settings.RENEWAL_PAUSE_SECONDS[1]
        )


def _name(key: str) -> str:
    return f"renewal of {key}"
