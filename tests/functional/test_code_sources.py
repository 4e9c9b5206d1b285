"""Where a code comes from: the order of the ways, and what follows what fails."""

from __future__ import annotations

import json
import os
import socket
import time

import pytest

ONE = "sts-plugin credential-process --profile audit"
DEVICE = "arn:aws:iam::111111111111:mfa/alice"


@pytest.fixture
def with_keys(sandbox, write_config):
    """Add keys to the profile that is asked for."""

    def write(*lines, profile="audit"):
        config = (sandbox.folder / "config").read_text(encoding="utf-8")
        head = f"[profile {profile}]\n"
        assert head in config
        write_config(config.replace(head, head + "".join(f"{it}\n" for it in lines)))

    return write


# --- A code in the environment -----------------------------------------------


def test_a_code_in_the_environment_is_taken(program, sandbox):
    code = sandbox.code()
    done = program(
        "credential-process",
        "--profile",
        "audit",
        environ={"STS_PLUGIN_MFA_CODE": f" {code[:3]} {code[3:]}\n"},
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_a_code_in_the_environment_is_taken_once(program, sandbox):
    environ = {"STS_PLUGIN_MFA_CODE": sandbox.code()}
    first = program("login", "--profile", "audit", environ=environ)
    assert first.returncode == 0
    assert program("logout", "--all").returncode == 0
    again = program("login", "--profile", "audit", environ=environ)
    assert (again.returncode, again.stdout) == (4, "")
    assert "used before" in again.stderr
    assert environ["STS_PLUGIN_MFA_CODE"] not in again.stderr
    assert sandbox.journal.count("GetSessionToken") == 1


def test_a_person_is_asked_after_a_code_in_the_environment_that_was_refused(
    sandbox, terminal
):
    one = terminal(ONE, STS_PLUGIN_MFA_CODE=sandbox.code(at=0))
    one.child.expect_exact("AWS refused that code")
    one.answer(sandbox.code())
    assert one.end()[0] == 0
    assert sandbox.journal.count("GetSessionToken") == 2


def test_a_command_of_the_profile_does_not_see_the_code(
    sandbox, program, with_keys, tmp_path
):
    seen = tmp_path / "seen"
    with_keys(f"mfa_process = sh -c 'env >{seen}; echo {sandbox.code()}'")
    wrong = {"STS_PLUGIN_MFA_CODE": sandbox.code(at=0)}
    done = program("credential-process", "--profile", "audit", environ=wrong)
    assert done.returncode == 0
    assert "STS_PLUGIN_MFA_SERIAL" in seen.read_text()
    assert "STS_PLUGIN_MFA_CODE" not in seen.read_text()


def test_a_host_program_finds_the_code_used_up(sandbox, environ, monkeypatch):
    import boto3  # noqa: PLC0415

    import sts_plugin  # noqa: PLC0415

    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("STS_PLUGIN_MFA_CODE", sandbox.code())
    session = sts_plugin.register(boto3.Session(profile_name="audit"))
    assert session.get_credentials().get_frozen_credentials().token
    assert "STS_PLUGIN_MFA_CODE" not in os.environ


# --- The order of the ways ---------------------------------------------------


def test_where_the_command_fails_a_person_is_asked_and_told_why(
    sandbox, terminal, with_keys
):
    with_keys("mfa_process = false")
    one = terminal(ONE)
    one.child.expect_exact("ended with exit code 1")
    one.answer(sandbox.code())
    status, out, err = one.end()
    assert status == 0
    assert json.loads(out)["Version"] == 1
    (line,) = err.splitlines()
    assert "mfa_process" in line
    assert "exit code 1" in line


def test_where_the_command_fails_and_nobody_is_there_its_failure_is_told(
    program, with_keys
):
    with_keys("mfa_process = false")
    done = program("credential-process", "--profile", "audit")
    assert (done.returncode, done.stdout) == (3, "")
    (line,) = done.stderr.splitlines()
    assert "exit code 1" in line


def test_a_profile_may_put_the_terminal_first(sandbox, terminal, with_keys):
    with_keys("mfa_process = false", "mfa_prompt = terminal, command")
    one = terminal(ONE)
    one.answer(sandbox.code())
    assert one.end() == (0, one.out.read_text(), "")


def test_the_terminal_first_and_the_command_where_there_is_none(
    sandbox, program, with_keys
):
    with_keys(f"mfa_process = echo {sandbox.code()}", "mfa_prompt = terminal, command")
    assert program("credential-process", "--profile", "audit").returncode == 0


def test_the_environment_may_name_another_order(sandbox, terminal, with_keys):
    with_keys("mfa_process = false", "mfa_prompt = command")
    one = terminal(ONE, STS_PLUGIN_MFA_PROMPT="Terminal")
    one.answer(sandbox.code())
    assert one.end()[0] == 0


def test_only_the_ways_that_are_named_are_tried(terminal, with_keys):
    with_keys("mfa_prompt = dialog")
    one = terminal(ONE)
    status, _, err = one.end()
    assert status == 4
    assert one.prompts == 0
    assert "no display" in err


@pytest.mark.parametrize("value", ["telepathy", "terminal, telepathy", ",", "[1]"])
@pytest.mark.parametrize("where", ["profile", "environment"])
def test_a_way_that_there_is_not_is_a_wrong_setting(
    program, sandbox, with_keys, value, where
):
    environ = {}
    if where == "profile":
        with_keys(f"mfa_prompt = {value}")
    else:
        environ["STS_PLUGIN_MFA_PROMPT"] = value
    done = program("credential-process", "--profile", "audit", environ=environ)
    assert (done.returncode, done.stdout) == (3, "")
    (line,) = done.stderr.splitlines()
    assert {"profile": "mfa_prompt", "environment": "STS_PLUGIN_MFA_PROMPT"}[
        where
    ] in line
    assert sandbox.journal.calls() == ()


def test_explain_shows_the_order(program, with_keys):
    shown = program("explain", "--profile", "audit").stdout
    assert "mfa codes: totp, terminal, dialog, pinentry" in shown
    with_keys("mfa_process = false", "mfa_prompt = terminal, command")
    shown = program("explain", "--profile", "audit").stdout
    assert "mfa codes: terminal, command (mfa_process)" in shown


def test_a_security_key_is_refused_with_the_reason(program, sandbox, write_config):
    config = (sandbox.folder / "config").read_text(encoding="utf-8")
    fido = "arn:aws:iam::111111111111:u2f/user/alice/key-ABCDEFGH"
    write_config(config.replace(DEVICE, fido))
    done = program("credential-process", "--profile", "audit")
    assert (done.returncode, done.stdout) == (3, "")
    (line,) = done.stderr.splitlines()
    assert "FIDO security key" in line
    assert "TOTP devices only" in line
    assert "mfa_serial" in line
    assert sandbox.journal.calls() == ()


# --- A code that was never sent ----------------------------------------------


def test_a_code_that_was_never_sent_may_be_typed_again(sandbox, terminal):
    with socket.socket() as nobody:  # bound and not listening: refused at once
        nobody.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{nobody.getsockname()[1]}"
        code = sandbox.code()
        one = terminal(ONE, AWS_ENDPOINT_URL_STS=url)
        one.answer(code)
        assert one.end()[0] == 6
    again = terminal(ONE)
    again.answer(code)
    assert again.end()[0] == 0
    assert again.prompts == 1


# --- Automatic sources wait for the next code --------------------------------


def test_an_automatic_source_waits_for_the_next_code_and_counts_down(
    sandbox, terminal, with_keys, tmp_path
):
    seed = tmp_path / "seed"
    seed.write_text(sandbox.organisation.user("alice").totp_seed)
    seed.chmod(0o600)
    with_keys(f"sts_plugin_totp_file = {seed}")
    _wait_for_a_young_code()
    one = terminal(f"{ONE}; sts-plugin logout --all; echo before >/dev/tty; {ONE}")
    one.child.expect_exact("before")
    one.child.expect(r"waiting for the next code of .*: (\d+) s")
    first = int(one.child.match[1])
    one.child.expect(r"waiting for the next code of .*: (\d+) s")
    assert int(one.child.match[1]) < first
    one.child.timeout = 60
    status, _, err = one.end()
    assert status == 0
    assert err == ""
    assert "used before" in one.screen
    assert one.screen.rstrip("\r\n").endswith("\x1b[K")  # the countdown erased itself
    assert sandbox.journal.count("GetSessionToken", outcome="ok") == 2
    assert sandbox.journal.count("GetSessionToken") == 2


def _wait_for_a_young_code():
    """Wait until a code has some seconds left, so that two runs meet the same one."""
    while time.time() % 30 > 20:
        time.sleep(0.1)
