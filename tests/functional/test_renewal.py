"""Renewal that nobody waits for (bar S6): in the background, once, asking nobody."""

from __future__ import annotations

import configparser
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pexpect
import pytest
from clock import Clock, needs_faketime

from sts_plugin.sandbox import Fault

MINUTE, HOUR = 60, 3600
DUE = 31 * MINUTE
"""Of a set for an hour: it should be renewed, and is good for long."""

pytestmark = [
    needs_faketime,
    pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="needs /proc"),
]


@pytest.fixture
def clock(sandbox, tmp_path):
    sandbox.lifetime_seconds = HOUR
    return Clock(sandbox, tmp_path)


@pytest.fixture
def at(clock, environ, program):
    """Run ``credential-process`` when the clock says something else."""

    def run(seconds, profile="batch", **more):
        clock.set(seconds)
        # Its monotonic clock goes with it: else a process could not wait there.
        faked = clock.environ | {"FAKETIME_DONT_FAKE_MONOTONIC": "0"}
        done = program("credential-process", "--profile", profile, environ=faked | more)
        assert (done.returncode, done.stderr) == (0, "")
        return json.loads(done.stdout)["AccessKeyId"]

    yield run
    for process in renewals(environ):
        os.kill(process, 9)


def renewals(environ):
    """The processes that renew something of this cache."""
    cache = f"STS_PLUGIN_CACHE_DIR={environ['STS_PLUGIN_CACHE_DIR']}".encode()
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            words = (folder / "cmdline").read_bytes().split(b"\0")
            said = (folder / "environ").read_bytes().split(b"\0")
        except OSError:  # it ended meanwhile
            continue
        if b"renew" in words and cache in said:
            found.append(int(folder.name))
    return found


def until(condition):
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


@pytest.mark.parametrize("way", ["warm", "long"])
def test_the_old_set_is_handed_out_and_the_next_run_finds_a_new_one(
    at, environ, sandbox, way
):
    cache = Path(environ["STS_PLUGIN_CACHE_DIR"])
    if way == "long":  # a variable in the path: no record is left
        environ |= {"FOLDER": str(sandbox.folder), "AWS_CONFIG_FILE": "$FOLDER/config"}
    first = at(0)
    until(lambda: way == "long" or (at(0) and list(cache.glob("*.warm"))))
    assert bool(list(cache.glob("*.warm"))) is (way == "warm")
    assert at(29 * MINUTE) == first
    assert renewals(environ) == []
    assert at(DUE) == first
    until(lambda: sandbox.journal.count() == 2)
    until(lambda: not renewals(environ))
    second = at(DUE)
    assert second != first
    assert at(DUE + 29 * MINUTE) == second
    assert sandbox.journal.count() == 2


def test_many_who_come_at_once_start_one_renewal(at, clock, environ, sandbox):
    first = at(0)
    clock.set(DUE)
    faked = clock.environ | {"FAKETIME_DONT_FAKE_MONOTONIC": "0"}
    command = ["sts-plugin", "credential-process", "--profile", "batch"]
    running = [
        subprocess.Popen(command, env=environ | faked, stdout=subprocess.PIPE)
        for _ in range(12)
    ]
    for process in running:
        out, _ = process.communicate(timeout=60)
        assert json.loads(out)["AccessKeyId"] in {first, at(DUE)}
    until(lambda: not renewals(environ))
    assert sandbox.journal.count() == 2


def test_nobody_waits_for_a_renewal_and_it_holds_nothing_of_whoever_started_it(
    at, clock, environ, sandbox
):
    first = at(0)
    sandbox.add_fault(Fault("silent", times=None))
    # The answer is there, with the end of both pipes, while the renewal still waits.
    assert at(DUE) == first
    until(lambda: renewals(environ))
    (process,) = renewals(environ)
    folder = Path(f"/proc/{process}")
    streams = {(folder / "fd" / str(number)).readlink() for number in range(3)}
    assert streams == {Path("/dev/null")}
    state = (folder / "stat").read_text().rpartition(")")[2].split()
    session, terminal = state[3], state[4]
    assert (session, terminal) == (str(process), "0")
    # Nor does a second one start while the first one is at it.
    assert at(DUE + 1) == first
    assert renewals(environ) == [process]


def test_a_renewal_that_fails_is_not_tried_again_at_once(at, environ, sandbox):
    first = at(0)
    sandbox.add_fault(Fault("html", times=None))
    for seconds in (0, 1, 2, 70):
        assert at(DUE + seconds) == first
        until(lambda: not renewals(environ))
    assert sandbox.journal.count() <= 3


@pytest.mark.parametrize("word", ["no", "off", "0"])
def test_a_variable_keeps_everything_in_the_foreground(at, environ, sandbox, word):
    first = at(0, STS_PLUGIN_BACKGROUND=word)
    assert at(44 * MINUTE, STS_PLUGIN_BACKGROUND=word) == first
    assert renewals(environ) == []
    assert at(46 * MINUTE, STS_PLUGIN_BACKGROUND=word) != first
    assert sandbox.journal.count() == 2


def test_a_renewal_asks_nobody(environ, sandbox, tmp_path):
    # There is a terminal, and whoever sits there is asked nothing.
    child = pexpect.spawn(
        "sts-plugin renew --profile prod-admin", env=environ, encoding="utf-8"
    )
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus == 4, child.before
    (line,) = child.before.splitlines()
    assert "nobody can be asked for it: this run asks nobody" in line
    assert sandbox.journal.count("GetSessionToken") == 0


