"""exec: somebody's own command, in our place or beside an endpoint of its own."""

from __future__ import annotations

import json
import os
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

BIN = Path(sys.executable).parent
PROMPT = "MFA code of arn:aws:iam::111111111111:mfa/alice"
WHOAMI = "import boto3; print(boto3.client('sts').get_caller_identity()['Arn'])"
BATCH = "arn:aws:sts::222222222222:assumed-role/Batch/"
ENVIRON = "import json,os,sys; json.dump(dict(os.environ),sys.stdout)"
AMBIENT = {
    "AWS_ACCESS_KEY_ID": "AKIAAMBIENT",
    "AWS_SECRET_ACCESS_KEY": "ambient",
    "AWS_SESSION_TOKEN": "ambient",
    "AWS_SECURITY_TOKEN": "ambient",
    "AWS_PROFILE": "bob",
    "AWS_ROLE_ARN": "arn:aws:iam::222222222222:role/Other",
    "AWS_WEB_IDENTITY_TOKEN_FILE": "/nonexistent",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI": "http://127.0.0.1:1/",
    "AWS_BEARER_TOKEN_BEDROCK": "ambient",
}
HOWS = pytest.mark.parametrize("how", [(), ("--refresh",)], ids=["keys", "endpoint"])


@pytest.fixture
def run(program):
    """Run a command under exec without a terminal; return what it did."""

    def run(*command, how=(), profile="batch", **options):
        return program("exec", *how, "--profile", profile, "--", *command, **options)

    return run


@pytest.fixture
def environ_of(run):
    """The environment of a command under exec."""

    def environ_of(**options):
        done = run(sys.executable, "-c", ENVIRON, **options)
        assert (done.returncode, done.stderr) == (0, "")
        return json.loads(done.stdout)

    return environ_of


@HOWS
@pytest.mark.parametrize("ambient", [{}, AMBIENT], ids=["nothing", "ambient"])
@pytest.mark.parametrize(
    "command",
    [[sys.executable, "-c", WHOAMI], ["aws", "sts", "get-caller-identity"]],
    ids=["boto3", "aws"],
)
def test_a_command_is_the_profile_whatever_the_environment_was(
    run, sandbox, how, ambient, command
):
    done = run(*command, how=how, environ=ambient)
    assert (done.returncode, done.stderr) == (0, "")
    assert BATCH in done.stdout
    assert sandbox.journal.count("AssumeRole") == 1


def test_its_environment_has_the_set_and_nothing_else_of_aws(environ_of, environ):
    found = environ_of(environ=AMBIENT | {"STS_PLUGIN_MFA_CODE": "123456"})
    changed = {name for name in found if found[name] != environ.get(name)}
    assert changed - {"_", "PWD", "SHLVL", "LC_CTYPE", "OLDPWD"} == {
        "AWS_ACCESS_KEY_ID",
        "AWS_SECRET_ACCESS_KEY",
        "AWS_SESSION_TOKEN",
        "AWS_CREDENTIAL_EXPIRATION",
        "AWS_REGION",
        "AWS_ACCOUNT_ID",
        "STS_PLUGIN_PROFILE",
    }
    assert found["STS_PLUGIN_PROFILE"] == "batch"
    assert environ.keys() <= found.keys()
    assert not any(name.startswith("_sts_plugin") for name in found)


def test_beside_an_endpoint_it_has_no_key_at_all(environ_of):
    found = environ_of(how=["--refresh"], environ=AMBIENT)
    names = {name for name in found if name.startswith("AWS_CONTAINER_")}
    assert names == {
        "AWS_CONTAINER_CREDENTIALS_FULL_URI",
        "AWS_CONTAINER_AUTHORIZATION_TOKEN",
    }
    assert not {"AWS_ACCESS_KEY_ID", "AWS_SESSION_TOKEN", "AWS_PROFILE"} & found.keys()


def test_the_region_is_that_of_the_profile(environ_of, sandbox):
    config = sandbox.folder / "config"
    text = config.read_text().replace("us-east-1", "eu-central-1")
    config.write_text(text)
    found = environ_of(environ={"AWS_DEFAULT_REGION": "us-west-2"})
    assert found["AWS_REGION"] == found["AWS_DEFAULT_REGION"] == "eu-central-1"


def test_without_a_region_in_the_profile_the_one_that_is_there_stays(
    environ_of, sandbox
):
    config = sandbox.folder / "config"
    config.write_text(config.read_text().replace("region = us-east-1\n", ""))
    found = environ_of(environ={"AWS_DEFAULT_REGION": "us-west-2"})
    assert found["AWS_REGION"] == found["AWS_DEFAULT_REGION"] == "us-west-2"


