from __future__ import annotations

import errno
import json
import os
import pty
import re
import shutil
import signal
import socket
import sys
import tempfile
import termios
import threading
import time
import traceback
from pathlib import Path
from urllib.parse import unquote

import pytest

from sts_plugin import settings
from sts_plugin import terminal as terminal_module
from sts_plugin.errors import CannotAsk, Declined, HumanNeeded, NoAnswer
from sts_plugin.mfa import Question, conversation, gnupg, pinentry
from sts_plugin.mfa import display as display_module
from sts_plugin.mfa.pinentry import PinentrySource

DEVICE = "arn:aws:iam::111111111111:mfa/alice"

# A pinentry that insists on its protocol, records what it is told, and does as told.
PINENTRY = """\
import json, os, sys, time

record = os.environ["FAKE_RECORD"]
task, _, answer = os.environ.get("FAKE_TASK", "answer:123456").partition(":")
refused = os.environ.get("FAKE_REFUSED", "no").split()
said = []

def note(**more):
    told = {"said": said, "environ": dict(os.environ), "pid": os.getpid(), **more}
    told |= {"group": os.getpgrp(), "argv": sys.argv[1:]}
    with open(record + ".new", "w") as file:
        json.dump(told, file)
    os.rename(record + ".new", record)

def say(text):
    sys.stdout.buffer.write(text.encode() + b"\\n")
    sys.stdout.buffer.flush()

print("a warning", file=sys.stderr)
note()
if task == "mute":
    time.sleep(600)
if task == "greeting":
    say(answer)
    time.sleep(600)
say("# hello")
say("OK Pleased to meet you")
while line := sys.stdin.buffer.readline():
    assert line.endswith(b"\\n") and len(line) <= 1001, len(line)
    command = line[:-1].decode()
    said.append(command)
    note()
    word = command.split(" ")[0]
    if command == "BYE":
        say("OK closing connection")
        break
    if word != "GETPIN":
        known = word in {"OPTION", "SETTIMEOUT", "SETTITLE"}
        assert known or word in {"SETDESC", "SETPROMPT", "SETERROR"}, command
        bad = word in refused
        say("ERR 83886254 Unknown option <Pinentry>" if bad else "OK")
    elif task == "answer":
        say("S PIN_REPEATED")
        say("# a comment")
        for part in (answer[:3], answer[3:]):
            say("D " + part.replace("%", "%25").replace("\\n", "%0A"))
        say("OK")
    elif task == "bare":
        say("OK")
    elif task == "inquire":
        say("INQUIRE QUALITY 1234")
        said.append(sys.stdin.buffer.readline().decode().strip())
        say("D " + answer)
        say("OK")
    elif task == "closed":
        say("S BUTTON_INFO close")
        say("ERR 83886278 Operation fully cancelled <Pinentry>")
        os._exit(0)
    elif task == "error":
        say("D 12")
        say("ERR " + answer)
    elif task == "say":
        sys.stdout.buffer.write(answer.encode())
        sys.stdout.buffer.flush()
        time.sleep(600)
    elif task == "end":
        os._exit(0)
    elif task == "huge":
        for _ in range(10_000):
            sys.stdout.buffer.write(b"D" * 1000)
    elif task == "endless":
        while True:
            say("S PROGRESS")
    elif task == "echo off":
        import termios
        terminal = os.open(answer, os.O_RDWR | os.O_NOCTTY)
        quiet = termios.tcgetattr(terminal)
        quiet[3] &= ~termios.ECHO
        termios.tcsetattr(terminal, termios.TCSANOW, quiet)
        said.append("echo off")
        note()
        time.sleep(600)
    else:
        time.sleep(600)
"""


def stand_in(path):
    path.write_text(f"#!{sys.executable}\n{PINENTRY}")
    path.chmod(0o700)


@pytest.fixture(autouse=True)
def a_slow_machine(monkeypatch):
    """Give the stand-in, a Python program, the time to start."""
    monkeypatch.setattr(pinentry, "READY_SECONDS", 60.0)


