from __future__ import annotations

import contextlib
import os
import platform
import re
import threading
import time
from dataclasses import replace

import pytest
from herd import await_that
from ptys import Pty, foreground

from sts_plugin import settings, terminal
from sts_plugin.cache import Cache
from sts_plugin.errors import Busy, CannotAsk, Declined, NoAnswer
from sts_plugin.mfa import Question
from sts_plugin.mfa.terminal import TerminalSource
from sts_plugin.store import DiskStore

DEVICE = "arn:aws:iam::111111111111:mfa/alice"
QUESTION = Question("audit", DEVICE, 0.0, account="222222222222")
CTRL_D = b"\x04"
XTERM = {"TERM": "xterm"}


def within(seconds, question=QUESTION):
    """Return a question that is to be answered in so many seconds."""
    return replace(question, deadline=time.monotonic() + seconds)


def make(environ=XTERM, *, abandoned=lambda: False, turn=contextlib.nullcontext):
    return TerminalSource(environ, abandoned=abandoned, turn=turn)


@pytest.fixture
def screen(monkeypatch):
    """The terminal of the test."""
    one = Pty()
    monkeypatch.setattr(terminal, "DEVICE", one.name)
    monkeypatch.setattr(terminal, "TICK_SECONDS", 0.01)
    monkeypatch.setattr(os, "tcgetpgrp", foreground)
    yield one
    one.close()


@pytest.fixture
def ask(screen):
    """Ask, and let a person do something once the question is there."""

    def call(person, question=None, **options):
        def act():
            screen.read_until("): ")
            person()

        thread = threading.Thread(target=act, daemon=True)
        thread.start()
        try:
            return make(**options).ask(question or within(60))
        finally:
            thread.join(60)

    return call


# --- The question ---


def test_the_line_that_was_typed_is_the_answer_and_nothing_is_left_of_it(screen, ask):
    before = screen.modes
    os.write(screen.there, b"$\n")
    assert ask(lambda: screen.type(b"123456\n")) == "123456\n"
    assert screen.screen() == ["$"]
    assert "123456" not in screen.all_shown()
    assert screen.modes == before


def test_the_question_names_profile_account_device_and_the_time_left(screen, ask):
    ask(lambda: screen.type(b"1\n"), within(54.5))
    first, second = screen.all_shown().removeprefix("\r\x1b[K").split("\r\r\n")
    assert first == "Profile audit, account 222222222222"
    assert second.startswith(f"MFA code of {DEVICE} (5")


def test_what_was_wrong_before_has_a_line_of_its_own(screen, ask):
    again = replace(within(60), reason="AWS refused that code", account="")
    lines = []

    def person():
        lines.extend(screen.screen())
        screen.type(b"1\n")

    ask(person, again)
    assert lines[:2] == ["Profile audit", "AWS refused that code."]
    assert lines[2].startswith(f"MFA code of {DEVICE} (")
    assert screen.screen() == []


def test_the_time_that_is_left_counts_down(screen, ask):
    def person():
        lefts.extend(
            map(int, re.findall(r"\((\d+) s\)", screen.read_until(" s): ", 2)))
        )
        screen.type(b"1\n")

    lefts = []
    ask(person, within(60.2))
    assert 60 >= lefts[0] > lefts[1]
    assert screen.screen() == []


def test_control_characters_of_a_name_never_reach_the_terminal(screen, ask):
    odd = "\x1b[2J\x07\r\n\x9b"
    question = within(60, Question(odd, odd, 0.0, account=odd, reason=odd))
    ask(lambda: screen.type(b"1\n"), question)
    shown = screen.all_shown()
    assert "\x1b[2J" not in shown
    assert "\x07" not in shown
    assert "\x9b" not in shown
    assert "?[2J" in shown


def test_the_environment_tells_what_the_terminal_can_do(screen, ask):
    ask(lambda: screen.type(b"1\n"), environ={"TERM": "dumb"})
    assert "\x1b" not in screen.all_shown()


# --- The ends ---


def test_where_there_is_no_terminal_another_source_is_asked(screen, monkeypatch):
    monkeypatch.setattr(terminal, "DEVICE", "/nowhere/tty")
    with pytest.raises(CannotAsk) as caught:
        make().ask(within(60))
    assert (caught.value.message, caught.value.hint) == ("there is no terminal", "")


def test_in_the_background_another_source_is_asked(screen, monkeypatch):
    monkeypatch.setattr(os, "tcgetpgrp", lambda _: os.getpgrp() + 1)
    with pytest.raises(CannotAsk) as caught:
        make().ask(within(60))
    assert (caught.value.message, caught.value.hint) == (
        "this is a background job",
        "",
    )


