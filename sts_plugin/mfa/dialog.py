"""A code from a person at a screen, by whatever program for dialogs is there."""

from __future__ import annotations

import io
import shutil
import sys
from typing import TYPE_CHECKING, Final

from sts_plugin import settings
from sts_plugin.errors import CannotAsk, Declined, NoAnswer
from sts_plugin.mfa.display import has_display
from sts_plugin.mfa.program import Broken, running
from sts_plugin.mfa.shown import in_its_locale, text_for
from sts_plugin.mfa.toolkits import SECONDS_VARIABLE, TEXT_VARIABLE, toolkits_for
from sts_plugin.words import profile_option

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from sts_plugin.errors import HumanNeeded
    from sts_plugin.mfa import Question
    from sts_plugin.mfa.program import Program
    from sts_plugin.mfa.toolkits import Toolkit

__all__ = ["DialogSource", "installed"]

LINE_LENGTH_MAX: Final = 400
"""No device has a longer name (256), and a window of 20 lines fits on a screen."""


class DialogSource:
    """Asks in a window, hidden input; ends with the question or with who asked it.

    ``environ`` says where the display is and what is on the PATH, ``abandoned`` whether
    anybody still waits for the code.
    """

    name = "dialog"
    automatic = False
    attempts = settings.CODE_ATTEMPTS

    def __init__(
        self,
        environ: Mapping[str, str],
        *,
        abandoned: Callable[[], bool] = lambda: False,
        platform: str = sys.platform,
    ) -> None:
        self._environ = environ
        self._abandoned = abandoned
        self._platform = platform

    def ask(self, question: Question) -> str:
        """Return what was typed; leave no window behind."""
        if not has_display(self._environ, self._platform):
            raise CannotAsk("there is no display for a dialog")
        toolkit, path = installed(self._environ, self._platform)
        seconds = max(1, round(question.seconds_left))  # should we be killed before it
        text = self._text(question)
        try:
            with running(
                [path, *toolkit.arguments(text, seconds)],
                {
                    **self._environ,
                    **toolkit.environ,
                    TEXT_VARIABLE: text,
                    SECONDS_VARIABLE: str(seconds),
                },
                deadline=question.deadline,
                abandoned=self._abandoned,
                apart=True,
            ) as program:
                return _answer(program, toolkit, question)
        except TimeoutError:
            raise _error(NoAnswer, question) from None
        except Broken as error:
            why = f"{toolkit.name} cannot open a dialog here: {error}"
            raise CannotAsk(why) from None

    def _text(self, question: Question) -> str:
        text = text_for(question, LINE_LENGTH_MAX)
        if self._platform in {"darwin", "win32"}:
            return text  # UTF-8 there, whatever the environment says
        return in_its_locale(text, self._environ)


def installed(environ: Mapping[str, str], platform: str) -> tuple[Toolkit, str]:
    """Return the first program for dialogs that is installed, and where it is.

    Raises CannotAsk without one.
    """
    known = toolkits_for(environ, platform)
    root = environ.get("SYSTEMROOT", r"C:\Windows")
    for one in known:
        place = one.place.format(SYSTEMROOT=root) or one.name
        if path := shutil.which(place, path=environ.get("PATH")):
            return one, path
    names = " or ".join(one.name for one in known)
    raise CannotAsk(f"no program for dialogs ({names}) is installed")


def _answer(program: Program, toolkit: Toolkit, question: Question) -> str:
    printed = io.BytesIO()  # unlike bytes it shows nothing in the locals of a traceback
    while printed.write(program.read()):
        pass
    code = program.wait()
    ending = toolkit.endings.get(code) or toolkit.endings.get(
        printed.getvalue().decode(errors="replace").strip()
    )
    if ending:
        raise _error(ending, question)
    if code:
        raise Broken(f"it ended with exit code {code}")
    if not printed.tell():  # an empty answer is a line, too: somebody shot its window
        raise Broken("it ended without an answer")
    return printed.getvalue().decode(errors="replace")


def _error(kind: type[HumanNeeded], question: Question) -> HumanNeeded:
    asked = f"the dialog for the {question.request}"
    if kind is Declined:
        return Declined(f"{asked} was cancelled")
    return NoAnswer(
        f"nobody answered {asked}",
        hint=f"run: sts-plugin login {profile_option(question.profile)}",
    )
