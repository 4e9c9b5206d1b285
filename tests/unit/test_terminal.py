from __future__ import annotations

import atexit
import errno
import fcntl
import os
import select
import signal
import subprocess
import sys
import termios
import threading
import time
import traceback
from pathlib import Path

import pytest
from herd import await_that
from ptys import Pty, Screen, foreground

from sts_plugin import terminal as module
from sts_plugin.drawing import Drawing
from sts_plugin.terminal import (
    NoTerminal,
    in_foreground,
    open_terminal,
    read_hidden_line,
    read_line,
    write,
)
from sts_plugin.tty_device import Tty, wait

CTRL_D = b"\x04"
CTRL_S = b"\x13"
XTERM = {"TERM": "xterm"}
REQUEST = "MFA code of arn:aws:iam::111111111111:mfa/alice (55 s): "
QUESTION = ["Profile audit, account 222222222222", REQUEST]


def soon():
    """Return a deadline that no test meets."""
    return time.monotonic() + 60


@pytest.fixture
def screen(monkeypatch):
    """The terminal of the test."""
    one = Pty()
    monkeypatch.setattr(module, "DEVICE", one.name)
    monkeypatch.setattr(os, "tcgetpgrp", foreground)
    yield one
    one.close()


@pytest.fixture
def opened(screen):
    """It, as the prompt has it."""
    with open_terminal() as one:
        yield one


# --- Opening ---


def test_a_terminal_is_opened_so_that_no_write_to_it_waits(screen):
    with open_terminal() as one:
        descriptor = one.fileno()
        assert os.isatty(descriptor)
        assert not os.get_blocking(descriptor)
        assert not os.get_inheritable(descriptor)
        os.write(descriptor, b"x")
    screen.read_until("x")
    with pytest.raises(OSError, match="Bad file"):
        os.fstat(descriptor)


def test_a_terminal_for_a_child_blocks_as_programs_expect(screen):
    with open_terminal(inheritable=True) as one:
        assert os.get_blocking(one.fileno())


@pytest.mark.parametrize("kind", [RuntimeError, KeyboardInterrupt])
def test_a_terminal_is_closed_after_an_error(screen, kind):
    before = open_files()
    with pytest.raises(kind), open_terminal():
        raise kind
    assert open_files() == before


def open_files():
    return {file.name for file in Path("/proc/self/fd").iterdir()}


def test_where_there_is_no_terminal_that_is_said(screen, monkeypatch, tmp_path):
    monkeypatch.setattr(module, "DEVICE", str(tmp_path / "absent"))
    with pytest.raises(NoTerminal, match="there is no terminal"), open_terminal():
        pass


def test_the_terminal_of_another_job_is_none_of_ours(screen, monkeypatch):
    before = open_files()
    monkeypatch.setattr(os, "tcgetpgrp", lambda _: os.getpgrp() + 1)
    with pytest.raises(NoTerminal, match="this is a background job"), open_terminal():
        pass
    assert open_files() == before


def test_what_is_no_terminal_is_not_in_the_foreground(tmp_path):
    with (tmp_path / "file").open("w") as file:
        assert not in_foreground(Tty(file.fileno()))


# --- Waiting and writing ---


def test_a_wait_ends_when_one_is_ready():
    reading, writing = os.pipe()
    wait([], [writing], 60)
    os.write(writing, b"x")
    wait([reading], [], 60)


@pytest.mark.parametrize("late", [-1, 0, 0.05])
def test_a_wait_ends_at_its_deadline(late):
    reading, _ = os.pipe()
    with pytest.raises(TimeoutError):
        wait([reading], [], late)


def test_no_descriptor_is_too_large_to_be_waited_for(screen):
    # select() takes none above 1023, and a server may have more files open than that.
    limit = 2048
    try:
        large = fcntl.fcntl(screen.there, fcntl.F_DUPFD_CLOEXEC, limit)
    except OSError:
        pytest.skip(f"no descriptors above {limit} here")
    try:
        write(Tty(large), "seen", soon())
        screen.read_until("seen")
        with pytest.raises(TimeoutError):
            wait([large], [], 0.05)
        screen.type(b"answer\n")
        wait([large], [], 60)
    finally:
        os.close(large)


