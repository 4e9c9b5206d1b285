"""SDKs run us through ``credential_process``, each in its own way: the real ones.

Which there are, and what is expected of each, is the table in helpers/clients.py.
"""

from __future__ import annotations

import shlex
import stat
import subprocess
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from buckets import Buckets
from clients import CLIENTS, INSIDE, World
from herd import await_that

ARN = "arn:aws:sts::222222222222:assumed-role/Audit/"
REASON = "sts-plugin login --profile audit"
SECONDS = 4
"""How long a role lives where a set is to expire."""
LAST_MINUTES = 240
"""The same, where most SDKs think that a set is about to expire."""
CALLS = 4


def rows(*clients):
    """Return the clients as parameters; those that are not here are skipped."""
    return [
        pytest.param(
            one,
            id=one.name,
            marks=pytest.mark.skipif(bool(one.missing), reason=one.missing or "-"),
        )
        for one in clients
    ]


RUNNING = pytest.mark.parametrize("client", rows(*CLIENTS))
EVERY = pytest.mark.parametrize("client", rows(*INSIDE, *CLIENTS))
STAYING = pytest.mark.parametrize(
    "client", rows(*(one for one in (*INSIDE, *CLIENTS) if one.stays))
)


@pytest.fixture
def world(sandbox, tmp_path):
    with Buckets(sandbox) as buckets:
        yield World(sandbox, buckets, tmp_path)


@pytest.fixture
def environ(environ, world):
    return environ | world.environ


@pytest.fixture
def run(world, environ):
    """Run a client without a terminal; whatever it waits for, it must end."""

    def run(client, **options):
        return subprocess.run(
            client.words,
            env=environ,
            capture_output=True,
            text=True,
            timeout=60,
            start_new_session=True,
            check=False,
            **({"stdin": subprocess.DEVNULL} | options),
        )

    return run


@contextmanager
def running(client, environ):
    """Start a client whose stdin has no end until this one's; kill it if it must be."""
    with subprocess.Popen(
        client.words,
        env=environ,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        try:
            yield process
        finally:
            process.stdin.close()
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                process.kill()


def call_again(process):
    """Have a client make another call, and wait for its end."""
    process.stdin.write("\n")
    process.stdin.flush()
    assert process.stdout.readline(), process.stderr.read()


@EVERY
def test_one_code_at_the_terminal_is_enough(sandbox, terminal, world, client):
    command = shlex.join(client.words)
    one = terminal(command)
    code = sandbox.code()
    one.answer(code)
    status, _out, err = one.end()
    assert (status, one.prompts) == (0, 1), err
    assert one.echoes
    assert code not in one.screen
    assert len(world.runs) == client.runs
    again = terminal(command)
    assert (again.end()[0], again.prompts) == (0, 0)
    first, *others = world.seen(client)
    assert first[1].startswith(ARN)
    assert others
    assert set(others) == {first}
    assert sandbox.journal.count("GetSessionToken") == 1
    assert sandbox.journal.count("AssumeRole") == 1


@EVERY
def test_without_a_terminal_its_user_is_told_what_would_help(
    run, sandbox, world, client
):
    # Or is not: docs/sdks.md says of which that is true.
    done = run(client)
    assert done.returncode != 0
    assert (REASON in done.stderr) is client.told
    assert len(world.runs) == client.failing
    assert sandbox.journal.calls() == ()
    assert bool(world.buckets.strangers) is client.anonymous


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="needs /proc")
@RUNNING
def test_our_streams_are_what_the_table_says(logged_in, environ, world, client):
    with running(client, environ) as process:
        process.stdout.readline()
        own = {
            str(Path(f"/proc/self/fd/{one.fileno()}").readlink())
            for one in (process.stdin, process.stderr)
        }

    def kind(link):
        return "inherited" if link in own else link.partition(":")[0]

    # A socket or a pipe that is not the client's own: its number says nothing.
    streams = [(kind(stdin), kind(stderr)) for stdin, stderr in world.runs]
    assert streams == [(client.stdin, client.stderr)] * client.runs


