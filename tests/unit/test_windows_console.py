"""The console of Windows, on a system that is the test's: none of it ran on Windows."""

from __future__ import annotations

import atexit
import contextlib
import ctypes
import io
import os
import threading
import time
import traceback

import pytest
from consoles import ARROW_UP, COOKED, F1, OUTPUT, FakeConsole
from herd import await_that

from sts_plugin import terminal, windows_console
from sts_plugin.drawing import Drawing
from sts_plugin.errors import CannotAsk, Declined
from sts_plugin.mfa import Question
from sts_plugin.mfa.terminal import TerminalSource
from sts_plugin.terminal import (
    NoTerminal,
    open_terminal,
    read_hidden_line,
    read_line,
    write,
)
from sts_plugin.windows_console import (
    ENABLE_ECHO_INPUT,
    ENABLE_PROCESSED_INPUT,
    opened,
)
from sts_plugin.windows_system import window

VIRTUAL = 4
QUESTION = ["Profile audit", "MFA code (55 s): "]


def soon():
    """Return a deadline that no test meets."""
    return time.monotonic() + 60


def nothing():
    pass


@pytest.fixture
def fake():
    return FakeConsole()


@pytest.fixture
def console(fake):
    with opened(lambda: fake) as one:
        yield one


@pytest.fixture
def ask(fake, console, monkeypatch):
    """Ask, and type some keys once the question is there."""
    monkeypatch.setattr(terminal, "TICK_SECONDS", 0.01)

    def call(keys, *, seconds=60.0, **options):
        def act():
            await_that(lambda: fake.shown.count("): "))
            fake.type(keys)

        thread = threading.Thread(target=act, daemon=True)
        thread.start()
        deadline = time.monotonic() + seconds
        try:
            return read_hidden_line(
                console, lambda: QUESTION, deadline, environ={}, **options
            )
        finally:
            thread.join(60)

    return call


# --- Opening ---


@pytest.mark.parametrize("absent", ["CONIN$", "CONOUT$"])
def test_a_service_has_no_console_and_that_is_said(fake, absent):
    fake.absent.add(absent)
    with pytest.raises(NoTerminal, match="there is no terminal"), opened(lambda: fake):
        pass
    for descriptor in fake.names:
        with pytest.raises(OSError, match="Bad file"):
            os.fstat(descriptor)


def test_both_ends_are_closed_and_the_console_left_as_it_was(fake):
    def work():
        with opened(lambda: fake):
            assert fake.modes["CONOUT$"] == OUTPUT | VIRTUAL
            raise RuntimeError

    with pytest.raises(RuntimeError):
        work()
    assert fake.modes == {"CONIN$": COOKED, "CONOUT$": OUTPUT}
    for descriptor in fake.names:
        with pytest.raises(OSError, match="Bad file"):
            os.fstat(descriptor)


def test_the_terminal_of_windows_is_its_console(monkeypatch, on_windows):
    monkeypatch.setattr(
        windows_console, "opened", lambda: contextlib.nullcontext("console")
    )
    on_windows(terminal)
    with open_terminal() as one:
        assert one == "console"


def test_elsewhere_there_is_no_console():
    with pytest.raises(NoTerminal), opened():
        pass
    assert window() == 0


def test_a_console_is_told_from_others_by_its_window(fake):
    handle = 2**40 + 7

    def get():
        return handle

    fake.GetConsoleWindow = get
    assert window(lambda: fake) == handle
    assert get.restype is ctypes.c_void_p  # of 64 bits, and not an int
    handle = None
    assert window(lambda: fake) == 0


# --- Reading a line ---

