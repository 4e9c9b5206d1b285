"""What a user sees when something is wrong: one line, an exit code, an empty stdout."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
from dataclasses import replace

import pytest
from herd import await_that

from sts_plugin.sandbox import Fault


@pytest.mark.skipif(
    shutil.which("setpriv") is None, reason="needs setpriv to be refused even as root"
)
def test_a_file_that_may_not_be_read_is_named(program, sandbox):
    config = sandbox.folder / "config"
    config.chmod(0)
    lowered = ["setpriv", "--bounding-set", "-dac_override,-dac_read_search"]
    if os.geteuid() != 0:
        lowered = []
    done = subprocess.run(
        [*lowered, program.path, "credential-process", "--profile", "audit"],
        env=program.environ,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert (done.returncode, done.stdout) == (3, "")
    (line,) = done.stderr.splitlines()
    assert str(config) in line
    assert "Permission denied" in line


def test_a_process_that_leads_back_by_a_detour_is_no_fork_bomb(
    program, sandbox, write_config, tmp_path
):
    calls = tmp_path / "calls"
    detour = tmp_path / "detour"
    detour.write_text(
        f"#!/bin/sh\necho x >>{calls}\nexec {program.path} credential-process"
        " --profile p\n"
    )
    detour.chmod(0o700)
    write_config(f"[profile p]\ncredential_process = {detour}\n")
    done = program("credential-process", "--profile", "p")
    assert (done.returncode, done.stdout) == (3, "")
    (line,) = done.stderr.splitlines()
    assert "leads back to the same profile" in line
    assert calls.read_text() == "x\n"


def test_an_sts_that_is_not_there_is_named(program):
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{nobody.getsockname()[1]}"
        done = program(
            "credential-process",
            "--profile",
            "batch",
            environ={"AWS_ENDPOINT_URL_STS": url},
        )
    assert (done.returncode, done.stdout) == (6, "")
    (line,) = done.stderr.splitlines()
    assert url in line
    assert "AssumeRole" in line


@pytest.mark.parametrize(
    "kind",
    [
        "html",
        "truncated",
        "empty",
        "no_expiration",
        "past_expiration",
        "bad_charset",
        "huge",
        "redirect",
    ],
)
def test_an_answer_that_is_none_is_an_error_and_is_not_cached(program, sandbox, kind):
    sandbox.add_fault(Fault(kind, times=None))
    done = program("credential-process", "--profile", "batch")
    assert (done.returncode, done.stdout) == (6, "")
    assert len(done.stderr.splitlines()) == 1
    sandbox.clear_faults()
    sandbox.journal.clear()
    assert program("credential-process", "--profile", "batch").returncode == 0
    assert sandbox.journal.count("AssumeRole", outcome="ok") == 1


@pytest.mark.parametrize(
    "fault",
    [
        Fault("reset", after=True),
        Fault("status", status=500, after=True),
        Fault("status", status=503),
        Fault("truncated"),
        Fault("html"),
        Fault("silence"),
    ],
    ids=lambda fault: f"{fault.kind}-{fault.status}",
)
def test_a_code_whose_answer_was_lost_is_not_sent_again(sandbox, terminal, fault):
    sandbox.add_fault(replace(fault, action="GetSessionToken"))
    one = terminal("sts-plugin credential-process --profile audit")
    code = sandbox.code()
    one.answer(code)
    status, out, err = one.end()
    assert (status, out) == (6, "")
    assert len(err.splitlines()) == 1
    again = terminal("sts-plugin credential-process --profile audit")
    again.answer(code)
    again.child.expect_exact("That code was used before.")
    again.child.sendintr()
    again.end()
    assert sandbox.journal.count("GetSessionToken") == 1


def test_a_code_that_was_throttled_is_not_sent_again(sandbox, terminal, program):
    sandbox.add_fault(Fault("throttle", action="GetSessionToken"))
    one = terminal("sts-plugin credential-process --profile audit")
    code = sandbox.code()
    one.answer(code)
    assert one.end()[0] == 6

    def paused():
        return program("credential-process", "--profile", "audit").returncode == 6

    await_that(lambda: not paused())
    again = terminal("sts-plugin credential-process --profile audit")
    again.answer(code)
    again.child.expect_exact("That code was used before.")
    again.child.sendintr()
    again.end()
    assert sandbox.journal.count("GetSessionToken") == 1


def test_a_stumble_of_sts_is_passed_over_when_no_code_is_at_stake(program, sandbox):
    sandbox.add_fault(Fault("status", status=500, times=1))
    assert program("credential-process", "--profile", "batch").returncode == 0
    assert sandbox.journal.count("AssumeRole") == 2


def test_a_wrong_command_line_is_exit_code_2(program):
    done = program("credential-process", "--profil")
    assert (done.returncode, done.stdout) == (2, "")


def test_a_seed_in_the_place_of_a_command_is_not_repeated(program):
    seed = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"
    for arguments in (["mfa", seed], ["mfa", "add", seed], ["mfa", "code", seed]):
        done = program(*arguments)
        assert (done.returncode, done.stdout) == (2, "")
        assert seed not in done.stderr


def test_an_unforeseen_error_shows_its_place_and_not_its_text(program):
    broken = (
        "import sys; from sts_plugin import cli, engine\n"
        "def fail(*a, **k): raise RuntimeError('canary-secret')\n"
        "engine.make_plan = fail\n"
        "sys.exit(cli.run(['explain', '--profile', 'audit']))"
    )
    done = subprocess.run(
        [sys.executable, "-c", broken],
        env=program.environ,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert (done.returncode, done.stdout) == (1, "")
    (line,) = done.stderr.splitlines()
    assert "RuntimeError" in line
    assert "canary" not in line


@pytest.mark.parametrize(
    "variable", ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"]
)
def test_a_line_break_in_a_key_is_told_without_the_key(program, variable):
    keys = {
        "AWS_ACCESS_KEY_ID": "AKIACANARYCANARY0000",
        "AWS_SECRET_ACCESS_KEY": "canary-secret",
        "AWS_SESSION_TOKEN": "canary-token",
    }
    keys[variable] += "\r"
    done = program("whoami", environ=keys)
    assert (done.returncode, done.stdout) == (3, "")
    (line,) = done.stderr.splitlines()
    assert "CR LF" in line
    assert "canary" not in line


def test_keys_of_the_environment_that_are_over_are_not_handed_out(program):
    keys = {
        "AWS_ACCESS_KEY_ID": "ASIA",
        "AWS_SECRET_ACCESS_KEY": "s",
        "AWS_CREDENTIAL_EXPIRATION": "2020-01-01T00:00:00Z",
    }
    done = program("credential-process", environ=keys)
    assert (done.returncode, done.stdout) == (3, "")
    assert "AWS_CREDENTIAL_EXPIRATION" in done.stderr
