"""The sandbox as a fixture in the tests of another project."""

from __future__ import annotations

import os
import subprocess
import sys

TESTS = """
import boto3

pytest_plugins = ["sts_plugin.sandbox.pytest_plugin"]


def test_my_program(sts_sandbox, monkeypatch):
    for name, value in sts_sandbox.environ().items():
        monkeypatch.setenv(name, value)
    boto3.Session(profile_name="bob").client("sts").get_caller_identity()
    assert sts_sandbox.journal.count("GetCallerIdentity", outcome="ok") == 1
"""


def test_the_fixture_gives_a_running_sandbox(tmp_path):
    file = tmp_path / "test_theirs.py"
    file.write_text(TESTS, encoding="utf-8")
    done = subprocess.run(
        [
            *(sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"),
            # Without it, it would end by removing what all runs before ours left.
            *("--basetemp", tmp_path / "theirs"),
            file,
        ],
        cwd=tmp_path,
        env={k: v for k, v in os.environ.items() if not k.startswith("PYTEST_")},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stdout
    assert "1 passed" in done.stdout
