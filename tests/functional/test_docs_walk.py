"""Every command of the README and the pages is run, in a fresh home, in the sandbox.

A block of ``sh`` runs as a whole, without a terminal; one of ``console`` command by
command on a terminal, where the codes are typed, and what is printed must look as the
page shows it. What cannot run here has a comment before it that says why.
"""

from __future__ import annotations

import html
import json
import os
import re
import runpy
import subprocess
import sys

import pexpect
import pytest
import yaml
from pages import PAGES, ROOT, blocks, blocks_of, commands, looks_like, shape
from programs import BIN

from sts_plugin import ini
from sts_plugin.sandbox import Sandbox

REASONS = {
    "asks a person",  # test_configure.py, test_keys_commands.py, test_mfa_commands.py
    "goes on from what is around it",
    "installs packages",  # .ci/run and tox -e build do
    "needs Docker",
    "needs S3",  # test_readme.py asks STS instead
    "needs a browser",  # test_console.py has one in its place
    "needs a password manager",  # test_mfa_recipes.py has stand-ins
    "needs an account at AWS",  # test_sts_calls.py runs the same commands
    "runs until it is ended",  # test_serve.py
    "starts a shell for a person",
    "takes hours",
    "writes into the environment",
}

ABSENT = ("CMD", "cdk", "migrate-everything", "terraform")
"""Programs that are not here."""

STAND_IN = """#!/bin/sh
while [ $# -gt 0 ]; do
    [ "$1" = --profile ] && export AWS_PROFILE="$2"
    shift
done
exec aws sts get-caller-identity
"""
"""In their place: who am I, with the credentials that they would have?"""


@pytest.fixture
def home(tmp_path):
    """A home that holds a stand-in for each absent program, and nothing else."""
    home = tmp_path / "home"
    for folder in (home, home / "bin"):
        folder.mkdir()
    for name in ABSENT:
        program = home / ("bin" if name != "migrate-everything" else "") / name
        program.write_text(STAND_IN)
        program.chmod(0o755)
    return home


@pytest.fixture
def walked(home):
    """A sandbox that is the home's ~/.aws, and the environment of a person in it."""
    with Sandbox(home / ".aws", command="sts-plugin", totp_file=True) as sandbox:
        environ = {
            name: value
            for name, value in sandbox.environ().items()
            if name not in {"DISPLAY", "WAYLAND_DISPLAY"}
        }
        environ |= {
            "HOME": str(home),
            "PATH": os.pathsep.join([str(home / "bin"), str(BIN), environ["PATH"]]),
            "SHELL": "/bin/bash",
            "TERM": "xterm",
            "NO_COLOR": "1",
            "TZ": "UTC",
        }
        yield sandbox, environ


def run(arguments, environ):
    return subprocess.run(
        arguments,
        env=environ,
        cwd=environ["HOME"],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
        start_new_session=True,
        check=False,
    )


def on_a_terminal(command, sandbox, environ):
    """Run a command as a person does; return its exit code and what was shown."""
    child = pexpect.spawn(
        "/bin/bash",
        ["-c", command],
        env=environ | {"STS_PLUGIN_MFA_PROMPT": "terminal"},
        cwd=environ["HOME"],
        dimensions=(40, 100),
        encoding="utf-8",
        timeout=60,
    )
    child.delaybeforesend = None
    shown = ""
    while child.expect([r"MFA code of [^\n]*\): ", pexpect.EOF]) == 0:
        shown += child.before + child.after + "\n"
        child.sendline(sandbox.code())
        child.expect(r"\x1b\[K\x1b\[A|\r\n")
    shown += child.before
    child.close()
    lines = [line.rstrip("\r") for line in shown.split("\n")]
    # What was erased is not there: of a line, what came after that.
    left = [re.split(r"\x1b\[[AJK]|\r", line)[-1] for line in lines]
    return child.exitstatus, [line for line in left if line]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_every_command_of_a_page_works(page, walked):
    sandbox, environ = walked
    for block in blocks_of(page, "sh", "console", "python"):
        if block.reason:
            continue
        if block.language == "console":
            for command, shown in commands(block.text):
                code, real = on_a_terminal(command, sandbox, environ)
                assert code == 0, f"{block}: {command}\n{real}"
                if shown:
                    told = "\n".join(map(shape, real))
                    assert looks_like(shown, real), f"{block}: {command}\n{told}"
        elif block.language == "sh":
            done = run(["/bin/bash", "-euo", "pipefail", "-c", block.text], environ)
            assert done.returncode == 0, f"{block}\n{done.stdout}{done.stderr}"
        elif block.text.startswith(("import ", "from ")):
            done = run([sys.executable, "-c", block.text], environ)
            assert (done.returncode, done.stderr) == (0, ""), str(block)


