from __future__ import annotations

import json
import os
import shlex
import sys
import time

import pytest

from sts_plugin import settings, terminal
from sts_plugin.errors import CannotAsk, ConfigurationError, Declined, NoAnswer
from sts_plugin.mfa import Question
from sts_plugin.mfa.command import (
    SERIALS_VARIABLE,
    CommandSource,
    refuse_recursion,
)
from sts_plugin.model import Origin, Setting

DEVICE = "arn:aws:iam::111111111111:mfa/alice"
ENVIRON = {"PATH": os.environ["PATH"]}


@pytest.fixture(autouse=True)
def no_terminal(monkeypatch):
    """Whoever runs the tests may sit at one."""
    monkeypatch.setattr(terminal, "DEVICE", "/nowhere")


def ask(command, *, environ=ENVIRON, seconds=60.0, **options):
    setting = Setting("mfa_process", command, Origin("/config", 7))
    question = Question("p", DEVICE, time.monotonic() + seconds)
    return CommandSource(setting, environ=environ, **options).ask(question)


def python(code):
    return shlex.join([sys.executable, "-c", code])


@pytest.mark.parametrize(
    ("command", "answer"),
    [
        ("printf 123456", "123456"),
        ("echo 123456", "123456"),
        ("printf '123456\\nmore\\n'", "123456"),
        ("printf '\\377\\n'", "\ufffd"),
        ("echo '12 34' \"56\"", "12 34 56"),
        ("echo $HOME ~ | cat; echo `id`", "$HOME ~ | cat; echo `id`"),
    ],
)
def test_the_first_line_is_the_answer_and_no_shell_has_a_hand_in_it(command, answer):
    assert ask(command) == answer


@pytest.mark.parametrize(
    "command", ["true", "echo", "printf '\\n123456\\n'", "echo ' '"]
)
def test_a_command_that_printed_no_first_line_did_not_work(command):
    # So ends bw where its question for the password is cancelled: with exit code 0.
    with pytest.raises(ConfigurationError) as caught:
        ask(command)
    assert caught.value.message == ("/config:7: mfa_process printed no code")
    assert caught.value.hint


def test_without_a_command_nobody_can_be_asked():
    source = CommandSource(None, environ={})
    with pytest.raises(CannotAsk) as caught:
        source.ask(Question("p", DEVICE, time.monotonic() + 60))
    assert caught.value.line == "there is no mfa_process"


def test_it_is_a_machine_that_is_asked_twice():
    source = CommandSource(None, environ={})
    assert (source.name, source.automatic, source.attempts) == ("command", True, 2)


@pytest.mark.parametrize(
    ("limit", "left"), [(0.5, 600), (600, 0.5), (600, 0), (600, -9)]
)
def test_a_command_has_its_time_and_no_more_than_there_is(monkeypatch, limit, left):
    monkeypatch.setattr(settings, "COMMAND_TIMEOUT_SECONDS", limit)
    started = time.monotonic()
    with pytest.raises(NoAnswer) as caught:
        ask("sleep 60", seconds=left)
    assert time.monotonic() - started < 30
    assert caught.value.line.startswith("/config:7: mfa_process did not answer")


def test_a_command_for_which_nobody_waits_is_ended():
    started = time.monotonic()
    with pytest.raises(Declined):
        ask("sleep 60", abandoned=lambda: True)
    assert time.monotonic() - started < 30


@pytest.mark.parametrize(
    ("command", "words"),
    [
        ("false", "ended with exit code 1"),
        ("/nowhere/command", "cannot be run: No such file or directory"),
        ("", "cannot be run: it is no command line"),
    ],
)
def test_a_command_that_does_not_work_is_told_with_its_place(command, words):
    with pytest.raises(ConfigurationError) as caught:
        ask(command)
    assert caught.value.message == f"/config:7: mfa_process {words}"
    assert caught.value.hint


def test_the_output_of_a_command_that_failed_is_not_told():
    with pytest.raises(ConfigurationError) as caught:
        ask(python("print(123456); raise SystemExit(1)"))
    assert "123456" not in f"{caught.value.line} {caught.value.__cause__}"


def environ_of_the_command(environ):
    command = python("import json, os; print(json.dumps({**os.environ}))")
    return json.loads(ask(command, environ=environ))


def test_the_command_sees_the_environment_without_its_credentials(monkeypatch):
    monkeypatch.setenv("ONLY_OURS", "x")
    secrets = ["AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "STS_PLUGIN_MFA_CODE"]
    shown = environ_of_the_command(
        dict.fromkeys(secrets, "canary") | {"AWS_PROFILE": "kept"}
    )
    assert "canary" not in shown.values()
    assert "ONLY_OURS" not in shown
    assert shown["AWS_PROFILE"] == "kept"


def test_the_command_knows_profile_device_and_those_above_it():
    shown = environ_of_the_command({SERIALS_VARIABLE: '["another"]'})
    assert shown["STS_PLUGIN_MFA_PROFILE"] == "p"
    assert shown["STS_PLUGIN_MFA_SERIAL"] == DEVICE
    assert json.loads(shown[SERIALS_VARIABLE]) == ["another", DEVICE]


def test_a_command_that_leads_back_to_its_device_is_refused_at_once(tmp_path):
    environ = ENVIRON | {SERIALS_VARIABLE: json.dumps(["another", DEVICE])}
    with pytest.raises(ConfigurationError) as caught:
        ask(f"touch {tmp_path / 'ran'}", environ=environ)
    assert DEVICE in caught.value.message
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("above", [None, "", "[]", '["another"]', "{}", "7", "[[", "x"])
def test_only_a_command_of_the_same_device_is_a_recursion(above):
    refuse_recursion("device", {} if above is None else {SERIALS_VARIABLE: above})