def test_a_text_is_written_whole_though_the_terminal_takes_little(screen, opened):
    text = "".join(f"{number:07} " for number in range(10_000))
    writer = threading.Thread(target=write, args=(opened, text, soon()), daemon=True)
    writer.start()
    assert screen.read_until("0009999 ") == text
    writer.join(60)
    assert not writer.is_alive()


def test_a_terminal_that_takes_nothing_just_now_is_tried_again(screen, opened, mocker):
    # Others write to it, too: between our look and our writing.
    mocker.patch("os.write", side_effect=[BlockingIOError(), 2, BlockingIOError(), 1])
    write(opened, "abc", soon())
    assert [call.args[1] for call in os.write.call_args_list] == [
        b"abc",
        b"abc",
        b"c",
        b"c",
    ]


def test_a_terminal_that_takes_nothing_is_given_up_at_the_deadline(screen, opened):
    screen.stop_reading()
    with pytest.raises(TimeoutError):
        write(opened, "x", time.monotonic() + 0.1)


def test_a_terminal_that_is_gone_is_an_error_at_once(screen, opened):
    screen.hang_up()
    with pytest.raises(OSError, match="Input/output"):
        write(opened, "x", soon())


def test_bytes_that_are_no_text_are_written_as_question_marks(screen, opened):
    write(opened, "a\udcffb", soon())
    assert screen.all_shown() == "a?b"


# --- Drawing ---


@pytest.fixture
def drawing(screen, opened):
    """Make a drawing on a terminal of so many columns, below a line of somebody's."""

    def make(columns=80, environ=XTERM):
        screen.resize(columns)
        os.write(opened.fileno(), b"$\r\n")
        return Drawing(opened, environ)

    return make


def test_lines_are_drawn_at_the_cursor_and_erased(screen, drawing):
    one = drawing()
    one.draw(QUESTION, soon())
    assert screen.screen() == ["$", QUESTION[0], QUESTION[1].rstrip()]
    one.erase(soon())
    assert screen.screen() == ["$"]


def test_of_a_drawing_only_the_last_line_is_drawn_anew(screen, drawing):
    one = drawing()
    one.draw(QUESTION, soon())
    before = screen.all_shown()
    one.draw([QUESTION[0], "shorter (54 s): "], soon())
    assert screen.all_shown()[len(before) :] == "\r\x1b[Kshorter (54 s): "
    assert screen.screen() == ["$", QUESTION[0], "shorter (54 s):"]
    one.erase(soon())
    assert screen.screen() == ["$"]


def test_what_stood_in_the_line_of_the_cursor_gives_way(screen, opened):
    os.write(opened.fileno(), b"a progress bar [####    ]")
    one = Drawing(opened, XTERM)
    one.draw(["asks: "], soon())
    assert screen.screen() == ["asks:"]


@pytest.mark.parametrize("rows", [1, 2, 3, 5])
def test_every_row_is_erased_and_none_above_it(screen, drawing, rows):
    one = drawing()
    one.draw([f"row {number}" for number in range(rows)], soon())
    assert len(screen.screen()) == 1 + rows
    one.erase(soon())
    assert screen.screen() == ["$"]


def test_what_was_erased_can_be_drawn_again(screen, drawing):
    one = drawing()
    for _ in range(2):
        one.draw(QUESTION, soon())
        assert len(screen.screen()) == 3
        one.erase(soon())
        assert screen.screen() == ["$"]


@pytest.mark.parametrize("environ", [XTERM, {"TERM": "dumb"}])
def test_what_was_not_drawn_is_not_erased(screen, drawing, environ):
    one = drawing(environ=environ)
    before = screen.all_shown()
    one.erase(soon())
    one.draw(QUESTION, soon())
    one.erase(soon())
    after = screen.all_shown()
    one.erase(soon())
    assert screen.all_shown() == after
    assert after.startswith(before)


