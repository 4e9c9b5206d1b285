"""A herd of processes with threads on a cold cache (bar S5: 3 x the same one warm).

The time is from the start of the first process to the last thread's credentials. What
is left of it once all have imported what they need is told beside it: they wait for
each other then, and are released at once. Each round has a sandbox of its own, for the
cold herd sends a code. Another size is chosen with ``--herd 200x50``: each process
takes 40 MB.
"""

from __future__ import annotations

import contextlib
import sys
from dataclasses import dataclass

from cases import Bar, Case
from stage import BIN, HELPERS, staged
from timing import CannotRun, Shared

sys.path.append(str(HELPERS))
from typing import TYPE_CHECKING

from crowd import Crowd

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from cases import Options
    from stage import Stage

__all__ = ["BARS", "ROUNDS_MAX", "cases"]

COLD = "a cold herd, from its start"
WARM = "a warm herd, from its start"
COLD_RELEASED = "a cold herd, once all is imported"
WARM_RELEASED = "a warm herd, once all is imported"
ROUNDS_MAX = 5
BARS = (Bar("S5", COLD, WARM, 3.0),)


@dataclass(frozen=True, slots=True)
class Run:
    """What a herd took, in milliseconds: in all, and from its release on."""

    whole: float
    released: float


@contextlib.contextmanager
def cases(options: Options) -> Iterator[list[Case]]:
    """Need one stage that is warm; a cold herd sets up its own."""
    herd = _herd(options)

    def cold() -> Run:
        with staged() as new:
            return herd(new)

    with staged() as stage:
        stage.warm("prod-admin")
        each_warm, each_cold = Shared(lambda: herd(stage)).each, Shared(cold).each
        yield [
            Case(WARM, each_warm(lambda run: run.whole)),
            Case(COLD, each_cold(lambda run: run.whole), WARM),
            Case(WARM_RELEASED, each_warm(lambda run: run.released)),
            Case(COLD_RELEASED, each_cold(lambda run: run.released), WARM_RELEASED),
        ]


def _herd(options: Options) -> Callable[[Stage], Run]:
    numbers = iter(range(sys.maxsize))

    def release(stage: Stage) -> Run:
        environ = stage.environ | {"PATH": f"{BIN}:{stage.environ['PATH']}"}
        folder = stage.home / f"herd{next(numbers)}"
        environs = [environ] * options.processes
        try:
            crowd = Crowd(environs, options.threads, folder, shared=True)
            seconds, triples = crowd.release()
        except AssertionError as error:
            raise CannotRun(str(error)) from None
        if len(set(triples)) != 1:
            raise CannotRun("not all of the herd got the same credentials")
        return Run(float(crowd.whole * 1000), float(seconds * 1000))

    return release
