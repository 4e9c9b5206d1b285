"""When a call to STS is made once more: one table, and the time that a run has.

A code counts once, so a call that carries one is sent again only where it cannot have
been sent at all.

==========================================  ===============  =======================
trouble                                     without a code   with one
==========================================  ===============  =======================
nobody there: refused, no address, no       again; then in   again; then in the other
connection in time                          the other region region
lost: reset, cut off, no answer in time,    again; then in   never
HTTP 5xx                                    the other region
too many calls                              again, later     never
no answer of STS's: a page, a redirect,     never            never
a damaged one; a certificate
AWS said no                                 never            never
==========================================  ===============  =======================
"""

from __future__ import annotations

import random
import time
from typing import TYPE_CHECKING, NamedTuple

from sts_plugin import settings
from sts_plugin.errors import Throttled

if TYPE_CHECKING:
    from collections.abc import Callable

    from sts_plugin.errors import Unreachable

__all__ = ["Again", "Budget", "again"]


class Again(NamedTuple):
    """Make the call once more: after so many seconds, in the other region or not."""

    seconds: float
    elsewhere: bool = False


def again(
    trouble: Unreachable, *, coded: bool, done: int, elsewhere: bool
) -> Again | None:
    """Return whether a call that came to nothing is made once more.

    ``coded``: it carries an MFA code. ``done`` is how many calls of this run were made
    once more before. ``elsewhere``: there is another region, and it was not asked yet.
    """
    if not trouble.passing or (coded and trouble.sent):
        return None
    throttled = isinstance(trouble, Throttled)
    # Whoever names another region wants to be there soon, not after three attempts.
    if done < (1 if elsewhere and not throttled else settings.RETRIES_MAX):
        most = settings.RETRY_WAIT_SECONDS
        if throttled:
            most = settings.THROTTLED_WAIT_SECONDS
        most *= 2**done
        # At random, so that a herd does not come back as one.
        return Again(random.uniform(most / 2, most))  # noqa: S311 - no secret
    return Again(0.0, elsewhere=True) if elsewhere and not throttled else None


class Budget:
    """The seconds that the calls of one run may take together.

    Only calls count, and the waits between them: a person who types a code may take
    their time.
    """

    def __init__(
        self,
        seconds: float,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.left = seconds
        self._clock = clock
        self._sleep = sleep

    def __enter__(self) -> None:
        """Begin to count."""
        self._began = self._clock()

    def __exit__(self, *_error: object) -> None:
        """Count what it took."""
        self.left -= self._clock() - self._began

    def wait(self, seconds: float) -> bool:
        """Wait, unless the time is up before: then return False."""
        if seconds >= self.left:
            return False
        with self:
            self._sleep(seconds)
        return True
