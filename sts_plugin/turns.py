"""Taking turns: one does the work, and the others share what comes of it.

Whoever wants a result takes the lock of its name. Those who wait watch for news: the
result is there, or the one whose turn it was failed in a way that they would meet as
well (nobody answered, somebody pressed Ctrl-C, AWS said no). Then they all end at once,
instead of asking the same person the same thing one after the other. What another may
well succeed in is not shared: no terminal over there, a network that was away for a
moment. A network that is away for several in a row is; and after AWS asked for fewer
calls, nobody makes this one for some seconds, whether they waited or not.

    wait -> result there: take it
         -> failed since I began to wait, and it concerns me: fail with the same words
         -> my turn: work; on failure note it for the others
"""

from __future__ import annotations

import secrets
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeVar

from sts_plugin import settings
from sts_plugin.backoff import some_time
from sts_plugin.errors import (
    CallerRejected,
    CodeRefused,
    ConfigurationError,
    Declined,
    NoAnswer,
    Refused,
    StsPluginError,
    Throttled,
    Unreachable,
)
from sts_plugin.keys import digest
from sts_plugin.ledger import NO_ANSWER, Failure

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from sts_plugin.cache import Cache
    from sts_plugin.locks import Waiting

__all__ = ["Turns", "Want"]

T = TypeVar("T")

SHARED: Final[Mapping[str, type[StsPluginError]]] = {
    NO_ANSWER: NoAnswer,
    "configuration": ConfigurationError,
    "declined": Declined,
    "code refused": CodeRefused,
    "caller rejected": CallerRejected,
    "refused": Refused,  # the last: the others of its kind come before it
    "throttled": Throttled,
    "unreachable": Unreachable,
}
"""What those who waited would meet as well, by the name it has in the ledger."""


@dataclass(frozen=True, slots=True)
class Want:
    """What somebody wants of the lock of a name.

    ``scope`` tells what of it: a refusal concerns those who want the same. ``signer``
    is the key id that would sign for it: that it was rejected concerns those who have
    the same one. ``person`` says that somebody may be asked for it: that they do not
    answer concerns everybody.
    """

    name: str
    scope: str
    signer: str
    person: bool

    @property
    def rejected(self) -> str:
        """The scope of a failure that is the signer's."""
        return digest(self.scope, self.signer)


class Turns:
    """Takes turns at the names of one cache.

    ``gone`` tells whether nobody waits for this run any more: what it fails of then
    says nothing to anybody else.
    """

    def __init__(self, cache: Cache, *, gone: Callable[[], bool]) -> None:
        self._cache = cache
        self._gone = gone

    def take(
        self,
        want: Want,
        *,
        found: Callable[[], T | None],
        work: Callable[[], T],
        waiting: Waiting,
    ) -> T:
        """Return what is ``found``, or else what ``work`` returns in our turn.

        Raises what ``work`` raises, Busy, and what the one raised for whom we waited.
        """
        before = self._number(want.name)
        while True:

            def news(before: str = before) -> bool:
                return self._number(want.name) != before or found() is not None

            with self._cache.lock(want.name, waiting, news) as held:
                if (result := found()) is not None:
                    return result
                failure = self._cache.failure(want.name)
                if failure and _concerns(want, failure, before):
                    raise _error(failure)
                before = failure.number if failure else ""
                if held:
                    return self._work(want, work, failure)

    def _work(self, want: Want, work: Callable[[], T], last: Failure | None) -> T:
        try:
            result = work()
        except (Exception, KeyboardInterrupt) as error:
            failure = _failure(error, want, last)
            if failure and not self._gone():
                self._cache.record_failure(want.name, failure)
            raise
        if last:
            self._cache.record_failure(want.name, None)
        return result

    def _number(self, name: str) -> str:
        failure = self._cache.failure(name)
        return failure.number if failure else ""


def _concerns(want: Want, failure: Failure, before: str) -> bool:
    """Whether to fail as somebody else did: ``before`` is what we knew already."""
    if failure.scope not in {"", want.scope, want.rejected}:
        return False
    new = failure.number != before
    match failure.kind:
        case "throttled":
            return new or failure.holds(
                time.time(), settings.THROTTLED_PAUSE_SECONDS[1]
            )
        case "unreachable":
            return new and failure.streak >= settings.STREAK_MAX
    return new


def _failure(error: BaseException, want: Want, last: Failure | None) -> Failure | None:
    """Return what those who wait should know of an error; None: nothing.

    ``last`` is what they know so far.
    """
    if isinstance(error, KeyboardInterrupt) and want.person:
        # Elsewhere it is not about the others: the next one does the work.
        error = Declined(
            f"whoever was asked for an MFA code of {want.name} pressed Ctrl-C",
            hint="try again when the code is at hand",
        )
    kind = next((kind for kind, one in SHARED.items() if isinstance(error, one)), None)
    if kind is None:
        return None
    assert isinstance(error, StsPluginError)  # all that is shared is one
    now, scope = time.time(), _scope(error, want)
    in_a_row = (
        last is not None
        and (last.kind, last.scope) == (kind, scope)
        and 0 <= now - last.at <= settings.STREAK_SECONDS
    )
    streak = last.streak + 1 if last and in_a_row else 1
    if isinstance(error, Unreachable) and not error.passing:
        streak = settings.STREAK_MAX  # the next one would meet the same
    throttled = isinstance(error, Throttled)
    return Failure(
        number=secrets.token_hex(8),
        at=now,
        kind=kind,
        message=error.message,
        hint=error.hint,
        code=error.code if isinstance(error, Refused) else "",
        scope=scope,
        streak=streak,
        until=some_time(now, settings.THROTTLED_PAUSE_SECONDS) if throttled else 0.0,
    )


def _scope(error: StsPluginError, want: Want) -> str:
    """Return whom a failure concerns."""
    if isinstance(error, CallerRejected):
        return want.rejected
    of_person = isinstance(error, Declined | CodeRefused) or (
        isinstance(error, NoAnswer) and error.person
    )
    return "" if want.person and of_person else want.scope


def _error(failure: Failure) -> StsPluginError:
    """Return the error that a failure was, for one who waited for it."""
    kind = SHARED.get(failure.kind, Declined)  # a kind of a later version
    if issubclass(kind, Refused):
        return kind(failure.message, code=failure.code, hint=failure.hint)
    if issubclass(kind, Unreachable):
        return kind(failure.message, sent=False, hint=failure.hint)
    return kind(failure.message, hint=failure.hint)