WIDE = "\u4f60\u597d" * 30
COMBINED = "e\u0301" * 60


@pytest.mark.parametrize("columns", [132, 80, 40, 20, 10, 5, 4, 3, 2])
@pytest.mark.parametrize(
    "line",
    [QUESTION[0] * 5, f"Profile {WIDE}", f"Profile {COMBINED}"],
    ids=["ASCII", "wide", "combined"],
)
def test_no_line_takes_more_than_one_row_of_a_narrow_terminal(
    screen, drawing, columns, line
):
    one = drawing(columns)
    for _ in range(2):
        one.draw([line, f"{line} (55 s): "], soon())
        assert len(screen.screen()) <= 3
    one.erase(soon())
    assert screen.screen() == ["$"]


@pytest.mark.parametrize("columns", [80, 40, 30])
def test_of_a_line_that_is_cut_one_sees_how_it_ends(screen, drawing, columns):
    drawing(columns).draw(QUESTION, soon())
    last = screen.screen()[-1]
    assert last.startswith("MFA code")
    assert last.endswith("mfa/alice (55 s):")


def test_a_terminal_that_does_not_say_how_wide_it_is_has_80_columns(screen, drawing):
    drawing(0).draw(["x" * 200], soon())
    screen.columns = 1000
    assert len(screen.screen()[-1]) == 79


def test_a_terminal_that_cannot_say_how_wide_it_is_has_80_columns(tmp_path):
    with (tmp_path / "file").open("w+") as file:
        Drawing(Tty(file.fileno()), XTERM).draw(["x" * 200], soon())
        file.seek(0)
        assert len(file.read()) == len("\r\x1b[K") + 79


@pytest.mark.parametrize("environ", [{}, {"TERM": ""}, {"TERM": "dumb"}])
def test_a_terminal_that_cannot_move_its_cursor_shows_the_lines_once(
    screen, drawing, environ
):
    one = drawing(40, environ)
    one.draw(QUESTION, soon())
    one.draw([QUESTION[0], "54"], soon())
    one.erase(soon())
    text = screen.all_shown().removeprefix("$\r\r\n")
    assert "\x1b" not in text
    assert text.replace("\r", "") == f"{QUESTION[0]}\n{QUESTION[1]}\n"


@pytest.mark.parametrize("work", ["draw", "erase"])
def test_a_drawing_on_a_terminal_that_takes_nothing_ends_in_time(screen, drawing, work):
    one = drawing()
    if work == "erase":
        one.draw(QUESTION, soon())
    screen.stop_reading()
    deadline = time.monotonic() + 0.1
    with pytest.raises(TimeoutError):
        one.draw(QUESTION, deadline) if work == "draw" else one.erase(deadline)


# --- Without echo ---


def test_the_echo_is_off_for_a_while_and_everything_is_put_back(screen, opened):
    before = screen.modes
    with opened.hidden():
        assert not screen.echoes
        assert not screen.modes[0] & termios.IXON
        assert screen.modes[3] & termios.ICANON  # a line can still be corrected
        assert screen.modes[3] & termios.ISIG  # and Ctrl-C works
    assert screen.modes == before


@pytest.mark.parametrize("kind", [RuntimeError, KeyboardInterrupt, SystemExit])
def test_everything_is_put_back_after_an_error(screen, opened, kind):
    before = screen.modes
    with pytest.raises(kind), opened.hidden():
        raise kind
    assert screen.modes == before


def test_what_is_put_back_at_the_end_of_a_program_is_not_kept_beyond_its_time(
    screen, opened, mocker
):
    # A daemon thread is left behind in the middle of its question; no other one.
    kept, left = mocker.spy(atexit, "register"), mocker.spy(atexit, "unregister")
    before = screen.modes
    with opened.hidden():
        (restore,) = kept.call_args.args
        restore()
        assert screen.modes == before
        left.assert_not_called()
    left.assert_called_once_with(restore)


