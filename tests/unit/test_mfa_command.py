from __future__ import annotations

import json
import shlex
import sys
import time

import pytest

from sts_plugin import settings
from sts_plugin.errors import ConfigurationError, NoAnswer
from sts_plugin.mfa import Question
from sts_plugin.mfa.command import (
    SERIALS_VARIABLE,
    CommandSource,
    refuse_recursion,
)
from sts_plugin.model import Origin, Setting

QUESTION = Question("p", "arn:aws:iam::111111111111:mfa/alice")


def ask(command):
    setting = Setting("mfa_process", command, Origin("/config", 7))
    return CommandSource(setting).ask(QUESTION)


def python(code):
    return shlex.join([sys.executable, "-c", code])


@pytest.mark.parametrize(
    ("command", "answer"),
    [
        ("printf 123456", "123456"),
        ("echo 123456", "123456"),
        ("printf '123456\\nmore\\n'", "123456"),
        ("printf '\\377\\n'", "\ufffd"),
        ("true", ""),
        ("echo '12 34' \"56\"", "12 34 56"),
        ("echo $HOME ~ | cat; echo `id`", "$HOME ~ | cat; echo `id`"),
    ],
)
def test_the_first_line_is_the_answer_and_no_shell_has_a_hand_in_it(command, answer):
    assert ask(command) == answer


def test_a_command_that_takes_too_long_is_ended(monkeypatch, tmp_path):
    monkeypatch.setattr(settings, "COMMAND_TIMEOUT_SECONDS", 0.5)
    started = time.monotonic()
    with pytest.raises(NoAnswer) as caught:
        ask("sleep 60")
    assert time.monotonic() - started < 30
    assert caught.value.line.startswith("/config:7: mfa_process did not answer")


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


def environ_of_the_command():
    return json.loads(ask(python("import json, os; print(json.dumps({**os.environ}))")))


def test_the_command_sees_our_environment_without_its_credentials(monkeypatch):
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "canary")
    monkeypatch.setenv("AWS_SESSION_TOKEN", "canary")
    monkeypatch.setenv("AWS_PROFILE", "kept")
    shown = environ_of_the_command()
    assert "canary" not in shown.values()
    assert shown["AWS_PROFILE"] == "kept"


def test_the_command_knows_the_device_and_those_above_it(monkeypatch):
    monkeypatch.setenv(SERIALS_VARIABLE, '["another"]')
    shown = environ_of_the_command()
    assert shown["STS_PLUGIN_MFA_SERIAL"] == QUESTION.device
    assert json.loads(shown[SERIALS_VARIABLE]) == ["another", QUESTION.device]


def test_a_command_that_leads_back_to_its_device_is_refused_at_once(
    monkeypatch, tmp_path
):
    monkeypatch.setenv(SERIALS_VARIABLE, json.dumps(["another", QUESTION.device]))
    with pytest.raises(ConfigurationError) as caught:
        ask(f"touch {tmp_path / 'ran'}")
    assert QUESTION.device in caught.value.message
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("above", [None, "", "[]", '["another"]', "{}", "7", "[[", "x"])
def test_only_a_command_of_the_same_device_is_a_recursion(above):
    refuse_recursion("device", {} if above is None else {SERIALS_VARIABLE: above})