@pytest.mark.parametrize("profile", ["alice", "by-command"])
def test_what_a_person_or_a_command_has_a_part_in_is_not_renewed(
    program, sandbox, tmp_path, profile
):
    witness = tmp_path / "ran"
    with (sandbox.folder / "config").open("a") as config:
        config.write(
            f"\n[profile by-command]\nregion = us-east-1\n"
            "role_arn = arn:aws:iam::222222222222:role/Batch\n"
            f"source_profile = helper\n[profile helper]\n"
            f"credential_process = touch {witness}\n"
        )
    done = program("renew", "--profile", profile)
    assert (done.returncode, done.stdout) == (4, "")
    assert f'profile "{profile}" is not renewed where nobody is' in done.stderr
    assert not witness.exists()
    assert sandbox.journal.count() == 0


def test_renew_by_hand_says_how_long_there_is(program, sandbox):
    done = program("renew", "--profile", "batch")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("batch: ")
    assert done.stdout.endswith(" left\n")
    assert program("renew", "--profile", "batch").stdout
    assert sandbox.journal.count() == 1


def test_a_session_whose_seed_is_in_a_file_is_renewed_in_the_background(
    at, environ, sandbox
):
    config = sandbox.folder / "config"
    seed = sandbox.folder / "alice.totp"
    config.write_text(
        config.read_text().replace(
            "[profile alice]\n",
            f"[profile alice]\nsts_plugin_totp_file = {seed}\n"
            "sts_plugin_session_duration_seconds = 3600\n",
        )
    )
    first = at(0, "alice")
    assert at(DUE, "alice") == first
    until(lambda: sandbox.journal.count("GetSessionToken") == 2)
    until(lambda: not renewals(environ))
    assert at(DUE, "alice") != first


def test_a_command_that_may_ask_somebody_is_not_run_in_the_background(
    at, environ, sandbox
):
    files = configparser.ConfigParser()
    files.read(sandbox.folder / "credentials")
    document = {
        "Version": 1,
        "AccessKeyId": files["alice"]["aws_access_key_id"],
        "SecretAccessKey": files["alice"]["aws_secret_access_key"],
    }
    helper = sandbox.folder / "helper"
    helper.write_text(f"#!/bin/sh\necho '{json.dumps(document)}'\n")
    helper.chmod(0o755)
    with (sandbox.folder / "config").open("a") as config:
        config.write(
            f"\n[profile helper]\ncredential_process = {helper}\n"
            "[profile helped]\nrole_arn = arn:aws:iam::222222222222:role/Batch\n"
            "source_profile = helper\nregion = us-east-1\n"
        )
    first = at(0, "helped")
    assert at(44 * MINUTE, "helped") == first
    assert renewals(environ) == []
    assert sandbox.journal.count() == 1


# --- In a program ---

HOST = """
import json, logging, sys, threading
import botocore.session, sts_plugin

logging.basicConfig(level="WARNING")
session = sts_plugin.register(botocore.session.Session(profile="batch"))
credentials = session.get_credentials()
for line in sys.stdin:
    key = credentials.get_frozen_credentials().access_key
    renewing = [one.name for one in threading.enumerate() if "renewal" in one.name]
    print(json.dumps([key, len(renewing)]), flush=True)
    if line == "wait\\n":
        for one in threading.enumerate():
            if one is not threading.main_thread():
                one.join()
        print(flush=True)
"""
"""A program that lives long: it asks whenever it is sent a line."""

ADVISORY, MANDATORY = 46 * MINUTE, 51 * MINUTE
"""When botocore asks for a newer set of an hour, and when it insists on one."""


@pytest.fixture(params=["record", "no record"])
def host(environ, clock, sandbox, request):
    """Start the program; it is asked by calling it."""
    if request.param == "no record":  # a variable in the path
        environ |= {"FOLDER": str(sandbox.folder), "AWS_CONFIG_FILE": "$FOLDER/config"}
    process = subprocess.Popen(
        [sys.executable, "-c", HOST],
        env=environ | clock.environ | {"FAKETIME_DONT_FAKE_MONOTONIC": "0"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )

    def ask(word=""):
        process.stdin.write(f"{word}\n")
        process.stdin.flush()
        key, renewing = json.loads(process.stdout.readline())
        if word == "wait":
            process.stdout.readline()
        return key, renewing

    yield ask
    process.kill()
    process.communicate()


def test_no_request_of_a_program_waits_for_a_renewal(host, clock, sandbox):
    first, _ = host()
    clock.set(ADVISORY)
    sandbox.add_fault(Fault("silent"))
    # It answers while STS does not, and a thread waits in its place.
    for _ in range(3):
        assert host() == (first, 1)
    assert sandbox.journal.count() <= 2


def test_what_the_thread_got_is_what_the_next_request_has(host, clock, sandbox):
    first, _ = host()
    clock.set(ADVISORY)
    assert host("wait")[0] == first
    second, renewing = host()
    assert second != first
    assert renewing == 0
    assert sandbox.journal.count() == 2


def test_what_botocore_insists_on_is_waited_for(host, clock, sandbox):
    first, _ = host()
    clock.set(MANDATORY)
    assert host()[0] != first
    assert sandbox.journal.count() == 2


def test_a_thread_that_failed_is_not_followed_by_another_one(host, clock, sandbox):
    first, _ = host()
    clock.set(ADVISORY)
    sandbox.add_fault(Fault("html", times=None))
    assert host("wait")[0] == first
    for _ in range(3):
        assert host() == (first, 0)
    assert sandbox.journal.count() == 2