class Desk:
    """Where a person sits: a display or a terminal, or nothing, and a pinentry."""

    def __init__(self, folder):
        self.folder = folder
        self.record = folder / "record"
        self.platform = "linux"
        self.abandoned = lambda: False
        self.environ = {
            "PATH": str(folder),
            "GNUPGHOME": str(folder),
            "LANG": "C.UTF-8",
            "FAKE_RECORD": str(self.record),
        }
        stand_in(folder / "pinentry")

    def ask(self, task="answer:123456", *, seconds=60, profile="p", **more):
        self.environ["FAKE_TASK"] = task
        question = Question(
            profile, more.pop("device", DEVICE), time.monotonic() + seconds, **more
        )
        source = PinentrySource(
            self.environ, abandoned=self.abandoned, platform=self.platform
        )
        return source.ask(question)

    def refused(self, task="answer:123456", **more):
        with pytest.raises(HumanNeeded) as caught:
            self.ask(task, **more)
        return caught.value

    @property
    def seen(self):
        return json.loads(self.record.read_text())

    def said(self, word):
        """Return the arguments of a command, as a pinentry reads them."""
        found = [one for one in self.seen["said"] if one.startswith(word)]
        return [unquote(one.partition(" ")[2]) for one in found]

    @property
    def asked(self):
        return self.record.exists() and "GETPIN" in self.seen["said"]


@pytest.fixture
def nowhere(tmp_path, monkeypatch):
    """No display, no terminal."""
    monkeypatch.setattr(terminal_module, "DEVICE", str(tmp_path / "none"))
    return Desk(tmp_path)


@pytest.fixture
def desk(nowhere, monkeypatch):
    """A display, no terminal."""
    sockets = Path(tempfile.mkdtemp(prefix="sts"))
    monkeypatch.setattr(display_module, "X11_SOCKETS", str(sockets))
    monkeypatch.setattr(display_module, "SECONDS", 10.0)  # our machine may be busy
    nowhere.environ["DISPLAY"] = ":7"
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(sockets / "X7"))
        server.listen()
        yield nowhere
    shutil.rmtree(sockets)


@pytest.fixture
def tty(monkeypatch):
    """Our terminal: the descriptor of its other side."""
    here, there = pty.openpty()
    ours = os.ttyname(there)

    def foreground(descriptor):
        if os.ttyname(descriptor) != ours:
            raise OSError(errno.ENOTTY, "not ours")
        return os.getpgrp()

    monkeypatch.setattr(os, "tcgetpgrp", foreground)
    yield there
    os.close(here)
    os.close(there)


@pytest.fixture
def terminal(nowhere, tty, monkeypatch):
    """A terminal, no display."""
    monkeypatch.setattr(terminal_module, "DEVICE", os.ttyname(tty))
    return nowhere


def gone(pid):
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return True
        time.sleep(0.01)
    return False


# --- The answer --------------------------------------------------------------


@pytest.mark.parametrize("text", ["123456", "12%34%41", "12\n34", " 1 2 ", "prüfung"])
def test_the_answer_comes_as_it_was_typed(desk, text):
    assert desk.ask(f"answer:{text}") == text


def test_an_answer_of_nothing_is_an_answer(desk):
    assert desk.ask("bare") == ""


def test_lines_may_end_as_they_do_on_windows(desk, monkeypatch):
    monkeypatch.setattr(conversation, "BYE_SECONDS", 0.1)
    assert desk.ask("say:D 123456\r\nOK\r\n") == "123456"


def test_it_is_a_source_of_codes_that_a_person_is_asked_for():
    source = PinentrySource({})
    assert (source.name, source.automatic) == ("pinentry", False)
    assert source.attempts == settings.CODE_ATTEMPTS


def test_what_it_wants_to_know_is_not_told(desk):
    assert desk.ask("inquire:123456") == "123456"
    assert desk.seen["said"][-2:] == ["CAN", "BYE"]


def test_it_is_told_good_bye_and_ends_by_itself(desk):
    desk.ask()
    assert desk.seen["said"][-2:] == ["GETPIN", "BYE"]
    assert gone(desk.seen["pid"])


# --- What it is told ---------------------------------------------------------


def test_it_shows_what_is_asked_and_for_how_long(desk):
    desk.ask(seconds=1000.8, account="333333333333")
    *lines, last = desk.said("SETDESC")[0].splitlines()
    assert lines == ["Profile p, account 333333333333", f"MFA code of {DEVICE}"]
    seconds = int(re.fullmatch("This question stays for ([0-9]+) seconds.", last)[1])
    assert 900 < seconds <= 1001
    assert 900 < int(*desk.said("SETTIMEOUT")) <= 1001
    assert desk.said("SETPROMPT") == ["Code:"]
    assert desk.said("SETTITLE") == ["MFA code for AWS"]
    assert desk.said("SETERROR") == []


