"""How times are taken and summed up, the same for every group.

A case is run once in each round, all cases of a group in turn, so that a machine that
grows slower or faster does so for all of them. Rounds that warm up are not counted.
Quoted is the median; its spread is the interquartile range, beside the least and the
most. A ratio is one median through another one of the same run.
"""

from __future__ import annotations

import itertools
import os
import statistics
import subprocess
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

__all__ = ["CannotRun", "Process", "Shared", "Summary", "interleave", "ratio"]

T = TypeVar("T")

TIMEOUT_SECONDS = 120
"""What a single process may take before it counts as hanging."""


class CannotRun(Exception):
    """A case does not work here; the text says why."""


@dataclass(frozen=True, slots=True)
class Process:
    """A command that is timed as a whole, from its start to its end.

    ``says`` is a part of what it prints when it does what it is to be timed for: some
    programs end with 0 all the same.
    """

    words: tuple[str, ...]
    environ: Mapping[str, str] = field(repr=False)
    says: str = ""

    def output(self) -> str:
        """Run it untimed; return what it printed, or raise CannotRun."""
        try:
            done = subprocess.run(
                self.words,
                env=self.environ,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                timeout=TIMEOUT_SECONDS,
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise CannotRun(f"{self._called}: {error}") from None
        if done.returncode or self.says not in done.stdout:
            # Never its stdout: credentials are printed there.
            last = (done.stderr.strip().splitlines() or ["nothing on stderr"])[-1]
            raise CannotRun(f"{self._called} ended with {done.returncode}: {last}")
        return done.stdout

    def milliseconds(self) -> float:
        """Run it once; return how long that took."""
        nowhere = [
            (os.POSIX_SPAWN_OPEN, number, os.devnull, os.O_RDWR, 0)
            for number in range(3)
        ]
        began = time.perf_counter()
        process = os.posix_spawn(
            self.words[0], self.words, self.environ, file_actions=nowhere
        )
        _, status = os.waitpid(process, 0)
        took = (time.perf_counter() - began) * 1000
        if status:
            code = os.waitstatus_to_exitcode(status)
            raise CannotRun(f"{self._called} ended with {code} while it was timed")
        return took

    @property
    def _called(self) -> str:
        return " ".join([os.path.basename(self.words[0]), *self.words[1:3]])  # noqa: PTH119


@dataclass(frozen=True, slots=True)
class Summary:
    """What is told of the times of a case, in milliseconds."""

    runs: int
    median: float
    low: float
    high: float
    least: float
    most: float

    @classmethod
    def of(cls, values: Sequence[float]) -> Summary:
        """Sum up the times of one case, of which there is at least one."""
        low = high = values[0]
        if len(values) > 1:
            low, _, high = statistics.quantiles(values, n=4, method="inclusive")
        middle = statistics.median(values)
        return cls(len(values), middle, low, high, min(values), max(values))


def ratio(one: Summary, other: Summary) -> float:
    """Return the median of one through the median of another."""
    return one.median / other.median


class Shared(Generic[T]):
    """One run that tells the times of several cases, made when the first of them asks.

    Each case gets what it takes of one run after the other, whatever their order.
    """

    def __init__(self, run: Callable[[], T]) -> None:
        self._run = run
        self._done: list[T] = []

    def each(self, take: Callable[[T], float]) -> Callable[[], float]:
        """Return a case: what is taken of the next run."""
        numbers = itertools.count()

        def case() -> float:
            number = next(numbers)
            while number >= len(self._done):
                self._done.append(self._run())
            return take(self._done[number])

        return case


def interleave(
    cases: Mapping[str, Callable[[], float]], rounds: int, *, warm_up: int = 1
) -> dict[str, list[float]]:
    """Return the times of each case, taken in turn, round after round.

    Each round begins with another case: what a case leaves behind, in the processor's
    caches for instance, is not always the same one's trouble.
    """
    names = list(cases)
    times: dict[str, list[float]] = {name: [] for name in names}
    for turn in range(warm_up + rounds):
        first = turn % len(names)
        for name in names[first:] + names[:first]:
            took = cases[name]()
            if turn >= warm_up:
                times[name].append(took)
    return times
