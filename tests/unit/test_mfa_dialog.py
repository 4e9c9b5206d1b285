from __future__ import annotations

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import textwrap
import threading
import time
import traceback
from dataclasses import replace
from pathlib import Path

import pytest

from sts_plugin import settings
from sts_plugin.errors import CannotAsk, Declined, HumanNeeded, NoAnswer
from sts_plugin.mfa import Question, toolkits
from sts_plugin.mfa import display as display_module
from sts_plugin.mfa.dialog import DialogSource

DEVICE = "arn:aws:iam::111111111111:mfa/alice"

# Text that one program or the other would make something else of.
NASTY = [
    "plain",
    "<b>bold</b> &amp; R&D &#92;",
    "under_score __init__ _",
    r"back\slash \n \t \101 \\ \x41 end" + "\\",
    "quo\"ted 'twice' `id` $(id) ${HOME} %s %n",
    "--title=x -x",
    "line\nbreak\ttab\x1b[31m\0",
    'item 1 of argv" & (do shell script "id") & "',
    "prüfung 本番",
]

# What the stand-ins have in common: they record how they were called and do as told.
COMMON = """\
import json, os, re, signal, sys, time

def called(shown, hidden, **more):
    told = {"argv": sys.argv[1:], "environ": dict(os.environ), "shown": shown}
    with open(os.environ["FAKE_RECORD"] + ".new", "w") as file:
        json.dump({**told, "hidden": hidden, "pid": os.getpid(), **more}, file)
    os.rename(os.environ["FAKE_RECORD"] + ".new", os.environ["FAKE_RECORD"])

task, _, answer = os.environ.get("FAKE_TASK", "answer:123456").partition(":")
if task == "die":
    os.kill(os.getpid(), signal.SIGKILL)
print("Gtk-WARNING **: theme parsing error", file=sys.stderr)
"""

ZENITY = """\
options = {}
for word in sys.argv[1:]:
    name, _, value = word.partition("=")
    if name not in {"--entry", "--hide-text", "--title", "--text", "--timeout"}:
        print("This option is not available", file=sys.stderr)
        sys.exit(255)
    assert name not in options
    options[name] = value
assert "--entry" in options
if not sys.argv[1:][3].isascii() and "UTF-8" not in os.environ.get("LANG", ""):
    sys.exit(255)
if task == "nodisplay":
    sys.exit(1)

def code_for(name, default):
    own, common = os.environ.get("ZENITY_" + name), os.environ.get("DIALOG_" + name)
    return int(own or common or default)

escape = r"\\\\([0-7]{1,3}|[bfnrtv]|.)"  # g_strcompress
plain = {"b": "\\b", "f": "\\f", "n": "\\n", "r": "\\r", "t": "\\t", "v": "\\v"}

def resolved(found):
    one = found[1]
    return chr(int(one, 8)) if one.isdigit() else plain.get(one, one)

text = re.sub(escape, resolved, options["--text"])
text = re.sub("_(.)", r"\\1", text)  # mnemonics
called(text, "--hide-text" in options, seconds=int(options["--timeout"]))
if task == "answer":
    print(answer)
    sys.exit(code_for("OK", 0))
if task == "cancel":
    sys.exit(code_for("CANCEL", 1))
if task == "close":
    sys.exit(code_for("ESC", 1))
if task == "expire":
    print(answer)  # it does that
    sys.exit(code_for("TIMEOUT", 5))
if task == "code":
    sys.exit(int(answer))
if task == "shot":
    sys.exit(code_for("OK", 0))
time.sleep(600)
"""

KDIALOG = """\
options = {}
for word in sys.argv[1:]:
    name, _, value = word.partition("=")
    if name not in {"--title", "--password"}:
        sys.exit(1)
    options[name] = value
if task == "nodisplay":
    os.kill(os.getpid(), signal.SIGABRT)
text = options["--password"]
assert "\\\\" not in text and "\\n" not in text  # the one is resolved, the other lost
rich = re.fullmatch("<qt>(.*)</qt>", text, re.DOTALL)[1].replace("<br>", "\\n")
assert "<" not in rich
import html
called(html.unescape(rich), True)
if task == "answer":
    print(answer)
    sys.exit(0)
if task == "cancel":
    print()
    sys.exit(1)
if task == "code":
    sys.exit(int(answer))
time.sleep(600)
"""

