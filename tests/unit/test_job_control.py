"""What sharing a terminal takes where there are no jobs."""

from __future__ import annotations

import contextlib
import signal

import pytest

from sts_plugin import job_control
from sts_plugin.job_control import keyboard_free, signals_held, unstopped
from sts_plugin.terminal import NoTerminal


def test_nothing_is_put_off_that_there_is_not(monkeypatch):
    for name in ("SIGTTIN", "SIGTTOU", "SIGHUP"):  # Windows
        monkeypatch.delattr(signal, name)
    before = signal.getsignal(signal.SIGINT)
    with unstopped(), signals_held():
        assert signal.getsignal(signal.SIGINT) != before
    assert signal.getsignal(signal.SIGINT) == before


class Terminal:
    def __init__(self, answer):
        self.answer = answer

    def is_free(self):
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


@pytest.mark.parametrize(
    ("answer", "free"), [(True, True), (False, False), (OSError(5, "gone"), True)]
)
def test_the_keyboard_is_free_where_the_terminal_says_so(monkeypatch, answer, free):
    one = contextlib.nullcontext(Terminal(answer))
    monkeypatch.setattr(job_control, "open_terminal", lambda: one)
    assert keyboard_free() is free


def test_where_there_is_no_terminal_there_is_nothing_to_fight_for(monkeypatch):
    def none():
        raise NoTerminal("there is no terminal")

    monkeypatch.setattr(job_control, "open_terminal", none)
    assert keyboard_free()
