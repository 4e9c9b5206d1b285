"""Cold processes with threads, all at once, and one code for them all (bar R1)."""

from __future__ import annotations

import contextlib
import subprocess
from concurrent.futures import ThreadPoolExecutor

import boto3
import pytest
from botocore.exceptions import ClientError
from crowd import Crowd, Witness, codes_at_once

from sts_plugin.sandbox.faults import Fault

PROCESSES, THREADS = 4, 6


@pytest.fixture
def witness(sandbox, tmp_path):
    # Whoever else can call meanwhile has the time to do so.
    slow = Fault("latency", action="GetSessionToken", times=None, seconds=0.3)
    sandbox.add_fault(slow)
    return Witness(sandbox, tmp_path / "witness")


def check_one_of_everything(sandbox, witness, triples, count):
    """What bar R1 says, of a crowd that wanted prod-admin."""
    assert len(triples) == count
    ((key, secret, token),) = set(triples)
    one = boto3.client(
        "sts",
        region_name="us-east-1",
        endpoint_url=sandbox.endpoint_url,
        aws_access_key_id=key,
        aws_secret_access_key=secret,
        aws_session_token=token,
    )
    calls = sorted(call.action for call in sandbox.journal.calls())
    assert calls == ["AssumeRole", "AssumeRole", "GetSessionToken"]
    assert "assumed-role/Admin/" in one.get_caller_identity()["Arn"]
    assert (witness.runs, witness.overlaps) == (1, 0)
    assert codes_at_once(sandbox.journal) == 1


@pytest.mark.parametrize("shared", [True, False], ids=["shared", "own"])
def test_a_cold_crowd_costs_one_code_one_session_and_one_call_a_role(
    sandbox, environ, witness, tmp_path, shared
):
    crowd = Crowd([environ] * PROCESSES, THREADS, tmp_path / "crowd", shared=shared)
    _, triples = crowd.release()
    check_one_of_everything(sandbox, witness, triples, PROCESSES * THREADS)


def test_both_witnesses_see_it_when_two_get_a_code_at_the_same_time(sandbox, witness):
    two = [
        subprocess.Popen(witness.command, stdout=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    codes = [one.communicate(timeout=60)[0].strip() for one in two]
    assert (witness.runs, witness.overlaps) == (2, 1)
    user = sandbox.organisation.user("alice")
    client = boto3.client(
        "sts",
        region_name="us-east-1",
        endpoint_url=sandbox.endpoint_url,
        aws_access_key_id=user.access_key_id,
        aws_secret_access_key=user.secret_access_key,
    )

    def call(code):
        with contextlib.suppress(ClientError):  # it works once
            client.get_session_token(SerialNumber=user.mfa_serial, TokenCode=code)

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(call, codes))
    assert sandbox.journal.count(outcome="ok") == 1
    assert codes_at_once(sandbox.journal) == 2
