from __future__ import annotations

import contextlib
import subprocess
import sys

import pytest

from sts_plugin.mfa import Question
from sts_plugin.mfa.ways import sources
from sts_plugin.model import MFA_WAYS, CodeSettings, Origin, Setting
from sts_plugin.watcher import Watcher

PROCESS = Setting("mfa_process", "echo 123456", Origin("f", 1), "p")
FILE = Setting("totp_file", "/seed", Origin("f", 2), "p")


class Gone(Watcher):
    """Whoever started it has ended; whether the result is waited for is to be told."""

    def __init__(self, *, gone):
        super().__init__(print)
        self._gone = gone

    def gone(self):
        return self._gone

    def orphaned(self):
        return True


def made(codes, environ=None, *, watcher=Watcher(print), turn=contextlib.nullcontext):  # noqa: B008
    return sources(codes, environ or {}, turn=turn, watcher=watcher)


def names(codes, environ=None):
    return [source.name for source in made(codes, environ)]


def test_sources_come_in_the_order_that_the_settings_say():
    assert names(CodeSettings(ways=MFA_WAYS)) == list(MFA_WAYS)
    assert names(CodeSettings()) == ["totp", "terminal", "dialog", "pinentry"]
    assert names(CodeSettings(ways=("pinentry", "command"))) == ["pinentry", "command"]


def test_a_code_of_the_environment_comes_before_everything_else():
    environ = {"STS_PLUGIN_MFA_CODE": "123456"}
    first, second = made(CodeSettings(ways=("terminal",)), environ)
    assert (first.name, second.name) == ("variable", "terminal")
    assert first.ask(Question("p", "device", 0.0)) == "123456"
    assert names(CodeSettings(ways=("terminal",)), environ) == ["terminal"]


def test_an_empty_code_of_the_environment_counts_as_none():
    # As of every variable of ours; the prompt is not to begin with a complaint.
    environ = {"STS_PLUGIN_MFA_CODE": ""}
    assert names(CodeSettings(ways=("terminal",)), environ) == ["terminal"]


@pytest.mark.parametrize(
    ("way", "automatic", "attempts"),
    [
        ("command", True, 2),
        ("totp", True, 2),
        ("terminal", False, 3),
        ("dialog", False, 3),
        ("pinentry", False, 3),
    ],
)
def test_a_machine_is_asked_twice_and_a_person_three_times(way, automatic, attempts):
    (source,) = made(CodeSettings(ways=(way,)))
    assert (source.name, source.automatic, source.attempts) == (
        way,
        automatic,
        attempts,
    )


def test_sources_get_what_the_profiles_say_for_them():
    command, totp = made(CodeSettings(PROCESS, FILE, ways=("command", "totp")))
    assert command._process == PROCESS
    assert totp._file == FILE


@pytest.mark.parametrize("gone", [True, False])
def test_a_command_outlives_its_shell_and_a_prompt_does_not(gone):
    # nohup ... &: the result is still waited for, and no one is asked for it.
    command, *prompts = made(
        CodeSettings(ways=("command", "terminal", "dialog", "pinentry")),
        watcher=Gone(gone=gone),
    )
    assert command._abandoned() is gone
    assert [prompt._abandoned() for prompt in prompts] == [True] * 3


def test_the_terminal_takes_its_turn_at_the_cache():
    def turn(name):
        raise NotImplementedError(name)

    (terminal,) = made(CodeSettings(ways=("terminal",)), turn=turn)
    assert terminal._turn is turn


CODE = """\
import contextlib, sys
from sts_plugin.mfa.ways import sources
from sts_plugin.model import CodeSettings
from sts_plugin.watcher import Watcher
found = sources(
    CodeSettings(), {"STS_PLUGIN_MFA_CODE": "1"}, turn=None, watcher=Watcher(print)
)
next(found)
modules = lambda: sorted(
    name for name in sys.modules if name.startswith(("sts_plugin.mfa.", "pyotp"))
)
print(*modules())
"""


def test_a_driver_is_imported_when_it_is_its_turn():
    done = subprocess.run(
        [sys.executable, "-c", CODE],
        env={"PYTHONPATH": ":".join(sys.path)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.split() == ["sts_plugin.mfa.variable", "sts_plugin.mfa.ways"]
