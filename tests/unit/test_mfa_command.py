from __future__ import annotations

import json
import os
import shlex
import signal
import subprocess
import sys
import threading
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


@pytest.fixture
def fifo(tmp_path):
    """Where whoever opens it for writing keeps a reader from the end."""
    path = tmp_path / "fifo"
    os.mkfifo(path)
    return path


def wait_for_the_last_writer(fifo):
    """Return once nobody holds the FIFO any more; fail after 20 s."""
    reader = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)
    os.set_blocking(reader, True)
    thread = threading.Thread(target=os.read, args=(reader, 1), daemon=True)
    thread.start()
    thread.join(20)
    assert not thread.is_alive()
    os.close(reader)


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


def test_nothing_is_left_of_a_command_that_takes_too_long(monkeypatch, fifo):
    monkeypatch.setattr(settings, "COMMAND_TIMEOUT_SECONDS", 1)
    holder = os.open(fifo, os.O_RDWR)
    with pytest.raises(NoAnswer):
        ask(f"sh -c 'exec sleep 100 >{fifo}'")
    os.close(holder)
    wait_for_the_last_writer(fifo)


def test_the_command_is_ended_when_we_are_interrupted(fifo):
    code = (
        "import sys; from sts_plugin.mfa import Question;"
        "from sts_plugin.mfa.command import CommandSource;"
        "from sts_plugin.model import Origin, Setting;"
        "setting = Setting('mfa_process', sys.argv[1], Origin('f'));"
        "CommandSource(setting).ask(Question('p', 'device'))"
    )
    command = f"sh -c 'exec >{fifo}; echo started; exec sleep 100'"
    us = subprocess.Popen(
        [sys.executable, "-c", code, command],
        env={"PYTHONPATH": ":".join(sys.path), "PATH": os.environ["PATH"]},
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    with fifo.open() as started:
        assert started.readline() == "started\n"
        us.send_signal(signal.SIGINT)
        us.wait(30)
    wait_for_the_last_writer(fifo)


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


SECRETS = (
    "AWS_ACCESS_KEY_ID",
    "AWS_BEARER_TOKEN_BEDROCK",
    "AWS_BEARER_TOKEN_OTHER",
    "AWS_CONTAINER_AUTHORIZATION_TOKEN",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SECURITY_TOKEN",
    "AWS_SESSION_TOKEN",
)
HARMLESS = (
    "AWS_CONFIG_FILE",
    "AWS_ENDPOINT_URL_SECRETS_MANAGER",
    "AWS_PROFILE",
    "AWS_REGION",
    "AWS_SHARED_CREDENTIALS_FILE",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "OTHER_TOKEN",
)


def environ_of_the_command():
    return json.loads(ask(python("import json, os; print(json.dumps({**os.environ}))")))


def test_the_command_sees_no_credentials(monkeypatch):
    for name in SECRETS:
        monkeypatch.setenv(name, "canary")
    shown = environ_of_the_command()
    assert "canary" not in shown.values()
    assert not set(SECRETS) & set(shown)


def test_the_command_sees_what_is_no_secret(monkeypatch):
    for name in HARMLESS:
        monkeypatch.setenv(name, "kept")
    shown = environ_of_the_command()
    assert [shown.get(name) for name in HARMLESS] == ["kept"] * len(HARMLESS)


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