def test_what_is_not_run_has_a_reason_that_is_known():
    given = {block.reason for block in blocks("sh", "console", "python")}
    assert given - {None} == REASONS


def test_most_commands_are_run():
    shown = blocks("sh", "console")
    assert sum(block.reason is None for block in shown) > len(shown) / 2


@pytest.mark.parametrize("name", ["README.md", "CONTRIBUTING.md"])
def test_what_a_page_outside_of_sphinx_leads_to_is_there(name):
    # Sphinx looks at the links of all others (tox -e docs).
    text = (ROOT / name).read_text("utf-8")
    links = re.findall(r"\]\((?!https?:)([^)#]+)", text)
    assert links
    assert [link for link in links if not (ROOT / link).is_file()] == []


@pytest.mark.parametrize("block", blocks("ini"), ids=str)
def test_every_profile_of_a_page_can_be_read(block, tmp_path):
    text = block.text if "[" in block.text else f"[profile a]\n{block.text}"
    (tmp_path / "config").write_text(text)
    assert ini.read_sections(tmp_path / "config")


@pytest.mark.parametrize("block", blocks("python"), ids=str)
def test_every_python_block_is_python(block):
    compile(block.text, str(block), "exec")


@pytest.mark.parametrize("block", blocks("json"), ids=str)
def test_every_json_block_is_json(block):
    assert json.loads(block.text)


@pytest.mark.parametrize("block", blocks("yaml"), ids=str)
def test_every_yaml_block_is_yaml(block):
    assert yaml.safe_load(block.text)


def test_a_pipelines_token_comes_from_a_variable(walked):
    sandbox, environ = walked
    block = blocks_of(ROOT / "docs" / "ci.md", "ini")[0]
    (sandbox.folder / "config").write_text(block.text)
    environ["DEPLOY_TOKEN"] = (sandbox.folder / "web-identity-token").read_text()
    done = run([BIN / "sts-plugin", "whoami", "--profile", "deploy"], environ)
    assert (done.returncode, done.stderr) == (0, "")
    assert "assumed-role/Deploy/" in done.stdout


@pytest.mark.parametrize("name", ["flow.svg", "plan.svg", "life.svg"])
def test_the_figures_are_what_draws_them(name):
    figures = ROOT / "docs" / "figures"
    draw = runpy.run_path(str(figures / "draw.py"))["FIGURES"][name]
    assert (figures / name).read_text("utf-8") == draw()


def rows_of(picture):
    """Return the lines of a recorded picture, each made of parts of one style."""
    rows = {}
    for y, part in re.findall(r'<text[^>]* y="([\d.]+)"[^>]*>(.*?)</text>', picture):
        rows.setdefault(y, []).append(html.unescape(part))
    return [shape(" ".join(parts)) for parts in rows.values()]


def test_the_recorded_session_looks_as_its_commands_print_now(walked):
    sandbox, environ = walked
    figures = ROOT / "docs" / "figures"
    recorded = runpy.run_path(str(figures / "record.py"))["COMMANDS"]
    shown = rows_of((figures / "session.svg").read_text("utf-8"))
    assert [row[2:] for row in shown if row.startswith("$ ")] == list(recorded)
    for command in recorded:
        code, real = on_a_terminal(command, sandbox, environ)
        assert code == 0
        assert [line for line in map(shape, real) if line not in shown] == []
