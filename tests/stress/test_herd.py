"""Bar R1 at a larger size: cold processes with threads, and one code for them all."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from sts_plugin.sandbox import Sandbox

PROCESSES = 40
THREADS = 25

CROWD = f"""
import json, sys, threading
import botocore.session, sts_plugin

barrier = threading.Barrier({THREADS})
keys = []

def one():
    session = sts_plugin.register(botocore.session.Session(profile="prod-admin"))
    barrier.wait()
    keys.append(session.get_credentials().get_frozen_credentials().access_key)

threads = [threading.Thread(target=one) for _ in range({THREADS})]
sys.stdin.read()  # all processes begin when the test closes this pipe
[thread.start() for thread in threads]
[thread.join() for thread in threads]
print(json.dumps(keys))
"""


@pytest.mark.stress
def test_a_cold_crowd_costs_one_session_and_one_call_a_role(tmp_path):
    command = f'"{Path(sys.executable).parent / "sts-plugin"}"'
    with Sandbox(tmp_path / "sandbox", command=command, totp_file=True) as sandbox:
        crowd = [
            subprocess.Popen(
                [sys.executable, "-c", CROWD],
                env=sandbox.environ(),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )
            for _ in range(PROCESSES)
        ]
        for process in crowd:
            process.stdin.close()
            process.stdin = None
        answers = [process.communicate(timeout=600) for process in crowd]
    keys = [key for out, _ in answers for key in json.loads(out)]
    assert len(keys) == PROCESSES * THREADS
    assert len(set(keys)) == 1
    calls = sorted(call.action for call in sandbox.journal.calls())
    assert calls == ["AssumeRole", "AssumeRole", "GetSessionToken"]
