"""``sts-plugin sandbox``: the main job on a machine without an AWS account."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pexpect
import pytest

BIN = Path(sys.executable).parent
PROGRAM = str(BIN / "sts-plugin")


def run(*arguments, **options):
    return subprocess.run(
        [PROGRAM, "sandbox", *arguments],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
        start_new_session=True,
        check=False,
        **options,
    )


@pytest.fixture
def temporary(tmp_path, monkeypatch):
    """Where the sandbox makes its folder: empty again when it ends."""
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    return tmp_path


@pytest.mark.parametrize("arguments", [["--yes"], []], ids=["yes", "no-terminal"])
def test_the_tour_runs_unattended(temporary, arguments):
    done = run(*arguments)
    assert (done.returncode, done.stderr) == (0, "")
    assert "1 MFA code for 3 profiles" in done.stdout
    assert done.stdout.count("GetSessionToken  ") == 1
    assert done.stdout.count("AssumeRole  ") == 4
    assert list(temporary.iterdir()) == []


def test_the_tour_lets_a_person_type_the_code(temporary):
    child = pexpect.spawn(PROGRAM, ["sandbox"], timeout=60, encoding="utf-8")
    child.expect(r"MFA device shows (\d{6})")
    code = child.match.group(1)
    child.expect_exact("Profile prod-admin")
    child.expect_exact("): ")
    child.sendline(code)
    child.expect_exact("1 MFA code for 3 profiles")
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus == 0
    assert list(temporary.iterdir()) == []


def test_a_command_runs_in_the_sandbox_and_gives_its_exit_code(temporary):
    done = run("--yes", "--", "sh", "-c", "sts-plugin whoami --profile audit; exit 7")
    assert done.returncode == 7
    assert "assumed-role/Audit/" in done.stdout
    assert list(temporary.iterdir()) == []


def test_a_command_sees_none_of_the_real_credentials(temporary, monkeypatch):
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAREALREALREALREAL")
    monkeypatch.setenv("AWS_PROFILE", "real")
    done = run("--yes", "--", "env")
    assert "AKIAREAL" not in done.stdout
    assert "AWS_PROFILE=" not in done.stdout
    assert "AWS_ENDPOINT_URL_STS=http://127.0.0.1:" in done.stdout


def test_a_command_ended_by_a_signal_gives_the_shells_exit_code(temporary):
    assert run("--", "sh", "-c", "kill -TERM $$").returncode == 128 + 15


def test_a_command_that_does_not_exist_is_said(temporary):
    done = run("--", "no-such-command-here")
    assert done.returncode == 127
    assert "no-such-command-here: No such file" in done.stderr


def test_the_device_shows_its_code_inside_and_only_there(temporary):
    inside = run("--", "sts-plugin", "sandbox", "--code")
    assert inside.stdout.strip().isdigit()
    assert len(inside.stdout.strip()) == 6
    environ = {k: v for k, v in os.environ.items() if k != "STS_PLUGIN_SANDBOX"}
    outside = run("--code", env=environ)
    assert (outside.returncode, outside.stdout) == (3, "")
    assert "no sandbox" in outside.stderr


@pytest.mark.parametrize(
    ("arguments", "output"),
    [
        (["echo", "a", "--yes"], "a --yes"),
        (["echo", "a", "--foo"], "a --foo"),
        (["--yes", "echo", "a", "--code"], "a --code"),
        (["--", "echo", "--", "x"], "-- x"),
        (["--yes", "--", "echo", "a", "--", "x"], "a -- x"),
        (["echo", "a", "--", "x"], "a -- x"),
    ],
    ids=["ours", "unknown", "code", "first", "both", "later"],
)
def test_what_follows_the_command_is_the_commands(temporary, arguments, output):
    done = run(*arguments)
    assert (done.returncode, done.stdout) == (0, output + "\n")
    assert ("--code" in done.stderr) == (arguments[0] != "--yes")


def test_an_option_before_the_command_is_ours_and_must_exist():
    done = run("--foo", "echo")
    assert (done.returncode, done.stdout) == (2, "")


def test_a_missing_path_variable_is_no_defect(temporary):
    environ = {k: v for k, v in os.environ.items() if k != "PATH"}
    done = run("--yes", "--", "/bin/true", env=environ)
    assert (done.returncode, done.stderr) == (0, "")
    assert run("--yes", "--", "true", env=environ).returncode == 0


def test_a_folder_that_is_no_sandbox_is_said():
    done = run("--code", env=os.environ | {"STS_PLUGIN_SANDBOX": "/nope"})
    assert (done.returncode, done.stdout) == (3, "")
    assert "STS_PLUGIN_SANDBOX=/nope is not the folder of a sandbox" in done.stderr
