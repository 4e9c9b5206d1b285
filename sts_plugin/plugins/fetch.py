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
    from collections.abc import Callable, Mapping, Sequence

    from sts_plugin.chain import Link
    from sts_plugin.engine import Engine
    from sts_plugin.model import Credentials
    from sts_plugin.plugins.long_way import LongWay
    from sts_plugin.plugins.quick import Known, Metadata

__all__ = ["Fetch"]


class Fetch:
    """Gets credentials as often as it is called; renews them ahead.

    ``words`` are those of ``quick.question``; ``said`` is what the host reads in a
    profile. ``then`` and ``given`` are as for ``LongWay``.
    """

    def __init__(  # noqa: PLR0913 - what a program may say
        self,
        words: list[str],
        environ: Mapping[str, str],
        *,
        said: Callable[[str], Mapping[str, Any]],
        engine: Callable[[Mapping[str, str]], Engine],
        then: Sequence[Link] = (),
        given: Callable[[], Credentials] | None = None,
    ) -> None:
        self._words = words
        self._environ = environ
        self._said = said
        self._engine = engine
        self._then = then
        self._given = given
        self._ahead = Ahead()

    @property
    def settled(self) -> tuple[list[str], Mapping[str, str]] | None:
        """By what words and environment it asks; None: by what a program gives."""
        return None if self._given else (self._words, self._environ)

    def known(self) -> Known | None:
        """Return what is known without the engine."""
        if self._given:
            return None  # it may be another one's by now
        return quick.answer(self._words, self._environ)

    def long_way(self) -> LongWay:
        """Return what asks the engine, in the environment that was found at first."""
        engine = self._engine(self._environ)
        way: LongWay = import_late().LongWay(
            self._said,
            engine,
            self._words,
            self._environ,
            then=self._then,
            given=self._given,
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
