"""An STS that is away or overrun: how often it is called, and where else."""

from __future__ import annotations

import json
import socket

import pytest

from sts_plugin.sandbox import Fault

HERD = 12
SECOND = """
[profile second]
region = eu-west-1
endpoint_url = {first}
role_arn = arn:aws:iam::222222222222:role/Batch
source_profile = alice
sts_plugin_fallback_region = eu-central-1
sts_plugin_fallback_endpoint_url = {second}
"""


@pytest.fixture
def nobody():
    """The URL of a port that is closed."""
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{closed.getsockname()[1]}"


@pytest.fixture
def herd(program):
    """Run so many processes at once; return their exit codes and their errors."""

    def run(count=HERD, profile="batch"):
        started = [
            program.start("credential-process", "--profile", profile)
            for _ in range(count)
        ]
        answers = [one.communicate(timeout=120) for one in started]
        return [one.returncode for one in started], [err.decode() for _, err in answers]

    return run


# --- Too many calls (R32) ---


def test_a_run_that_is_throttled_makes_three_calls(program, sandbox):
    sandbox.add_fault(Fault("throttle", times=None))
    done = program("credential-process", "--profile", "batch")
    assert (done.returncode, done.stdout) == (6, "")
    (line,) = done.stderr.splitlines()
    assert "Throttling" in line
    assert sandbox.journal.count() == 3


def test_a_chain_that_is_throttled_makes_three_calls_too(logged_in, program):
    logged_in.add_fault(Fault("throttle", times=None))
    assert program("credential-process", "--profile", "prod-admin").returncode == 6
    assert logged_in.journal.count() == 3


def test_a_herd_at_an_sts_that_throttles_makes_few_calls(herd, sandbox):
    sandbox.add_fault(Fault("throttle", times=None))
    codes, errors = herd()
    assert set(codes) == {6}
    assert all("Throttling" in one.splitlines()[-1] for one in errors)
    assert sandbox.journal.count() <= 6


def test_a_herd_gets_through_when_the_throttling_ends(herd, sandbox):
    sandbox.add_fault(Fault("throttle", times=2))
    assert set(herd()[0]) == {0}
    assert sandbox.journal.count(outcome="ok") == 1


# --- Nobody there ---


def test_a_herd_at_an_sts_that_is_away_does_not_try_one_after_the_other(herd, sandbox):
    sandbox.add_fault(Fault("reset", times=None))
    codes, errors = herd()
    assert set(codes) == {6}
    assert all("no usable answer" in one.splitlines()[-1] for one in errors)
    # Three runs of three calls, and perhaps a few that came when those had ended.
    assert sandbox.journal.count() < 2 * HERD


def test_a_herd_is_not_spoilt_by_one_that_met_a_stumble(herd, sandbox):
    sandbox.add_fault(Fault("reset", times=3))
    codes, _ = herd()
    assert sorted(codes) == [0] * (HERD - 1) + [6]
    assert sandbox.journal.count(outcome="ok") == 1


def test_a_code_that_could_not_be_sent_is_sent_where_somebody_is(
    sandbox, terminal, nobody, write_config
):
    serial = sandbox.organisation.user("alice").mfa_serial
    second = SECOND.format(first=nobody, second=sandbox.endpoint_url)
    write_config(f"{second}mfa_serial = {serial}\n")
    # The sandbox's own variable would stand for every region.
    one = terminal(
        "unset AWS_ENDPOINT_URL_STS; sts-plugin credential-process --profile second"
    )
    one.answer(sandbox.code())
    code, out, _ = one.end()
    assert code == 0
    assert json.loads(out)["SessionToken"]
    assert one.prompts == 1
    regions = {call.region for call in sandbox.journal.calls()}
    assert regions == {"eu-central-1"}


def test_the_second_region_of_a_profile_is_asked_when_the_first_is_away(
    program, sandbox, nobody, write_config
):
    write_config(SECOND.format(first=nobody, second=sandbox.endpoint_url))
    del program.environ["AWS_ENDPOINT_URL_STS"]
    program.document("second")
    (call,) = sandbox.journal.calls()
    assert (call.outcome, call.region) == ("ok", "eu-central-1")
    explained = program("explain", "--profile", "second").stdout
    assert (
        f"fallback region: eu-central-1  ({sandbox.folder / 'config'}:7)" in explained
    )


def test_a_second_region_behind_the_url_of_the_first_is_an_error(
    program, nobody, write_config, sandbox
):
    text = SECOND.format(first=nobody, second="x").splitlines()[:-1]
    write_config("\n".join(text))
    del program.environ["AWS_ENDPOINT_URL_STS"]
    done = program("credential-process", "--profile", "second")
    assert (done.returncode, done.stdout) == (3, "")
    (line,) = done.stderr.splitlines()
    assert f"{sandbox.folder / 'config'}:7: sts_plugin_fallback_region" in line
    assert "add sts_plugin_fallback_endpoint_url" in line
    assert sandbox.journal.count() == 0
