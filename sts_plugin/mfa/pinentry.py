"""A code from a person by way of a pinentry, the program that asks for GnuPG.

It opens a window or draws on the terminal, whichever it was built for.
"""

from __future__ import annotations

import contextlib
import sys
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from sts_plugin import settings
from sts_plugin.errors import CannotAsk, NoAnswer
from sts_plugin.job_control import unstopped
from sts_plugin.locks import terminal_turn
from sts_plugin.mfa.conversation import converse
from sts_plugin.mfa.display import has_display
from sts_plugin.mfa.gnupg import pinentry_path, terminal_name
from sts_plugin.mfa.program import Broken, running
from sts_plugin.terminal import NoTerminal, open_terminal
from sts_plugin.words import profile_option

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from contextlib import AbstractContextManager

    from sts_plugin.mfa import Question

__all__ = ["PinentrySource"]

READY_SECONDS: Final = 5.0
"""By then a pinentry has taken every command but the one that asks."""


class PinentrySource:
    """Asks by pinentry, where there is a display or a terminal that we may use.

    ``turn`` holds a lock of a name while the terminal is in use.

    Which one: ``STS_PLUGIN_PINENTRY``, else the ``pinentry-program`` of gpg-agent.conf,
    else ``pinentry`` on the PATH. ``abandoned`` tells when nobody waits for the answer
    any more.
    """

    name = "pinentry"
    automatic = False
    attempts = settings.CODE_ATTEMPTS

    def __init__(
        self,
        environ: Mapping[str, str],
        *,
        abandoned: Callable[[], bool] = lambda: False,
        turn: Callable[[str], AbstractContextManager[object]] = contextlib.nullcontext,
        platform: str = sys.platform,
    ) -> None:
        self._environ = environ
        self._abandoned = abandoned
        self._turn = turn
        self._platform = platform

    def ask(self, question: Question) -> str:
        """Return what was typed; leave no window behind, and the terminal as it was."""
        environ = dict(self._environ)
        with _terminal(environ) as device, contextlib.ExitStack() as stack:
            if not has_display(environ, self._platform):
                if not device:
                    raise CannotAsk(
                        "there is no display and no terminal for a pinentry"
                    )
                # Only without them does one that opens windows turn to the terminal.
                environ.pop("DISPLAY", None)
                environ.pop("WAYLAND_DISPLAY", None)
                began = time.monotonic()
                stack.enter_context(self._turn(terminal_turn()))
                waited = time.monotonic() - began
                question = replace(question, deadline=question.deadline + waited)
            path = pinentry_path(environ, self._platform)
            try:
                with running(
                    [path],
                    environ,
                    deadline=min(question.deadline, time.monotonic() + READY_SECONDS),
                    abandoned=self._abandoned,
                    apart=not device,
                    spoken_to=True,
                ) as program:
                    return converse(program, question, environ, device)
            except TimeoutError:
                raise NoAnswer(
                    f"nobody answered the pinentry for the {question.request}",
                    hint=f"run: sts-plugin login {profile_option(question.profile)}",
                ) from None
            except Broken as error:
                raise CannotAsk(f"the pinentry cannot ask here: {error}") from None


@contextlib.contextmanager
def _terminal(environ: Mapping[str, str]) -> Iterator[str]:
    """Yield the name of the terminal, if we may use it; leave it as it was found."""
    with contextlib.ExitStack() as stack:
        name = ""
        with contextlib.suppress(NoTerminal):
            terminal = stack.enter_context(open_terminal())
            stack.enter_context(unstopped())
            stack.enter_context(terminal.left_as_found())
            name = terminal_name(environ)
        yield name
