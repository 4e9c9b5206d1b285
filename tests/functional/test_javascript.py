"""The AWS SDK for JavaScript v3 runs us: our streams are pipes, and stdin has no end.

Its packages are installed by javascript/install.py, which tox runs.
"""

from __future__ import annotations

import json
import os
import shlex
import shutil
import stat
import subprocess
from pathlib import Path

import pytest

PROGRAM = Path(__file__).parent / "javascript" / "whoami.js"
MODULES = os.environ.get("STS_PLUGIN_TEST_NODE_MODULES", "")
NODE = shutil.which("node")

ARN = "arn:aws:sts::222222222222:assumed-role/Audit/"


def missing():
    """Return what is missing for these tests, or nothing."""
    if NODE is None:
        return "there is no node"
    if not MODULES:
        return "STS_PLUGIN_TEST_NODE_MODULES is not set"
    package = Path(MODULES, "@aws-sdk", "client-sts", "package.json")
    if not package.is_file():
        return f"the JavaScript SDK is not in {MODULES}"
    needed = json.loads(package.read_text("utf-8"))["engines"]["node"]
    version = subprocess.check_output([NODE, "--version"], text=True).strip(" v\n")
    if int(version.split(".")[0]) < int(needed.strip("<>= ").split(".")[0]):
        return f"node {version} is not {needed}"
    return ""


pytestmark = pytest.mark.skipif(bool(missing()), reason=missing() or "-")

HOWS = pytest.mark.parametrize("how", ["ini", "chain"])


@pytest.fixture
def environ(environ):
    return environ | {"AWS_PROFILE": "audit", "NODE_PATH": MODULES}


@pytest.fixture
def whoami(environ):
    """Run the program without a terminal; whatever it waits for, it must end."""

    def run(*arguments):
        return subprocess.run(
            [NODE, PROGRAM, *arguments],
            env=environ,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60,
            start_new_session=True,
            check=False,
        )

    return run


@HOWS
def test_one_code_at_the_terminal_is_enough(sandbox, terminal, how):
    command = shlex.join([NODE, str(PROGRAM), how])
    one = terminal(command)
    one.answer(sandbox.code())
    status, out, _err = one.end()
    assert status == 0
    assert out.startswith(ARN)
    assert one.prompts == 1
    again = terminal(command)
    status, out, _err = again.end()
    assert (status, again.prompts) == (0, 0)
    assert out.startswith(ARN)
    assert sandbox.journal.count("GetSessionToken") == 1
    assert sandbox.journal.count("AssumeRole") == 1
    assert sandbox.journal.count("GetCallerIdentity") == 2


def test_without_a_terminal_the_error_of_a_provider_says_what_would_help(
    whoami, sandbox
):
    done = whoami("ini")
    assert (done.returncode, done.stdout) == (1, "")
    assert "CredentialsProviderError: Command failed" in done.stderr
    assert "sts-plugin login --profile audit" in done.stderr
    assert sandbox.journal.calls() == ()


def test_without_a_terminal_the_default_chain_fails_as_well(whoami, sandbox):
    # docs/mfa-process.md says so: whether it tells why is the SDK's affair.
    done = whoami("chain")
    assert (done.returncode, done.stdout) == (1, "")
    assert "Could not load credentials from any providers" in done.stderr
    assert "sts-plugin login" not in done.stderr
    assert sandbox.journal.calls() == ()


def test_the_default_chain_tells_why_where_the_client_has_a_logger(whoami):
    done = whoami("chain", "log")
    assert done.returncode == 1
    assert "sts-plugin login --profile audit" in done.stdout + done.stderr


@pytest.fixture
def script(tmp_path):
    """Write a shell script to be run as a command; return its path."""

    def write(name, text):
        path = tmp_path / name
        path.write_text(f"#!/bin/sh\n{text}\n", encoding="utf-8")
        path.chmod(path.stat().st_mode | stat.S_IXUSR)
        return path

    return write


def test_a_stdin_without_an_end_is_not_waited_for(
    sandbox, whoami, write_config, script, program, tmp_path
):
    # Neither by us nor by the command for the code, which reads its own to the end.
    ours = script(
        "ours",
        f'[ -S /dev/stdin ] && echo socket >{tmp_path}/stdin\nexec {program.path} "$@"',
    )
    code = script("code", f"cat >{tmp_path}/read\necho {sandbox.code()}")
    config = (sandbox.folder / "config").read_text(encoding="utf-8")
    head = "[profile audit]\n"
    assert head in config
    config = config.replace(head, f"{head}mfa_process = {code}\n")
    write_config(config.replace(f'"{program.path}" credential', f'"{ours}" credential'))
    done = whoami("ini")
    assert (done.returncode, done.stdout[: len(ARN)]) == (0, ARN)
    assert (tmp_path / "stdin").read_text(encoding="utf-8") == "socket\n"
    assert (tmp_path / "read").read_text(encoding="utf-8") == ""
