"""Bars R1 and S5 at their full size: cold processes with threads, one code for all.

As many as ``STS_PLUGIN_TEST_PROCESSES`` says (200); each takes 40 MB and half a second
of a core.
"""

from __future__ import annotations

import os

import pytest
from crowd import Crowd, Witness, codes_at_once

from sts_plugin.sandbox.faults import Fault

pytestmark = pytest.mark.stress

PROCESSES = int(os.environ.get("STS_PLUGIN_TEST_PROCESSES", "200"))
THREADS = 50


def check(sandbox, environ, tmp_path, processes, threads, *, shared):
    """Release a crowd cold, then warm; return how long each took."""
    # Whoever else can call meanwhile has the time to do so.
    slow = Fault("latency", action="GetSessionToken", times=None, seconds=0.5)
    sandbox.add_fault(slow)
    witness = Witness(sandbox, tmp_path / "witness", seconds=0.5)
    environs = [environ] * processes
    cold = Crowd(environs, threads, tmp_path / "cold", shared=shared)
    cold_seconds, triples = cold.release(seconds=600)
    assert len(triples) == processes * threads
    ((key, secret, token),) = set(triples)
    issued = sandbox._estate.registry.find(key)
    assert (issued.secret_access_key, issued.session_token) == (secret, token)
    actions = sorted(call.action for call in sandbox.journal.calls())
    assert actions == ["AssumeRole", "AssumeRole", "GetSessionToken"]
    assert (witness.runs, witness.overlaps) == (1, 0)
    assert codes_at_once(sandbox.journal) == 1

    warm = Crowd(environs, threads, tmp_path / "warm", shared=shared)
    warm_seconds, again = warm.release(seconds=600)
    assert set(again) == set(triples)
    assert len(sandbox.journal) == 3
    print(  # noqa: T201
        f"R1: {processes} x {threads}: one code, one session, one call a role;"
        f" S5: cold {cold_seconds:.1f} s, warm {warm_seconds:.1f} s,"
        f" {cold_seconds / warm_seconds:.2f} x"
    )
    return cold_seconds, warm_seconds


def test_a_cold_crowd_costs_one_session_and_one_call_a_role(sandbox, environ, tmp_path):
    check(sandbox, environ, tmp_path, PROCESSES, THREADS, shared=True)


def test_a_crowd_with_a_session_for_each_thread(sandbox, environ, tmp_path):
    check(sandbox, environ, tmp_path, PROCESSES // 5, THREADS // 2, shared=False)
