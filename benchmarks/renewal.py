"""Renewal while a profile is polled (bar S6: the slowest poll 3 x the median one).

The role lives for a few seconds behind a session of hours, and is polled twice a
second by a whole process each. A round is one life: it gives the slowest and the median
poll of that life. So one hiccup of the machine does not decide; the ``most`` of the
slowest is the slowest of all. What the machine does by itself is told by the
interpreter, which is started as often, after each poll.
"""

from __future__ import annotations

import contextlib
import statistics
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cases import Bar, Case
from stage import staged
from timing import CannotRun, Shared

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


@contextlib.contextmanager
def cases(options: Options) -> Iterator[list[Case]]:
    """Set up a stage whose session is long and whose roles are short."""
    del options
    with staged() as stage:
        stage.ours("alice").output()
        stage.sandbox.lifetime_seconds = LIFE_SECONDS
        each = Shared(watcher(stage)).each
        median = statistics.median
        yield [
            Case(SLOWEST, each(lambda life: max(life.polls)), MEDIAN),
            Case(MEDIAN, each(lambda life: median(life.polls))),
            Case(SLOWEST_PYTHON, each(lambda life: max(life.floor)), MEDIAN_PYTHON),
            Case(MEDIAN_PYTHON, each(lambda life: median(life.floor))),
        ]


def watcher(stage: Stage) -> Callable[[], Life]:
    """Return what polls for as long as a set lives: it is renewed meanwhile."""
    calls = stage.sandbox.journal.calls
    poll, floor = stage.warm("jump"), stage.python("-c", "pass")

    def watch() -> Life:
        life, before = Life([], []), len(calls())
        ends = time.monotonic() + LIFE_SECONDS
        while (began := time.monotonic()) < ends:
            life.polls.append(poll.milliseconds())
            life.floor.append(floor.milliseconds())
            time.sleep(max(0.0, began + POLL_SECONDS - time.monotonic()))
        if len(calls()) == before:
            raise CannotRun(f"nothing was renewed within {LIFE_SECONDS} s")
        return life

    return watch