def test_an_echo_that_was_off_stays_off(screen, opened):
    with opened.hidden():
        quiet = screen.modes
    termios.tcsetattr(screen.there, termios.TCSANOW, quiet)
    with opened.hidden():
        pass
    assert not screen.echoes


def test_ctrl_s_is_switched_off_where_the_echo_is_off_already(screen, opened):
    modes = screen.modes
    modes[3] &= ~termios.ECHO
    termios.tcsetattr(screen.there, termios.TCSANOW, modes)
    with opened.hidden():
        assert not screen.modes[0] & termios.IXON
    assert screen.modes == modes


def test_the_echo_is_switched_off_again_when_somebody_has_switched_it_on(
    screen, opened
):
    before = screen.modes
    with opened.hidden() as hide:
        screen.echo()
        hide()
        assert not screen.echoes
    assert screen.modes == before


def test_what_is_as_it_should_be_is_not_set_again(screen, opened, mocker):
    # It would be heard by whoever watches the terminal, several times a second.
    with opened.hidden() as hide:
        setter = mocker.spy(termios, "tcsetattr")
        hide()
        assert setter.call_count == 0


def test_in_the_background_the_terminal_is_left_to_whoever_has_it(
    screen, opened, monkeypatch
):
    with opened.hidden():
        monkeypatch.setattr(os, "tcgetpgrp", lambda _: os.getpgrp() + 1)
    assert not screen.echoes


def test_what_was_typed_before_or_after_the_question_is_not_the_answer(screen, opened):
    screen.type(b"ls\n")
    with opened.hidden():
        with pytest.raises(TimeoutError):
            wait([opened.fileno()], [], 0.05)
        screen.type(b"too late\n")
        wait([opened.fileno()], [], 60)
    with pytest.raises(TimeoutError):
        wait([opened.fileno()], [], 0.05)


@pytest.mark.parametrize("when", ["before", "during"])
def test_a_terminal_that_goes_away_is_an_error_of_its_own(screen, opened, when):
    if when == "before":
        screen.hang_up()

    def work():
        with opened.hidden() as hide:
            screen.hang_up()
            hide()

    with pytest.raises(OSError, match=r"\[Errno \d+\]"):
        work()


# --- Reading a line ---


def nothing():
    pass


def test_a_line_is_read_with_its_end(screen, opened):
    screen.type(b"123456\nmore\n")
    assert read_line(opened, soon(), nothing).startswith("123456\n")


def test_a_long_line_is_read_whole(screen, opened):
    line = b"x" * 1000 + b"\n"
    screen.type(line)
    assert read_line(opened, soon(), nothing) == line.decode()


def test_bytes_that_are_no_text_are_an_answer_as_well(screen, opened):
    screen.type(b"\xff\n")
    assert read_line(opened, soon(), nothing) == "\ufffd\n"


def test_an_ended_input_is_no_timeout(screen, opened):
    screen.type(CTRL_D)
    with pytest.raises(EOFError):
        read_line(opened, soon(), nothing)


def test_what_was_typed_before_the_end_of_the_input_counts(screen, opened):
    screen.type(b"123" + CTRL_D * 2)
    assert read_line(opened, soon(), nothing) == "123"


def test_a_deadline_is_met_though_somebody_types(screen, opened):
    screen.type(b"123" + CTRL_D)  # handed over without an end of line
    with pytest.raises(TimeoutError):
        read_line(opened, time.monotonic() + 0.2, nothing)


def test_a_terminal_that_goes_away_is_no_timeout(screen, opened):
    ticks = []

    def tick():
        if not ticks:
            screen.hang_up()
        ticks.append(1)

    with pytest.raises(OSError, match=r"\[Errno \d+\]") as caught:
        read_line(opened, soon(), tick)
    assert not isinstance(caught.value, TimeoutError)