OSASCRIPT = """\
flag, script, text, title, seconds = sys.argv[1:]
assert flag == "-e" and script.startswith("on run argv") and script.isascii()
called(text, "with hidden answer" in script, script=script, seconds=int(seconds))
said = {"answer": answer, "cancel": "cancelled", "expire": "gave up"}
if task in said:
    print(said[task])
    sys.exit(0)
if task == "code":
    sys.exit(int(answer))
time.sleep(600)
"""

POWERSHELL = """\
*switches, command, script = sys.argv[1:]
assert switches == ["-NoProfile", "-NonInteractive", "-STA"] and command == "-Command"
assert "Text = $env:STS_PLUGIN_DIALOG_TEXT;" in script
assert "[int]$env:STS_PLUGIN_DIALOG_SECONDS" in script
called(
    os.environ["STS_PLUGIN_DIALOG_TEXT"],
    "UseSystemPasswordChar" in script,
    script=script,
    seconds=int(os.environ["STS_PLUGIN_DIALOG_SECONDS"]),
)
if task == "answer":
    print(answer, end="\\r\\n")
    sys.exit(0)
codes = {"cancel": 101, "expire": 105}
if task in codes:
    sys.exit(codes[task])
if task == "code":
    sys.exit(int(answer))
time.sleep(600)
"""


def stand_in(path, code):
    path.write_text(f"#!{sys.executable}\n{COMMON}{code}")
    path.chmod(0o700)


class Screen:
    """A machine with a display, stand-ins, and what was seen of them."""

    def __init__(self, folder):
        self.folder = folder
        self.record = folder / "record"
        self.platform = "linux"
        self.abandoned = lambda: False
        self.environ = {
            "DISPLAY": ":7",
            "PATH": str(folder),
            "LANG": "C.UTF-8",
            "FAKE_RECORD": str(self.record),
        }

    def install(self, *names):
        for name in names:
            stand_in(self.folder / name, {"zenity": ZENITY, "kdialog": KDIALOG}[name])

    def become(self, platform, constant, code, monkeypatch):
        """Be another system, with the program that comes with it."""
        self.platform = platform
        place = self.folder / constant
        stand_in(place, code)
        there = replace(getattr(toolkits, constant), place=str(place))
        monkeypatch.setattr(toolkits, constant, there)

    def source(self):
        return DialogSource(
            self.environ, abandoned=self.abandoned, platform=self.platform
        )

    def ask(self, task="answer:123456", *, seconds=60, profile="p", **more):
        self.environ["FAKE_TASK"] = task
        question = Question(
            profile, more.pop("device", DEVICE), time.monotonic() + seconds, **more
        )
        return self.source().ask(question)

    def refused(self, task="answer:123456", **more):
        with pytest.raises(HumanNeeded) as caught:
            self.ask(task, **more)
        return caught.value

    @property
    def seen(self):
        return json.loads(self.record.read_text())


@pytest.fixture
def screen(tmp_path, monkeypatch):
    sockets = Path(tempfile.mkdtemp(prefix="sts"))
    monkeypatch.setattr(display_module, "X11_SOCKETS", str(sockets))
    monkeypatch.setattr(display_module, "SECONDS", 10.0)  # our machine may be busy
    monkeypatch.setattr(display_module, "MANAGER", ("/bin/echo", "Aqua"))
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(sockets / "X7"))
        server.listen()
        yield Screen(tmp_path)
    shutil.rmtree(sockets)


@pytest.fixture(params=["zenity", "kdialog", "osascript", "PowerShell"])
def any_screen(request, screen, monkeypatch):
    """A screen with one program for dialogs, whichever."""
    match request.param:
        case "osascript":
            screen.become("darwin", "OSASCRIPT", OSASCRIPT, monkeypatch)
        case "PowerShell":
            screen.become("win32", "POWERSHELL", POWERSHELL, monkeypatch)
        case name:
            screen.install(name)
    return screen


def test_the_answer_comes_as_it_was_typed(any_screen):
    assert any_screen.ask("answer:12 34_\\56").strip() == "12 34_\\56"
    assert any_screen.ask("answer:").strip() == ""