def test_its_own_time_is_never_without_an_end(desk):
    desk.refused("stay", seconds=0.4)
    assert desk.said("SETTIMEOUT") in ([], ["1"])


def test_what_was_wrong_with_the_last_code_is_shown_as_an_error(desk):
    desk.ask(reason="that was 100%41 no code")
    assert desk.said("SETERROR") == ["That was 100%41 no code."]
    assert "no code" not in desk.said("SETDESC")[0]


@pytest.mark.parametrize(
    "text", ["a%41b", "100%", "a\nBYE\rx", r"back\slash", "<b>&amp;_x", "prüfung 本番"]
)
def test_names_are_shown_as_they_are(desk, text):
    desk.ask(profile=text, device=f"mfa/{text}")
    question = Question(text, f"mfa/{text}", 0)
    assert desk.said("SETDESC")[0].splitlines()[:2] == [
        question.purpose,
        question.request,
    ]


def test_a_name_as_long_as_can_be_is_shown_whole(desk):
    desk.ask(device="d" * 256)
    assert "d" * 256 in "".join(desk.said("SETDESC")[0].splitlines())


@pytest.mark.parametrize("letter", ["x", "%", "本"])
def test_a_long_question_is_cut_to_what_a_line_takes(desk, letter):
    desk.ask(profile=letter * 3000, device=letter * 256, reason=letter * 3000)
    (shown,) = desk.said("SETDESC")
    lines = shown.splitlines()
    assert max(map(len, lines)) <= 60
    assert len(shown) > 250
    assert "stays for" in lines[-1]
    assert 100 <= len(desk.said("SETERROR")[0]) <= 200


def test_other_letters_are_not_shown_where_the_locale_has_none(desk):
    desk.environ["LC_ALL"] = "C"
    desk.ask(profile="prüfung", reason="nicht übernommen")
    assert desk.said("SETDESC")[0].startswith("Profile pr?fung\n")
    assert desk.said("SETERROR") == ["Nicht ?bernommen."]


def test_it_learns_our_locale(desk):
    desk.environ |= {"LANG": "C.UTF-8", "LC_MESSAGES": "de_DE.UTF-8"}
    desk.ask()
    assert set(desk.said("OPTION")) == {
        "no-grab",
        "lc-ctype=C.UTF-8",
        "lc-messages=de_DE.UTF-8",
    }


def test_no_variable_becomes_a_command(terminal):
    terminal.environ |= {"TERM": "xterm\nGETPIN", "LANG": "UTF-8\r" + "x" * 5000}
    terminal.ask()
    assert terminal.seen["said"].count("GETPIN") == 1
    assert "ttytype=xterm?GETPIN" in terminal.said("OPTION")


@pytest.mark.parametrize("word", ["OPTION", "SETTITLE", "SETTIMEOUT", "SETERROR"])
def test_what_it_does_not_know_is_no_trouble(desk, word):
    desk.environ["FAKE_REFUSED"] = word
    assert desk.ask(reason="x") == "123456"


@pytest.mark.parametrize("word", ["SETDESC", "SETPROMPT"])
def test_nobody_is_asked_who_would_not_know_what_for(desk, word):
    desk.environ["FAKE_REFUSED"] = word
    error = desk.refused()
    assert isinstance(error, CannotAsk)
    assert error.message == "the pinentry cannot ask here: Unknown option"
    assert not desk.asked


def test_it_sees_the_environment_without_secrets(desk):
    desk.environ |= {"AWS_SESSION_TOKEN": "canary", "XAUTHORITY": "/xauth"}
    desk.ask()
    assert "canary" not in desk.seen["environ"].values()
    assert desk.seen["environ"]["XAUTHORITY"] == "/xauth"
    assert desk.seen["argv"] == []


# --- No answer ---------------------------------------------------------------


@pytest.mark.parametrize(
    "task",
    [
        "error:83886179 Operation cancelled <Pinentry>",
        "error:83886179",
        "error:99 cancelled",
        "error:83886194 Not confirmed <Pinentry>",
        "closed",
    ],
)
def test_whoever_cancels_is_there_and_does_not_want_to(desk, task):
    error = desk.refused(task)
    assert isinstance(error, Declined)
    assert error.message == f"the pinentry for the MFA code of {DEVICE} was cancelled"


