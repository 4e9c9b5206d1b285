from __future__ import annotations

import shlex
import subprocess
import sys
import time

import pytest

from sts_plugin import settings
from sts_plugin.errors import ConfigurationError, NoAnswer
from sts_plugin.mfa import Question
from sts_plugin.mfa.command import CommandSource
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
        (python("raise SystemExit(3)"), "ended with exit code 3"),
        ("/nowhere/command", "cannot be run: No such file or directory"),
        ("/", "cannot be run: Permission denied"),
        ("echo 'open", "cannot be run"),
        ("", "cannot be run"),
        ("  ", "cannot be run"),
        ("echo \x00", "cannot be run"),
    ],
)
def test_a_command_that_does_not_work_is_told_with_its_place(command, words):
    with pytest.raises(ConfigurationError) as caught:
        ask(command)
    assert caught.value.message.startswith("/config:7: mfa_process ")
    assert words in caught.value.message
    assert caught.value.hint


def test_the_output_of_a_command_that_failed_is_not_told():
    with pytest.raises(ConfigurationError) as caught:
        ask(python("print(123456); raise SystemExit(1)"))
    assert "123456" not in f"{caught.value.line} {caught.value.__cause__}"


def test_the_command_sees_no_credentials_and_knows_the_device(monkeypatch):
    secrets = (
        "AWS_ACCESS_KEY_ID",
        "AWS_SECRET_ACCESS_KEY",
        "AWS_SESSION_TOKEN",
        "AWS_SECURITY_TOKEN",
    )
    for name in secrets:
        monkeypatch.setenv(name, "canary")
    monkeypatch.setenv("OTHER", "kept")
    code = "import os; print(dict(os.environ))"
    shown = ask(python(code))
    assert "canary" not in shown
    assert not any(name in shown for name in secrets)
    assert "'OTHER': 'kept'" in shown
    assert f"'STS_PLUGIN_MFA_SERIAL': '{QUESTION.device}'" in shown


def test_stdin_is_empty_and_stderr_is_ours():
    command = python("import sys; print([sys.stdin.read()]); sys.stderr.write('touch')")
    code = (
        "import sys; from sts_plugin.mfa import Question;"
        "from sts_plugin.mfa.command import CommandSource;"
        "from sts_plugin.model import Origin, Setting;"
        "setting = Setting('mfa_process', sys.argv[1], Origin('f'));"
        "print(CommandSource(setting).ask(Question('p', 'device')), sys.stdin.read())"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, command],
        env={"PYTHONPATH": ":".join(sys.path)},
        input="for others",
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert (done.stdout, done.stderr) == ("[''] for others\n", "touch")
