"""The questions of ``configure``, put to somebody at the terminal: one line each.

Knows nothing of files and of AWS. Ctrl-C and Ctrl-D end it all, with nothing done.
"""

from __future__ import annotations

import contextlib
import time
from typing import TYPE_CHECKING, Final

from sts_plugin.errors import CannotAsk, Declined, NoAnswer
from sts_plugin.mfa import printable
from sts_plugin.terminal import NoTerminal, open_terminal, read_line, write

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from sts_plugin.device import Terminal

__all__ = ["ANSWER_SECONDS", "Asker", "asking"]

ANSWER_SECONDS: Final = 600.0
"""Nobody waits for it and nothing is locked; an ARN may have to be found first."""

SHOWN_MAX: Final = 12
"""As many choices as can be taken in at a glance; the others are typed."""

NOTHING: Final = "nothing is changed"


class Asker:
    """Somebody at the terminal. All methods raise HumanNeeded when nobody answers."""

    def __init__(self, terminal: Terminal) -> None:
        self._terminal = terminal

    def text(
        self,
        question: str,
        *,
        default: str = "",
        wrong: Callable[[str], str] = lambda _answer: "",
    ) -> str:
        """Return an answer that is not ``wrong``; that says why it is, or nothing.

        An empty answer is the default, which is shown.
        """
        shown = f" [{default}]" if default else ""
        while True:
            answer = self._line(f"{question}{shown}: ") or default
            why = wrong(answer)
            if not why:
                return answer
            self.say(why)

    def choice(
        self,
        question: str,
        choices: Sequence[tuple[str, str]],
        *,
        default: str = "",
        wrong: Callable[[str], str],
    ) -> str:
        """Return an answer, of those that are listed by its number or by its name.

        ``choices`` are answers and what is told of each.
        """
        listed = choices[:SHOWN_MAX]
        width = max((len(name) for name, _ in listed), default=0)
        for number, (name, about) in enumerate(listed, start=1):
            self.say(f"{number:>4}  {name:<{width}}  {about}".rstrip())
        if len(choices) > len(listed):
            self.say(f"      ... and {len(choices) - len(listed)} more, by name")
        numbered = {str(number): name for number, (name, _) in enumerate(listed, 1)}
        named = {name for name, _ in choices}

        def meant(answer: str) -> str:
            # A name may be a number: it comes first.
            return answer if answer in named else numbered.get(answer, answer)

        answer = self.text(
            question, default=default, wrong=lambda answer: wrong(meant(answer))
        )
        return meant(answer)

    def say(self, line: str) -> None:
        """Show a line where the questions are."""
        self._write(f"{printable(line)}\r\n")

    def _line(self, question: str) -> str:
        self._write(printable(question))
        deadline = time.monotonic() + ANSWER_SECONDS
        try:
            return read_line(self._terminal, deadline, lambda: None).strip()
        except TimeoutError:
            raise NoAnswer(f"nobody answered: {NOTHING}") from None
        except (EOFError, OSError):
            # Its line is not ended yet.
            with contextlib.suppress(OSError):
                write(self._terminal, "\r\n", time.monotonic() + 1)
            raise Declined(f"there was no answer: {NOTHING}") from None

    def _write(self, text: str) -> None:
        try:
            write(self._terminal, text, time.monotonic() + ANSWER_SECONDS)
        except OSError:  # TimeoutError is one
            raise CannotAsk(f"the terminal was closed: {NOTHING}") from None


@contextlib.contextmanager
def asking(hint: str) -> Iterator[Asker]:
    """Yield somebody to ask; raise CannotAsk, with the hint, where nobody is."""
    try:
        with open_terminal() as terminal:
            yield Asker(terminal)
    except NoTerminal as error:
        raise CannotAsk(f"nobody can be asked: {error}", hint=hint) from None
