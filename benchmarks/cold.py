"""A cold cache, as a whole process: nothing was ever asked for before. It has no bar.

Each run has a sandbox of its own, for a code of a device counts once. With MFA, it is a
session, a role and a role behind it, the code from a TOTP file. The AWS CLI has no way
to get a code without a person, so what it can be compared with is a role without MFA:
its own ``configure list``, which assumes the role and shows the masked keys, with no
cache to find it in. The bare call is the one of ``miss``.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from cases import Case, LeftOut
from miss import PEER, bare_call
from stage import BIN, NATIVE, staged
from timing import CannotRun, Process

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from cases import Bar, Options
    from stage import Stage

__all__ = ["BARS", "ROUNDS_MAX", "cases"]

WITH_MFA = "sts-plugin, cold: MFA session and two roles"
WITHOUT = "sts-plugin, cold: one role without MFA"
CLI = "awscli, cold: the same role"
ROUNDS_MAX = 11
BARS: tuple[Bar, ...] = ()


@contextlib.contextmanager
def cases(options: Options) -> Iterator[list[Case | LeftOut]]:
    """Need no stage but one for the bare call: each run sets up its own."""
    del options
    with staged() as stage:
        bare = bare_call(stage)
        theirs: Case | LeftOut = Case(CLI, _cold(_aws_cli), PEER)
        with staged() as new:
            try:
                _aws_cli(new).output()
            except CannotRun as error:
                theirs = LeftOut(CLI, str(error))
        yield [
            Case(PEER, bare.milliseconds),
            Case(WITHOUT, _cold(lambda new: new.ours("batch")), PEER),
            theirs,
            Case(WITH_MFA, _cold(lambda new: new.ours("prod-admin")), PEER),
        ]


def _cold(make: Callable[[Stage], Process]) -> Callable[[], float]:
    def run() -> float:
        with staged() as new:
            return make(new).milliseconds()

    return run


def _aws_cli(stage: Stage) -> Process:
    stage.add_config(NATIVE)
    words = (str(BIN / "aws"), "configure", "list", "--profile", "native")
    return Process(words, stage.environ, says="assume-role")
