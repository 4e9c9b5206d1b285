"""Secrets are found nowhere but where they belong, however a run ends.

They belong into the document on stdout, and into the entries of the cache (0600).
"""

from __future__ import annotations

import json
import os
import re
import resource
import shlex
import signal
import socket
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from canaries import Canaries, Sweep
from herd import await_that

from sts_plugin.sandbox import Fault

AUDIT = ("credential-process", "--profile", "audit")
ONE = "sts-plugin " + " ".join(AUDIT)


@pytest.fixture
def environ(environ, tmp_path):
    """Whatever Python itself can be made to tell of a run, and where files would go."""
    for name in ("home", "temporary"):
        (tmp_path / name).mkdir()
    return environ | {
        "HOME": str(tmp_path / "home"),
        "TMPDIR": str(tmp_path / "temporary"),
        "PYTHONDEVMODE": "1",
        "PYTHONFAULTHANDLER": "1",
        "PYTHONWARNINGS": "always",
    }


@pytest.fixture
def sweep(sandbox, tmp_path):
    return Sweep(sandbox, tmp_path)


@pytest.fixture
def with_keys(sandbox, write_config):
    """Add keys to the profile "audit"."""

    def write(*lines):
        config = (sandbox.folder / "config").read_text(encoding="utf-8")
        head = "[profile audit]\n"
        write_config(config.replace(head, head + "".join(f"{it}\n" for it in lines)))

    return write


def test_a_canary_would_be_found(tmp_path):
    secret = "aB+/cD==eF/gH+iJ~kLmNoPqRsTuVwXyZ0123456"
    looking = Canaries(key=secret, code="271828")
    here = tmp_path / "file"
    for how in (
        "printf %s {0}",
        "printf %s {0} | base64 -w0",
        "printf 'Basic %s' $(printf a:%s:b {0} | base64 -w0)",
        "printf %s {0} | od -An -tx1 | tr -d ' \\n'",
        f"{sys.executable} -c 'import urllib.parse as p; print(p.quote_plus({{1}}))'",
        f"{sys.executable} -c 'import json; print(json.dumps({{1}}))'",
    ):
        command = how.format(shlex.quote(secret), f'"{secret}"')
        here.write_bytes(subprocess.check_output(["sh", "-c", command]))
        assert looking.in_folder(tmp_path) == [(str(here), ["key"])], command
    assert looking.in_bytes(f"...{secret[:25]}...") == ["key"]
    assert looking.in_bytes("TokenCode=271828&Version=1") == ["code"]
    assert looking.in_bytes("at 1271828.5 or 0xa271828") == []
    here.rename(tmp_path / "271828")
    (tmp_path / "271828").write_text("")
    assert looking.in_folder(tmp_path) == [(str(tmp_path / "271828"), ["code"])]


# --- The executable ----------------------------------------------------------


def test_a_chain_behind_a_wrong_and_a_right_code(sandbox, terminal, sweep):
    one = terminal("sts-plugin credential-process --profile prod-admin")
    wrong = sandbox.code(at=0)
    sweep.add(wrong=wrong)
    one.answer(wrong)
    one.child.expect_exact("AWS refused that code")
    one.answer(sweep.code())
    status, out, err = one.end()
    assert status == 0
    one.out.unlink()
    learned = sweep.check(out, err, one.screen)
    assert len(learned) > 6  # three sets were issued
    assert len(list((sandbox.folder / "cache").glob("*.json"))) == 3


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM"])
def test_a_signal_at_a_prompt_with_a_part_of_a_code(terminal, sweep, tmp_path, name):
    pid = tmp_path / "pid"
    one = terminal(f"sh -c 'echo $$ >{pid}; exec {ONE}'; :")
    one.child.expect_exact("): ")
    one.child.send(sweep.code())
    os.kill(int(pid.read_text()), getattr(signal, name))
    _, out, err = one.end()
    pid.unlink()
    assert out == ""
    sweep.check("", err, one.screen)


def run(program, sweep, *arguments, **environ):
    """Run to a failure, and look for secrets."""
    done = program(*arguments, environ=environ)
    sweep.check(done.stdout, done.stderr)
    assert done.returncode != 0, done
    assert done.stderr.startswith("sts-plugin: ")
    return done


@pytest.mark.parametrize("kind", ["truncated", "bad_charset", "no_expiration"])
def test_an_answer_that_is_damaged(program, sandbox, sweep, kind):
    sandbox.add_fault(Fault(kind, times=None))
    run(program, sweep, *AUDIT, STS_PLUGIN_MFA_CODE=sweep.code())
    run(program, sweep, "credential-process", "--profile", "batch")


def test_a_run_that_is_ended_while_sts_has_its_code(program, sandbox, sweep):
    sandbox.add_fault(Fault("silence"))
    program.environ["STS_PLUGIN_MFA_CODE"] = sweep.code()
    process = program.start(*AUDIT)
    assert sandbox.journal.next_number()  # it is up
    with process:
        await_that(lambda: sandbox._faults.take("GetSessionToken") is None)
        process.send_signal(signal.SIGTERM)
        out, err = process.communicate(timeout=60)
    assert out == b""
    sweep.check("", err)


