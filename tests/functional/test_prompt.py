"""Asking for a code: on the terminal, once, and with an end."""

from __future__ import annotations

import json
import os
import re
import select
import signal
import subprocess

COMMAND = "sts-plugin credential-process --profile audit"


def test_the_prompt_is_on_the_terminal_and_stdout_is_pure(sandbox, terminal):
    one = terminal(COMMAND)
    code = sandbox.code()
    one.answer(code)
    status, out, err = one.end()
    assert (status, err) == (0, "")
    assert json.loads(out)["Version"] == 1
    assert code not in one.screen  # no echo
    assert "Profile audit, account 222222222222" in one.screen


def test_blanks_in_a_code_do_no_harm(sandbox, terminal):
    one = terminal(COMMAND)
    code = sandbox.code()
    one.answer(f" {code[:3]} {code[3:]} ")
    assert one.end()[0] == 0


def test_what_is_not_a_code_is_asked_again_without_a_call(sandbox, terminal):
    one = terminal(COMMAND)
    one.answer("12345x")
    one.answer("")
    one.answer(sandbox.code())
    assert one.end()[0] == 0
    assert one.screen.count("That was not six digits.") == 2
    assert sandbox.journal.count("GetSessionToken") == 1


def test_the_touch_of_a_yubikey_is_recognised(sandbox, terminal):
    one = terminal(COMMAND)
    touched = "cccccbcgujhingjrdejhgfnuetrgigvejhhgbkugded"
    one.answer(touched)
    one.child.expect_exact("YubiKey")
    one.answer(sandbox.code())
    assert one.end()[0] == 0
    assert touched not in one.screen


def test_a_prompt_erases_itself_and_counts_down(sandbox, terminal):
    one = terminal(f"echo before >/dev/tty; {COMMAND}; echo after >/dev/tty")
    left = []
    for _ in range(2):
        one.child.expect(r"\((\d+) s\): ")
        left.append(int(one.child.match[1]))
    assert 55 >= left[0] > left[1]
    one.child.sendline(sandbox.code())
    assert one.end()[0] == 0
    assert displayed(one.screen) == ["before", "after"]


def test_every_prompt_of_several_erases_itself(sandbox, terminal):
    one = terminal(f"echo before >/dev/tty; {COMMAND}; echo after >/dev/tty")
    one.answer("cccccbcgujhingjrdejhgfnuetrgigvejhhgbkugded")
    one.answer(sandbox.code(at=0))
    one.child.expect_exact("AWS refused that code.")
    one.answer(sandbox.code())
    assert one.end()[0] == 0
    assert displayed(one.screen) == ["before", "after"]


def test_a_narrow_terminal_is_left_as_clean(sandbox, terminal):
    one = terminal(
        f"stty cols 40 </dev/tty; echo before >/dev/tty; {COMMAND};"
        " echo after >/dev/tty"
    )
    one.child.expect(r"mfa/alice \(\d+ s\): ")
    one.child.sendline(sandbox.code())
    assert one.end()[0] == 0
    assert displayed(one.screen) == ["before", "after"]


def test_a_terminal_that_cannot_move_its_cursor_is_asked_in_plain_lines(
    sandbox, terminal
):
    one = terminal(COMMAND, TERM="dumb")
    one.answer(sandbox.code())
    assert one.end()[0] == 0
    assert "\x1b" not in one.screen
    assert one.screen.endswith("\r\n")


def displayed(screen):
    """What a terminal still shows, in its lines; knows what a prompt uses."""
    rows, row = [""], 0
    for part in re.findall(r"\x1b\[[AK]|[^\x1b]", screen):
        if part == "\x1b[A":
            row -= 1
        elif part == "\x1b[K":
            rows[row] = ""  # it always comes after a carriage return
        elif part == "\n":
            row += 1
            rows += [""] * (row + 1 - len(rows))
        elif part != "\r":
            rows[row] += part
    return [text for text in rows if text]


def test_a_wrong_code_is_asked_again_three_times_in_all(sandbox, terminal):
    # Codes of a time long past: wrong for certain, and all different.
    wrong = sorted({sandbox.code(at=moment) for moment in range(0, 3000, 30)})[:3]
    one = terminal(COMMAND)
    for code in wrong:
        one.answer(code)
    status, out, err = one.end()
    assert (status, out) == (5, "")
    assert one.prompts == 3
    assert one.screen.count("AWS refused that code") == 2
    assert len(err.splitlines()) == 1
    assert "MultiFactorAuthentication failed" in err
    assert sandbox.journal.count("GetSessionToken") == 3
    assert not list((sandbox.folder / "cache").glob("*.json"))


def test_a_right_code_after_a_wrong_one_will_do(sandbox, terminal):
    one = terminal(COMMAND)
    one.answer(sandbox.code(at=0))
    one.answer(sandbox.code())
    assert one.end()[0] == 0


def test_no_code_reaches_sts_twice(sandbox, terminal, program):
    one = terminal(COMMAND)
    code = sandbox.code()
    one.answer(code)
    assert one.end()[0] == 0
    assert program("logout", "--all").returncode == 0
    again = terminal(COMMAND)
    again.answer(code)
    again.answer(sandbox.code(at=0))  # something else: AWS will refuse it
    again.child.expect_exact("AWS refused that code")
    again.child.sendintr()
    again.end()
    assert "used before" in again.screen
    assert sandbox.journal.count("GetSessionToken") == 2  # not three