def test_long_term_keys_come_without_a_token(environ_of):
    found = environ_of(profile="bob", environ=AMBIENT)
    assert found["AWS_ACCESS_KEY_ID"].startswith("AKIA")
    assert found["AWS_ACCESS_KEY_ID"] != "AKIAAMBIENT"
    assert "AWS_SESSION_TOKEN" not in found


def test_long_term_keys_are_not_for_an_endpoint(run):
    done = run("true", how=["--refresh"], profile="bob")
    assert (done.returncode, done.stdout) == (3, "")
    assert "leads to long-term keys" in done.stderr


# --- The process ---


def test_the_command_takes_the_place_of_the_process(program):
    started = program.start("exec", "--profile", "batch", "--", "sh", "-c", "echo $$")
    out, err = started.communicate(timeout=60)
    assert (int(out), err) == (started.pid, b"")


@HOWS
def test_its_exit_code_is_ours(run, how):
    assert run("sh", "-c", "exit 42", how=how).returncode == 42


def test_its_signal_is_ours(run):
    assert run("sh", "-c", "kill -TERM $$").returncode == -signal.SIGTERM
    done = run("sh", "-c", "kill -TERM $$", how=["--refresh"])
    assert done.returncode == 128 + signal.SIGTERM


@HOWS
@pytest.mark.parametrize(
    ("command", "code", "why"),
    [
        ("no-such-command", 127, "No such file or directory"),
        ("./no/such", 127, "No such file or directory"),
        ("", 127, "No such file or directory"),
        ("/etc/passwd", 126, "Permission denied"),
        ("/etc", 126, "Permission denied"),
    ],
)
def test_what_cannot_be_run_is_said_before_anybody_is_asked(
    run, sandbox, how, command, code, why
):
    done = run(command, how=how, profile="audit")
    assert (done.returncode, done.stdout) == (code, "")
    assert done.stderr == f"sts-plugin: {command}: {why}\n"
    assert sandbox.journal.calls() == ()


@HOWS
def test_a_file_that_is_no_program_cannot_be_run(run, tmp_path, how):
    script = tmp_path / "script"
    script.write_text("echo no first line\n")
    script.chmod(0o755)
    done = run(script, how=how)
    assert (done.returncode, done.stdout) == (126, "")
    assert done.stderr == f"sts-plugin: {script}: Exec format error\n"


@HOWS
def test_it_inherits_the_core_limit_that_we_were_given(environ, how):
    resource = pytest.importorskip("resource")
    if 0 <= resource.getrlimit(resource.RLIMIT_CORE)[1] < 2:
        pytest.skip("the hard limit of this run is lower")
    inner = f"sts-plugin exec {' '.join(how)} --profile batch -- bash -c 'ulimit -S -c'"
    for limit in ("0", "2"):
        done = subprocess.run(
            ["bash", "-c", f"ulimit -S -c {limit}; {inner}"],
            env=environ,
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
        )
        assert int(done.stdout) == int(limit)


@HOWS
def test_it_inherits_no_ignored_signal_and_no_lock_of_ours(run, how):
    # Ignored signals are bits in a mask; Python ignores SIGPIPE (13) and SIGXFSZ (25).
    done = run("sh", "-c", "grep SigIgn /proc/self/status; ls /proc/self/fd", how=how)
    ignored, descriptors = done.stdout.split("\n", 1)
    mask = int(ignored.split()[1], 16)
    assert not mask & (1 << 12 | 1 << 24)
    assert descriptors.split() == ["0", "1", "2", "3"]  # 3 is that of ls