LINES = {
    "digits": ("123456\r", "123456\n"),
    "a paste with the end of line of Unix": ("123456\n", "123456\n"),
    "a key that was wrong": ("12\x0834\r", "134\n"),
    "more backspaces than keys": ("1\x08\x08\x0856\r", "56\n"),
    "a line that begins anew": ("123\x1b456\r", "456\n"),
    "arrows and function keys": (f"1{ARROW_UP}2{F1}3\r", "123\n"),
    "letters": ("J\u00fcrgen \u4f60\r", "J\u00fcrgen \u4f60\n"),
    "a key whose code is a letter": ("\xe0x\r", "\n"),
    "control characters": ("1\x01\x072\t\r", "12\n"),
    "half of a character": ("1\ud83d\ude002\r", "12\n"),
    "Ctrl-Z in the middle": ("1\x1a\r", "1\x1a\n"),
    "nothing": ("\r", "\n"),
}


@pytest.mark.parametrize("name", LINES)
def test_keys_become_a_line(fake, console, name):
    keys, line = LINES[name]
    fake.type(keys)
    assert read_line(console, soon(), nothing) == line


def test_what_comes_after_the_line_is_left_there(fake, console):
    fake.type("12\r34")
    assert read_line(console, soon(), nothing) == "12\n"
    assert fake.keys == ["3", "4"]


def test_what_is_typed_is_shown_where_that_was_not_switched_off(fake, console):
    fake.type("yes\x08\x08\x08no\u4f60\x08\r")
    assert read_line(console, soon(), nothing) == "no\n"
    assert fake.shown == "yes" + "\b \b" * 3 + "no\u4f60\b \b\r\n"


def test_an_ended_input_is_no_timeout(fake, console):
    fake.type("\x1a\r")
    with pytest.raises(EOFError):
        read_line(console, soon(), nothing)


def test_a_line_has_an_end_though_somebody_leans_on_a_key(fake, console):
    fake.type("x" * 10_000 + "\r")
    assert len(read_line(console, soon(), nothing)) < 5000


@pytest.mark.parametrize("typed", ["", "123"])
def test_a_deadline_is_met_whatever_was_typed(fake, console, typed):
    fake.type(typed)
    with pytest.raises(TimeoutError):
        read_line(console, time.monotonic() + 0.1, nothing)


def test_while_nobody_types_one_looks_around_and_is_heard(console, monkeypatch):
    monkeypatch.setattr(terminal, "TICK_SECONDS", 0.001)
    ticks = []

    def tick():
        ticks.append(1)
        if len(ticks) == 5:
            raise LookupError

    with pytest.raises(LookupError):
        read_line(console, soon(), tick)


def test_keys_are_waited_for_without_a_busy_loop(fake, console, mocker):
    looks = mocker.spy(fake, "kbhit")
    assert console.read(io.BytesIO(), 0.1) is False
    assert looks.call_count <= 10


def test_ctrl_c_as_a_key_ends_the_question(fake, console):
    fake.type("12\x03")
    with pytest.raises(KeyboardInterrupt):
        read_line(console, soon(), nothing)
    assert fake.interrupts == []


def test_no_frame_of_the_error_shows_what_was_typed(fake, console):
    fake.type("123456")
    with pytest.raises(TimeoutError) as caught:
        read_line(console, time.monotonic() + 0.2, nothing)
    found = traceback.TracebackException.from_exception(
        caught.value, capture_locals=True
    )
    assert "123456" not in "".join(found.format()).replace("fake.type", "")


# --- Without echo ---


def test_an_answer_is_not_shown_and_the_question_erased(fake, ask):
    write_before = fake.modes.copy()
    assert ask("123456\r") == "123456\n"
    assert fake.screen == []
    assert "1" not in fake.shown.replace("(55 s)", "")
    assert fake.modes == write_before


def test_what_was_typed_before_or_after_the_question_is_not_the_answer(fake, console):
    fake.type("too early\r")
    with console.hidden():
        assert fake.keys == []
        fake.type("too late\r")
    assert fake.keys == []


ENDINGS = {
    TimeoutError: {"keys": "12", "seconds": 0.3},
    EOFError: {"keys": "\x1a\r"},
    KeyboardInterrupt: {"keys": "12\x03"},
    InterruptedError: {"keys": "", "abandoned": True},
}


