from __future__ import annotations

import os
import select
import socket
import subprocess
import sys
import time

import pytest
from ptys import Pty, foreground

from sts_plugin import drawing, terminal
from sts_plugin.cli.watcher import TerminalWatcher
from sts_plugin.locks import terminal_session

LINE = "waiting for process 7"
SEEN = f"sts-plugin: {LINE}"


@pytest.fixture
def screen(monkeypatch):
    """The terminal of the test; an SDK has our stderr on a pipe."""
    one = Pty()
    monkeypatch.setattr(terminal, "DEVICE", one.name)
    monkeypatch.setattr(os, "tcgetpgrp", foreground)
    monkeypatch.setenv("TERM", "xterm")
    yield one
    one.close()


@pytest.fixture
def told():
    return []


@pytest.fixture
def watcher(told):
    return TerminalWatcher(told.append)


# --- Warnings ---


@pytest.mark.parametrize("session", [None, 1])
def test_a_warning_is_on_the_terminal_as_well(screen, watcher, told, session):
    os.write(screen.there, b"progress")
    watcher.warn(LINE, session=session)
    assert told == [LINE]
    assert screen.screen() == ["progress", SEEN]


def test_who_sits_where_it_is_asked_sees_for_themselves(screen, watcher, told):
    watcher.warn(LINE, session=terminal_session())
    assert told == [LINE]
    assert screen.screen() == []


def test_what_stderr_shows_on_a_terminal_is_not_said_twice(
    screen, watcher, told, monkeypatch
):
    with open(screen.there, "w", closefd=False) as stderr:
        monkeypatch.setattr(sys, "stderr", stderr)
        watcher.warn(LINE)
    assert told == [LINE]
    assert screen.screen() == []


def test_a_warning_is_on_the_terminal_though_stderr_is_closed(
    screen, watcher, told, monkeypatch
):
    monkeypatch.setattr(sys, "stderr", None)
    watcher.warn(LINE)
    assert screen.screen() == ["", SEEN]


def test_what_is_only_told_is_not_on_the_terminal(screen, watcher, told):
    watcher.tell(LINE)
    assert told == [LINE]
    assert screen.screen() == []


def test_control_characters_never_reach_the_terminal(screen, watcher):
    watcher.warn("profile \x1b[2J\x9b\x07 waits")
    shown = screen.all_shown()
    assert "profile ?[2J??" in shown
    assert shown.isascii()
    assert "\x1b" not in shown


@pytest.mark.parametrize("trouble", ["none", "background", "full", "closed"])
def test_a_warning_that_nobody_can_see_is_no_trouble(
    screen, watcher, told, monkeypatch, trouble
):
    match trouble:
        case "none":
            monkeypatch.setattr(terminal, "DEVICE", "/nowhere/tty")
        case "background":
            monkeypatch.setattr(os, "tcgetpgrp", lambda _: os.getpgrp() + 1)
        case "full":
            screen.stop_reading()
        case "closed":
            screen.hang_up()
    watcher.warn(LINE)
    assert told == [LINE]


# --- Waiting ---


class Clock:
    """A clock that sleeping sets; ``look`` is called before each sleep."""

    def __init__(self):
        self.now, self.slept = 1000.0, []
        self.look = lambda: None

    def monotonic(self):
        return self.now

    def sleep(self, seconds):
        self.look()
        self.now += seconds
        self.slept.append(seconds)


@pytest.fixture
def clock(mocker):
    one = Clock()
    mocker.patch("sts_plugin.cli.watcher.time", one)
    return one


@pytest.fixture
def soon(monkeypatch, clock):
    """The deadlines of the terminal are those of the clock, a while ago."""
    monkeypatch.setattr(terminal, "time", clock)
    monkeypatch.setattr(drawing, "time", clock)


