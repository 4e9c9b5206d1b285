"""Clocks: what is handed out lasts, whatever the wall clock does (bars R25 to R30)."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta

import pytest
from clock import Clock, needs_faketime

from sts_plugin.sandbox import Fault

MINUTE, HOUR = 60, 3600
PORTAL = Fault("html", times=None)
"""A page in the place of an answer: no call is worth a second attempt, and none waits,
which libfaketime has its own ideas of."""

HOST = """
import json, sys
import botocore.session, sts_plugin

session = sts_plugin.register(botocore.session.Session(profile="batch"))
credentials = session.get_credentials()
for line in sys.stdin:
    frozen = credentials.get_frozen_credentials()
    ends = credentials._expiry_time.isoformat()
    print(json.dumps([frozen.access_key, ends]), flush=True)
"""
"""A program that lives long: it asks whenever it is sent a line."""


@pytest.fixture
def clock(sandbox, tmp_path):
    sandbox.lifetime_seconds = HOUR
    return Clock(sandbox, tmp_path)


@pytest.fixture
def at(clock, program):
    """Run ``credential-process`` when the clock says something else."""

    def run(seconds, profile="batch", *, sts=None):
        clock.set(seconds, sts=sts)
        return program(
            "credential-process", "--profile", profile, environ=clock.environ
        )

    return run


def document(done):
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def left(done, seconds):
    """What is left of the set that a run gave, when the clock is so far ahead."""
    ends = datetime.fromisoformat(document(done)["Expiration"])
    return (ends - datetime.now(UTC)).total_seconds() - seconds


@pytest.fixture
def host(environ, clock):
    """Start the program; it is asked by calling it."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOST],
        env=environ | clock.environ,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )

    def ask():
        process.stdin.write("\n")
        process.stdin.flush()
        key, expires = json.loads(process.stdout.readline())
        now = datetime.now(UTC) + timedelta(seconds=clock.seconds)
        return key, (datetime.fromisoformat(expires) - now).total_seconds()

    yield ask
    process.stdin.close()
    assert process.wait(30) == 0
    process.stdout.close()


# --- The clock is set, and the machine sleeps (R25, R26) ---


@needs_faketime
def test_after_eight_hours_of_sleep_the_next_run_renews(at, sandbox):
    first = at(0)
    second = at(8 * HOUR)
    assert document(first)["AccessKeyId"] != document(second)["AccessKeyId"]
    assert left(second, 8 * HOUR) > 50 * MINUTE
    assert sandbox.journal.count() == 2


@needs_faketime
def test_after_eight_hours_of_sleep_a_running_program_renews(host, clock, sandbox):
    first, _ = host()
    clock.set(8 * HOUR)
    second, lasts = host()
    assert first != second
    assert lasts > 50 * MINUTE
    assert host()[0] == second
    assert sandbox.journal.count() == 2


@needs_faketime
@pytest.mark.parametrize("step", [25 * HOUR, -25 * HOUR], ids=["forward", "back"])
def test_a_step_of_25_hours_hands_out_nothing_that_is_over(at, sandbox, step):
    at(0)
    stepped = at(step)
    assert left(stepped, step) > 50 * MINUTE
    back = at(0)
    assert left(back, 0) > 40 * MINUTE
    assert sandbox.journal.count() <= 3


@needs_faketime
def test_what_is_over_does_not_come_back_to_life_when_our_clock_is_set_back(at):
    at(0)
    done = at(-23 * HOUR, sts=2 * HOUR)
    assert (done.returncode, done.stdout) == (5, "")
    assert "this machine's clock is 25 h 00 min behind AWS's" in done.stderr


@needs_faketime
@pytest.mark.parametrize("step", [25 * HOUR, -25 * HOUR], ids=["forward", "back"])
def test_a_step_of_25_hours_in_a_running_program_makes_no_loop(
    host, clock, sandbox, step
):
    host()
    for seconds in (step, 0):
        clock.set(seconds)
        for _ in range(5):
            assert host()[1] > 15 * MINUTE
    assert sandbox.journal.count() <= 3


@needs_faketime
@pytest.mark.parametrize(
    "moment", ["2038-01-19T03:14:00+00:00", "2106-02-07T06:28:10Z"]
)
def test_the_end_of_32_bits_is_a_day_like_any_other(at, sandbox, moment):
    ahead = int((datetime.fromisoformat(moment) - datetime.now(UTC)).total_seconds())
    keys = set()
    for seconds in (ahead, ahead + 20):
        done = at(seconds)
        assert left(done, seconds) > 50 * MINUTE
        keys.add(document(done)["AccessKeyId"])
    assert len(keys) == 1
    assert sandbox.journal.count() == 1


@needs_faketime
@pytest.mark.parametrize("change", ["2026-10-25T01:00:00Z", "2027-03-28T01:00:00Z"])
def test_daylight_saving_changes_nothing(at, environ, sandbox, change):
    environ["STS_PLUGIN_BACKGROUND"] = "no"
    environ["TZ"] = "Europe/Berlin"
    ahead = int((datetime.fromisoformat(change) - datetime.now(UTC)).total_seconds())
    keys = set()
    for seconds in range(ahead - 20 * MINUTE, ahead + 20 * MINUTE, 10 * MINUTE):
        done = at(seconds)
        assert left(done, seconds) > 20 * MINUTE
        keys.add(document(done)["AccessKeyId"])
    assert len(keys) == 1
    assert sandbox.journal.count() == 1


# --- How much life is handed out (R27) ---


