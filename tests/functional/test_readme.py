"""The README is true: its usage block, its config, its Python example."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def block(language, number=0):
    return re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL)[number]


def test_the_usage_block_is_what_help_prints(program):
    # Pythons differ in where they break the lines.
    assert program("--help").stdout.split() == block("text").split()


def test_the_config_and_the_python_example_work(
    sandbox, program, write_config, terminal, environ
):
    write_config(block("ini") + block("ini", 1))
    one = terminal("aws --profile prod-admin sts get-caller-identity --output text")
    one.answer(sandbox.code())
    status, out, _ = one.end()
    assert status == 0
    assert "assumed-role/Admin/" in out
    assert program.document("audit")
    example = block("python").replace(
        'client("s3").list_buckets()', 'client("sts").get_caller_identity()'
    )
    done = subprocess.run(
        [sys.executable, "-c", example],
        env=environ,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert sandbox.journal.count("GetSessionToken") == 1


def test_ci_runs_the_readmes_test_command():
    command = block("sh", 1).strip()
    script = (Path(__file__).parents[2] / ".ci" / "run").read_text(encoding="utf-8")
    assert command in script.splitlines()


def test_the_profiles_of_the_page_on_every_call_are_good_ones(
    sandbox, program, tmp_path
):
    page = (ROOT / "docs" / "sts.md").read_text(encoding="utf-8")
    config = "\n".join(re.findall(r"```ini\n(.*?)```", page, re.DOTALL))
    (sandbox.folder / "config").write_text(config)
    with (sandbox.folder / "credentials").open("a") as credentials:
        credentials.write("[admin]\naws_access_key_id = A\naws_secret_access_key = s\n")
    (tmp_path / ".aws").mkdir()
    (tmp_path / ".aws" / "read-only.json").write_text('{"Statement": []}')
    profiles = re.findall(r"\[profile (.*?)\]", config)
    assert len(profiles) >= 7
    for profile in profiles:
        done = program("explain", "--profile", profile, environ={"HOME": str(tmp_path)})
        assert (done.returncode, done.stderr) == (0, "")