def test_a_pinentry_that_nobody_answers_in_time_is_told(desk):
    error = desk.refused("error:83886142 Timeout <Pinentry>")
    assert isinstance(error, NoAnswer)
    assert error.message == f"nobody answered the pinentry for the MFA code of {DEVICE}"
    assert error.hint == "run: sts-plugin login --profile p"


@pytest.mark.parametrize(
    ("task", "why"),
    [
        ("error:83918950 No such <thing> here <Pinentry>", "No such <thing> here"),
        ("error:83918950 Bad\x1b[31m\t", "Bad?[31m?"),
        ("error:83886085", "error 5"),
        ("error:83886085 " + "x" * 900, "x" * 200),
        ("error:0 <Pinentry>", "it does not speak Assuan"),
        ("error:what", "it does not speak Assuan"),
        ("say:123456\n", "it does not speak Assuan"),
        ("say:\n", "it does not speak Assuan"),
        ("greeting:Usage", "it does not speak Assuan"),
        ("greeting:D 123456\nERR 83886085 Busy", "Busy"),
        ("end", "it has ended"),
        ("huge", "it printed more than 65536 bytes"),
        ("endless", "it printed more than 65536 bytes"),
    ],
)
def test_a_pinentry_that_does_not_work_cannot_ask(desk, task, why):
    error = desk.refused(task)
    assert isinstance(error, CannotAsk)
    assert error.message == f"the pinentry cannot ask here: {why}"
    assert not error.hint
    assert gone(desk.seen["pid"])


def test_a_pinentry_that_says_nothing_is_not_waited_for_past_the_deadline(
    desk, monkeypatch
):
    monkeypatch.setattr(pinentry, "READY_SECONDS", 600.0)
    began = time.monotonic()
    assert isinstance(desk.refused("mute", seconds=0.5), CannotAsk)
    assert time.monotonic() - began < 60


def test_a_pinentry_that_says_nothing_leaves_time_for_another_way(desk, monkeypatch):
    monkeypatch.setattr(pinentry, "READY_SECONDS", 0.5)
    began = time.monotonic()
    error = desk.refused("mute", seconds=600)
    assert time.monotonic() - began < 60
    assert isinstance(error, CannotAsk)
    assert error.message == "the pinentry cannot ask here: it does not answer"


@pytest.mark.parametrize("task", ["stay", "say:D 12"])
def test_at_the_deadline_it_is_taken_down(desk, task):
    error = desk.refused(task, seconds=3)
    assert isinstance(error, NoAnswer)
    assert gone(desk.seen["pid"])


def test_whoever_takes_long_has_until_the_deadline(desk, monkeypatch):
    monkeypatch.setattr(pinentry, "READY_SECONDS", 1.5)
    released = time.monotonic() + 3

    def wait():
        if time.monotonic() > released:
            raise KeyboardInterrupt

    desk.abandoned = wait
    with pytest.raises(KeyboardInterrupt):
        desk.ask("stay")


def test_it_is_taken_down_once_nobody_waits_any_more(desk):
    desk.abandoned = lambda: desk.asked
    error = desk.refused("stay")
    assert isinstance(error, Declined)
    assert error.message == "nobody waits for the code any more"
    assert gone(desk.seen["pid"])


def test_an_answer_counts_though_nobody_waits_for_its_end(desk, monkeypatch):
    code = PINENTRY.replace('say("OK closing connection")', "time.sleep(600)")
    (desk.folder / "pinentry").write_text(f"#!{sys.executable}\n{code}")
    monkeypatch.setattr(conversation, "BYE_SECONDS", 0.1)
    began = time.monotonic()
    assert desk.ask() == "123456"
    assert time.monotonic() - began < 60
    assert gone(desk.seen["pid"])


