"""What a group of benchmarks is made of: cases, bars, and what one may choose.

A group is a module with ``BARS``, ``ROUNDS_MAX`` and ``cases(options)``, a context
manager that sets up what its cases need and yields them. Its docstring is its title.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from contextlib import AbstractContextManager
    from pathlib import Path

__all__ = ["Bar", "Case", "Group", "LeftOut", "Options"]


@dataclass(frozen=True, slots=True)
class Case:
    """One thing that is timed: ``run`` does it once and returns milliseconds.

    ``against`` is the case of the same group that it is compared with, if any.
    """

    name: str
    run: Callable[[], float]
    against: str = ""


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A case that cannot be had here, and why."""

    name: str
    why: str


@dataclass(frozen=True, slots=True)
class Bar:
    """The most that a case may be: times its peer, or milliseconds over it."""

    name: str
    case: str
    against: str
    most: float
    unit: Literal["x", "ms over"] = "x"


@dataclass(frozen=True, slots=True)
class Options:
    """What the command line chose. ``peers`` is where ``peers.py`` installed them."""

    rounds: int = 21
    peers: Path | None = None
    profiles: int = 10_000
    processes: int = 20
    threads: int = 5


class Group(Protocol):
    """What a module of a group has."""

    __doc__: str | None
    BARS: Sequence[Bar]
    ROUNDS_MAX: int

    def cases(
        self, options: Options
    ) -> AbstractContextManager[Sequence[Case | LeftOut]]:
        """Set up, yield the cases in the order of a round, clean up."""
        ...
