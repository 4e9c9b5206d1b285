from __future__ import annotations

import json
import os
import shlex
import signal
import subprocess
import sys
import threading
import time
import traceback

import pytest

from sts_plugin.commands import output_of
from sts_plugin.errors import ConfigurationError, NoAnswer
from sts_plugin.files import BYTES_MAX
from sts_plugin.model import Origin, Setting

HERE = Origin("/config", 7)


def output(command, *, seconds=30, environ=None, extra=()):
    setting = Setting("the_process", command, HERE, "p")
    environ = {"PATH": os.environ["PATH"]} if environ is None else environ
    return output_of(setting, seconds=seconds, environ=environ, extra=dict(extra))


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


# --- What is run ---


@pytest.mark.parametrize(
    ("command", "printed"),
    [
        ("printf 123456", "123456"),
        ("echo 123456", "123456\n"),
        ("printf 'one\\ntwo\\n'", "one\ntwo\n"),
        ("printf '\\377\\n'", "\ufffd\n"),
        ("printf '\\303\\274'", "ü"),
        ("true", ""),
        ("echo '12 34' \"56\"", "12 34 56\n"),
        ("echo $HOME ~ | cat; echo `id`", "$HOME ~ | cat; echo `id`\n"),
    ],
)
def test_what_is_printed_is_the_answer_and_no_shell_has_a_hand_in_it(command, printed):
    assert output(command) == printed


def test_a_command_may_print_more_than_a_pipe_holds():
    assert output(python("print('x' * 200_000)")) == "x" * 200_000 + "\n"


def test_a_command_may_print_as_much_as_a_file_may_hold():
    command = f"head -c {BYTES_MAX} /dev/zero"
    assert len(output(command)) == BYTES_MAX


@pytest.mark.parametrize("command", ["yes", f"head -c {BYTES_MAX + 1} /dev/zero"])
def test_a_command_that_prints_without_an_end_is_ended(command):
    # It would fill the memory before its time is over.
    with pytest.raises(ConfigurationError) as caught:
        output(command)
    assert f"printed more than {BYTES_MAX} bytes" in caught.value.message
    assert caught.value.hint


def test_stdin_is_empty_and_stderr_is_ours():
    command = python("import sys; print([sys.stdin.read()]); sys.stderr.write('touch')")
    code = (
        "import sys; from sts_plugin.commands import output_of;"
        "from sts_plugin.model import Origin, Setting;"
        "setting = Setting('saml_process', sys.argv[1], Origin('f'));"
        "print(output_of(setting, seconds=30, environ={}, extra={}), sys.stdin.read())"
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
    assert (done.stdout, done.stderr) == ("['']\n for others\n", "touch")


def test_the_command_stays_in_our_process_group(tmp_path):
    # Whoever asks at the terminal must be in its foreground.
    group = output(python("import os; print(os.getpgrp())"))
    assert int(group) == os.getpgrp()


# --- The environment ---

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
    "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE",
    "AWS_ENDPOINT_URL_SECRETS_MANAGER",
    "AWS_PROFILE",
    "AWS_REGION",
    "AWS_SHARED_CREDENTIALS_FILE",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "OTHER_TOKEN",
)


def seen(environ, extra=()):
    command = python("import json, os; print(json.dumps({**os.environ}))")
    return json.loads(output(command, environ=environ, extra=extra))


def test_the_command_sees_no_credentials():
    shown = seen(dict.fromkeys(SECRETS, "canary"))
    assert "canary" not in shown.values()
    assert not set(SECRETS) & set(shown)


def test_the_command_sees_what_is_no_secret():
    shown = seen(dict.fromkeys(HARMLESS, "kept"))
    assert [shown.get(name) for name in HARMLESS] == ["kept"] * len(HARMLESS)


def test_the_command_sees_the_environment_it_is_given_and_not_our_own(monkeypatch):
    monkeypatch.setenv("ONLY_OURS", "x")
    shown = seen({"A": "given", "B": "given"}, {"B": "extra", "C": "extra"})
    assert "ONLY_OURS" not in shown
    assert [shown[name] for name in "ABC"] == ["given", "extra", "extra"]


# --- What does not work ---