def test_a_wait_counts_down_on_the_terminal_and_leaves_no_trace(
    screen, watcher, told, clock, soon
):
    seen = []
    clock.look = lambda: seen.append(screen.screen())
    os.write(screen.there, b"$\n")
    watcher.wait("waiting for the next code", 2.5, why="used before")
    assert seen == [
        ["$", "sts-plugin: used before", f"waiting for the next code: {left} s"]
        for left in (2, 2, 0)
    ]
    assert clock.slept == [1.0, 1.0, 0.5]
    assert told == []
    assert screen.screen() == ["$"]


def test_a_wait_without_a_terminal_is_told_and_lasts_as_long(
    watcher, told, monkeypatch, mocker
):
    monkeypatch.setattr(terminal, "DEVICE", "/nowhere/tty")
    sleep = mocker.patch("time.sleep")
    watcher.wait("waiting", 25, why="used before")
    assert told == ["used before; waiting (25 s)"]
    (slept,) = sleep.call_args.args
    assert 0 < slept <= 25


@pytest.mark.parametrize("trouble", ["full", "closed"])
def test_a_wait_on_a_terminal_that_is_of_no_use_lasts_all_the_same(
    screen, watcher, told, trouble
):
    screen.stop_reading() if trouble == "full" else screen.hang_up()
    began = time.monotonic()
    watcher.wait("waiting", 0.6, why="used before")
    assert time.monotonic() - began >= 0.6
    assert len(told) == 1


def test_a_terminal_that_is_closed_in_the_middle_of_a_wait_ends_no_wait(
    screen, watcher, told, clock, soon, mocker
):
    clock.look = screen.hang_up
    rest = mocker.patch("sts_plugin.watcher.time.sleep")
    watcher.wait("waiting", 5, why="used before")
    assert clock.slept == [1.0]
    assert told == ["used before; waiting (4 s)"]
    rest.assert_called_once_with(4.0)


def test_a_wait_that_loses_the_foreground_draws_no_more(
    screen, watcher, told, clock, soon, monkeypatch, mocker
):
    # Where stty tostop is set, a write from the background stops us, with our locks.
    shown = []

    def lose():
        shown.append(screen.all_shown())
        monkeypatch.setattr(os, "tcgetpgrp", lambda _: os.getpgrp() + 1)

    clock.look = lose
    rest = mocker.patch("sts_plugin.watcher.time.sleep")
    watcher.wait("waiting", 5, why="used before")
    assert told == ["used before; waiting (4 s)"]
    rest.assert_called_once_with(4.0)
    assert [screen.all_shown()] == shown


@pytest.mark.parametrize("kind", [KeyboardInterrupt, SystemExit])
def test_a_wait_that_is_interrupted_leaves_no_trace_either(
    screen, watcher, told, clock, soon, mocker, kind
):
    clock.look = mocker.Mock(side_effect=kind)
    with pytest.raises(kind):
        watcher.wait("waiting", 5, why="used before")
    assert (screen.screen(), told) == ([], [])


def test_a_name_in_a_wait_cannot_move_the_cursor(screen, watcher, clock, soon):
    watcher.wait("waiting for \x1b[2J", 0.5, why="no \x07")
    shown = screen.all_shown()
    assert "waiting for ?[2J: 0 s" in shown
    assert "sts-plugin: no ?" in shown


def test_no_wait_is_no_line(screen, watcher, told):
    watcher.wait("waiting", 0, why="used before")
    assert (told, screen.screen()) == ([], [])


# --- Whether anybody is there ---

PROGRAM = """\
import os, sys, time
from sts_plugin.cli.watcher import TerminalWatcher
watcher = TerminalWatcher(print)
print("started", file=sys.stderr, flush=True)
sys.stdin.readline()
for _ in range(6000):
    if getattr(watcher, sys.argv[1])() == (sys.argv[2] == "True"):
        break
    time.sleep(0.01)
else:
    sys.exit(1)
print(watcher.gone(), watcher.orphaned(), file=sys.stderr)
"""
ENVIRON = {"PYTHONPATH": ":".join(sys.path)}


