from __future__ import annotations

import errno
import os
import signal

import pytest

from sts_plugin.cli import common, running
from sts_plugin.cli.common import exit_code

pytestmark = pytest.mark.skipif(os.name != "posix", reason="there are no such signals")


class Child:
    def __init__(self):
        self.got = []

    def send_signal(self, number):
        self.got.append(signal.Signals(number).name)


@pytest.fixture
def child():
    return Child()


@pytest.fixture(params=[True, False], ids=["keyboard", "no keyboard"])
def keyboard(request, monkeypatch):
    monkeypatch.setattr(running, "_at_keyboard", lambda: request.param)
    return request.param


def test_signals_before_the_child_is_known_are_passed_on_afterwards(child, keyboard):
    with running._Passing() as passing:
        for name in ("SIGUSR1", "SIGINT", "SIGTERM"):
            signal.raise_signal(getattr(signal, name))
        assert child.got == []
        passing.on_to(child)
        assert child.got == ["SIGUSR1", *([] if keyboard else ["SIGINT"]), "SIGTERM"]
        signal.raise_signal(signal.SIGHUP)
        assert child.got[-1] == "SIGHUP"


def test_what_is_ignored_stays_ignored_and_all_is_as_before_afterwards(child, keyboard):
    del keyboard
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with running._Passing() as passing:
            passing.on_to(child)
            signal.raise_signal(signal.SIGHUP)
            assert signal.getsignal(signal.SIGTERM) != signal.SIG_DFL
        assert child.got == []
        assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL
    finally:
        signal.signal(signal.SIGHUP, before)


@pytest.mark.parametrize(
    ("words", "environ", "command"),
    [
        (["--", "a", "--", "b"], {}, ["a", "--", "b"]),
        (["a", "--"], {}, ["a", "--"]),
        ([], {"SHELL": "/bin/zsh"}, ["/bin/zsh"]),
        (["--"], {"SHELL": ""}, ["/bin/sh"]),
    ],
)
def test_the_command_is_what_was_given_or_a_shell(words, environ, command):
    assert running.chosen(words, environ) == command


def test_on_windows_it_is_the_shell_that_we_are_in(monkeypatch):
    monkeypatch.setattr(running.os, "name", "nt")
    monkeypatch.setattr(running.shutil, "which", lambda name: f"C:\\{name}.exe")
    assert running.chosen([], {"COMSPEC": "C:\\cmd.exe"}) == ["C:\\cmd.exe"]
    for name in ("PSModulePath", "PSMODULEPATH"):  # os.environ, and a copy of it
        assert running.chosen([], {name: "x"}) == ["C:\\pwsh.exe"]


@pytest.mark.parametrize(
    ("number", "code"),
    [(errno.ENOENT, 127), (errno.ENOTDIR, 127), (errno.EACCES, 126), (None, 126)],
)
def test_exit_codes_are_those_of_a_shell(number, code, capsys):
    assert running._told("a\x1b[31mb", number) == code
    assert "\x1b" not in capsys.readouterr().err


# --- Windows ---


@pytest.fixture
def there(on_windows):
    on_windows(running)


def test_what_the_console_sends_is_not_passed_on_a_second_time(
    child, there, monkeypatch
):
    # Popen raises for what Windows cannot send.
    monkeypatch.setattr(signal, "SIGBREAK", signal.SIGWINCH, raising=False)
    with running._Passing() as passing:
        passing.on_to(child)
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGTERM)
    assert child.got == ["SIGTERM"]


def test_nothing_takes_our_place_where_the_shell_would_not_wait(
    there, monkeypatch, mocker
):
    replaced = mocker.patch("os.execvpe")
    monkeypatch.setattr(running, "run", lambda *given: given)
    assert running.become(["x"], {}, None) == (["x"], {}, None)
    replaced.assert_not_called()


def test_a_script_is_run_by_its_whole_name(there, monkeypatch, mocker):
    started = mocker.patch("subprocess.Popen")
    found = {"cdk": "C:\\node\\cdk.CMD"}
    monkeypatch.setattr(running.shutil, "which", lambda name, **_: found.get(name))
    running._start(["cdk", "deploy"], {"PATH": "C:\\node"}, None)
    running._start(["absent"], {}, None)
    assert [call.args[0] for call in started.call_args_list] == [
        ["C:\\node\\cdk.CMD", "deploy"],
        ["absent"],
    ]


@pytest.mark.parametrize(
    ("name", "code", "ours"),
    [
        ("nt", 0xC000013A, -1073741510),  # Ctrl-C; what os._exit takes
        ("nt", 0x7FFFFFFF, 0x7FFFFFFF),
        ("nt", 3, 3),
        ("posix", -15, 143),
        ("posix", 3, 3),
    ],
)
def test_an_exit_code_is_one_that_we_can_end_with(on_windows, name, code, ours):
    if name == "nt":
        on_windows(common)
    assert exit_code(code) == ours
