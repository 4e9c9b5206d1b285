"""Whoever watches a run: what they are told, and whether they are still there.

The base class serves a program, whose log takes every line; a door that knows of a
terminal brings its own (``cli.watcher``).
"""

from __future__ import annotations

import contextlib
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

__all__ = ["Watcher"]


class Watcher:
    """Passes every line on to ``tell``, one at a time.

    ``gone`` is asked in the thread that does the work.
    """

    def __init__(
        self, tell: Callable[[str], None], *, gone: Callable[[], bool] = lambda: False
    ) -> None:
        self._tell = tell
        self._gone = gone

    def tell(self, line: str) -> None:
        """Say something that stays."""
        self._tell(line)

    def warn(self, line: str, *, session: int | None = None) -> None:
        """Say something that a person should see now, whatever an SDK swallows.

        ``session`` is the terminal session that it is about: who sits there sees
        for themselves.
        """
        del session
        self._tell(line)

    def wait(self, line: str, seconds: float, *, why: str) -> None:
        """Say why and for what, and wait that long."""
        self._tell(f"{why}; {line} ({seconds:.0f} s)")
        time.sleep(seconds)

    def during(
        self, what: str, seconds: float | None, *, shared: bool = False
    ) -> AbstractContextManager[None]:
        """Be there while something is waited for that may take a while.

        ``what`` ends the sentence "waiting for ...", and takes ``seconds`` at most, if
        that is known.
        ``shared``: it may itself speak to whoever sits at the terminal. A program's
        log is not told: most things take no time.
        """
        del what, seconds, shared
        return contextlib.nullcontext()

    def gone(self) -> bool:
        """Whether for certain nobody is there any more to take the result."""
        return self._gone()

    def orphaned(self) -> bool:
        """Whether whoever started this run has gone: nobody will answer a prompt."""
        return self.gone()
