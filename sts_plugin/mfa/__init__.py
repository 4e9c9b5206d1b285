"""Where a six-digit MFA code comes from, and that none is handed out twice.

One driver per file, each a ``CodeSource``; ``choose_source`` picks one from what the
profiles say. ``next_code`` is what the resolver calls: it puts the question, checks
the answer and holds it against the codes that were used before.

Never calls AWS, never writes a file.
"""

from __future__ import annotations

import re
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol

from sts_plugin import settings
from sts_plugin.errors import NoAnswer
from sts_plugin.keys import digest

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from sts_plugin.model import CodeSettings

__all__ = ["CodeSource", "Question", "choose_source", "next_code"]

SIX_DIGITS: Final = re.compile(r"[0-9]{6}")


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked: a code of ``device`` for ``profile``.

    ``reason`` is empty, or says why the answer before was of no use.
    """

    profile: str
    device: str
    reason: str = ""


class CodeSource(Protocol):
    """One way to get a code."""

    @property
    def automatic(self) -> bool:
        """Whether no human is asked, so that asking again needs the next code."""
        ...

    def ask(self, question: Question) -> str:
        """Return an answer as it came.

        Raises CannotAsk when there is nobody to ask, NoAnswer when nobody answered,
        ConfigurationError when what the profile names does not work.
        """
        ...


def choose_source(codes: CodeSettings, *, prompt_seconds: float) -> CodeSource:
    """Return the source that the profiles name: a command, a seed, else a person."""
    # Each driver is imported only where it is used: they have their price.
    if codes.process:
        from sts_plugin.mfa.command import CommandSource  # noqa: PLC0415

        return CommandSource(codes.process)
    if codes.totp_file:
        from sts_plugin.mfa.totp import TotpSource  # noqa: PLC0415

        return TotpSource(codes.totp_file)
    from sts_plugin.mfa.terminal import TerminalSource  # noqa: PLC0415

    return TerminalSource(seconds=prompt_seconds)


def next_code(  # noqa: PLR0913 - clock and sleep are parameters for the tests
    source: CodeSource,
    question: Question,
    used: Collection[str],
    *,
    tell: Callable[[str], None],
    sleep: Callable[[float], None] = time.sleep,
    now: Callable[[], float] = time.time,
) -> str:
    """Return six digits that were not used before.

    ``used`` holds digests as the store keeps them. An automatic source is asked
    again in the device's next step of 30 s; a person is told what was wrong, three
    times in all. Raises what the source raises, and NoAnswer after that.
    """
    reason = question.reason
    for attempt in range(settings.CODE_ATTEMPTS):
        if attempt and source.automatic:
            step = settings.CODE_STEP_SECONDS
            wait = step - now() % step
            tell(f"{reason}; waiting {wait:.0f} s for the next code")
            sleep(wait)
        answer = source.ask(Question(question.profile, question.device, reason))
        code = re.sub(r"[\s-]", "", answer)
        if not SIX_DIGITS.fullmatch(code):
            reason = "that was not six digits"
        elif digest(question.device, code) in used:
            reason = "that code was used before"
        else:
            return code
    raise NoAnswer(
        f"no usable MFA code of {question.device} in {settings.CODE_ATTEMPTS}"
        f" attempts: {reason}",
        hint="wait for the next code of the device and try again",
    )