def test_the_terminal_of_another_job_is_not_read(screen, opened, monkeypatch):
    # The read would stop us (SIGTTIN), and whoever waits for us.
    monkeypatch.setattr(os, "tcgetpgrp", lambda _: os.getpgrp() + 1)
    screen.type(b"ls\n")
    with pytest.raises(OSError, match="not ours any more") as caught:
        read_line(opened, soon(), nothing)
    assert caught.value.errno == errno.EIO
    wait([opened.fileno()], [], 60)  # it is still there for its owner


def test_a_terminal_that_is_given_away_while_we_wait_is_not_read_either(
    screen, opened, monkeypatch
):
    def tick():
        monkeypatch.setattr(os, "tcgetpgrp", lambda _: os.getpgrp() + 1)
        screen.type(b"ls\n")

    with pytest.raises(OSError, match="not ours any more"):
        read_line(opened, soon(), tick)
    wait([opened.fileno()], [], 60)


def test_while_nobody_types_one_looks_around_and_is_heard(screen, opened, monkeypatch):
    monkeypatch.setattr(module, "TICK_SECONDS", 0.01)
    ticks = []

    def tick():
        ticks.append(1)
        if len(ticks) == 5:
            raise LookupError

    with pytest.raises(LookupError):
        read_line(opened, soon(), tick)
    assert len(ticks) == 5


def test_no_frame_of_the_error_shows_what_was_typed(screen, opened):
    screen.type(b"123456" + CTRL_D)
    with pytest.raises(TimeoutError) as caught:
        read_line(opened, time.monotonic() + 0.5, nothing)
    found = traceback.TracebackException.from_exception(
        caught.value, capture_locals=True
    )
    shown = "".join(found.format())
    assert "typed = " in shown
    assert "123456" not in shown


# --- The whole question ---


@pytest.fixture
def ask(screen, opened, monkeypatch):
    """Ask, and let a person do something once the question is there."""
    monkeypatch.setattr(module, "TICK_SECONDS", 0.01)

    def call(person=nothing, *, lines=lambda: QUESTION, seconds=60.0, **options):
        def act():
            screen.read_until("): ")
            person()

        thread = threading.Thread(target=act, daemon=True)
        thread.start()
        deadline = time.monotonic() + seconds
        try:
            return read_hidden_line(
                opened, lines, deadline, **{"environ": XTERM, **options}
            )
        finally:
            thread.join(60)

    return call


def test_an_answer_is_not_shown_and_the_question_erased(screen, ask):
    before = screen.modes
    os.write(screen.there, b"$\n")
    assert ask(lambda: screen.type(b"123456\n")) == "123456\n"
    assert screen.screen() == ["$"]
    assert "123456" not in screen.all_shown()
    assert screen.modes == before


ENDINGS = {
    TimeoutError: {"seconds": 0.3},
    EOFError: {"typed": CTRL_D},
    InterruptedError: {"abandoned": lambda: True},
    KeyboardInterrupt: {"raises": KeyboardInterrupt()},
    SystemExit: {"raises": SystemExit(143)},
}


@pytest.mark.parametrize("ending", ENDINGS)
def test_however_it_ends_the_terminal_is_left_as_it_was(screen, ask, ending):
    options = {**ENDINGS[ending]}
    typed, raises = options.pop("typed", b""), options.pop("raises", None)
    before, here = screen.modes, threading.Event()
    abandoned = options.pop("abandoned", bool)

    def person():
        screen.type(typed) if typed else None
        here.set()

    def lines():
        if raises and here.is_set():
            raise raises
        return QUESTION

    os.write(screen.there, b"$\n")
    with pytest.raises(ending):
        ask(
            person,
            lines=lines,
            abandoned=lambda: here.is_set() and abandoned(),
            **options,
        )
    assert screen.screen() == ["$"]
    assert screen.modes == before


def test_a_question_that_changes_is_drawn_anew_and_one_that_does_not_is_not(
    screen, ask
):
    left, looks = [56], []

    def lines():
        looks.append(1)
        return [f"asks ({left[0]} s): "]

    def person():
        for second in (55, 54, 53):
            left[0] = second
            screen.read_until(f"({second} s)")
        looks.clear()
        await_that(lambda: len(looks) > 5)
        screen.type(b"1\n")

    ask(person, lines=lines)
    assert screen.all_shown().count("asks") == 4
    assert screen.screen() == []


