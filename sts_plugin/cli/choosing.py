"""A profile is chosen where none was named: by a person, on the terminal, from a list.

Only if nothing else says whose credentials are meant: no ``--profile``, no
``AWS_PROFILE``, no credentials in the environment, and none in the profile ``default``.
What runs in a pipe, in the background or for an SDK is never asked.
"""

from __future__ import annotations

import asyncio
import os
import sys
from typing import TYPE_CHECKING

from sts_plugin.errors import ConfigurationError, Declined, NoAnswer, NothingHere
from sts_plugin.mfa import printable
from sts_plugin.plan import make_plan
from sts_plugin.profiles import load_profiles
from sts_plugin.settings import Settings
from sts_plugin.terminal import NoTerminal, open_terminal

if TYPE_CHECKING:
    from collections.abc import Mapping

    from prompt_toolkit import PromptSession
    from prompt_toolkit.key_binding import KeyPressEvent

    from sts_plugin.profiles import Profiles

__all__ = ["choose"]

DEFAULT = "default"
ROWS = 12
"""How many profiles are seen at once."""

HINT = "name one: --profile NAME, or AWS_PROFILE"


def choose(environ: Mapping[str, str] = os.environ) -> str | None:
    """Return the profile that a person chooses, None where there is no need to ask.

    Raises NoAnswer if nobody does in the time of a prompt, Declined for Ctrl-D.
    """
    if not _somebody_there(environ):
        return None
    profiles = load_profiles(environ)
    names = [name for name in profiles.profiles if name.strip()]
    if set(names) <= {DEFAULT} or _said(profiles, environ):
        return None
    seconds = Settings.from_environ(environ).prompt_seconds
    try:
        return asyncio.run(_ask(profiles, names, seconds))
    except TimeoutError:
        raise NoAnswer("nobody chose a profile", hint=HINT) from None
    except EOFError:
        what = "no profile was chosen: the input was ended"
        raise Declined(what, hint=HINT) from None


def _somebody_there(environ: Mapping[str, str]) -> bool:
    """Whether a person sees what we say, and can answer where a list can be drawn."""
    if sys.stderr is None or not sys.stderr.isatty():
        return False
    try:
        with open_terminal() as terminal:
            return terminal.is_free() and terminal.moves(environ)
    except (NoTerminal, OSError):
        return False


def _said(profiles: Profiles, environ: Mapping[str, str]) -> bool:
    """Whether it is clear without a profile's name whose credentials are meant."""
    if environ.keys() & {"AWS_PROFILE", "AWS_DEFAULT_PROFILE"}:
        return True
    try:
        plan = make_plan(profiles, DEFAULT, environ, explicit=False)
    except NothingHere:
        return False
    except ConfigurationError:
        return DEFAULT in profiles  # it is to be told what is wrong with it
    # A machine that might have some is asked by whoever chooses "default".
    asks_machine = plan.source.kind == "ambient" and not any(
        name.startswith("AWS_CONTAINER_CREDENTIALS_") for name in environ
    )
    return not asks_machine


async def _ask(profiles: Profiles, names: list[str], seconds: float) -> str:
    return await asyncio.wait_for(_session(profiles, names).prompt_async(), seconds)


def _session(profiles: Profiles, names: list[str]) -> PromptSession[str]:
    """Return a line with a list below it, which follows what is typed."""
    from prompt_toolkit import PromptSession  # noqa: PLC0415 - heavy: late
    from prompt_toolkit.completion import FuzzyWordCompleter  # noqa: PLC0415
    from prompt_toolkit.input import create_input  # noqa: PLC0415
    from prompt_toolkit.key_binding import KeyBindings  # noqa: PLC0415
    from prompt_toolkit.output import create_output  # noqa: PLC0415

    keys = KeyBindings()

    @keys.add("enter")
    def take(event: KeyPressEvent) -> None:
        """Take the profile that is marked, or the first one of the list."""
        buffer = event.current_buffer
        state = buffer.complete_state
        if state and state.completions and buffer.text not in profiles:
            buffer.apply_completion(state.current_completion or state.completions[0])
        if buffer.text in profiles:
            buffer.validate_and_handle()
        else:
            buffer.start_completion()

    # Names with control characters are none that anybody could type.
    texts = [name for name in names if printable(name) == name]
    roles = {
        name: printable(role.value)
        for name in texts
        if (role := profiles.profiles[name].get("role_arn"))
    }
    # Of stdin and stdout one may lead elsewhere: stderr is the terminal.
    session: PromptSession[str] = PromptSession(
        "Profile: ",
        completer=FuzzyWordCompleter(texts, roles),
        complete_in_thread=True,
        complete_while_typing=True,
        key_bindings=keys,
        enable_suspend=True,  # Ctrl-Z, as everywhere
        reserve_space_for_menu=ROWS,
        erase_when_done=True,
        input=create_input(always_prefer_tty=True),
        output=create_output(always_prefer_tty=True),
    )
    session.app.pre_run_callables.append(session.default_buffer.start_completion)
    return session