def test_a_cache_that_cannot_be_used_or_is_damaged(program, sandbox, sweep, with_keys):
    with_keys(f"sts_plugin_totp_file = {sandbox.folder / 'alice.totp'}")
    cache = sandbox.folder / "cache"
    cache.write_text("")
    sweep.code()
    done = program(*AUDIT)
    assert done.returncode == 0
    assert "going on without the cache" in done.stderr
    sweep.check(done.stdout, done.stderr)
    cache.unlink()
    batch = ("credential-process", "--profile", "batch")
    assert program(*batch).returncode == 0
    (entry,) = cache.glob("*.json")
    entry.write_bytes(entry.read_bytes()[:-9])
    done = program(*batch)
    assert (done.returncode, done.stderr) == (0, "")
    sweep.check(done.stdout)


@pytest.mark.parametrize(
    ("place", "profile"), [("aws._revealed", "audit"), ("sts._credentials", "batch")]
)
def test_an_unforeseen_error_in_the_middle_of_a_call(program, sweep, place, profile):
    script = (
        "import sys; from sts_plugin import aws, cli, sts\n"
        f"before = {place}\n"
        "def fail(value, *given, **more):\n"
        "    done = before(value, *given, **more)\n"
        "    if isinstance(value, dict): raise OSError(f'{value} {done}')\n"
        "    return done\n"
        f"{place} = fail\n"
        f"sys.exit(cli.run(['credential-process', '--profile', '{profile}']))"
    )
    program.path = Path(sys.executable)
    done = run(program, sweep, "-c", script, STS_PLUGIN_MFA_CODE=sweep.code())
    assert (done.returncode, done.stdout) == (1, "")
    assert "a defect of sts-plugin" in done.stderr