def test_the_echo_is_switched_off_at_the_next_look_around(screen, ask):
    def person():
        screen.echo()
        await_that(lambda: not screen.echoes)
        screen.type(b"123456\n")

    assert ask(person) == "123456\n"
    assert "123456" not in screen.all_shown()
    assert screen.echoes


@pytest.mark.parametrize("typed", [b"\x03", b"123\x03", b"123\x03456\n"])
def test_ctrl_c_reaches_a_question_of_any_thread(screen, opened, mocker, typed):
    # Its signal is the main thread's, which may be waiting for ours.
    killed = mocker.patch("os.killpg")
    before, ended = screen.modes, []

    def work():
        with pytest.raises(KeyboardInterrupt):
            read_hidden_line(opened, lambda: QUESTION, soon(), environ=XTERM)
        ended.append(screen.modes)

    os.write(screen.there, b"$\n")
    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    screen.read_until("): ")
    screen.type(typed)
    thread.join(60)
    assert ended == [before]
    killed.assert_called_once_with(os.getpgrp(), signal.SIGINT)  # as the terminal would
    assert screen.screen() == ["$"]


def test_a_question_of_any_thread_is_answered(screen, opened):
    answers = []

    def work():
        line = read_hidden_line(opened, lambda: QUESTION, soon(), environ=XTERM)
        answers.append(line)

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    screen.read_until("): ")
    screen.type(b"12\x7f3456\n")
    thread.join(60)
    assert answers == ["13456\n"]


def test_ctrl_s_during_the_question_stops_nothing(screen, ask):
    assert "12" in ask(lambda: screen.type(CTRL_S + b"12\n"))
    os.set_blocking(screen.there, False)
    assert os.write(screen.there, b"x") == 1


def test_a_terminal_that_ctrl_s_has_stopped_is_started_again(screen, ask):
    screen.type(CTRL_S)
    assert ask(lambda: screen.type(b"12\n")) == "12\n"


def test_a_question_that_nobody_can_see_ends_in_time(screen, opened):
    screen.stop_reading()
    before = screen.modes
    with pytest.raises(TimeoutError):
        read_hidden_line(
            opened, lambda: QUESTION, time.monotonic() + 0.2, environ=XTERM
        )
    assert screen.modes == before


def test_a_question_on_a_terminal_that_goes_away_ends_at_once(screen, ask):
    with pytest.raises(OSError, match=r"\[Errno \d+\]") as caught:
        ask(screen.hang_up)
    assert not isinstance(caught.value, TimeoutError | InterruptedError)


def test_a_plain_terminal_is_asked_in_plain_lines(screen, ask):
    answer = ask(lambda: screen.type(b"12\n"), environ={"TERM": "dumb"})
    assert answer == "12\n"
    shown = screen.all_shown().replace("\r", "")
    assert shown == "\n".join([*QUESTION, ""])


# --- Jobs of a real shell ---