def test_it_is_a_source_of_codes_that_a_person_is_asked_for():
    source = DialogSource({})
    assert (source.name, source.automatic) == ("dialog", False)
    assert source.attempts == settings.CODE_ATTEMPTS


@pytest.mark.parametrize("text", NASTY)
def test_names_are_shown_as_they_are(any_screen, text):
    any_screen.ask(profile=text, device=f"mfa/{text}", account="333333333333")
    question = Question(text, f"mfa/{text}", 0, account="333333333333")
    shown = " ".join(any_screen.seen["shown"].split())
    assert " ".join(question.purpose.split()) in shown
    assert " ".join(question.request.split()) in shown


@pytest.mark.parametrize("text", NASTY[1:])
def test_no_script_holds_a_name(any_screen, text):
    any_screen.ask(profile=text, device=text)
    with_name = any_screen.seen.get("script")
    any_screen.ask()
    assert any_screen.seen.get("script") == with_name


def test_it_shows_what_is_asked_and_for_how_long(any_screen):
    any_screen.ask(
        seconds=1000.8, account="333333333333", reason="AWS refused that code"
    )
    *lines, last = any_screen.seen["shown"].splitlines()
    assert lines == [
        "Profile p, account 333333333333",
        "AWS refused that code.",
        f"MFA code of {DEVICE}",
    ]
    seconds = int(re.fullmatch("This question stays for ([0-9]+) seconds.", last)[1])
    assert 900 < seconds <= 1001
    assert 900 < any_screen.seen.get("seconds", seconds) <= 1001


def test_what_is_typed_is_hidden(any_screen):
    any_screen.ask()
    assert any_screen.seen["hidden"]


def test_a_long_name_makes_a_window_high_and_not_wide(any_screen):
    any_screen.ask(profile="long-name" * 200, device="d" * 256)
    lines = any_screen.seen["shown"].splitlines()
    assert max(map(len, lines)) <= 60
    assert len(lines) < 20
    assert "d" * 256 in "".join(lines)


def test_a_name_is_not_broken_at_its_hyphens(any_screen):
    name = "-".join(["prod"] * 11)
    any_screen.ask(profile=f"x {name}")
    assert any_screen.seen["shown"].splitlines()[:2] == ["Profile x", name]


def test_whoever_cancels_is_there_and_does_not_want_to(any_screen):
    error = any_screen.refused("cancel")
    assert isinstance(error, Declined)
    assert error.message == f"the dialog for the MFA code of {DEVICE} was cancelled"


@pytest.mark.parametrize(
    "any_screen", ["zenity", "osascript", "PowerShell"], indirect=True
)
def test_a_dialog_that_nobody_answers_in_time_is_told(any_screen):
    error = any_screen.refused("expire:123456")
    assert isinstance(error, NoAnswer)
    assert error.message == f"nobody answered the dialog for the MFA code of {DEVICE}"
    assert error.hint == "run: sts-plugin login --profile p"


def ended(pid):
    state = subprocess.run(
        ["ps", "-o", "stat=", "-p", str(pid)],
        check=False,
        capture_output=True,
        text=True,
    ).stdout
    return not state or state.startswith("Z")


def test_at_the_deadline_the_dialog_is_taken_down(any_screen):
    began = time.monotonic()
    error = any_screen.refused("stay", seconds=1)
    assert isinstance(error, NoAnswer)
    assert time.monotonic() - began < 30
    assert not any_screen.record.exists() or ended(any_screen.seen["pid"])


def test_the_dialog_is_taken_down_once_nobody_waits_any_more(any_screen):
    any_screen.abandoned = any_screen.record.exists
    error = any_screen.refused("stay")
    assert isinstance(error, Declined)
    assert error.message == "nobody waits for the code any more"
    assert ended(any_screen.seen["pid"])


@pytest.mark.parametrize("kind", [KeyboardInterrupt, SystemExit])
def test_the_dialog_is_taken_down_when_we_end(any_screen, kind):
    def stop():
        if any_screen.record.exists():
            raise kind

    any_screen.abandoned = stop
    with pytest.raises(kind):
        any_screen.ask("stay")
    assert ended(any_screen.seen["pid"])


