"""A code from a person at the terminal.

Whoever asks holds the lock of the device, so nothing here waits without an end. Two
devices may be asked for on one terminal: one after the other, so that no code goes
to the wrong one.
"""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING

from sts_plugin import settings
from sts_plugin.errors import CannotAsk, Declined, NoAnswer
from sts_plugin.locks import terminal_turn
from sts_plugin.terminal import NoTerminal, open_terminal, read_hidden_line
from sts_plugin.words import profile_option

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from contextlib import AbstractContextManager

    from sts_plugin.device import Terminal
    from sts_plugin.mfa import Question

__all__ = ["TerminalSource"]


class TerminalSource:
    """Asks on the controlling terminal, without echo.

    ``abandoned`` tells when nobody waits for the answer any more. ``turn`` holds a
    lock of a name.
    """

    name = "terminal"
    automatic = False
    attempts = settings.CODE_ATTEMPTS

    def __init__(
        self,
        environ: Mapping[str, str],
        *,
        abandoned: Callable[[], bool],
        turn: Callable[[str], AbstractContextManager[object]],
    ) -> None:
        self._environ = environ
        self._abandoned = abandoned
        self._turn = turn

    def ask(self, question: Question) -> str:
        """Return the line that was typed; leave the terminal as it was found."""
        began = time.monotonic()
        try:
            with open_terminal() as terminal, self._turn(terminal_turn()):
                waited = time.monotonic() - began
                question = replace(question, deadline=question.deadline + waited)
                return self._read(terminal, question)
        except NoTerminal as error:
            raise CannotAsk(str(error)) from None
        except TimeoutError:
            raise NoAnswer(
                f"nobody typed an {question.request} within"
                f" {time.monotonic() - began:.0f} seconds",
                hint=f"run: sts-plugin login {profile_option(question.profile)}",
            ) from None
        except EOFError:
            raise Declined(
                f"no {question.request} was typed: the input was ended",
                hint="try again when the code is at hand",
            ) from None
        except InterruptedError:
            raise Declined("nobody waits for the code any more") from None
        except OSError:
            raise CannotAsk(
                "the terminal was closed, or given to another job"
            ) from None

    def _read(self, terminal: Terminal, question: Question) -> str:
        def lines() -> list[str]:
            left = f"{question.seconds_left:.0f} s"
            said = filter(None, [question.purpose, question.trouble])
            return [*said, f"{question.request} ({left}): "]

        return read_hidden_line(
            terminal,
            lines,
            question.deadline,
            environ=self._environ,
            abandoned=self._abandoned,
        )