@pytest.fixture
def interruptible():
    """Ctrl-C as in the foreground: a shell ignores it for what it runs behind."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def test_ctrl_c_takes_it_down(desk, interruptible):
    def press():
        while not desk.asked:
            time.sleep(0.01)
        os.kill(os.getpid(), signal.SIGINT)

    person = threading.Thread(target=press, daemon=True)
    person.start()
    with pytest.raises(KeyboardInterrupt):
        desk.ask("stay")
    person.join()
    assert gone(desk.seen["pid"])


def test_what_cannot_be_started_cannot_ask(desk):
    (desk.folder / "pinentry").write_text("#!/nowhere/interpreter\n")
    error = desk.refused()
    assert isinstance(error, CannotAsk)
    assert error.message == "the pinentry cannot ask here: No such file or directory"


def shown_by(error):
    """Return what our frames of an error and of those before it show."""
    shown = ""
    while error:
        found = traceback.TracebackException.from_exception(error, capture_locals=True)
        for frame in found.stack:
            if "/sts_plugin/" in frame.filename:
                shown += "".join(f"{k} = {v}\n" for k, v in frame.locals.items())
        error = error.__context__
    return shown


@pytest.mark.parametrize("after", ["stay", "cancel"])
def test_no_frame_of_the_error_shows_what_was_typed(desk, after):
    # Not in the environment, which is the test's way to tell the stand-in.
    ends = {
        "stay": "time.sleep(600)",
        "cancel": 'say("ERR 83886179 Operation cancelled")',
    }
    code = PINENTRY.replace(
        'elif task == "bare":',
        f'elif task == "bare":\n        say("D " + "654321"[::-1]); {ends[after]}',
    )
    (desk.folder / "pinentry").write_text(f"#!{sys.executable}\n{code}")
    error = desk.refused("bare", seconds=3)
    shown = shown_by(error)
    assert "typed = <_io.BytesIO" in shown
    assert "123456" not in shown


# --- Where it asks -----------------------------------------------------------


def test_without_a_display_and_a_terminal_no_program_is_started(nowhere):
    error = nowhere.refused()
    assert isinstance(error, CannotAsk)
    assert error.message == "there is no display and no terminal for a pinentry"
    assert not nowhere.record.exists()


def test_it_may_ask_on_our_terminal(terminal):
    terminal.environ["TERM"] = "xterm-256color"
    assert terminal.ask() == "123456"
    assert set(terminal.said("OPTION")) >= {
        "ttyname=/dev/tty",
        "ttytype=xterm-256color",
    }


def test_on_our_terminal_it_stays_in_the_foreground_with_us(terminal):
    terminal.ask()
    assert terminal.seen["group"] == os.getpgrp()


def test_elsewhere_it_has_a_process_group_of_its_own(desk):
    desk.ask()
    assert desk.seen["group"] == desk.seen["pid"]
    assert not [one for one in desk.said("OPTION") if one.startswith("tty")]


def test_the_terminal_has_the_name_that_gnupg_knows_it_by(terminal, tty):
    terminal.environ["GPG_TTY"] = os.ttyname(tty)
    terminal.ask()
    assert f"ttyname={os.ttyname(tty)}" in terminal.said("OPTION")


@pytest.mark.parametrize("name", ["another", "/nowhere/pts/7", "/dev/null", ""])
def test_the_terminal_of_another_window_is_left_alone(terminal, name):
    here, there = pty.openpty()
    terminal.environ["GPG_TTY"] = os.ttyname(there) if name == "another" else name
    before = len([*Path("/dev/fd").iterdir()])
    terminal.ask()
    assert len([*Path("/dev/fd").iterdir()]) == before  # what was looked at is closed
    os.close(here)
    os.close(there)
    assert "ttyname=/dev/tty" in terminal.said("OPTION")


def test_a_display_that_is_gone_does_not_keep_it_from_the_terminal(terminal):
    terminal.environ |= {"DISPLAY": ":8", "WAYLAND_DISPLAY": "/nowhere/wayland-0"}
    terminal.ask()
    assert not terminal.seen["environ"].keys() & {"DISPLAY", "WAYLAND_DISPLAY"}
    assert terminal.environ["DISPLAY"] == ":8"  # it is taken from the program only


def test_where_there_is_both_it_is_told_of_both(desk, tty, monkeypatch):
    monkeypatch.setattr(terminal_module, "DEVICE", os.ttyname(tty))
    desk.ask()
    assert "ttyname=/dev/tty" in desk.said("OPTION")
    assert desk.seen["environ"]["DISPLAY"] == ":7"


def test_the_terminal_is_left_as_it_was_found(terminal, tty):
    before = termios.tcgetattr(tty)
    during = []

    def abandoned():
        if terminal.record.exists() and "echo off" in terminal.seen["said"]:
            during.append(termios.tcgetattr(tty))
        return bool(during)

    terminal.abandoned = abandoned
    assert isinstance(terminal.refused(f"echo off:{os.ttyname(tty)}"), Declined)
    assert not during[0][3] & termios.ECHO
    assert termios.tcgetattr(tty) == before


def test_who_asks_from_the_background_does_not_stop_us(terminal):
    handled = []

    def abandoned():
        handled.append(signal.getsignal(signal.SIGTTIN))
        return terminal.asked

    terminal.abandoned = abandoned
    terminal.refused("stay")
    assert handled[0] not in {signal.SIG_DFL, signal.SIG_IGN}
    assert signal.getsignal(signal.SIGTTIN) is signal.SIG_DFL


# --- Which one ---------------------------------------------------------------


def used(desk, *names):
    """Return which of the programs of these names is run."""
    for name in names:
        path = desk.folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(f"#!/bin/sh\necho ERR 5 {name}\n")
        path.chmod(0o700)
    message = desk.refused().message
    return re.sub("the pinentry cannot ask here: ", "", message)


def test_ours_comes_first_then_that_of_gnupg_then_any(desk):
    names = ("own/one", "own/two", "pinentry", "pinentry-mac")
    conf = desk.folder / "gpg-agent.conf"
    conf.write_text(f"pinentry-program {desk.folder}/own/two\n")
    desk.environ["STS_PLUGIN_PINENTRY"] = f"{desk.folder}/own/one"
    assert used(desk, *names) == "own/one"
    desk.environ["STS_PLUGIN_PINENTRY"] = "pinentry-mac"
    assert used(desk, *names) == "pinentry-mac"
    desk.environ["STS_PLUGIN_PINENTRY"] = ""
    assert used(desk, *names) == "own/two"
    conf.unlink()
    assert used(desk, *names) == "pinentry"


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("pinentry-program {}/own/one", "own/one"),
        ("\n  pinentry-program\t{}/own/one  \r\nno-grab\n", "own/one"),
        ('pinentry-program "{}/own/one two"', "own/one two"),
        ("pinentry-program {0}/own/two\npinentry-program {0}/own/one\n", "own/one"),
        ("#pinentry-program {}/own/one\n", "pinentry"),
        ("pinentry-program-x {}/own/one\n", "pinentry"),
        ("pinentry-program\nno-grab\n", "pinentry"),
        ("pinentry-program   \nno-grab\n", "pinentry"),
        ("", "pinentry"),
    ],
)
def test_the_settings_of_gnupg_are_read_as_it_does(desk, text, name):
    (desk.folder / "gpg-agent.conf").write_text(text.format(desk.folder))
    assert used(desk, "own/one", "own/two", "own/one two", "pinentry") == name


def test_settings_that_cannot_be_read_say_nothing(desk):
    conf = desk.folder / "gpg-agent.conf"
    conf.write_bytes(b"pinentry-program \xff\n")
    assert used(desk, "pinentry") == "pinentry"
    conf.unlink()
    conf.mkdir()
    assert used(desk, "pinentry") == "pinentry"
    conf.rmdir()
    os.mkfifo(conf)
    assert used(desk, "pinentry") == "pinentry"


def test_the_settings_are_in_the_home_folder_unless_told_otherwise(desk, monkeypatch):
    monkeypatch.setenv("HOME", str(desk.folder))
    del desk.environ["GNUPGHOME"]
    (desk.folder / ".gnupg").mkdir()
    conf = desk.folder / ".gnupg" / "gpg-agent.conf"
    conf.write_text("pinentry-program ~/own/one\n")
    assert used(desk, "own/one", "pinentry") == "own/one"


def test_a_mac_prefers_the_pinentry_that_opens_windows(desk, monkeypatch):
    monkeypatch.setattr(display_module, "MANAGER", ("/bin/echo", "Aqua"))
    assert used(desk, "pinentry", "pinentry-mac") == "pinentry"
    desk.platform = "darwin"
    assert used(desk, "pinentry", "pinentry-mac") == "pinentry-mac"
    (desk.folder / "pinentry-mac").unlink()
    assert used(desk, "pinentry") == "pinentry"


def test_a_program_that_is_named_and_not_there_is_told(desk):
    conf = desk.folder / "gpg-agent.conf"
    conf.write_text("pinentry-program /nowhere/one\n")
    assert desk.refused().message == (
        "gpg-agent.conf names a pinentry that is no program: /nowhere/one"
    )
    desk.environ[gnupg.VARIABLE] = "/nowhere/two"
    assert desk.refused().message == (
        "STS_PLUGIN_PINENTRY names a pinentry that is no program: /nowhere/two"
    )
    assert isinstance(desk.refused(), CannotAsk)


def test_without_a_pinentry_nobody_is_asked(desk):
    (desk.folder / "pinentry").unlink()
    assert desk.refused().message == "no pinentry is installed"
