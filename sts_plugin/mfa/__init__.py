"""Where a six-digit MFA code comes from, and that none is handed out twice.

One driver per file, each a ``CodeSource``; ``choose_source`` picks one from what the
profiles say. ``with_code`` is what the resolver calls: it puts the question, checks
the answer, holds it against the codes that were used before, and has it sent.

Never calls AWS, never writes a file.
"""

from __future__ import annotations

import re
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, Protocol, TypeVar

from sts_plugin import settings
from sts_plugin.errors import CodeRefused, NoAnswer
from sts_plugin.keys import digest
from sts_plugin.model import Secret

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from sts_plugin.model import CodeSettings

__all__ = ["CodeSource", "Question", "choose_source", "with_code"]

T = TypeVar("T")

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


def with_code(  # noqa: PLR0913 - clock and sleep are parameters for the tests
    source: CodeSource,
    question: Question,
    used: Collection[str],
    send: Callable[[Secret], T],
    *,
    tell: Callable[[str], None],
    sleep: Callable[[float], None] = time.sleep,
    now: Callable[[], float] = time.time,
) -> T:
    """Ask for a code, ``send`` it, and return what came of it.

    ``used`` holds digests as the store keeps them; a code among them is not sent. A
    person is asked three times at most, and told each time what was wrong; a
    machine twice, the second time in the device's next step of 30 s: one that gives
    two wrong codes will give a third. Raises what the source raises, what ``send``
    raises, and NoAnswer when no answer could be sent.
    """
    refused: CodeRefused | None = None
    reason = ""
    for attempt in range(2 if source.automatic else settings.CODE_ATTEMPTS):
        if attempt and source.automatic:
            wait = settings.CODE_STEP_SECONDS - now() % settings.CODE_STEP_SECONDS
            tell(f"{reason}; waiting {wait:.0f} s for the next code")
            sleep(wait)
        asked = replace(question, reason=reason)
        code = _judged(source.ask(asked), question.device, used)
        if not isinstance(code, Secret):
            reason = code
            continue
        try:
            return send(code)
        except CodeRefused as error:
            refused, reason = error, "AWS refused that code"
            used = {*used, digest(question.device, code.reveal())}
    raise refused or NoAnswer(
        f"no usable MFA code of {question.device}: {reason}",
        hint="wait for the next code of the device and try again",
    )


def _judged(answer: str, device: str, used: Collection[str]) -> Secret | str:
    """Return the code that an answer is, or why it is none.

    A function of its own, so that no frame of a traceback holds what was typed.
    """
    code = re.sub(r"[\s-]", "", answer)
    if not SIX_DIGITS.fullmatch(code):
        return "that was not six digits"
    if digest(device, code) in used:
        return "that code was used before"
    return Secret(code)
