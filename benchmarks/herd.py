"""A herd of processes with threads on a cold cache (bar S5: 3 x the same one warm).

All processes have imported what they need and wait; the time is from their release to
the last thread's credentials. Each round has a sandbox of its own, for the cold herd
sends a code. Another size is chosen with ``--herd 200x50``: each process takes 40 MB.
"""

from __future__ import annotations

import contextlib
import sys

from cases import Bar, Case
from stage import BIN, HELPERS, staged
from timing import CannotRun

sys.path.append(str(HELPERS))
from typing import TYPE_CHECKING

from crowd import Crowd

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from cases import Options
    from stage import Stage

__all__ = ["BARS", "ROUNDS_MAX", "cases"]

COLD = "a cold herd"
WARM = "a warm herd"
ROUNDS_MAX = 5
BARS = (Bar("S5", COLD, WARM, 3.0),)


@contextlib.contextmanager
def cases(options: Options) -> Iterator[list[Case]]:
    """Need one stage that is warm; a cold herd sets up its own."""
    herd = _herd(options)

    def cold() -> float:
        with staged() as new:
            return herd(new)

    with staged() as stage:
        stage.warm("prod-admin")
        yield [Case(WARM, lambda: herd(stage)), Case(COLD, cold, WARM)]


def _herd(options: Options) -> Callable[[Stage], float]:
    numbers = iter(range(sys.maxsize))

    def release(stage: Stage) -> float:
        environ = stage.environ | {"PATH": f"{BIN}:{stage.environ['PATH']}"}
        folder = stage.home / f"herd{next(numbers)}"
        environs = [environ] * options.processes
        try:
            seconds, triples = Crowd(
                environs, options.threads, folder, shared=True
            ).release()
        except AssertionError as error:
            raise CannotRun(str(error)) from None
        if len(set(triples)) != 1:
            raise CannotRun("not all of the herd got the same credentials")
        return float(seconds * 1000)

    return release
