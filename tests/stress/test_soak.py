"""Bar R40 at its full size: 10,000 refreshes in one process, 10,000 process runs.

``STS_PLUGIN_TEST_ROUNDS`` says how many of each (10,000); a process run takes about a
fifth of a second of a core, a refresh a fiftieth.
"""

from __future__ import annotations

import json
import os
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from soak import soak

from sts_plugin.sandbox import Sandbox

pytestmark = pytest.mark.stress

ROUNDS = int(os.environ.get("STS_PLUGIN_TEST_ROUNDS", "10000"))
AT_ONCE = 4


@pytest.fixture
def sandbox(tmp_path):
    # So little life that botocore asks for new credentials each time.
    with Sandbox(tmp_path / "sandbox", lifetime_seconds=600) as running:
        yield running


def test_refreshes_in_one_process_leave_nothing_behind(sandbox, environ):
    began = time.monotonic()
    soaked = soak(environ, ROUNDS)
    print(  # noqa: T201
        f"R40: {ROUNDS} refreshes in {time.monotonic() - began:.0f} s,"
        f" {soaked.first['descriptors']} descriptors, {soaked.first['threads']} thread,"
        f" {len(soaked.first['files'])} files, first and last;"
        f" {soaked.kilobytes:+} KiB resident,"
        f" {soaked.bytes_each:+.0f} bytes a refresh traced"
    )
    soaked.check()
    assert sandbox.journal.count("AssumeRole", outcome="ok") == ROUNDS
    assert soaked.kilobytes < 4_000
    assert soaked.bytes_each < 200


def test_process_runs_leave_nothing_behind(sandbox, environ):
    sandbox.lifetime_seconds = 5  # some of them publish, some do not
    cache = sandbox.folder / "cache"

    def run(_number):
        done = subprocess.run(
            ["sts-plugin", "credential-process", "--profile", "batch"],
            env=environ,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        # On a busy machine, a call may take so long that others say they wait for it.
        told = done.stderr.splitlines()
        assert all("waiting for process" in line for line in told), done.stderr
        return json.loads(done.stdout)["AccessKeyId"]

    began = time.monotonic()
    keys = {run(0)}
    names = sorted(file.name for file in cache.iterdir())
    with ThreadPoolExecutor(AT_ONCE) as pool:
        keys.update(pool.map(run, range(ROUNDS - 1)))
    print(  # noqa: T201
        f"R40: {ROUNDS} runs in {time.monotonic() - began:.0f} s met {len(keys)} sets;"
        f" {len(names)} files, first and last"
    )
    assert sorted(file.name for file in cache.iterdir()) == names
    calls = sandbox.journal.count()
    assert sandbox.journal.count(outcome="ok") == calls
    assert len(keys) <= calls