@pytest.mark.parametrize("ending", ENDINGS)
def test_however_it_ends_the_console_is_left_as_it_was(fake, ask, ending):
    options = dict(ENDINGS[ending])
    if options.pop("abandoned", False):
        options["abandoned"] = lambda: "): " in fake.shown
    before = fake.modes.copy()
    with pytest.raises(ending):
        ask(**options)
    assert fake.modes == before
    assert fake.screen == []
    assert fake.keys == []


def test_the_modes_are_put_back_when_a_program_ends_in_the_middle(
    fake, console, mocker
):
    kept, left = mocker.spy(atexit, "register"), mocker.spy(atexit, "unregister")
    with console.hidden():
        (restore,) = kept.call_args.args
    left.assert_called_once_with(restore)


def test_ctrl_c_reaches_a_question_of_any_thread_and_all_of_the_console(fake, console):
    # As a signal it would reach the main thread only, which may be waiting for ours.
    seen, ended = [], []

    def work():
        with pytest.raises(KeyboardInterrupt):
            read_hidden_line(console, lambda: QUESTION, soon(), environ={})
        ended.append(fake.modes["CONIN$"])

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    await_that(lambda: "): " in fake.shown)
    seen.append(fake.modes["CONIN$"])
    fake.type("12\x03")
    thread.join(60)
    assert seen == [COOKED & ~ENABLE_PROCESSED_INPUT & ~ENABLE_ECHO_INPUT]
    assert ended == [COOKED]
    assert fake.interrupts == [(0, 0)]


def test_ctrl_c_stays_a_signal_in_the_main_thread(fake, console):
    with console.hidden():
        assert fake.modes["CONIN$"] == COOKED & ~ENABLE_ECHO_INPUT


def test_a_console_on_which_we_ask_is_not_free_for_others_to_draw_on(fake, console):
    with opened(lambda: fake) as other:
        assert other.is_free()
        with console.hidden() as hide:
            assert not other.is_free()
            fake.modes["CONIN$"] = COOKED  # a program that was ended has put it back
            hide()
            assert not other.is_free()
            calls = len(fake.calls)
            hide()
            assert len(fake.calls) == calls
        assert other.is_free()


# --- Writing and drawing ---


def test_a_text_is_written_whole_though_the_console_takes_little(fake, console):
    text = "0123456789 J\u00fcrgen \U0001f600 \u4f60\r\n" * 50
    write(console, text, soon())
    assert fake.shown == text


def test_a_text_is_handed_over_in_parts_that_a_console_takes(fake, console, mocker):
    fake.most = 100_000
    calls = mocker.spy(fake, "WriteConsoleW")
    write(console, "x" * 20_000, soon())
    assert [call.args[2].value for call in calls.call_args_list] == [8192, 8192, 3616]


def test_half_of_a_character_is_written_as_a_question_mark(fake, console):
    write(console, "a\udcffb", soon())
    assert fake.shown == "a?b"


def test_a_console_in_which_somebody_marks_text_is_given_up_at_the_deadline(
    fake, console
):
    fake.marking.clear()
    with pytest.raises(TimeoutError):
        write(console, "x", time.monotonic() + 0.1)
    fake.marking.set()


def test_a_deadline_that_is_over_writes_nothing(fake, console):
    with pytest.raises(TimeoutError):
        write(console, "x", time.monotonic() - 1)
    assert fake.shown == ""


def test_a_line_is_read_though_its_echo_cannot_be_seen(fake, console, monkeypatch):
    monkeypatch.setattr(windows_console, "ECHO_SECONDS", 0.01)
    fake.marking.clear()
    fake.type("yes\r")
    assert read_line(console, soon(), nothing) == "yes\n"
    fake.marking.set()