@needs_faketime
def test_less_than_a_quarter_of_an_hour_is_not_handed_out_where_more_is_to_be_had(
    at, environ, sandbox
):
    environ["STS_PLUGIN_BACKGROUND"] = "no"
    first = document(at(0))["AccessKeyId"]
    assert document(at(44 * MINUTE))["AccessKeyId"] == first
    renewed = at(46 * MINUTE)
    assert document(renewed)["AccessKeyId"] != first
    assert left(renewed, 46 * MINUTE) > 50 * MINUTE
    assert sandbox.journal.count() == 2


def test_twenty_signings_with_sets_of_fifteen_minutes_cost_one_call(environ, sandbox):
    sandbox.lifetime_seconds = 900
    signings = (
        "import botocore.session\n"
        "session = botocore.session.Session(profile='sdk')\n"
        "credentials = session.get_credentials()\n"
        "keys = {credentials.get_frozen_credentials().access_key for _ in range(20)}\n"
        "assert len(keys) == 1\n"
    )
    with (sandbox.folder / "config").open("a") as config:
        config.write(
            f"\n[profile sdk]\ncredential_process = {environ['PATH'].split(':')[0]}"
            "/sts-plugin credential-process --profile batch\n"
        )
    subprocess.run([sys.executable, "-c", signings], env=environ, check=True)
    assert sandbox.journal.count() == 1


# --- A clock that is not AWS's (R28) ---


@pytest.mark.parametrize(("offset", "words"), [(1200, "behind"), (-1200, "ahead of")])
def test_a_clock_that_is_off_is_named_in_one_line_and_not_fought(
    program, sandbox, offset, words
):
    sandbox.clock_offset_seconds = offset
    done = program("credential-process", "--profile", "batch")
    assert (done.returncode, done.stdout) == (5, "")
    (line,) = done.stderr.splitlines()
    assert f"this machine's clock is 20 minutes {words} AWS's" in line
    assert sandbox.journal.count() == 1


def test_a_clock_that_is_off_costs_no_second_prompt(terminal, sandbox):
    sandbox.clock_offset_seconds = 1200
    one = terminal("sts-plugin credential-process --profile audit")
    one.answer(sandbox.code())
    code, out, err = one.end()
    assert (code, out) == (5, "")
    assert "clock is 20 minutes behind" in err
    assert one.prompts == 1
    assert sandbox.journal.count() == 1


# --- A renewal that fails while the old set is good (R29) ---


@needs_faketime
def test_a_renewal_that_fails_is_tried_once_in_half_a_minute_by_all(at, sandbox):
    first = document(at(0))["AccessKeyId"]
    sandbox.journal.clear()
    sandbox.add_fault(PORTAL)
    failing = at(50 * MINUTE)
    assert document(failing)["AccessKeyId"] == first
    (line,) = failing.stderr.splitlines()
    assert "renewal failed, good until" in line
    assert sandbox.journal.count() == 1
    for seconds in (1, 10, 20):
        again = at(50 * MINUTE + seconds)
        assert document(again)["AccessKeyId"] == first
        assert again.stderr == ""
    assert sandbox.journal.count() == 1
    sandbox.clear_faults()
    assert document(at(52 * MINUTE))["AccessKeyId"] != first


@needs_faketime
def test_a_running_program_keeps_the_old_set_and_does_not_insist(host, clock, sandbox):
    first, _ = host()
    sandbox.journal.clear()
    sandbox.add_fault(PORTAL)
    clock.set(55 * MINUTE)  # botocore would raise now
    for _ in range(10):
        assert host()[0] == first
    assert sandbox.journal.count() == 1
    sandbox.clear_faults()
    clock.set(56 * MINUTE + 5)
    assert host()[0] != first


@needs_faketime
def test_a_herd_at_a_renewal_that_fails_makes_one_attempt(at, clock, program, sandbox):
    first = document(at(0))["AccessKeyId"]
    sandbox.journal.clear()
    sandbox.add_fault(PORTAL)
    clock.set(50 * MINUTE)
    # They wait for one another, in a sleep that libfaketime must understand.
    program.environ |= clock.environ | {"FAKETIME_DONT_FAKE_MONOTONIC": "0"}
    herd = [
        program.start("credential-process", "--profile", "batch") for _ in range(10)
    ]
    answers = [one.communicate(timeout=120) for one in herd]
    assert {json.loads(out)["AccessKeyId"] for out, _ in answers} == {first}
    assert sandbox.journal.count() == 1
    assert sum(bool(err) for _, err in answers) == 1  # one has tried, and tells


# --- Sessions that AWS no longer takes (R30) ---


def test_a_revoked_session_is_dropped_and_the_chain_built_once_more(logged_in, program):
    first = program.document("jump")["AccessKeyId"]
    session = logged_in.journal.calls()[-1].access_key_id
    logged_in.revoke(session)
    for entry in (logged_in.folder / "cache").glob("*.json"):
        if json.loads(entry.read_text())["document"]["AccessKeyId"] == first:
            entry.unlink()  # so that the session has to sign again
    done = program("credential-process", "--profile", "jump")
    assert (done.returncode, done.stdout) == (4, "")  # without a terminal: no code
    assert logged_in.journal.count("AssumeRole", outcome="InvalidClientTokenId") == 1
    again = program("credential-process", "--profile", "jump")
    assert again.returncode == 4
    assert logged_in.journal.count(outcome="InvalidClientTokenId") == 1


@needs_faketime
def test_waiting_is_not_disturbed_by_a_clock_that_is_set(clock, environ, terminal):
    one = terminal("sts-plugin credential-process --profile audit", **clock.environ)
    one.child.expect_exact("): ")
    clock.set(-25 * HOUR)
    began = time.monotonic()
    one.child.expect_exact("s): ")  # it counts on
    assert time.monotonic() - began < 30
    one.child.sendintr()
    assert one.end()[0] == 130
