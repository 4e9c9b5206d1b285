"""Where a six-digit MFA code comes from: what is asked, and of whom.

One driver per file, each a ``CodeSource``: ``variable``, ``command``, ``totp``,
``terminal``, ``dialog``, ``pinentry``. ``ways`` puts them in the order that profile and
environment ask for; ``asking`` puts the question to them.

Nothing in here calls AWS, and no driver knows what a used code is.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Protocol

__all__ = ["CodeSource", "Question", "printable"]


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked: a code of ``device`` for ``profile``, which leads to ``account``.

    ``account`` is 12 digits, or empty where it is not known. ``reason`` is empty, or
    says why the answer before was of no use, without a full stop. ``deadline`` is the
    moment of ``time.monotonic`` from which an answer is of no use any more.
    """

    profile: str
    device: str
    deadline: float
    account: str = ""
    reason: str = ""

    @property
    def seconds_left(self) -> float:
        """What is left for an answer; 0 when there is nothing left."""
        return max(0.0, self.deadline - time.monotonic())

    @property
    def purpose(self) -> str:
        """For whom, in a line: ``Profile prod-admin, account 333333333333``."""
        account = f", account {self.account}" if self.account else ""
        return printable(f"Profile {self.profile}{account}")

    @property
    def trouble(self) -> str:
        """The reason as a sentence, or nothing. Printable, one line."""
        reason = printable(self.reason)
        return f"{reason[0].upper()}{reason[1:]}." if reason else ""

    @property
    def heading(self) -> str:
        """The purpose, and the trouble after it."""
        return f"{self.purpose}. {self.trouble}" if self.reason else self.purpose

    @property
    def request(self) -> str:
        """What is wanted: ``MFA code of`` and the device. Printable, one line."""
        return printable(f"MFA code of {self.device}")


class CodeSource(Protocol):
    """One way to get a code."""

    @property
    def name(self) -> str:
        """How ``mfa_prompt`` spells it."""
        ...

    @property
    def automatic(self) -> bool:
        """Whether no human is asked, so that asking again needs the next code."""
        ...

    @property
    def attempts(self) -> int:
        """How often one run asks it at most."""
        ...

    def ask(self, question: Question) -> str:
        """Return an answer as it came, by the question's deadline.

        Raises CannotAsk when it cannot work here: its message then is the end of the
        sentence "a code is needed, and ...", such as "there is no terminal", without
        a hint, and the next source is asked. Raises ConfigurationError when what a
        profile names for it does not work; Declined when somebody was asked and said
        no, NoAnswer when nobody answered by the deadline.
        """
        ...


def printable(text: str) -> str:
    """Return a text without what moves a cursor or starts an escape sequence."""
    if text.isprintable():
        return text
    return "".join(one if one.isprintable() else "?" for one in text)
