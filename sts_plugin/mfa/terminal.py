"""A code from a person at the terminal.

The terminal device itself is asked, never stdin or stderr: SDKs swallow the stderr
of a ``credential_process``, and the stdin that JavaScript gives it never ends.

Whoever asks holds the lock of the device, so nothing here waits without an end: the
terminal is opened non-blocking, and is never waited for until it has drained.
"""

from __future__ import annotations

import contextlib
import io
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
        deadline = time.monotonic() + self._seconds
        code = f"MFA code of {question.device}"
        try:
            with _terminal(question) as terminal, _no_echo(terminal):
                _write(terminal, _prompt(question), deadline)
                return _read_line(terminal, deadline)
        except TimeoutError:
            why = f"nobody typed an {code} within {self._seconds:.0f} seconds"
        except EOFError:
            why = f"no {code} was typed: the input was ended"
        except OSError:
            why = f"the terminal was closed before an {code} was typed"
        raise NoAnswer(why, hint=_advice(question))


def _prompt(question: Question) -> str:
    reason = question.reason
    why = f"{reason[0].upper()}{reason[1:]}. " if reason else ""
    return f"{why}MFA code of {question.device} for profile {question.profile}: "


def _advice(question: Question) -> str:
    return f"run: sts-plugin login --profile {question.profile}"


@contextlib.contextmanager
def _terminal(question: Question) -> Iterator[int]:
    """Open the controlling terminal, if we may speak to it."""
    flags = os.O_RDWR
    for name in ("O_NOCTTY", "O_CLOEXEC", "O_NONBLOCK"):
        flags |= getattr(os, name, 0)
    try:
        terminal = os.open(DEVICE, flags)
    except OSError:  # ENXIO without a controlling terminal, ENOENT on Windows
        raise _cannot_ask(question, "there is no terminal") from None
    try:
        # Whoever reads from the background is stopped (SIGTTIN): that is a hang.
        if not _in_foreground(terminal):
            raise _cannot_ask(question, "this is a background job")
        yield terminal
    finally:
        os.close(terminal)


def _in_foreground(terminal: int) -> bool:
    return os.tcgetpgrp(terminal) == os.getpgrp()


def _cannot_ask(question: Question, why: str) -> CannotAsk:
    return CannotAsk(
        f'profile "{question.profile}" needs an MFA code of {question.device}, and'
        f" {why} to ask for it",
        hint=f"{_advice(question)} in a terminal first, or set mfa_process",
    )


@contextlib.contextmanager
def _no_echo(terminal: int) -> Iterator[None]:
    """Switch the echo off, and put everything back; raise OSError if it is gone."""
    import termios  # noqa: PLC0415 - there is none on Windows

    try:
        before = termios.tcgetattr(terminal)
        quiet = before[:]
        # Ctrl-S stops the output, of the prompt too: without IXON it means nothing,
        # and Linux starts again what it stopped. TCOON is for the other systems.
        quiet[0] &= ~termios.IXON
        quiet[3] &= ~termios.ECHO
        try:
            # Not TCSAFLUSH, which waits until the output has drained: it may never.
            termios.tcsetattr(terminal, termios.TCSANOW, quiet)
            termios.tcflow(terminal, termios.TCOON)
            termios.tcflush(terminal, termios.TCIFLUSH)
            yield
        finally:
            # In the background (Ctrl-Z, bg) it is the shell's, and SIGTTOU stops us.
            with contextlib.suppress(OSError):
                if _in_foreground(terminal):
                    termios.tcsetattr(terminal, termios.TCSANOW, before)
                    termios.tcflush(terminal, termios.TCIFLUSH)
                    os.write(terminal, b"\n")
    except termios.error as error:  # it was closed
        raise OSError(*error.args) from None


def _write(terminal: int, text: str, deadline: float) -> None:
    """Write it all, or raise TimeoutError at the deadline."""
    data = text.encode()
    while data:
        _wait([], [terminal], deadline)
        with contextlib.suppress(BlockingIOError):
            data = data[os.write(terminal, data) :]


def _read_line(terminal: int, deadline: float) -> str:
    """Return one line, or what was typed before Ctrl-D.

    Raises TimeoutError when none ends in time, EOFError when the input ends, OSError
    when the terminal goes away.
    """
    typed = io.BytesIO()  # unlike bytes it shows nothing in the locals of a traceback
    while b"\n" not in typed.getvalue():
        _wait([terminal], [], deadline)
        with contextlib.suppress(BlockingIOError):
            if typed.write(os.read(terminal, 256)):
                continue
            os.tcgetpgrp(terminal)  # OSError: this is no Ctrl-D, it was closed
            if not typed.getvalue():
                raise EOFError
            break
    return typed.getvalue().decode(errors="replace")


def _wait(reading: list[int], writing: list[int], deadline: float) -> None:
    left = deadline - time.monotonic()
    if left <= 0 or not any(select.select(reading, writing, [], left)):
        raise TimeoutError