@pytest.mark.parametrize(
    ("command", "words"),
    [
        ("false", "ended with exit code 1"),
        (python("raise SystemExit(3)"), "ended with exit code 3"),
        (python("import os; os.kill(os.getpid(), 9)"), "ended with exit code -9"),
        ("/nowhere/command", "cannot be run: No such file or directory"),
        ("/", "cannot be run: Permission denied"),
        ("echo 'open", "cannot be run: it is no command line"),
        ("", "cannot be run: it is no command line"),
        ("  ", "cannot be run: it is no command line"),
        ("echo \x00", "cannot be run: it is no command line"),
    ],
)
def test_a_command_that_does_not_work_is_told_with_its_place(command, words):
    with pytest.raises(ConfigurationError) as caught:
        output(command)
    message = caught.value.message
    assert message == f'/config:7: the_process of profile "p" {words}'
    assert caught.value.hint


@pytest.mark.parametrize(
    "command",
    [
        "false | true",
        "cd /nowhere && true",
        "false; true",
        "false $HOME",
        "false ~",
        "false `id`",
        "false >/dev/null",
        "false *",
    ],
)
def test_a_command_that_was_written_for_a_shell_is_told_how_to_have_one(command):
    with pytest.raises(ConfigurationError) as caught:
        output(command)
    assert "sh -c '...'" in caught.value.hint


@pytest.mark.parametrize("command", ["false", "false --option=x,y /a/b.c", "/nowhere"])
def test_another_command_is_not_told_of_a_shell(command):
    with pytest.raises(ConfigurationError) as caught:
        output(command)
    assert "sh -c" not in caught.value.hint


CANARY = "wJalrXUtnFEMI"


@pytest.mark.parametrize("end", ["raise SystemExit(1)", "import time; time.sleep(60)"])
def test_no_error_shows_what_a_command_printed(end):
    command = python(f"print('wJalrX' 'UtnFEMI', flush=True); {end}")
    with pytest.raises((ConfigurationError, NoAnswer)) as caught:
        output(command, seconds=0.5)
    told = traceback.TracebackException.from_exception(
        caught.value, capture_locals=True
    )
    assert CANARY not in "".join(told.format())
    assert CANARY not in caught.value.line


# --- The end of it ---


def test_a_command_that_takes_too_long_is_ended():
    started = time.monotonic()
    with pytest.raises(NoAnswer) as caught:
        output("sleep 60", seconds=0.5)
    assert time.monotonic() - started < 30
    assert caught.value.line.startswith(
        '/config:7: the_process of profile "p" did not answer'
    )
    assert caught.value.hint


def test_what_a_command_leaves_running_is_not_waited_for():
    assert output("sh -c 'sleep 70 & echo token'", seconds=60) == "token\n"


@pytest.mark.parametrize("script", ["exec >&-; exec sleep 60", "exec sleep 60"])
def test_a_command_has_its_time_whatever_becomes_of_its_output(script):
    started = time.monotonic()
    with pytest.raises(NoAnswer):
        output(f"sh -c '{script}'", seconds=0.5)
    assert time.monotonic() - started < 30


def test_nothing_is_left_of_a_command_that_takes_too_long(fifo):
    holder = os.open(fifo, os.O_RDWR)
    with pytest.raises(NoAnswer):
        output(f"sh -c 'exec sleep 100 >{fifo}'", seconds=1)
    os.close(holder)
    wait_for_the_last_writer(fifo)


def test_a_command_that_is_deaf_to_a_gentle_end_is_ended(fifo):
    holder = os.open(fifo, os.O_RDWR)
    deaf = f"sh -c \"exec >{fifo}; trap '' TERM INT HUP; while :; do sleep 1; done\""
    with pytest.raises(NoAnswer):
        output(deaf, seconds=1)
    os.close(holder)
    wait_for_the_last_writer(fifo)


def test_the_command_is_ended_when_we_are_interrupted(fifo):
    code = (
        "import sys; from sts_plugin.commands import output_of;"
        "from sts_plugin.model import Origin, Setting;"
        "setting = Setting('mfa_process', sys.argv[1], Origin('f'));"
        "output_of(setting, seconds=60, environ={'PATH': sys.argv[2]}, extra={})"
    )
    # More than a pipe holds: it has started when we read what it prints, and are no
    # longer about to.
    fill = "head -c 200000 /dev/zero"
    command = f"sh -c '{fill}; exec >{fifo}; echo started; exec sleep 100'"
    us = subprocess.Popen(
        [sys.executable, "-c", code, command, os.environ["PATH"]],
        env={"PYTHONPATH": ":".join(sys.path)},
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    with fifo.open() as started:
        assert started.readline() == "started\n"
        us.send_signal(signal.SIGINT)
        us.wait(30)
    wait_for_the_last_writer(fifo)