LEADER = """\
import os, signal, sys, termios, time
from sts_plugin.terminal import NoTerminal, open_terminal, read_hidden_line

name, way = sys.argv[1:]
terminal = os.open(name, os.O_RDWR)  # we lead a session: now it is our terminal
signal.signal(signal.SIGTTOU, signal.SIG_IGN)  # as a shell does
modes = termios.tcgetattr(terminal)
if way == "tostop":
    modes[3] |= termios.TOSTOP
    termios.tcsetattr(terminal, termios.TCSANOW, modes)
result, end = os.pipe()
job = os.fork()
if not job:
    signal.signal(signal.SIGTTOU, signal.SIG_DFL)
    os.setpgid(0, 0)
    while os.tcgetpgrp(terminal) != os.getpgrp():
        time.sleep(0.01)
    try:
        with open_terminal() as mine:
            if way == "late":
                os.write(mine.fileno(), b"waits")
            while way == "late" and os.tcgetpgrp(mine.fileno()) == os.getpgrp():
                time.sleep(0.01)  # it waits for its turn at the terminal
            deadline = time.monotonic() + 60
            seconds = lambda: ["asks (%d s): " % (deadline - time.monotonic())]
            line = read_hidden_line(mine, seconds, deadline, environ={"TERM": "xterm"})
            said = "typed " + line.strip()
    except (NoTerminal, OSError, EOFError) as error:
        said = type(error).__name__ + " " + str(error)
    os.write(end, said.encode())
    os._exit(0)
os.setpgid(job, job)
os.tcsetpgrp(terminal, job)
print("started", flush=True)
for command in sys.stdin:
    match command.strip():
        case "background":
            os.tcsetpgrp(terminal, os.getpgrp())
            termios.tcsetattr(terminal, termios.TCSANOW, modes)
            os.kill(-job, signal.SIGCONT)
        case "foreground":
            os.tcsetpgrp(terminal, job)
            os.kill(-job, signal.SIGCONT)
        case "stop":
            os.kill(-job, signal.SIGTSTP)
            os.waitpid(job, os.WUNTRACED)
        case "end":
            _, status = os.waitpid(job, os.WUNTRACED)
            if os.WIFSTOPPED(status):
                print("stopped by", signal.Signals(os.WSTOPSIG(status)).name)
                os.kill(job, signal.SIGKILL)
            else:
                print(os.read(result, 999).decode())
            sys.exit(0)
    print("done", command.strip(), flush=True)
"""
"""A shell with one job, which asks; it does with it what it is told on stdin."""


class Shell:
    def __init__(self, screen, way):
        self.process = subprocess.Popen(
            [sys.executable, "-c", LEADER, screen.name, way],
            env={"PYTHONPATH": ":".join(sys.path)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        assert self.process.stdout.readline() == "started\n"

    def __call__(self, command):
        self.process.stdin.write(f"{command}\n")
        self.process.stdin.flush()
        assert select.select([self.process.stdout], [], [], 60)[0], command
        return self.process.stdout.readline().strip()


@pytest.fixture
def shell():
    """Start a shell on a terminal of its own, whose job is asking."""
    started = []

    def start(way=""):
        screen = Pty()
        one = Shell(screen, way)
        started.append((one, screen))
        screen.read_until("waits" if way == "late" else "asks (")
        return one, screen

    yield start
    for one, screen in started:
        with one.process as process:
            process.kill()
        screen.close()


def test_a_job_in_the_foreground_is_answered(shell):
    one, screen = shell()
    screen.type(b"123456\n")
    assert one("end") == "typed 123456"
    assert screen.echoes


@pytest.mark.parametrize("way", ["", "tostop"])
def test_a_question_that_is_sent_to_the_background_ends_and_is_not_stopped(shell, way):
    # Ctrl-Z and bg: a process that is stopped holds the lock of the device for ever.
    one, screen = shell(way)
    one("stop")
    one("background")
    assert "not ours any more" in one("end")
    assert screen.echoes


def test_a_question_whose_turn_comes_in_the_background_is_not_stopped_either(shell):
    one, screen = shell("late")
    one("background")
    assert "not ours any more" in one("end")
    assert screen.echoes


def test_a_question_that_was_stopped_goes_on_in_the_foreground(shell):
    one, screen = shell()
    one("stop")
    screen.echo()
    one("foreground")
    await_that(lambda: not screen.echoes)
    screen.type(b"123456\n")
    assert one("end") == "typed 123456"
    assert "123456" not in screen.all_shown()
    assert screen.echoes


# --- The test's own eyes ---


def test_the_screen_of_these_tests_is_one():
    screen = Screen(4)
    screen.feed("ab\r\ncdef\u4f60\r\x1b[K\x1b[A\rX\r\n\r\n\r\nz\x1b[A")
    assert screen.lines == ["ab", "Xdef", "", "", "z"]