def test_a_seed_that_is_kept(program, sandbox, sweep):
    process = subprocess.Popen(
        [program.path, "mfa", "add", "--profile", "audit", "--file", "--from", "-"],
        env=program.environ,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    with process:
        process.stdin.write(sandbox.organisation.user("alice").totp_seed.encode())
        process.stdin.close()
        assert re.search(rb"[0-9]{6}", process.stdout.readline())  # for IAM
        process.send_signal(signal.SIGINT)
        assert process.stdout.read() == b""
        err = process.stderr.read()
    (kept,) = (sandbox.folder / "data").rglob("*.seed")
    assert kept.stat().st_mode & 0o777 == 0o600
    sweep.own.add(kept)
    sweep.check("", err)
    done = program("mfa", "list")
    assert sandbox.organisation.user("alice").mfa_serial in done.stdout
    sweep.check("", done.stdout, done.stderr)


# --- What a run starts -------------------------------------------------------

CHILD = """#!{python}
import json, os, sys
with open({seen!r}, "a") as file:
    print(json.dumps([sys.argv[1:], dict(os.environ)]), file=file)
open({ready!r}, "w").close()
open({fifo!r}).read()
"""


@pytest.fixture
def child(tmp_path):
    """A program that tells what it sees, and waits until it is ended."""

    class Child:
        path, fifo = tmp_path / "child", tmp_path / "fifo"
        seen, ready = tmp_path / "seen", tmp_path / "ready"

    one = Child()
    os.mkfifo(one.fifo)
    text = CHILD.format(
        python=sys.executable,
        seen=str(one.seen),
        ready=str(one.ready),
        fifo=str(one.fifo),
    )
    one.path.write_text(text)
    one.path.chmod(0o700)
    return one


@pytest.fixture
def display():
    """A name for a display: what matters is that something listens there."""
    with (
        tempfile.TemporaryDirectory() as folder,  # a short name, as sockets want it
        socket.socket(socket.AF_UNIX) as server,
    ):
        server.bind(f"{folder}/x")
        server.listen()
        yield f"{folder}/x"


CANARIES = {
    "AWS_ACCESS_KEY_ID": "AKIACANARYCANARY0000",
    "AWS_SECRET_ACCESS_KEY": "canary-secret-of-the-environment-0000000",
    "AWS_SESSION_TOKEN": "canary-token-of-the-environment-00000000",
    "AWS_SECURITY_TOKEN": "canary-security-token-000000000000000000",
    "AWS_CONTAINER_AUTHORIZATION_TOKEN": "canary-container-token-0000000000000",
    "AWS_BEARER_TOKEN_BEDROCK": "canary-bearer-token-00000000000000000000",
    "STS_PLUGIN_MFA_CODE": "000000",
}

needs_proc = pytest.mark.skipif(
    not Path("/proc/self/environ").exists(), reason="there is no /proc"
)


def processes():
    """(pid, parent, command line, environment) of every process."""
    for path in Path("/proc").glob("[0-9]*"):
        try:
            parent = int((path / "stat").read_text().rpartition(")")[2].split()[1])
            line, environ = (path / "cmdline", path / "environ")
            yield int(path.name), parent, line.read_bytes(), environ.read_bytes()
        except OSError:
            continue  # it has ended, or it is somebody else's


KINDS = {
    "mfa_process": "mfa_process = {}",
    "web_identity_token_process": (
        "[profile p]\nrole_arn = arn:aws:iam::222222222222:role/Deploy\n"
        "web_identity_token_process = {}\n"
    ),
    "saml_process": (
        "[profile p]\nrole_arn = arn:aws:iam::222222222222:role/Federated\n"
        "saml_process = {}\n"
    ),
    "pinentry": "mfa_prompt = pinentry",
    "dialog": "mfa_prompt = dialog",
}


@needs_proc
@pytest.mark.parametrize("kind", KINDS)
def test_what_a_run_starts_sees_no_secret_and_nobody_sees_one_in_its_arguments(
    program, sandbox, sweep, child, with_keys, write_config, tmp_path, display, kind
):
    profile, said = "audit", KINDS[kind].format(child.path)
    if said.startswith("["):
        profile = "p"
        write_config(said)
    else:
        with_keys(said)
    variables = dict(CANARIES)
    if kind == "pinentry":
        variables |= {"STS_PLUGIN_PINENTRY": str(child.path)}
    if kind in {"pinentry", "dialog"}:
        variables["DISPLAY"] = display
    if kind == "dialog":
        (tmp_path / "bin").mkdir()
        (tmp_path / "bin" / "zenity").symlink_to(child.path)
        path = f"{tmp_path / 'bin'}{os.pathsep}{program.environ['PATH']}"
        variables |= {"PATH": path}
    program.environ |= variables
    variables.pop("STS_PLUGIN_MFA_CODE")
    hidden = {k: v for k, v in CANARIES.items() if "canary" in v}
    sweep.add(**hidden)
    process = program.start("credential-process", "--profile", profile)
    with process:
        await_that(lambda: child.ready.exists() or process.poll() is not None, 20)
        assert process.poll() is None, process.communicate()
        family = {process.pid}
        for _ in range(3):
            family |= {pid for pid, parent, *_ in processes() if parent in family}
        seen = [it for it in processes() if it[0] in family]
        assert len(seen) >= 2
        for pid, _, line, environ in seen:
            assert sweep.in_bytes(line) == []
            if pid != process.pid:  # its own environment is as it was given
                assert sweep.in_bytes(environ) == []
                assert b"STS_PLUGIN_MFA_CODE" not in environ
        process.terminate()
        out, err = process.communicate(timeout=60)
    assert out == b""
    sweep.check("", err)
    (arguments, environ), *_ = map(json.loads, child.seen.read_text().splitlines())
    assert CANARIES.keys().isdisjoint(environ)
    assert environ["HOME"] == program.environ["HOME"]
    assert sweep.in_bytes(json.dumps(arguments)) == []


@pytest.mark.parametrize("ends", ["exit 3", "kill -9 $$", "echo nothing"])
def test_a_command_that_fails_and_says_too_much(
    program, sandbox, sweep, with_keys, ends
):
    # On stdout, where a code belongs; what it says on stderr is for its user to read.
    said = sandbox.folder / "credentials"
    with_keys(f"mfa_process = sh -c 'cat {said}; {ends}'")
    run(program, sweep, *AUDIT)


# --- Core dumps --------------------------------------------------------------


@pytest.fixture
def dumps(tmp_path):
    """A folder in which a process that crashes leaves a core dump."""
    if resource.getrlimit(resource.RLIMIT_CORE)[1] == 0:
        pytest.skip("the hard limit of this run allows no core dumps")
    folder = tmp_path / "dumps"
    folder.mkdir()
    crash = ["sh", "-c", "ulimit -c unlimited && kill -SEGV $$"]
    subprocess.run(crash, cwd=folder, capture_output=True, timeout=60, check=False)
    cores = list(folder.iterdir())
    if not cores:
        pytest.skip("core dumps do not go into the folder of the process here")
    for core in cores:
        core.unlink()
    return folder


@pytest.mark.parametrize("number", [signal.SIGSEGV, signal.SIGABRT])
def test_a_crash_at_the_prompt_leaves_no_core_dump(terminal, dumps, sweep, number):
    one = terminal(f"cd {dumps}; ulimit -c unlimited; sh -c 'echo $$ >pid; exec {ONE}'")
    one.child.expect_exact("): ")
    one.child.send(sweep.code())
    pid = dumps / "pid"
    os.kill(int(pid.read_text()), number)
    status, _, err = one.end()
    assert status == 128 + number
    pid.unlink()
    assert list(dumps.iterdir()) == []
    sweep.check("", err)


def test_a_program_in_the_sandbox_keeps_its_limit(program, dumps):
    unlimited = ["sh", "-c", 'ulimit -c unlimited; exec "$0" "$@"']
    done = subprocess.run(
        [*unlimited, program.path, "sandbox", "--", "sh", "-c", "ulimit -c"],
        env=program.environ,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.stdout == "unlimited\n"
