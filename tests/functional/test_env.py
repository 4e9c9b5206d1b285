"""env: lines that a shell reads, and what programs in it find then."""

from __future__ import annotations

import json
import shutil
import subprocess

import pytest

AUDIT = "arn:aws:sts::222222222222:assumed-role/Batch/"
WHOAMI = "aws sts get-caller-identity --query Arn --output text"
EVAL = {
    "sh": 'eval "$(sts-plugin env --profile batch)"',
    "fish": "sts-plugin env --profile batch --format fish | source",
}
UNSET = {
    "sh": 'eval "$(sts-plugin env --unset)"',
    "fish": "sts-plugin env --unset --format fish | source",
}
SHELLS = {"sh": "sh", "bash": "sh", "zsh": "sh", "fish": "fish"}
AMBIENT = {
    "AWS_PROFILE": "bob",
    "AWS_SECURITY_TOKEN": "ambient",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI": "http://127.0.0.1:1/",
    "AWS_CONTAINER_OTHER": "ambient",
}


@pytest.fixture
def shell(environ):
    """Run a script in a shell."""

    def run(name, script, **variables):
        if shutil.which(name) is None:
            pytest.skip(f"there is no {name}")
        return subprocess.run(
            [name, "-c", script],
            env=environ | variables,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    return run


@pytest.mark.parametrize("name", SHELLS)
@pytest.mark.parametrize("ambient", [{}, AMBIENT], ids=["nothing", "ambient"])
def test_a_shell_has_the_profile_and_nothing_that_would_win(shell, name, ambient):
    script = f"{EVAL[SHELLS[name]]}; {WHOAMI}; env"
    done = shell(name, script, **ambient)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith(AUDIT)
    for variable in ambient:
        assert f"\n{variable}=" not in done.stdout
    assert "\nSTS_PLUGIN_PROFILE=batch\n" in done.stdout


@pytest.mark.parametrize("name", SHELLS)
def test_all_of_it_is_taken_away_again(shell, name):
    kind = SHELLS[name]
    done = shell(name, f"{EVAL[kind]}; {UNSET[kind]}; env")
    assert (done.returncode, done.stderr) == (0, "")
    left = {line.partition("=")[0] for line in done.stdout.splitlines()}
    assert {one for one in left if one.startswith("AWS_")} == {
        "AWS_CONFIG_FILE",
        "AWS_EC2_METADATA_DISABLED",
        "AWS_ENDPOINT_URL_IAM",
        "AWS_ENDPOINT_URL_STS",
        "AWS_SHARED_CREDENTIALS_FILE",
    }
    assert "STS_PLUGIN_PROFILE" not in left


def test_to_take_it_away_nothing_is_asked_and_no_file_is_read(program, sandbox):
    (sandbox.folder / "config").write_text("broken")
    done = program("env", "--unset", "--profile", "no-such")
    assert (done.returncode, done.stderr) == (0, "")
    assert sandbox.journal.calls() == ()
    assert done.stdout.startswith("unset ")


def test_long_term_keys_take_the_token_of_another_away(shell):
    script = 'eval "$(sts-plugin env --profile bob)"; env'
    done = shell("sh", script, AWS_SESSION_TOKEN="of somebody else")
    assert "AWS_SESSION_TOKEN" not in done.stdout
    assert "AWS_ACCESS_KEY_ID=AKIA" in done.stdout


def test_json_and_dotenv_say_the_same(program):
    found = json.loads(program("env", "--profile", "batch", "--format", "json").stdout)
    lines = program("env", "--profile", "batch", "--format", "dotenv").stdout
    said = dict(line.split("=", 1) for line in lines.splitlines())
    assert said == {name: value for name, value in found.items() if value is not None}
    assert found["AWS_PROFILE"] is None


def test_an_error_prints_nothing_to_evaluate(program, sandbox):
    for arguments in (["--profile", "no-such"], ["--profile", "audit"]):
        done = program("env", *arguments)
        assert done.returncode in {3, 4}
        assert done.stdout == ""
        assert done.stderr.count("\n") == 1
    done = program("env", "--unset", "--format", "dotenv")
    assert (done.returncode, done.stdout) == (3, "")
    assert sandbox.journal.calls() == ()


def test_a_code_is_asked_for_at_the_terminal_within_an_eval(sandbox, terminal):
    one = terminal(f'eval "$(sts-plugin env --profile audit)"; {WHOAMI}')
    one.answer(sandbox.code())
    code, out, err = one.end()
    assert (code, err) == (0, "")
    assert "assumed-role/Audit/" in out