@pytest.fixture
def program():
    """Start a program that looks until a question is answered with an answer."""
    started = []

    def start(stdout, question, answer, *, before=()):
        words = [*before, sys.executable, "-c", PROGRAM, question, str(answer)]
        one = subprocess.Popen(
            words,
            env=ENVIRON,
            stdin=subprocess.PIPE,
            stdout=stdout,
            stderr=subprocess.PIPE,
            text=True,
        )
        started.append(one)
        assert one.stderr.readline() == "started\n"
        return one

    yield start
    for one in started:
        with one:
            one.kill()


def ending(one):
    """Let it look; return what it says in the end."""
    _, said = one.communicate("\n", timeout=90)
    assert one.returncode == 0
    return said.split()


def test_a_reader_of_our_stdout_is_there_until_it_shuts_the_pipe(program):
    one = program(subprocess.PIPE, "gone", answer=False)
    assert ending(one) == ["False", "False"]
    one = program(subprocess.PIPE, "gone", answer=True)
    one.stdout.close()
    one.stdout = None
    assert ending(one) == ["True", "True"]


def test_what_was_written_and_not_read_yet_keeps_nobody(program):
    reading, writing = os.pipe()
    os.write(writing, b"something")
    one = program(writing, "gone", answer=True)
    os.close(writing)
    os.close(reading)
    assert ending(one) == ["True", "True"]


def test_a_socket_that_is_shut_over_there_has_no_reader(program):
    ours, theirs = socket.socketpair()
    one = program(ours, "gone", answer=True)
    ours.close()
    theirs.close()
    assert ending(one)[0] == "True"


@pytest.mark.parametrize("device", ["/dev/null", "file"])
def test_a_file_is_always_there(program, tmp_path, device):
    path = device if device.startswith("/") else tmp_path / device
    with open(path, "w") as file:  # noqa: PTH123
        one = program(file, "gone", answer=False)
    assert ending(one) == ["False", "False"]


def test_a_terminal_that_is_closed_has_no_reader(program):
    screen = Pty()
    one = program(screen.there, "gone", answer=True)
    os.close(screen.there)
    screen.hang_up()
    assert ending(one)[0] == "True"


def test_whoever_started_us_may_have_ended_though_our_stdout_is_read(program):
    # A shell that was closed: nobody answers, and somebody may want the result.
    shell = ["sh", "-c", '"$@" <&3 3<&- & echo $! >&2; read line', "sh"]
    reading, writing = os.pipe()
    both = subprocess.Popen(
        [*shell, sys.executable, "-c", PROGRAM, "orphaned", "True"],
        env=ENVIRON | {"PATH": os.environ["PATH"]},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: os.dup2(reading, 3),  # noqa: PLW1509
        pass_fds=[3],
    )
    try:
        assert both.stderr.readline().strip().isdigit()
        assert both.stderr.readline() == "started\n"
        both.stdin.close()  # the shell ends
        assert both.wait(60) is not None
        os.write(writing, b"\n")
        assert select.select([both.stderr], [], [], 60)[0]
        assert both.stderr.readline().split() == ["False", "True"]
    finally:
        both.stdout.close()
        both.stderr.close()
        os.close(reading)
        os.close(writing)


def test_while_whoever_started_us_is_there_they_are(program):
    one = program(subprocess.PIPE, "orphaned", answer=False)
    assert ending(one) == ["False", "False"]


def test_without_a_stdout_nobody_is_known_to_have_gone(program):
    one = program(None, "gone", answer=False, before=["sh", "-c", 'exec "$@" >&-', "-"])
    assert ending(one) == ["False", "False"]


def test_where_nothing_tells_nobody_is_known_to_have_gone(watcher, monkeypatch):
    monkeypatch.delattr(select, "poll")  # Windows
    assert watcher.gone() is False