@pytest.mark.parametrize(
    ("task", "why"),
    [
        ("code:7", "it ended with exit code 7"),
        ("code:255", "it ended with exit code 255"),
        ("die", "it ended with exit code -9"),
    ],
)
def test_a_program_that_fails_is_no_cancelled_dialog(any_screen, task, why):
    error = any_screen.refused(task)
    assert isinstance(error, CannotAsk)
    assert error.message.endswith(f" cannot open a dialog here: {why}")


@pytest.mark.parametrize(("name", "code"), [("zenity", 1), ("kdialog", -6)])
def test_a_program_that_finds_no_display_is_no_cancelled_dialog(screen, name, code):
    screen.install(name)
    error = screen.refused("nodisplay")
    assert isinstance(error, CannotAsk)
    assert error.message.startswith(f"{name} cannot open a dialog here: ")
    assert error.message.endswith(f"exit code {code}")


def test_what_cannot_be_started_cannot_ask(screen):
    path = screen.folder / "zenity"
    path.write_text("#!/nowhere/interpreter\n")
    path.chmod(0o700)
    error = screen.refused()
    assert isinstance(error, CannotAsk)
    assert "No such file or directory" in error.message


# --- zenity and kdialog ------------------------------------------------------


@pytest.mark.parametrize("task", ["cancel", "close"])
def test_exit_codes_that_somebody_set_for_zenity_do_not_matter(screen, task):
    screen.install("zenity")
    for name in ("OK", "CANCEL", "ESC", "TIMEOUT", "ERROR"):
        screen.environ[f"DIALOG_{name}"] = "0" if name != "OK" else "9"
        screen.environ[f"ZENITY_{name}"] = "0" if name != "OK" else "9"
    assert isinstance(screen.refused(task), Declined)
    assert isinstance(screen.refused("expire:1"), NoAnswer)
    assert screen.ask() == "123456\n"


def test_a_window_that_was_shot_gave_no_empty_answer(screen):
    screen.install("zenity")
    error = screen.refused("shot")
    assert isinstance(error, CannotAsk)
    assert error.message.endswith("it ended without an answer")


@pytest.mark.parametrize(
    ("desktop", "installed", "used"),
    [
        ("GNOME", ["zenity", "kdialog"], "zenity"),
        ("", ["zenity", "kdialog"], "zenity"),
        ("KDE", ["zenity", "kdialog"], "kdialog"),
        ("X-Own:KDE", ["zenity", "kdialog"], "kdialog"),
        ("NOTKDE", ["zenity", "kdialog"], "zenity"),
        ("KDE", ["zenity"], "zenity"),
        ("GNOME", ["kdialog"], "kdialog"),
    ],
)
def test_the_program_is_that_of_the_desktop_if_it_is_there(
    screen, desktop, installed, used
):
    screen.install(*installed)
    screen.environ["XDG_CURRENT_DESKTOP"] = desktop
    assert screen.refused("code:9").message.startswith(f"{used} cannot")


@pytest.mark.parametrize("name", ["zenity", "kdialog"])
@pytest.mark.parametrize(
    "locale",
    [
        {"LANG": "C"},
        {"LANG": ""},
        {"LANG": "de_DE.UTF-8", "LC_ALL": "C"},
        {"LANG": "C.UTF-8", "LC_CTYPE": "de_DE.ISO-8859-1"},
    ],
)
def test_other_letters_are_not_shown_where_the_locale_has_none(screen, name, locale):
    screen.install(name)
    screen.environ.update(locale)
    screen.ask(profile="prüfung")
    assert screen.seen["shown"].startswith("Profile pr?fung\n")


@pytest.mark.parametrize(
    "locale",
    [
        {"LANG": "C.utf8"},
        {"LANG": "C.UTF-8", "LC_ALL": "", "LC_CTYPE": ""},
        {"LANG": "C", "LC_CTYPE": "de_DE.UTF-8"},
        {"LANG": "C", "LC_CTYPE": "C", "LC_ALL": "de_DE.UTF-8"},
    ],
)
def test_other_letters_are_shown_where_the_locale_has_them(screen, locale):
    screen.install("kdialog")
    screen.environ.update(locale)
    screen.ask(profile="prüfung")
    assert screen.seen["shown"].startswith("Profile prüfung\n")


