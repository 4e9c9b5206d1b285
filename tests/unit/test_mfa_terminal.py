from __future__ import annotations

import contextlib
import errno
import os
import pty
import termios
import threading
import time
import traceback

import pytest

from sts_plugin.errors import NoAnswer
from sts_plugin.mfa import Question
from sts_plugin.mfa import terminal as module
from sts_plugin.mfa.terminal import TerminalSource

QUESTION = Question("p", "arn:aws:iam::111111111111:mfa/alice")
CTRL_D = b"\x04"
CTRL_S = b"\x13"


class Pty:
    """A terminal of the test: ``here`` is the person's side, ``there`` the other."""

    def __init__(self):
        self.here, self.there = pty.openpty()

    def ask(self, seconds, *, typing=None):
        """Ask, and let a person do something when the prompt is there."""
        person = threading.Thread(target=self._answer, args=(typing,), daemon=True)
        if typing:
            person.start()
        return TerminalSource(seconds=seconds).ask(QUESTION)

    def _answer(self, typing):
        shown = b""
        while not shown.endswith(b": "):
            shown += os.read(self.here, 1024)
        typing()

    def type(self, data):
        os.write(self.here, data)

    def hang_up(self):
        here, self.here = self.here, os.open(os.devnull, os.O_RDONLY)
        os.close(here)


def foreground(descriptor):
    """Return the process group in the foreground: always ours, while it is there."""
    if not os.isatty(descriptor):
        raise OSError(errno.EIO, "gone")
    return os.getpgrp()


@pytest.fixture
def terminal(monkeypatch):
    one = Pty()
    monkeypatch.setattr(module, "DEVICE", os.ttyname(one.there))
    monkeypatch.setattr(os, "tcgetpgrp", foreground)
    yield one
    os.close(one.here)
    os.close(one.there)


def test_the_line_is_read_and_the_terminal_left_as_it_was(terminal):
    before = termios.tcgetattr(terminal.there)
    during = []

    def typing():
        during.append(termios.tcgetattr(terminal.there))
        terminal.type(b"123456\n")

    assert terminal.ask(20, typing=typing) == "123456\n"
    assert not during[0][3] & termios.ECHO
    assert termios.tcgetattr(terminal.there) == before


def test_a_terminal_that_takes_nothing_is_given_up_at_the_deadline(terminal):
    os.set_blocking(terminal.there, False)
    with contextlib.suppress(BlockingIOError):
        while True:
            os.write(terminal.there, b"x" * 4096)
    before = termios.tcgetattr(terminal.there)
    found = []

    def ask():
        with pytest.raises(NoAnswer) as caught:
            terminal.ask(0.2)
        found.append(caught.value.message)

    thread = threading.Thread(target=ask, daemon=True)
    thread.start()
    thread.join(20)
    assert not thread.is_alive()
    assert "nobody typed" in found[0]
    assert termios.tcgetattr(terminal.there) == before


def test_an_ended_input_is_no_timeout(terminal):
    with pytest.raises(NoAnswer) as caught:
        terminal.ask(20, typing=lambda: terminal.type(CTRL_D))
    assert f"no MFA code of {QUESTION.device} was typed" in caught.value.message


def test_what_was_typed_before_the_end_of_the_input_counts(terminal):
    assert terminal.ask(20, typing=lambda: terminal.type(b"123" + CTRL_D * 2)) == "123"


def test_a_terminal_that_goes_away_is_no_timeout(terminal):
    began = time.monotonic()
    with pytest.raises(NoAnswer) as caught:
        terminal.ask(60, typing=terminal.hang_up)
    assert time.monotonic() - began < 30
    assert "the terminal was closed" in caught.value.message


def test_ctrl_s_during_the_prompt_stops_nothing(terminal):
    assert "12" in terminal.ask(20, typing=lambda: terminal.type(CTRL_S + b"12\n"))
    os.set_blocking(terminal.there, False)
    assert os.write(terminal.there, b"x") == 1


def test_no_frame_of_the_error_shows_what_was_typed(terminal):
    os.set_blocking(terminal.there, False)
    terminal.type(b"123456" + CTRL_D)  # handed over without an end of line
    with pytest.raises(TimeoutError) as caught:
        module._read_line(terminal.there, time.monotonic() + 0.5)
    found = traceback.TracebackException.from_exception(
        caught.value, capture_locals=True
    )
    shown = "".join(found.format())
    assert "typed = " in shown
    assert "123456" not in shown
