"""What is remembered of a lock's turns: used codes, the last failure, who was silent.

A ledger belongs to the name of a lock, is written under it, and is one small file of
the store. Values only: no clock, no disk.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, field, fields, replace
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["NO_ANSWER", "Failure", "Ledger"]

NO_ANSWER: Final = "no answer"
"""The kind of a failure after which there is to be quiet for a while."""

OTHER_TYPES: Final = {"at": float, "streak": int, "until": float}
"""The fields of a failure that are no text."""

WORDS_MAX: Final = 2_000
"""What is kept of an error's words: a proxy may answer with a whole page, and a ledger
that is too long for a file of ours is not read."""


@dataclass(frozen=True, slots=True)
class Failure:
    """Why the last turn came to nothing, for those who waited for it.

    ``number`` tells it from every other one. ``at`` is in epoch seconds. ``scope`` is
    empty where it concerns all who want the lock, else a digest of whom it concerns.
    ``kind``, ``message``, ``hint`` and ``code`` are those of the error. ``streak``
    counts failures of this kind in a row. Before ``until``, in epoch seconds, nobody
    should try again. No secrets.
    """

    number: str
    at: float
    kind: str
    message: str
    hint: str = ""
    code: str = ""
    scope: str = ""
    streak: int = 1
    until: float = 0.0

    def holds(self, now: float, most: float) -> bool:
        """Whether ``until`` is still to come, and not more than ``most`` seconds."""
        return 0 < self.until - now <= most


@dataclass(frozen=True, slots=True)
class Ledger:
    """The ledger of one lock.

    ``codes`` are digests of those that were used, with the epoch second of use;
    ``unanswered`` says of each scope when nobody answered last, since the last success.
    """

    codes: Mapping[str, float] = field(default_factory=dict)
    failure: Failure | None = None
    unanswered: Mapping[str, float] = field(default_factory=dict)

    def since(self, moment: float, until: float) -> Ledger:
        """Return it without the codes that were used at any other time."""
        kept = {
            code: used for code, used in self.codes.items() if moment < used < until
        }
        return replace(self, codes=kept)

    def with_code(self, code: str, at: float) -> Ledger:
        """Return it with one more digest."""
        return replace(self, codes={**self.codes, code: at})

    def without_code(self, code: str) -> Ledger:
        """Return it without a digest: its code was never sent after all."""
        return replace(self, codes={k: v for k, v in self.codes.items() if k != code})

    def with_failure(self, failure: Failure | None) -> Ledger:
        """Return it with another failure, or with none: all is well again."""
        if failure is None:
            return replace(self, failure=None, unanswered={})
        failure = replace(
            failure,
            message=failure.message[:WORDS_MAX],
            hint=failure.hint[:WORDS_MAX],
            code=failure.code[:WORDS_MAX],
        )
        unanswered = dict(self.unanswered)
        if failure.kind == NO_ANSWER:
            unanswered[failure.scope] = failure.at
        elif not failure.scope:
            unanswered.pop("", None)  # somebody said no: they are there
        return replace(self, failure=failure, unanswered=unanswered)

    def to_json(self) -> dict[str, Any]:
        """Return it as what JSON is made of."""
        failure = self.failure and asdict(self.failure)
        return {
            "codes": dict(self.codes),
            "failure": failure,
            "unanswered": dict(self.unanswered),
        }

    @classmethod
    def from_json(cls, data: Any) -> Ledger:  # noqa: ANN401 - JSON
        """Return what can be read of it; whatever is damaged or foreign is left out."""
        if not isinstance(data, dict):
            return cls()
        return cls(
            _moments(data.get("codes")),
            _failure(data.get("failure")),
            _moments(data.get("unanswered")),
        )


def _moments(data: Any) -> dict[str, float]:  # noqa: ANN401 - JSON
    found = data if isinstance(data, dict) else {}
    return {text: moment for text, moment in found.items() if isinstance(moment, float)}


def _failure(data: Any) -> Failure | None:  # noqa: ANN401 - JSON
    types = {one.name: OTHER_TYPES.get(one.name, str) for one in fields(Failure)}
    if not isinstance(data, dict) or data.keys() != types.keys():
        return None
    sound = all(type(data[name]) is wanted for name, wanted in types.items())
    if not sound or not all(map(math.isfinite, (data["at"], data["until"]))):
        return None
    return Failure(**data)
