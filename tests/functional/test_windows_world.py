"""The executable where Python has what it has on Windows: see ``windows_world``."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
import windows_world

PROFILE = ("--profile", "prod-admin")


@pytest.fixture
def run(environ, tmp_path):
    """Run the executable in such a world, without a console."""
    (tmp_path / "bin").mkdir()
    (tmp_path / "local").mkdir()
    environ = environ | {
        "LOCALAPPDATA": str(tmp_path / "local"),
        windows_world.STARTED: str(tmp_path / "started"),
    }

    def call(*arguments, **variables):
        return subprocess.run(
            [sys.executable, windows_world.__file__, *arguments],
            env=environ | variables,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=60,
            start_new_session=True,
            check=False,
        )

    return call


@pytest.fixture
def printed(run):
    """Run it; return what it prints. Nothing may be said."""

    def call(*arguments, **variables):
        done = run(*arguments, **variables)
        assert (done.returncode, done.stderr) == (0, b"")
        return done.stdout.decode()

    return call


@pytest.fixture
def logged_in(sandbox, printed):
    printed("credential-process", *PROFILE, STS_PLUGIN_MFA_CODE=sandbox.code())
    sandbox.journal.clear()
    return sandbox


def test_credentials_are_got_with_one_code_and_cached(sandbox, printed):
    code = sandbox.code()
    first = printed("credential-process", *PROFILE, STS_PLUGIN_MFA_CODE=code)
    assert len(sandbox.journal.calls()) == 3
    again = printed("credential-process", *PROFILE)
    assert json.loads(first) == json.loads(again)
    assert len(sandbox.journal.calls()) == 3


def test_both_worlds_share_a_cache(logged_in, printed, program):
    assert json.loads(printed("credential-process", *PROFILE)) == program.document(
        "prod-admin"
    )
    assert logged_in.journal.calls() == ()


def test_where_nobody_can_be_asked_that_is_said_in_one_line(run):
    done = run("credential-process", *PROFILE)
    assert (done.returncode, done.stdout) == (4, b"")
    assert done.stderr.count(b"\n") == 1
    assert b"there is no terminal" in done.stderr


@pytest.mark.parametrize(
    "command", [("status",), ("explain", *PROFILE), ("whoami", *PROFILE), ("renew",)]
)
def test_commands_for_people_print_what_they_print_elsewhere(
    logged_in, printed, program, command
):
    if command == ("renew",):
        command = ("renew", *PROFILE)
    assert printed(*command).split()[:3] == program(*command).stdout.split()[:3]


def test_lines_for_a_shell_of_unix_end_as_it_reads_them(logged_in, run):
    done = run("env", *PROFILE)
    assert done.returncode == 0
    assert b"\nexport AWS_ACCESS_KEY_ID=" in done.stdout
    assert b"\r" not in done.stdout


def test_a_command_is_run_while_we_wait_and_its_exit_code_is_ours(logged_in, run):
    # In the place of exec, after which the shell would not wait.
    code = "import os, sys; print(os.environ['AWS_ACCESS_KEY_ID'][:4]); sys.exit(7)"
    done = run("exec", *PROFILE, "--", sys.executable, "-c", code)
    assert (done.returncode, done.stdout, done.stderr) == (7, b"ASIA\n", b"")


def test_a_script_is_found_as_a_shell_finds_it(logged_in, run, tmp_path, environ):
    script = tmp_path / "bin" / "cdk.CMD"
    script.write_text("#!/bin/sh\necho $AWS_REGION $1\n")
    script.chmod(0o755)
    path = f"{tmp_path / 'bin'}:{environ['PATH']}"
    done = run("exec", *PROFILE, "--", "cdk", "deploy", PATH=path, PATHEXT=".EXE:.CMD")
    assert (done.stderr, done.returncode) == (b"", 0)
    assert done.stdout == b"us-east-1 deploy\n"
    (note,) = (tmp_path / "started").read_text().splitlines()
    assert Path(json.loads(note)["words"][0]) == script


def test_an_endpoint_renews_for_a_command(logged_in, run):
    code = "import os; print(os.environ['AWS_CONTAINER_CREDENTIALS_FULL_URI'][:17])"
    done = run("exec", "--refresh", *PROFILE, "--", sys.executable, "-c", code)
    assert (done.returncode, done.stdout) == (0, b"http://127.0.0.1:\n")


def test_a_command_for_a_code_is_split_as_windows_does(
    sandbox, run, write_config, tmp_path
):
    config = (sandbox.folder / "config").read_text()
    tool = tmp_path / "bin" / "my tool"
    tool.write_text(f"#!/bin/sh\necho {sandbox.code()}\n")
    tool.chmod(0o755)
    line = f'mfa_process = "{tool}" C:\\seeds\\alice'
    write_config(config.replace("[profile alice]", f"[profile alice]\n{line}"))
    done = run("credential-process", *PROFILE)
    assert (done.returncode, done.stderr) == (0, b"")
    (note,) = (tmp_path / "started").read_text().splitlines()
    assert json.loads(note)["words"] == [str(tool), "C:\\seeds\\alice"]


def test_our_own_command_line_is_recognised_by_its_path_of_windows(
    sandbox, printed, write_config
):
    config = (sandbox.folder / "config").read_text()
    write_config(
        f"{config}\n[profile mine]\ncredential_process ="
        ' "/tools of mine/sts-plugin.exe" credential-process --profile batch\n'
    )
    shown = printed("explain", "--profile", "mine")
    assert "batch" in shown
