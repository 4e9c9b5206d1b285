"""What takes longer than a second is said on the terminal, and leaves no trace."""

from __future__ import annotations

import re
import signal
import sys

import pytest

from sts_plugin.sandbox import Fault

SAID = "sts-plugin: waiting for AWS, AssumeRole role/Batch: "


def rows(text):
    """What is left on a terminal, in rows."""
    text = re.sub(r"[^\r\n]*\r\x1b\[K", "", text.replace("\r\n", "\n"))
    lines = [line.strip("\r ") for line in text.split("\n")]
    return list(filter(None, lines))


def test_a_slow_sts_is_said_with_what_it_has_left_and_erased(sandbox, terminal):
    sandbox.add_fault(Fault("latency", action="AssumeRole", seconds=3))
    one = terminal("sts-plugin credential-process --profile batch")
    one.child.expect_exact(SAID)
    one.child.expect(r"2[01] s at most")
    one.child.expect_exact(SAID)  # once more: it counts down
    status, out, err = one.end()
    assert (status, err) == (0, "")
    assert out.startswith("{")
    assert rows(one.screen) == []
    assert one.echoes


def test_what_is_quick_is_not_said(program, terminal):
    for _ in range(9):  # a busy machine may be slow now and then
        assert program("logout", "--all").returncode == 0
        one = terminal("sts-plugin credential-process --profile batch")
        assert one.end()[0] == 0
        if one.screen == "":
            return
    pytest.fail("it was said each time")


def test_ctrl_c_erases_what_was_said(sandbox, terminal):
    sandbox.add_fault(Fault("silence", action="AssumeRole"))
    one = terminal("sts-plugin credential-process --profile batch")
    one.child.expect_exact(SAID)
    one.child.sendintr()
    status, out, err = one.end()
    assert (status, out, err) == (130, "", "sts-plugin: interrupted\n")
    assert rows(one.screen.replace("^C", "")) == []


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_erases_what_was_said(sandbox, terminal, number):
    sandbox.add_fault(Fault("silence", action="AssumeRole"))
    # The third descriptor keeps the terminal open: all others lead elsewhere.
    one = terminal(
        "exec 3<>/dev/tty; exec sts-plugin credential-process --profile batch"
    )
    one.child.expect_exact(SAID)
    one.child.kill(number)
    status, out, _ = one.end()
    assert (status, out) == (128 + number, "")
    assert rows(one.screen) == []


def test_a_command_that_may_speak_itself_is_said_once_in_a_line_that_stays(
    terminal, write_config, tmp_path
):
    go = tmp_path / "go"
    slow = tmp_path / "slow.py"
    slow.write_text(
        "import os, time\n"
        f"while not os.path.exists({str(go)!r}):\n    time.sleep(0.02)\n"
        'print(\'{"Version": 1, "AccessKeyId": "AKIA", "SecretAccessKey": "s"}\')\n'
    )
    write_config(
        f"[profile p]\nregion = us-east-1\n"
        f"credential_process = {sys.executable} {slow}\n"
    )
    one = terminal("sts-plugin credential-process --profile p")
    said = 'sts-plugin: waiting for the process credentials of profile "p"'
    one.child.expect_exact(f"\n{said}\r")
    go.touch()
    status, _, err = one.end()
    assert (status, err) == (0, "")
    assert rows(one.screen) == [said]


def test_a_code_that_takes_long_is_said(terminal, write_config, sandbox, tmp_path):
    go = tmp_path / "go"
    slow = tmp_path / "slow.py"
    slow.write_text(
        "import os, time\n"
        f"while not os.path.exists({str(go)!r}):\n    time.sleep(0.02)\n"
        f"print(open({str(go)!r}).read())\n"
    )
    config = (sandbox.folder / "config").read_text()
    write_config(
        config.replace(
            "[profile alice]",
            f"[profile alice]\nmfa_process = {sys.executable} {slow}",
        )
    )
    one = terminal("sts-plugin credential-process --profile alice")
    one.child.expect(r"waiting for a code of arn:aws:iam::111111111111:mfa/alice")
    one.child.expect_exact("(command)")
    (tmp_path / "new").write_text(sandbox.code())
    (tmp_path / "new").rename(go)
    assert one.end()[0] == 0


def test_a_command_that_asks_for_a_password_is_not_spoken_over(
    terminal, write_config, sandbox
):
    """Another line in the middle of its question would hide it."""
    command = f"{sys.executable} -c 'import getpass; getpass.getpass()'"
    config = (sandbox.folder / "config").read_text()
    write_config(f"{config}\n[profile p]\ncredential_process = {command}\n")
    one = terminal("sts-plugin credential-process --profile p")
    one.child.expect_exact("Password: ")
    # Once one that began later says so, this one would have.
    sandbox.add_fault(Fault("latency", action="AssumeRole", seconds=3))
    other = terminal("sts-plugin credential-process --profile batch")
    other.child.expect_exact(SAID)
    one.child.sendline("x")
    assert one.end()[0] == 3
    assert "waiting" not in one.screen
    assert other.end()[0] == 0


def test_nothing_is_drawn_over_a_question_for_a_password(terminal, sandbox):
    """An editor, a pager and sudo switch the echo off: the keys are theirs."""
    sandbox.add_fault(Fault("latency", action="AssumeRole", seconds=3))
    one = terminal(
        "stty -echo </dev/tty; printf 'Password: ' >/dev/tty;"
        " sts-plugin credential-process --profile batch; stty echo </dev/tty"
    )
    assert one.end()[0] == 0
    assert one.screen == "Password: "


def test_a_command_that_asks_aws_something_says_so(sandbox, terminal):
    sandbox.add_fault(Fault("silence", action="GetCallerIdentity"))
    one = terminal("sts-plugin whoami --profile bob")
    one.child.expect_exact("sts-plugin: waiting for AWS")
    one.child.sendintr()
    assert one.end()[0] == 130


def test_where_there_is_no_terminal_nothing_is_said(sandbox, program):
    sandbox.add_fault(Fault("latency", action="AssumeRole", seconds=2))
    done = program("credential-process", "--profile", "batch")
    assert (done.returncode, done.stderr) == (0, "")