@pytest.mark.parametrize(
    ("platform", "constant", "code"),
    [("darwin", "OSASCRIPT", OSASCRIPT), ("win32", "POWERSHELL", POWERSHELL)],
)
def test_other_letters_need_no_locale_elsewhere(
    screen, monkeypatch, platform, constant, code
):
    screen.become(platform, constant, code, monkeypatch)
    screen.environ["LANG"] = "C"
    screen.ask(profile="prüfung")
    assert screen.seen["shown"].startswith("Profile prüfung\n")


def test_the_program_sees_the_environment_without_secrets(screen):
    screen.install("zenity")
    screen.environ |= {"AWS_SESSION_TOKEN": "canary", "XAUTHORITY": "/xauth"}
    screen.ask()
    assert "canary" not in screen.seen["environ"].values()
    assert screen.seen["environ"]["XAUTHORITY"] == "/xauth"


# --- Where there is no dialog ------------------------------------------------


@pytest.mark.parametrize("display", ["", ":8", "nowhere.invalid:0"])
def test_without_a_display_no_program_is_started(screen, display):
    screen.install("zenity")
    screen.environ["DISPLAY"] = display
    began = time.monotonic()
    error = screen.refused()
    assert time.monotonic() - began < 10
    assert isinstance(error, CannotAsk)
    assert error.message == "there is no display for a dialog"
    assert not screen.record.exists()


@pytest.mark.parametrize(
    ("platform", "desktop", "names"),
    [
        ("linux", "", "zenity or kdialog"),
        ("linux", "KDE", "kdialog or zenity"),
        ("darwin", "", "osascript"),
        ("win32", "", "PowerShell"),
    ],
)
def test_without_a_program_nobody_is_asked(screen, platform, desktop, names):
    screen.platform = platform
    screen.environ["XDG_CURRENT_DESKTOP"] = desktop
    error = screen.refused()
    assert isinstance(error, CannotAsk)
    assert error.message == f"no program for dialogs ({names}) is installed"


def test_what_comes_with_windows_is_not_looked_for_on_the_path(screen):
    screen.platform = "win32"
    stand_in(screen.folder / "powershell.exe", POWERSHELL)
    assert isinstance(screen.refused(), CannotAsk)
    screen.environ["SYSTEMROOT"] = f"{screen.folder}/Windows"
    place = r"Windows\System32\WindowsPowerShell\v1.0\powershell.exe"
    stand_in(screen.folder / place, POWERSHELL)
    assert screen.ask().strip() == "123456"


def test_what_comes_with_a_mac_is_not_looked_for_on_the_path(screen):
    screen.platform = "darwin"
    stand_in(screen.folder / "osascript", OSASCRIPT)
    assert isinstance(screen.refused(), CannotAsk)


# --- Secrets -----------------------------------------------------------------


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


def test_no_frame_of_the_error_shows_what_was_typed(screen):
    screen.install("zenity")
    # Not in the environment, which is the test's way to tell the stand-in.
    code = ZENITY.replace("print(answer)", "print(int('654321'[::-1]))")
    stand_in(screen.folder / "zenity", code)
    shown = shown_by(screen.refused("expire"))
    assert "printed = <_io.BytesIO" in shown
    assert "123456" not in shown


def test_the_children_of_a_wrapper_are_ended_with_it(screen):
    screen.install("kdialog")
    inner = screen.folder / "kdialog"
    inner.rename(screen.folder / "inner")
    wrapper = screen.folder / "zenity"
    wrapper.write_text(
        textwrap.dedent(f"""\
        #!/bin/sh
        "{screen.folder}/inner" --title=x "--password=<qt>x</qt>"
        exit $?
        """)
    )
    wrapper.chmod(0o700)
    screen.abandoned = screen.record.exists
    assert isinstance(screen.refused("stay"), Declined)
    deadline = time.monotonic() + 30
    while not ended(screen.seen["pid"]) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert ended(screen.seen["pid"])


@pytest.fixture
def interruptible():
    """Ctrl-C as in the foreground: a shell ignores it for what it runs behind."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def test_ctrl_c_takes_the_dialog_down(screen, interruptible):
    screen.install("zenity")

    def press():
        while not screen.record.exists():
            time.sleep(0.01)
        os.kill(os.getpid(), signal.SIGINT)

    person = threading.Thread(target=press, daemon=True)
    person.start()
    with pytest.raises(KeyboardInterrupt):
        screen.ask("stay")
    person.join()
    assert ended(screen.seen["pid"])
