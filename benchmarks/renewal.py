"""Renewal while a profile is polled (bar S6: the slowest poll 3 x the median one).

The role lives for a few seconds behind a session of hours, and is polled twice a
second by a whole process each. A round is one life: it gives the slowest and the median
poll of that life. So one hiccup of the machine does not decide; the ``most`` of the
slowest is the slowest of all. What the machine does by itself is told by the
interpreter, which is started as often, after each poll.
"""

from __future__ import annotations

import contextlib
import itertools
import statistics
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cases import Bar, Case
from stage import staged
from timing import CannotRun

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from cases import Options
    from stage import Stage

__all__ = ["BARS", "ROUNDS_MAX", "cases"]

SLOWEST = "sts-plugin, the slowest poll of a life"
MEDIAN = "sts-plugin, the median poll of a life"
SLOWEST_PYTHON = "python -c pass, the slowest"
MEDIAN_PYTHON = "python -c pass, the median"
ROUNDS_MAX = 5
BARS = (Bar("S6", SLOWEST, MEDIAN, 3.0),)

LIFE_SECONDS = 16
POLL_SECONDS = 0.5


@dataclass(frozen=True, slots=True)
class Life:
    """The polls of one life of a set, and the interpreter's starts between them."""

    polls: list[float]
    floor: list[float]


class Lives:
    """The lives that were watched so far; one more is watched when it is asked for."""

    def __init__(self, stage: Stage) -> None:
        self._calls = stage.sandbox.journal.calls
        self._poll = stage.warm("jump").milliseconds
        self._floor = stage.python("-c", "pass").milliseconds
        self._lives: list[Life] = []

    def each(self, take: Callable[[Life], float]) -> Callable[[], float]:
        """Return a case: what is taken of one life after the other."""
        numbers = itertools.count()

        def run() -> float:
            number = next(numbers)
            while number >= len(self._lives):
                self._lives.append(self._watch())
            return take(self._lives[number])

        return run

    def _watch(self) -> Life:
        """Poll for as long as a set lives: it is renewed meanwhile."""
        life, calls = Life([], []), len(self._calls())
        ends = time.monotonic() + LIFE_SECONDS
        while (began := time.monotonic()) < ends:
            life.polls.append(self._poll())
            life.floor.append(self._floor())
            time.sleep(max(0.0, began + POLL_SECONDS - time.monotonic()))
        if len(self._calls()) == calls:
            raise CannotRun(f"nothing was renewed within {LIFE_SECONDS} s")
        return life


@contextlib.contextmanager
def cases(options: Options) -> Iterator[list[Case]]:
    """Set up a stage whose session is long and whose roles are short."""
    del options
    with staged() as stage:
        stage.ours("alice").output()
        stage.sandbox.lifetime_seconds = LIFE_SECONDS
        each = Lives(stage).each
        median = statistics.median
        yield [
            Case(SLOWEST, each(lambda life: max(life.polls)), MEDIAN),
            Case(MEDIAN, each(lambda life: median(life.polls))),
            Case(SLOWEST_PYTHON, each(lambda life: max(life.floor)), MEDIAN_PYTHON),
            Case(MEDIAN_PYTHON, each(lambda life: median(life.floor))),
        ]