def test_ctrl_c_at_the_prompt_leaves_nothing_behind(sandbox, terminal):
    one = terminal(COMMAND)
    one.child.expect_exact("): ")
    one.child.sendintr()
    status, out, err = one.end()
    assert status in {130, 128 + signal.SIGINT}
    assert out == ""
    assert err in {"sts-plugin: interrupted\n", ""}
    assert one.echoes
    after = terminal(COMMAND)  # the lock is free
    after.answer(sandbox.code())
    assert after.end()[0] == 0


def test_sigterm_at_the_prompt_restores_the_terminal(terminal, tmp_path):
    pid = tmp_path / "pid"
    one = terminal(f"{COMMAND} & echo $! >{pid}; wait $!")
    one.child.expect_exact("): ")
    assert not one.child.getecho()
    os.kill(int(pid.read_text()), signal.SIGTERM)
    assert one.end() == (128 + signal.SIGTERM, "", "")
    assert one.echoes


def test_an_unanswered_prompt_ends_by_itself(terminal):
    one = terminal(COMMAND, STS_PLUGIN_PROMPT_SECONDS="0.5")
    status, out, err = one.end()
    assert (status, out) == (4, "")
    assert one.prompts == 1
    assert "nobody typed" in err
    assert "sts-plugin login --profile audit" in err


def test_without_a_terminal_the_run_ends_with_what_would_help(program, sandbox):
    done = program("credential-process", "--profile", "audit")
    assert (done.returncode, done.stdout) == (4, "")
    assert len(done.stderr.splitlines()) == 1
    assert "sts-plugin login --profile audit" in done.stderr
    assert sandbox.journal.calls() == ()


def test_a_background_job_is_not_stopped_by_the_terminal(terminal):
    # With job control (set -m) a job in the background may not read: SIGTTIN.
    one = terminal(f"set -m; {COMMAND} & wait $!")
    status, out, err = one.end()
    assert (status, out) == (4, "")
    assert "background" in err


def test_a_terminal_that_ctrl_s_has_stopped_is_started_again(sandbox, terminal):
    one = terminal(f"read go </dev/tty; {COMMAND}")
    one.child.send("\x13go\n")  # stopped before the command starts
    one.answer(sandbox.code())
    assert one.end()[0] == 0
    assert one.echoes


def test_ctrl_s_at_the_prompt_does_no_harm(sandbox, terminal):
    one = terminal(COMMAND)
    one.answer("\x13")
    one.answer(sandbox.code())
    assert one.end()[0] == 0


def test_ctrl_d_at_the_prompt_is_no_timeout(terminal):
    one = terminal(COMMAND)
    one.child.expect_exact("): ")
    one.child.sendeof()
    status, out, err = one.end()
    assert (status, out) == (4, "")
    assert "no MFA code" in err
    assert "within" not in err
    assert one.echoes


def test_nohup_is_not_undone(sandbox, terminal, tmp_path):
    pid = tmp_path / "pid"
    one = terminal(f"nohup {COMMAND} & echo $! >{pid}; wait $!")
    one.child.expect_exact("): ")
    os.kill(int(pid.read_text()), signal.SIGHUP)
    one.child.sendline(sandbox.code())
    assert one.end()[0] == 0


def test_sigterm_ends_a_command_for_the_code_as_well(
    program, sandbox, write_config, tmp_path
):
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    config = (sandbox.folder / "config").read_text(encoding="utf-8")
    script = f"sh -c 'exec >{fifo}; echo started; exec sleep 100'"
    head = "[profile audit]\n"
    assert head in config
    write_config(config.replace(head, f"{head}mfa_process = {script}\n"))
    us = subprocess.Popen(
        [program.path, "credential-process", "--profile", "audit"],
        env=program.environ,
        start_new_session=True,
    )
    with fifo.open() as started:
        assert started.readline() == "started\n"
        us.terminate()
        assert us.wait(30) == 128 + signal.SIGTERM
        assert select.select([started], [], [], 20)[0]  # the last writer is gone
        assert started.read() == ""


def test_a_command_for_the_code_may_ask_at_the_terminal_itself(
    sandbox, terminal, write_config
):
    # Password managers do; in a process group of its own it would be stopped.
    config = (sandbox.folder / "config").read_text(encoding="utf-8")
    script = "sh -c 'printf \"Password: \" >/dev/tty; read code </dev/tty; echo $code'"
    head = "[profile audit]\n"
    write_config(config.replace(head, f"{head}mfa_process = {script}\n"))
    one = terminal(COMMAND)
    one.child.expect_exact("Password: ")
    one.child.sendline(sandbox.code())
    assert one.end()[0] == 0


def test_a_command_for_the_code_that_needs_the_code_is_told_at_once(
    program, sandbox, write_config
):
    config = (sandbox.folder / "config").read_text(encoding="utf-8")
    script = f"{program.path} credential-process --profile partner"
    head = "[profile audit]\n"
    write_config(config.replace(head, f"{head}mfa_process = {script}\n"))
    done = program("credential-process", "--profile", "audit")
    assert (done.returncode, done.stdout) == (3, "")
    assert "mfa_process for arn:aws:iam::111111111111:mfa/alice" in done.stderr
    assert "waiting" not in done.stderr
    assert sandbox.journal.calls() == ()