@RUNNING
def test_a_stdin_without_an_end_is_not_waited_for(
    sandbox, environ, world, client, tmp_path
):
    # Neither by us nor by the command for the code, which reads its own to the end.
    code = tmp_path / "code"
    code.write_text(f"#!/bin/sh\ncat >{tmp_path}/read\necho {sandbox.code()}\n")
    code.chmod(code.stat().st_mode | stat.S_IXUSR)
    head = "[profile audit]\n"
    text = world.config.read_text("utf-8")
    assert head in text
    world.config.write_text(text.replace(head, f"{head}mfa_process = {code}\n"))
    with running(client, environ) as process:
        assert process.stdout.readline()
    ((_, arn),) = set(world.seen(client))
    assert arn.startswith(ARN)
    assert (tmp_path / "read").read_text() == ""


@STAYING
def test_one_program_goes_on_with_another_set_when_its_own_has_expired(
    logged_in, environ, world, client
):
    logged_in.lifetime_seconds = SECONDS  # of every role from now on; the session stays

    def issued():
        calls = logged_in.journal.calls()
        return [one.at.timestamp() for one in calls if one.action == "AssumeRole"]

    with running(client, environ) as process:
        assert process.stdout.readline(), process.stderr.read()
        first, _ = world.seen(client)[-1]
        last = issued()[-1]
        await_that(lambda: datetime.now(UTC).timestamp() > last + SECONDS)
        call_again(process)
        second, arn = world.seen(client)[-1]
    assert process.returncode == 0
    assert second != first
    assert arn.startswith(ARN)
    assert logged_in.journal.count() == logged_in.journal.count(outcome="ok")
    assert logged_in.journal.count("GetSessionToken") == 0
    assert world.buckets.strangers == 0


@STAYING
def test_a_set_that_lasts_is_asked_for_once(logged_in, environ, world, client):
    with running(client, environ) as process:
        assert process.stdout.readline()
        for _ in range(CALLS - 1):
            call_again(process)
    # Rust's is a table: each is opened with credentials of its own.
    times = CALLS if client.name == "rust" else 1
    assert len(world.runs) == times * client.runs
    assert len(set(world.seen(client))) == 1


@STAYING
def test_however_often_it_asks_in_the_last_minutes_there_is_one_call(
    logged_in, environ, world, client
):
    logged_in.lifetime_seconds = LAST_MINUTES
    with running(client, environ) as process:
        assert process.stdout.readline()
        for _ in range(CALLS - 1):
            call_again(process)
    assert client.short in {None, len(world.runs)}
    assert logged_in.journal.count("AssumeRole") == 1


@RUNNING
def test_a_path_with_a_blank_is_read_in_single_quotes(
    logged_in, run, world, client, tmp_path
):
    # In double quotes, Go 1 and Go 2 of 2022 take nothing but the path.
    script = tmp_path / "a b"
    script.write_text(f'#!/bin/sh\nexec {world.script} "$@"\n')
    script.chmod(0o755)
    text = world.config.read_text("utf-8")
    line = f"credential_process = {world.script} "
    assert line in text
    world.config.write_text(text.replace(line, f"credential_process = '{script}' "))
    done = run(client)
    assert done.returncode == 0, done.stderr
    assert len(world.runs) == client.runs
    assert {arn.startswith(ARN) for _, arn in world.seen(client)} == {True}


@pytest.mark.parametrize("client", rows(*(x for x in CLIENTS if x.service == "sts")))
def test_the_sandbox_that_people_use_serves_it(program, client):
    words = ["env", "AWS_PROFILE=batch", *client.words]
    done = program("sandbox", "--", *words)  # without MFA: nobody is there
    assert done.stdout.startswith(ARN.replace("Audit", "Batch")), done.stderr
    assert done.returncode == 0


def test_the_default_chain_of_javascript_tells_why_where_there_is_a_logger(run):
    (chain,) = (one for one in CLIENTS if one.name == "javascript-chain")
    if chain.missing:
        pytest.skip(chain.missing)
    done = run(replace(chain, words=(*chain.words, "log")))
    assert done.returncode == 1
    assert REASON in done.stdout + done.stderr
