"""Asking on the terminal whether to do what cannot be undone."""

from __future__ import annotations

import os
import time

from sts_plugin.errors import CannotAsk, Declined, NoAnswer
from sts_plugin.mfa import printable
from sts_plugin.settings import Settings
from sts_plugin.terminal import NoTerminal, open_terminal, read_line, write

__all__ = ["confirm"]


def confirm(
    question: str, *, verb: str, what: str, option: str, seconds: float | None = None
) -> None:
    """Return if somebody types yes; raise HumanNeeded if not.

    ``verb`` and ``what`` say what would be done to what, ``option`` is what says yes in
    advance. ``seconds`` is for what takes longer to think about than a code.
    """
    if seconds is None:
        seconds = Settings.from_environ(os.environ).prompt_seconds
    deadline = time.monotonic() + seconds
    stays = f"the {what.partition(' ')[0]} stays"
    try:
        with open_terminal() as terminal:
            write(
                terminal, f"{printable(question)}\r\nType yes to {verb} it: ", deadline
            )
            answer = read_line(terminal, deadline, lambda: None)
    except NoTerminal as error:
        raise CannotAsk(
            f"nobody can be asked whether to {verb} the {what}: {error}",
            hint=f"if you are sure, add {option}",
        ) from None
    except TimeoutError:
        raise NoAnswer(f"nobody answered: {stays}") from None
    except (EOFError, OSError):
        raise Declined(f"there was no answer: {stays}") from None
    if answer.strip().lower() != "yes":
        raise Declined(f"that was not yes: {stays}")