@pytest.mark.parametrize("way", ["write", "hidden", "columns", "nothing taken"])
def test_a_console_that_is_gone_is_an_error_at_once(fake, console, way):
    if way == "nothing taken":
        fake.most = 0
    else:
        fake.gone = True
    works = {"hidden": lambda: console.hidden().__enter__(), "columns": console.columns}
    work = works.get(way, lambda: write(console, "x", soon()))
    with pytest.raises(OSError, match="console") as caught:
        work()
    assert not isinstance(caught.value, TimeoutError | InterruptedError)


def test_lines_are_cut_to_the_window_and_not_to_its_buffer(fake, console):
    fake.columns = 30
    one = Drawing(console, {})
    one.draw(["x" * 100], soon())
    assert len(fake.screen[-1]) == 29
    one.erase(soon())
    assert fake.screen == []


def test_an_old_console_shows_the_lines_once():
    fake = FakeConsole(cursor=False)
    with opened(lambda: fake) as console:
        one = Drawing(console, {"TERM": "xterm"})
        one.draw(QUESTION, soon())
        one.draw([QUESTION[0], "54"], soon())
        one.erase(soon())
    assert "\x1b" not in fake.shown
    assert fake.shown == "\r\n".join([*QUESTION, ""])


def test_who_wants_a_dumb_terminal_gets_one(fake, console):
    Drawing(console, {"TERM": "dumb"}).draw(QUESTION, soon())
    assert "\x1b" not in fake.shown


def test_cursor_movements_work_though_another_process_has_switched_them_off(
    fake, console
):
    fake.modes["CONOUT$"] = OUTPUT
    write(console, "\x1b[A", soon())
    assert fake.modes["CONOUT$"] == OUTPUT | VIRTUAL


# --- Programs that ask there ---


def test_a_program_gets_both_ends_as_its_streams(fake, console):
    with console.streams() as (stdin, stderr):
        assert (fake.names[stdin], fake.names[stderr]) == ("CONIN$", "CONOUT$")


def test_what_a_program_did_to_the_console_is_undone(fake, console):
    before = fake.modes.copy()

    def work():
        with console.left_as_found():
            fake.modes.update({"CONIN$": 0, "CONOUT$": 0})
            fake.type("half of a passw")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        work()
    assert fake.modes == before
    assert fake.keys == []


def test_what_was_typed_ahead_stays_where_a_program_changed_nothing(fake, console):
    with console.left_as_found():
        fake.type("next")
    assert fake.keys == list("next")


@pytest.mark.parametrize(
    ("mode", "free"), [(COOKED, True), (COOKED & ~2, False), (COOKED & ~4, False)]
)
def test_a_console_whose_keys_somebody_reads_is_not_free(fake, console, mode, free):
    fake.modes["CONIN$"] = mode
    assert console.is_free() is free


# --- The whole question ---


def source(**options):
    return TerminalSource(
        {}, turn=contextlib.nullcontext, **{"abandoned": bool, **options}
    )


@pytest.fixture
def there(fake, monkeypatch):
    monkeypatch.setattr(
        "sts_plugin.mfa.terminal.open_terminal", lambda: opened(lambda: fake)
    )
    return fake


def question(seconds):
    return Question("audit", "device", time.monotonic() + seconds)


def test_a_code_is_asked_for_on_the_console(there):
    def act():
        await_that(lambda: "): " in there.shown)
        there.type("123456\r")

    threading.Thread(target=act, daemon=True).start()
    assert source().ask(question(60)) == "123456\n"
    assert there.screen == []


def test_without_a_console_another_source_is_asked(there):
    there.absent.add("CONIN$")
    with pytest.raises(CannotAsk, match="there is no terminal"):
        source().ask(question(60))


def test_a_console_that_is_closed_asks_another_source(there):
    def abandoned():
        there.gone = True
        return False

    with pytest.raises(CannotAsk, match="the terminal was closed"):
        source(abandoned=abandoned).ask(question(60))


def test_ctrl_z_is_a_no(there):
    def act():
        await_that(lambda: "): " in there.shown)
        there.type("\x1a\r")

    threading.Thread(target=act, daemon=True).start()
    with pytest.raises(Declined, match="the input was ended"):
        source().ask(question(60))