@pytest.mark.parametrize("full", [False, True])
def test_a_question_that_nobody_answers_ends_by_itself(screen, full):
    if full:  # Ctrl-S, or a window that hangs
        screen.stop_reading()
    before = screen.modes
    with pytest.raises(NoAnswer) as caught:
        make().ask(within(0.3))
    assert f"nobody typed an MFA code of {DEVICE} within 0 s" in caught.value.message
    assert caught.value.hint == "run: sts-plugin login --profile audit"
    assert caught.value.person
    assert screen.modes == before


def test_a_question_whose_time_is_over_is_not_put(screen):
    with pytest.raises(NoAnswer):
        make().ask(within(-1))
    assert screen.screen() == []


def test_an_ended_input_is_a_no(screen, ask):
    with pytest.raises(Declined) as caught:
        ask(lambda: screen.type(CTRL_D))
    assert f"no MFA code of {DEVICE} was typed" in caught.value.message
    assert caught.value.hint


def test_what_was_typed_before_the_end_of_the_input_counts(screen, ask):
    assert ask(lambda: screen.type(b"123" + CTRL_D * 2)) == "123"


def test_a_terminal_that_is_closed_is_no_timeout(screen, ask):
    with pytest.raises(CannotAsk) as caught:
        ask(screen.hang_up)
    assert "the terminal was closed" in caught.value.message
    assert caught.value.hint == ""


def test_a_question_that_lost_the_foreground_asks_another_source(
    screen, ask, monkeypatch
):
    def person():
        monkeypatch.setattr(os, "tcgetpgrp", lambda _: os.getpgrp() + 1)

    with pytest.raises(CannotAsk, match="given to another job"):
        ask(person)


def test_a_question_that_nobody_waits_for_ends_at_once(screen, ask):
    gone = threading.Event()
    before = screen.modes
    with pytest.raises(Declined, match="nobody waits for the code any more"):
        ask(gone.set, abandoned=gone.is_set)
    assert screen.modes == before
    assert screen.screen() == []


def test_ctrl_c_goes_through(screen, ask, mocker):
    gone = threading.Event()

    def abandoned():
        if gone.is_set():
            raise KeyboardInterrupt
        return False

    with pytest.raises(KeyboardInterrupt):
        ask(gone.set, abandoned=abandoned)
    assert screen.echoes


# --- Two questions on one terminal ---


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """The cache of another run: each call makes one."""
    monkeypatch.setattr(settings, "LOCK_NOTICE_SECONDS", 0.02)
    monkeypatch.setattr(settings, "LOCK_POLL_SECONDS", (0.01, 0.01))
    monkeypatch.setattr(settings, "LOCK_CROWD_SECONDS", 0.01)
    return lambda **options: Cache(DiskStore(tmp_path, **options), tell=print)


def test_two_devices_are_asked_for_one_after_the_other(screen, cache):
    # So that no code goes to the wrong one.
    answers, ends = {}, {name: threading.Event() for name in ("one", "two")}

    def run(name):
        question = within(60, Question(name, name, 0.0))
        answers[name] = make(turn=cache().lock).ask(question)
        ends[name].set()

    for name in ends:
        threading.Thread(target=run, args=(name,), daemon=True).start()
    done = []

    def asked():
        lines = screen.screen()
        return lines[0] not in done and lines[-1].endswith("):") if lines else False

    for _ in ends:
        await_that(asked)
        purpose, request = screen.screen()  # never two questions at once
        name = purpose.removeprefix("Profile ")
        assert request.startswith(f"MFA code of {name} (")
        screen.type(f"{name}\n".encode())
        assert ends[name].wait(60)
        done.append(purpose)
    assert answers == {"one": "one\n", "two": "two\n"}
    assert screen.screen() == []


def test_the_time_that_another_question_took_is_not_taken_from_ours(
    screen, ask, mocker
):
    @contextlib.contextmanager
    def turn(_name):
        clock.side_effect = lambda: real() + 100  # a hundred seconds pass
        yield

    real = time.monotonic
    clock = mocker.patch("time.monotonic", side_effect=real)
    assert ask(lambda: screen.type(b"1\n"), within(60), turn=turn) == "1\n"


def test_a_terminal_that_is_busy_for_too_long_is_told(screen, cache):
    names = []

    @contextlib.contextmanager
    def turn(name):
        names.append(name)
        with cache().lock(name), cache(wait_seconds=0.1).lock(name):
            yield

    with pytest.raises(Busy):
        make(turn=turn).ask(within(60))
    assert names == [f"terminal of session {os.getsid(0)} on {platform.node()}"]
    assert screen.screen() == []


def test_the_turn_is_over_when_the_question_is(screen, ask):
    held = []

    @contextlib.contextmanager
    def turn(_name):
        held.append("taken")
        try:
            yield
        finally:
            held.append("let go")

    ask(lambda: screen.type(b"1\n"), turn=turn)
    with pytest.raises(NoAnswer):
        make(turn=turn).ask(within(0.05))
    assert held == ["taken", "let go"] * 2


def test_a_person_is_asked_three_times_at_most():
    one = make()
    assert (one.name, one.automatic, one.attempts) == ("terminal", False, 3)