@HOWS
def test_it_inherits_what_a_shell_has_opened_for_it(environ, how):
    command = f"sts-plugin exec {' '.join(how)} --profile batch -- cat <(echo hello)"
    done = subprocess.run(
        ["bash", "-c", command],
        env=environ,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert done.stdout == "hello\n"


@HOWS
def test_without_a_command_it_is_the_shell_of_the_user(environ, how):
    done = subprocess.run(
        [BIN / "sts-plugin", "exec", *how, "--profile", "batch"],
        env=environ | {"SHELL": "/bin/sh"},
        input='echo "in $STS_PLUGIN_PROFILE"; exit 5\n',
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (5, "in batch\n", "")


@pytest.mark.parametrize("outer", [(), ("--refresh",)], ids=["keys", "endpoint"])
@pytest.mark.parametrize("inner", [(), ("--refresh",)], ids=["keys", "endpoint"])
def test_one_within_another_replaces_everything(run, sandbox, outer, inner):
    # With a default profile that has credentials, the outer one hides the AWS files.
    add_default(sandbox)
    words = ["sts-plugin", "exec", *inner, "--profile", "ci", "--"]
    show = f"{WHOAMI}; import json, os; print(json.dumps(dict(os.environ)))"
    done = run(*words, sys.executable, "-c", show, how=outer)
    assert (done.returncode, done.stderr) == (0, "")
    arn, environ = done.stdout.split("\n", 1)
    assert "/Batch/" not in arn
    assert "assumed-role" in arn
    environ = json.loads(environ)
    assert environ["STS_PLUGIN_PROFILE"] == "ci"
    assert ("AWS_ACCESS_KEY_ID" in environ) is (not inner)
    assert ("AWS_CONTAINER_CREDENTIALS_FULL_URI" in environ) is bool(inner)


def add_default(sandbox):
    """Give the default profile keys of somebody else."""
    bob = sandbox.organisation.user("bob")
    file = sandbox.folder / "credentials"
    file.write_text(
        f"{file.read_text()}\n[default]\naws_access_key_id = {bob.access_key_id}\n"
        f"aws_secret_access_key = {bob.secret_access_key}\n"
    )


@HOWS
def test_keys_of_the_default_profile_do_not_win(run, sandbox, how):
    add_default(sandbox)
    done = run(sys.executable, "-c", WHOAMI, how=how)
    assert done.stdout.startswith(BATCH)


# --- Longer than a set lives ---

SEVERAL = """
import sys, time, boto3
sts = boto3.client("sts")
keys = set()
deadline = time.monotonic() + 50
while len(keys) < 3 and time.monotonic() < deadline:
    assert "/Batch/" in sts.get_caller_identity()["Arn"]
    keys.add(sts._request_signer._credentials.get_frozen_credentials().access_key)
    time.sleep(0.05)
print(len(keys))
"""


def test_a_command_beside_an_endpoint_outlives_its_sets(run, sandbox):
    sandbox.lifetime_seconds = 4
    done = run(sys.executable, "-c", SEVERAL, how=["--refresh"])
    assert (done.returncode, done.stdout, done.stderr) == (0, "3\n", "")


@pytest.mark.parametrize("name", ["SIGTERM", "SIGHUP", "SIGUSR1", "SIGINT"])
def test_signals_are_passed_on(program, name):
    # There is no terminal: SIGINT comes from a program, and not from a keyboard.
    wait = "echo ready; while :; do sleep 0.05; done"
    script = f"trap 'echo got; exit 3' {name[3:]}; {wait}"
    started = program.start(
        "exec", "--refresh", "--profile", "batch", "--", "sh", "-c", script
    )
    assert started.stdout.readline() == b"ready\n"
    started.send_signal(getattr(signal, name))
    out, err = started.communicate(timeout=60)
    assert (started.returncode, out, err) == (3, b"got\n", b"")


def test_the_endpoint_ends_with_the_command(run, environ):
    script = 'echo "$AWS_CONTAINER_CREDENTIALS_FULL_URI"'
    url = run("sh", "-c", script, how=["--refresh"]).stdout.strip()
    port = int(url.split(":")[2].split("/")[0])
    done = subprocess.run(
        ["bash", "-c", f"exec 3<>/dev/tcp/127.0.0.1/{port}"],
        env=environ,
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert done.returncode != 0
    assert b"refused" in done.stderr


# --- At a terminal ---


@HOWS
def test_one_code_at_the_terminal_and_the_command_has_it_afterwards(
    sandbox, terminal, how
):
    inner = "echo ready >/dev/tty; read line </dev/tty; echo got $line"
    one = terminal(
        f"sts-plugin exec {' '.join(how)} --profile audit -- sh -c {shlex.quote(inner)}"
    )
    one.answer(sandbox.code())
    one.child.expect_exact("ready")
    one.child.sendline("hello")
    assert one.end() == (0, "got hello\n", "")
    assert one.prompts == 1
    assert one.echoes


def test_a_herd_asks_once(sandbox, terminal, tmp_path):
    jobs = [
        f"sts-plugin exec --profile audit -- {sys.executable} -c {shlex.quote(WHOAMI)}"
        f" >{tmp_path}/out.{number} 2>{tmp_path}/err.{number} &"
        for number in range(8)
    ]
    one = terminal(" ".join(jobs) + " wait; :")
    one.answer(sandbox.code())
    assert one.end()[0] == 0
    assert one.prompts == 1
    for file in tmp_path.glob("out.*"):
        assert "assumed-role/Audit/" in file.read_text()
    assert sandbox.journal.count("GetSessionToken") == 1
    assert sandbox.journal.count("AssumeRole") == 1


@HOWS
def test_ctrl_c_is_for_the_command(logged_in, terminal, how):
    script = (
        "trap 'echo once; n=1' INT; echo ready >/dev/tty;"
        ' while [ -z "$n" ]; do sleep 0.05; done; exit 6'
    )
    command = f"exec {' '.join(how)} --profile audit -- sh -c {shlex.quote(script)}"
    one = terminal(f"trap : INT; sts-plugin {command}")  # it would end as well
    one.child.expect_exact("ready")
    one.child.sendintr()
    assert one.end() == (6, "once\n", "")


NEEDS_ONE = """
import sys, time, boto3
from botocore.exceptions import BotoCoreError
for _ in range(60):
    try:
        print(boto3.Session().client("sts").get_caller_identity()["Arn"])
        break
    except BotoCoreError as error:
        print(error, file=sys.stderr)
        time.sleep(0.2)
"""


def test_a_renewal_asks_at_the_terminal_while_the_command_runs(sandbox, terminal):
    # All sets, the session with MFA included, live for four seconds.
    sandbox.lifetime_seconds = 4
    script = f"sleep 5; exec {sys.executable} -c {shlex.quote(NEEDS_ONE)}"
    one = terminal(
        f"sts-plugin exec --refresh --profile audit -- sh -c {shlex.quote(script)}"
    )
    one.answer(sandbox.code())
    one.child.expect_exact(PROMPT)
    sandbox.lifetime_seconds = None
    one.type(sandbox.code(at=time.time() + 30))
    code, out, _err = one.end()
    assert (code, one.prompts) == (0, 2)
    assert "assumed-role/Audit/" in out
    assert one.echoes


def test_a_renewal_does_not_take_the_keyboard_from_a_command_that_reads_it(
    sandbox, terminal
):
    sandbox.lifetime_seconds = 4
    script = (
        "stty -icanon -echo </dev/tty; sleep 5;"
        f" {sys.executable} -c {shlex.quote(WHOAMI)};"
        " stty sane </dev/tty"
    )
    one = terminal(
        f"sts-plugin exec --refresh --profile audit -- sh -c {shlex.quote(script)}"
    )
    one.answer(sandbox.code())
    _code, _out, err = one.end()
    assert one.prompts == 1
    assert "sts-plugin login --profile audit" in err  # in the SDK's own error
    assert "CredentialRetrievalError" in err


def test_the_seed_by_a_descriptor_is_not_for_the_command(environ, sandbox):
    seed = sandbox.folder / "alice.totp"
    command = (
        f"sts-plugin exec --profile audit -- sh -c 'ls /proc/self/fd; env' 7<{seed}"
    )
    done = subprocess.run(
        ["bash", "-c", command],
        env=environ | {"STS_PLUGIN_TOTP_FD": "7"},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert "7" not in done.stdout.split("\n")[:6]
    assert "STS_PLUGIN_TOTP_FD" not in done.stdout


@pytest.mark.parametrize("how", ["", "--refresh"])
def test_a_seed_that_was_not_needed_is_not_for_the_command_either(
    environ, logged_in, how
):
    command = (
        f"sts-plugin exec {how} --profile audit -- sh -c 'cat <&7'"
        f" 7< <(cat {logged_in.folder}/alice.totp)"
    )
    done = subprocess.run(
        ["bash", "-c", command],
        env=environ | {"STS_PLUGIN_TOTP_FD": "7"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert logged_in.journal.count("GetSessionToken") == 0  # it was not read
    assert done.stdout == ""
    assert "descriptor" in done.stderr
    assert done.returncode != 0


def test_the_token_is_nowhere_but_in_the_environment(run, environ, tmp_path):
    script = (
        'echo "$AWS_CONTAINER_AUTHORIZATION_TOKEN";'
        ' cat /proc/$PPID/cmdline | tr "\\0" " "'
    )
    done = run("sh", "-c", script, how=["--refresh"])
    token, command_line = done.stdout.split("\n", 1)
    assert len(token) == 43
    assert token not in command_line + done.stderr
    for path in tmp_path.rglob("*"):
        assert not path.is_file() or token.encode() not in path.read_bytes()
    again = run("sh", "-c", script, how=["--refresh"])
    assert token not in again.stdout
    assert os.environ.get("AWS_CONTAINER_AUTHORIZATION_TOKEN") is None
