"""Completions: what each shell makes of ours, and that nothing goes wrong in them."""

from __future__ import annotations

import shutil
import subprocess

import pytest
from tmux import MISSING, Tmux

PROFILES = ["default", "alice", "jump", "prod-admin", "audit", "partner", "batch"]
PROFILES += ["bob", "ci"]

BASH = """\
eval "$(sts-plugin completion bash)"
COMP_LINE=$1 COMP_POINT=${#1} COMP_TYPE=9 COMPREPLY=()
_python_argcomplete sts-plugin
printf '%s\\n' "${COMPREPLY[@]}"
"""
FISH = "sts-plugin completion fish | source; complete -C $argv[1]"


def completed(shell, line, environ):
    if shell == "fish":
        command = ["fish", "--no-config", "-c", FISH, line]
    else:
        command = ["bash", "--norc", "-c", BASH, "bash", line]
    done = subprocess.run(
        command, env=environ, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.stderr == ""
    words = [word.partition("\t")[0].strip() for word in done.stdout.splitlines()]
    return [word for word in words if word]


@pytest.fixture(params=["bash", "fish"])
def complete(request, environ):
    if not shutil.which(request.param):
        pytest.skip(f"there is no {request.param}")
    return lambda line, **variables: completed(request.param, line, environ | variables)


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("sts-plugin expl", ["explain"]),
        ("sts-plugin e", ["env", "exec", "explain"]),
        ("sts-plugin explain --profile ", PROFILES),
        ("sts-plugin login --profile p", ["partner", "prod-admin"]),
        ("sts-plugin configure --source-profile ali", ["alice"]),
        ("sts-plugin login --profile alice --profile bo", ["bob"]),
        ("sts-plugin explain --output m", ["mermaid"]),
        ("sts-plugin mfa re", ["remove"]),
        ("sts-plugin mfa remove --prof", ["--profile"]),
        ("sts-plugin key-info ", []),
        ("sts-plugin exec --profile bob -- sts-plug", ["sts-plugin", "sts-plugin.py"]),
        ("sts-plugin no-such --prof", []),
    ],
)
def test_what_comes_next_is_offered(complete, line, words):
    assert sorted(complete(line)) == sorted(words)


def test_a_file_that_is_wrong_is_no_answer(complete, write_config):
    write_config("[profile a]\nnonsense\n")
    assert complete("sts-plugin explain --profile ") == []


def test_a_name_that_could_move_the_cursor_is_not_offered(complete, write_config):
    write_config('[profile "x\x1b]0;y"]\n[profile xa]\n')
    assert complete("sts-plugin explain --profile x") == ["xa"]


def test_nothing_is_asked_and_nothing_is_called(complete, sandbox):
    complete("sts-plugin credential-process --profile ")
    assert sandbox.journal.calls() == ()
    assert not (sandbox.folder / "cache").exists()


@MISSING
@pytest.mark.skipif(not shutil.which("zsh"), reason="there is no zsh")
def test_zsh_completes_at_its_prompt(environ, tmp_path):
    one = Tmux(tmp_path, environ)
    one.line("exec zsh -f")
    one.line("PS1='zsh> '; autoload -Uz compinit; compinit -u -D")
    one.line('eval "$(sts-plugin completion zsh)"; echo "ready"')
    one.wait("ready\n")
    one.type("sts-plugin explain --profile prod")
    one.press("Tab")
    one.wait("--profile prod-admin")
    one.press("C-u")
    one.type("sts-plugin expl")
    one.press("Tab")
    one.wait("sts-plugin explain")
    one.close()


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish", "powershell"])
def test_the_lines_for_a_shell_are_printed(program, shell):
    done = program("completion", shell)
    assert (done.returncode, done.stderr) == (0, "")
    assert "_ARGCOMPLETE" in done.stdout
    assert "sts-plugin" in done.stdout


def test_a_shell_that_we_do_not_know_is_a_wrong_command_line(program):
    done = program("completion", "tcsh")
    assert (done.returncode, done.stdout) == (2, "")


def test_whoever_sets_the_variable_by_mistake_gets_an_exit_code(program):
    done = program("status", environ={"_ARGCOMPLETE": "1"})
    assert done.returncode != 0
    assert "Traceback" not in done.stderr
