"""What is said to a pinentry, from its greeting to its BYE."""

from __future__ import annotations

import contextlib
import io
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from sts_plugin.errors import Declined
from sts_plugin.mfa import printable
from sts_plugin.mfa.assuan import LINE_BYTES_MAX, Assuan, escaped
from sts_plugin.mfa.program import Broken
from sts_plugin.mfa.shown import in_its_locale, text_for
from sts_plugin.widths import shortened

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from sts_plugin.mfa import Question
    from sts_plugin.mfa.program import Program

__all__ = ["converse"]

TITLE: Final = "MFA code for AWS"

BYE_SECONDS: Final = 0.3

TIMED_OUT: Final = 62
DECLINED: Final = frozenset({99, 114, 198})
"""GPG_ERR_CANCELED, GPG_ERR_NOT_CONFIRMED, and GPG_ERR_FULLY_CANCELED: its window was
closed."""

OPTION_LENGTH_MAX: Final = 200
TROUBLE_LENGTH_MAX: Final = 200
DESCRIPTION_LENGTHS: Final = range(400, 20, -20)


def converse(
    program: Program, question: Question, environ: Mapping[str, str], device: str
) -> str:
    """Return what was typed; put the question on ``device`` if that is not empty.

    The program has until its own deadline to take in everything but the question.
    Raises Declined, TimeoutError when nobody answered, Broken when nobody was asked.
    """
    assuan = Assuan(program)
    try:
        _prepare(assuan, question, environ, device)
    except TimeoutError:
        raise Broken("it does not answer") from None
    program.deadline = question.deadline
    typed = io.BytesIO()  # unlike bytes it shows nothing in the locals of a traceback
    reply = assuan.ask("GETPIN", typed)
    _bye(program)
    if reply.code in DECLINED:
        raise Declined(f"the pinentry for the {question.request} was cancelled")
    if reply.code == TIMED_OUT:
        raise TimeoutError
    if reply.code:
        raise Broken(reply.text)
    return typed.getvalue().decode(errors="replace")


def _prepare(
    assuan: Assuan, question: Question, environ: Mapping[str, str], device: str
) -> None:
    """Say everything but the question; raise Broken when it does not take that in."""
    greeting = assuan.reply(io.BytesIO())
    if greeting.code:
        raise Broken(greeting.text)
    for option in _options(environ, device):
        assuan.say(f"OPTION {printable(option)[:OPTION_LENGTH_MAX]}")
    # 0 would be none; ours is over first, but we may be killed.
    assuan.say(f"SETTIMEOUT {max(1, round(question.seconds_left))}")
    assuan.say(f"SETTITLE {TITLE}")
    if question.reason:
        trouble = shortened(question.trouble, TROUBLE_LENGTH_MAX)
        assuan.say(f"SETERROR {escaped(in_its_locale(trouble, environ))}")
    for command in (_description(question, environ), "SETPROMPT Code:"):
        reply = assuan.say(command)
        if reply.code:
            raise Broken(reply.text)


def _options(environ: Mapping[str, str], device: str) -> Iterator[str]:
    yield "no-grab"  # the code may be in another window, to be copied
    if device:
        yield f"ttyname={device}"
        if kind := environ.get("TERM"):
            yield f"ttytype={kind}"
    for option, variable in (("lc-ctype", "LC_CTYPE"), ("lc-messages", "LC_MESSAGES")):
        names = ("LC_ALL", variable, "LANG")
        if locale := next(filter(None, map(environ.get, names)), None):
            yield f"{option}={locale}"


def _description(question: Question, environ: Mapping[str, str]) -> str:
    """Return the command with as much of the question as goes into it."""
    untroubled = replace(question, reason="")
    texts = (text_for(untroubled, length) for length in DESCRIPTION_LENGTHS)
    commands = (f"SETDESC {escaped(in_its_locale(text, environ))}" for text in texts)
    return next(one for one in commands if len(one.encode()) < LINE_BYTES_MAX)


def _bye(program: Program) -> None:
    """Let it end by itself, for a moment; raise nothing: there is an answer."""
    with contextlib.suppress(Broken, Declined, TimeoutError):
        program.write(b"BYE\n")
        program.deadline = time.monotonic() + BYE_SECONDS
        program.wait()
