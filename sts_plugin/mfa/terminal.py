"""A code from a person at the terminal.

The terminal device itself is asked, never stdin or stderr: SDKs swallow the stderr
of a ``credential_process``, and the stdin that JavaScript gives it never ends.
"""

from __future__ import annotations

import contextlib
import os
import select
import time
from typing import TYPE_CHECKING

from sts_plugin.errors import CannotAsk, NoAnswer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sts_plugin.mfa import Question

__all__ = ["TerminalSource"]

DEVICE = "/dev/tty"


class TerminalSource:
    """Asks on the controlling terminal, without echo, for ``seconds`` at most."""

    automatic = False

    def __init__(self, *, seconds: float) -> None:
        self._seconds = seconds

    def ask(self, question: Question) -> str:
        """Return the line that was typed; leave the terminal as it was found."""
        with _terminal(question) as terminal:
            reason = question.reason
            why = f"{reason[0].upper()}{reason[1:]}. " if reason else ""
            prompt = (
                f"{why}MFA code of {question.device} for profile {question.profile}: "
            )
            with _no_echo(terminal):
                _write(terminal, prompt)
                try:
                    return _read_line(terminal, self._seconds)
                except TimeoutError:
                    raise NoAnswer(
                        f"nobody typed an MFA code of {question.device} within"
                        f" {self._seconds:.0f} seconds",
                        hint=_advice(question),
                    ) from None
                finally:
                    _write(terminal, "\n")


def _advice(question: Question) -> str:
    return f"run: sts-plugin login --profile {question.profile}"


@contextlib.contextmanager
def _terminal(question: Question) -> Iterator[int]:
    """Open the controlling terminal, if we may speak to it."""
    flags = os.O_RDWR | getattr(os, "O_NOCTTY", 0) | getattr(os, "O_CLOEXEC", 0)
    try:
        terminal = os.open(DEVICE, flags)
    except OSError:  # ENXIO without a controlling terminal, ENOENT on Windows
        raise _cannot_ask(question, "there is no terminal") from None
    try:
        # Whoever reads from the background is stopped (SIGTTIN): that is a hang.
        if os.tcgetpgrp(terminal) != os.getpgrp():
            raise _cannot_ask(question, "this is a background job")
        yield terminal
    finally:
        os.close(terminal)


def _cannot_ask(question: Question, why: str) -> CannotAsk:
    return CannotAsk(
        f'profile "{question.profile}" needs an MFA code of {question.device}, and'
        f" {why} to ask for it",
        hint=f"{_advice(question)} in a terminal first, or set mfa_process",
    )


@contextlib.contextmanager
def _no_echo(terminal: int) -> Iterator[None]:
    import termios  # noqa: PLC0415 - there is none on Windows

    before = termios.tcgetattr(terminal)
    quiet = before[:]
    quiet[3] &= ~termios.ECHO
    termios.tcsetattr(terminal, termios.TCSAFLUSH, quiet)
    try:
        yield
    finally:
        termios.tcsetattr(terminal, termios.TCSAFLUSH, before)


def _write(terminal: int, text: str) -> None:
    with contextlib.suppress(OSError):  # it was closed: reading will tell
        os.write(terminal, text.encode())


def _read_line(terminal: int, seconds: float) -> str:
    """Return one line; raise TimeoutError when none ends in time."""
    deadline = time.monotonic() + seconds
    typed = b""
    while b"\n" not in typed:
        left = deadline - time.monotonic()
        if left <= 0 or not select.select([terminal], [], [], left)[0]:
            raise TimeoutError
        try:
            more = os.read(terminal, 256)
        except OSError:  # EIO: the terminal went away
            more = b""
        if not more:
            raise TimeoutError
        typed += more
    return typed.decode(errors="replace")
