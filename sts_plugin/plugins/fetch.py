"""One question of a program, and its answers: from the cache, or else by the engine.

    question -> ``quick`` -> refresh metadata
             -> ``long_way``, imported where it is needed first

The same for every door in a program; imports no SDK.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sts_plugin.plugins import quick
from sts_plugin.plugins.ahead import Ahead
from sts_plugin.plugins.forks import import_late

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from sts_plugin.engine import Engine
    from sts_plugin.plugins.long_way import LongWay
    from sts_plugin.plugins.quick import Known, Metadata

__all__ = ["Fetch"]


class Fetch:
    """Gets credentials as often as it is called; renews them ahead.

    ``words`` are those of ``quick.question``; ``said`` is what the host reads in a
    profile.
    """

    def __init__(
        self,
        words: list[str],
        environ: Mapping[str, str],
        *,
        said: Callable[[str], Mapping[str, Any]],
        engine: Callable[[Mapping[str, str]], Engine],
    ) -> None:
        self._words = words
        self._environ = environ
        self._said = said
        self._engine = engine
        self._ahead = Ahead()

    def known(self) -> Known | None:
        """Return what is known without the engine."""
        return quick.answer(self._words, self._environ)

    def long_way(self) -> LongWay:
        """Return what asks the engine, in the environment that was found at first."""
        engine = self._engine(self._environ)
        way: LongWay = import_late().LongWay(
            self._said, engine, self._words, self._environ
        )
        return way

    def __call__(self) -> Metadata:
        """Return credentials that may be used now; raise what the engine raises."""
        known = self.known()
        if known is None:
            return self.long_way().fetch(self._ahead)
        if known.due:
            self._ahead.start(lambda: self.long_way().renew())
        return known.metadata
