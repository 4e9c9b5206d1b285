"""Asking for a code until one could be sent: whom, how often, and what for a reason.

    sources, one after the other -> an answer -> six digits, unused -> sent

Decides what an answer is worth; where it comes from is the drivers' affair. Never
calls AWS itself, never writes a file.
"""

from __future__ import annotations

import contextlib
import re
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, Generic, TypeVar

from sts_plugin import settings
from sts_plugin.errors import (
    CannotAsk,
    CodeRefused,
    ConfigurationError,
    Declined,
    NoAnswer,
)
from sts_plugin.keys import digest
from sts_plugin.model import Secret
from sts_plugin.words import profile_option

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable
    from contextlib import AbstractContextManager

    from sts_plugin.mfa import CodeSource, Question
    from sts_plugin.watcher import Watcher

__all__ = ["Asking"]

T = TypeVar("T")

SIX_DIGITS: Final = re.compile(r"[0-9]{6}")

MODHEX: Final = re.compile(r"[cbdefghijklnrtuv]{32,48}")
"""What a YubiKey types when it is touched (Yubico OTP): 44 letters by default."""

PASTED: Final = re.compile(r"\x1b\[20[01]~")
"""Brackets that a terminal puts around pasted text for a shell that asked for them."""

REFUSED: Final = "AWS refused that code"
USED: Final = "that code was used before"


@dataclass(frozen=True, slots=True)
class Asking(Generic[T]):
    """One need for a code: ``send`` is what is to become of it.

    ``used`` holds digests as the store keeps them: a code among them is not sent.
    ``quiet`` says why a source had better not be bothered, or nothing.
    """

    question: Question
    used: Collection[str]
    send: Callable[[Secret], T]
    watcher: Watcher
    quiet: Callable[[CodeSource], str] = lambda _source: ""
    now: Callable[[], float] = time.time

    def ask(self, sources: Iterable[CodeSource]) -> T:
        """Ask the first source that works here, and return what came of its code.

        A source that has one answer only is followed by the next one, as is one that
        cannot work here. Raises what the source raises, what ``send`` raises,
        NoAnswer when no answer could be sent, CannotAsk when there was nobody to ask.
        """
        why: list[str] = []
        wrong: ConfigurationError | None = None
        reason = ""
        used = set(self.used)
        least = min(self.question.seconds_left, settings.ANOTHER_PROMPT_SECONDS)
        question = self.question
        for source in sources:
            if quiet := self.quiet(source):
                why.append(quiet)
                continue
            try:
                answered = self._until_sent(source, question, reason, used)
            except _Unable as unable:
                question = _with_time(self.question, least)  # it may have taken some
                error = unable.error
                why.append(error.message)
                if isinstance(error, ConfigurationError):
                    wrong, reason = wrong or error, error.message
                continue
            except BaseException:
                self._tell(wrong)
                raise
            if isinstance(answered, _Useless):
                question = _with_time(self.question, least)
                reason = f"{answered.reason} ({source.name})"
                why.append(reason)
                continue
            self._tell(wrong)
            return answered.result
        raise wrong or self._nobody(why)

    def _during(
        self, source: CodeSource, question: Question
    ) -> AbstractContextManager[None]:
        if not source.automatic:  # it speaks for itself
            return contextlib.nullcontext()
        what = f"a code of {question.device} ({source.name})"
        shared = source.name == "command"
        return self.watcher.during(what, question.seconds_left, shared=shared)

    def _until_sent(
        self, source: CodeSource, question: Question, reason: str, used: set[str]
    ) -> _Sent[T] | _Useless:
        """Ask one source until an answer is good for something.

        A person is asked three times at most, and told each time what was wrong; a
        machine twice, the second time in the device's next step of 30 s: one that
        gives two wrong codes will give a third.
        """
        refused: CodeRefused | None = None
        for attempt in range(source.attempts):
            if attempt:
                question = self._again(source, question, reason)
            asked = replace(question, reason=reason)
            with self._during(source, question):
                code = _judged(_answer(source, asked), question.device, used)
            if not isinstance(code, Secret):
                reason = code
                if source.automatic and reason != USED:
                    return _Useless(reason)  # it would say the same once more
                continue
            try:
                return _Sent(self.send(code))
            except CodeRefused as error:
                refused, reason = error, REFUSED
                used.add(digest(question.device, code.reveal()))
        if source.attempts == 1:
            return _Useless(reason)
        if refused:
            raise refused
        # Whoever types what is no code is there: that is no reason for quiet.
        text = f"no usable MFA code of {question.device}: {reason}"
        hint = "wait for the next code of the device and try again"
        if source.automatic:
            raise NoAnswer(text, hint=hint, person=False)
        raise Declined(text, hint=hint)

    def _again(self, source: CodeSource, question: Question, reason: str) -> Question:
        """Return the question for another attempt, once it makes sense to put it."""
        if source.automatic:
            step = settings.CODE_STEP_SECONDS
            self.watcher.wait(
                f"waiting for the next code of {question.device}",
                step - self.now() % step,
                why=reason,
            )
        return _with_time(question, settings.ANOTHER_PROMPT_SECONDS)

    def _tell(self, wrong: ConfigurationError | None) -> None:
        if wrong:  # somebody else had to be asked for it
            self.watcher.tell(wrong.line)

    def _nobody(self, why: list[str]) -> CannotAsk:
        question = self.question
        login = f"sts-plugin login {profile_option(question.profile)}"
        # A renewal in the background has nobody to ask to begin with.
        reasons = "; ".join(dict.fromkeys(why)) or "this run asks nobody"
        return CannotAsk(
            f'profile "{question.profile}" needs an MFA code of {question.device}, and'
            f" nobody can be asked for it: {reasons}",
            hint=f"run: {login} in a terminal first, or set mfa_process,"
            " sts_plugin_totp_file or mfa_prompt",
        )


def _with_time(question: Question, seconds: float) -> Question:
    """Return the question with so many seconds to answer it at least."""
    least = time.monotonic() + seconds
    return replace(question, deadline=max(question.deadline, least))


@dataclass(frozen=True, slots=True)
class _Sent(Generic[T]):
    result: T


@dataclass(frozen=True, slots=True)
class _Useless:
    reason: str


class _Unable(Exception):
    """A source cannot work: another one may."""

    def __init__(self, error: CannotAsk | ConfigurationError) -> None:
        super().__init__(error.message)
        self.error = error


def _answer(source: CodeSource, question: Question) -> str:
    """Ask, and tell a source that cannot work from a call that cannot be sent."""
    try:
        return source.ask(question)
    except (CannotAsk, ConfigurationError) as error:
        raise _Unable(error) from None


def _judged(answer: str, device: str, used: Collection[str]) -> Secret | str:
    """Return the code that an answer is, or why it is none.

    A function of its own, so that no frame of a traceback holds what was typed.
    """
    text = re.sub(r"[\s-]", "", PASTED.sub("", answer))
    if MODHEX.fullmatch(text.lower()):
        return (
            "that was the touch of a YubiKey (Yubico OTP), not the six digits of the"
            " device"
        )
    if not SIX_DIGITS.fullmatch(text):
        return "that was not six digits"
    if digest(device, text) in used:
        return USED
    return Secret(text)
