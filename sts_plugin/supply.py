"""One profile's credentials in memory, renewed before anybody has to wait for them.

    fresh                 -> handed out at once; the next set is got meanwhile
    to be renewed, good   -> a short wait for the new set, else the old one
    none                  -> a short wait, else "on its way" or the error

One resolution at a time, in a thread, however many ask. A set that nobody has asked for
is let go; one that somebody has is renewed half-way through, as in the engine, without
asking anybody. A person is asked only when a request comes that needs it. Knows nothing
of HTTP.
"""

from __future__ import annotations

import threading
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final, Literal

from sts_plugin.errors import HumanNeeded, StsPluginError

if TYPE_CHECKING:
    from collections.abc import Callable

    from sts_plugin.model import Credentials, Life

__all__ = ["How", "Supply"]

How = Literal["ask", "ahead", "look"]
"""How a set is got: whoever is needed is asked; nobody is asked; or only what others
have got meanwhile counts, because that failed a moment ago."""

PAUSE_SECONDS: Final = 3.0
"""How long an error is the answer to all who ask: SDKs ask four times in a row."""

PERSON_PAUSE_SECONDS: Final = 30.0
"""The same where a person was asked in vain, or could not be: one prompt for the
attempts of an SDK, and for those of all its siblings."""

AHEAD_PAUSE_SECONDS: Final = 30.0
"""How long a renewal that failed ahead of time is not tried again."""


class Supply:
    """Keeps what ``get`` gets, and gets it again in time.

    ``get`` returns a set and its life, or raises; it is called in one thread at a time.
    ``news`` is told of each new set, ``trouble`` of each error that is a new one.
    """

    def __init__(
        self,
        get: Callable[[How], tuple[Credentials, Life]],
        *,
        news: Callable[[str], None] = lambda _line: None,
        trouble: Callable[[str], None] = lambda _line: None,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._get = get
        self._news = news
        self._trouble = trouble
        self._now = now
        self._changed = threading.Condition()
        self._kept: tuple[Credentials, Life] | None = None
        self._error: StsPluginError | None = None
        self._look_until = 0.0
        self._ahead_from = 0.0
        self._attempts = 0
        self._wanted = False
        self._thread: threading.Thread | None = None

    def fill(self) -> Credentials:
        """Get the first set in this very thread; raises what ``get`` raises."""
        kept = self._get("ask")
        with self._changed:
            self._kept, self._wanted = kept, True
        return kept[0]

    def answer(self, seconds: float) -> Credentials | StsPluginError | None:
        """Return a set that is good; an error; None: it takes longer than that.

        Without a set that is good now, it waits so many seconds for one at most.
        """
        deadline = time.monotonic() + seconds
        with self._changed:
            self._wanted = True
            before = self._attempts
            while not self._is("fresh"):
                if self._thread is None:
                    if self._attempts != before:
                        break
                    self._begin(self._how())
                left = deadline - time.monotonic()
                if left <= 0:
                    break
                self._changed.wait(left)
            if self._kept and self._is("usable"):
                return self._kept[0]
            return None if self._thread else self._error

    def tick(self) -> None:
        """Get the next set ahead of time, if it is due and somebody wants it."""
        with self._changed:
            due = self._wanted and self._is("usable") and not self._is("young")
            if due and not self._thread and time.monotonic() >= self._ahead_from:
                self._begin("ahead")

    def join(self, seconds: float) -> None:
        """Wait for a resolution that is under way, but no longer than that."""
        if thread := self._thread:
            thread.join(seconds)

    def _is(self, what: Literal["fresh", "usable", "young"]) -> bool:
        if self._kept is None:
            return False
        good: bool = getattr(self._kept[1], what)(self._now())
        return good

    def _how(self) -> How:
        return "look" if time.monotonic() < self._look_until else "ask"

    def _begin(self, how: How) -> None:
        self._thread = threading.Thread(
            target=self._work, args=(how,), name="sts-plugin supply", daemon=True
        )
        self._thread.start()

    def _work(self, how: How) -> None:
        kept, error = self._kept, None
        try:
            kept = self._get(how)
        except StsPluginError as failed:
            error = failed
        except KeyboardInterrupt:  # Ctrl-C at a prompt, as a character
            error = HumanNeeded("whoever was asked for an MFA code pressed Ctrl-C")
        except Exception as failed:  # noqa: BLE001 - a thread's outermost door
            error = StsPluginError(f"a defect of sts-plugin: {type(failed).__name__}")
        with self._changed:
            self._note(how, kept, error)
            self._thread = None
            self._changed.notify_all()

    def _note(
        self,
        how: How,
        kept: tuple[Credentials, Life] | None,
        error: StsPluginError | None,
    ) -> None:
        now = time.monotonic()
        if kept is not None and kept != self._kept:
            self._kept, self._error, self._wanted = kept, None, how != "ahead"
            self._news(f"new credentials, good until {kept[1].expires:%H:%M:%S} UTC")
        elif how == "ahead":
            self._ahead_from = now + AHEAD_PAUSE_SECONDS
        if how == "ahead":
            return
        self._attempts += 1
        if how == "ask" and not self._is("fresh"):
            # An old set in the place of a new one means that somebody was asked, too.
            passing = error and not isinstance(error, HumanNeeded)
            pause = PAUSE_SECONDS if passing else PERSON_PAUSE_SECONDS
            self._look_until = now + pause
        if how == "ask" and error:
            if self._error is None or self._error.line != error.line:
                self._trouble(error.line)
            self._error = error
