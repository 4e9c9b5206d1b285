"""Bar R31: how long a run takes at an STS that does not answer."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from sts_plugin.sandbox import Fault, Sandbox

pytestmark = pytest.mark.stress

BIN = Path(sys.executable).parent


@pytest.fixture
def sandbox(tmp_path):
    with Sandbox(
        tmp_path / "sandbox", command=f'"{BIN / "sts-plugin"}"', totp_file=True
    ) as running:
        yield running


def run(environ, profile):
    """Run to the end; return the exit code and the seconds that it took."""
    began = time.monotonic()
    done = subprocess.run(
        [BIN / "sts-plugin", "credential-process", "--profile", profile],
        env=environ,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    seconds = time.monotonic() - began
    assert (done.stdout, len(done.stderr.splitlines())) == ("", 1)
    return done.returncode, seconds


def together(environ, count):
    """Run so many at once; return their exit codes as a set."""
    herd = [
        subprocess.Popen(
            [BIN / "sts-plugin", "credential-process", "--profile", "batch"],
            env=environ,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        for _ in range(count)
    ]
    return {one.wait(timeout=300) for one in herd}


@pytest.mark.parametrize("kind", ["silence", "drip"])
@pytest.mark.parametrize("profile", ["batch", "prod-admin"])
def test_an_sts_that_does_not_answer_costs_25_seconds(sandbox, kind, profile):
    sandbox.add_fault(Fault(kind, times=None))
    code, seconds = run(sandbox.environ(), profile)
    print(f"R31: {kind}, {profile}: {seconds:.1f} s")  # noqa: T201
    assert code == 6
    assert seconds <= 25


def test_a_chain_whose_every_answer_is_slow_ends_in_25_seconds(sandbox):
    sandbox.add_fault(Fault("latency", seconds=5.9, times=1))
    sandbox.add_fault(Fault("drip", times=None))
    code, seconds = run(sandbox.environ(), "prod-admin")
    assert code == 6
    assert seconds <= 25


def test_a_host_that_swallows_connections_costs_25_seconds(sandbox):
    with socket.socket() as deaf:
        deaf.bind(("127.0.0.1", 0))
        deaf.listen(0)
        full = [socket.socket() for _ in range(4)]  # its queue: nobody accepts
        for one in full:
            one.settimeout(0)
            one.connect_ex(deaf.getsockname())
        url = f"http://127.0.0.1:{deaf.getsockname()[1]}"
        code, seconds = run(sandbox.environ() | {"AWS_ENDPOINT_URL_STS": url}, "batch")
        for one in full:
            one.close()
    print(f"R31: no connection: {seconds:.1f} s")  # noqa: T201
    assert code == 6
    assert seconds <= 25


def test_a_closed_port_costs_two_seconds(sandbox):
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{closed.getsockname()[1]}"
        environ = sandbox.environ() | {"AWS_ENDPOINT_URL_STS": url}
        times = [run(environ, "batch")[1] for _ in range(5)]
    print(f"R31: a closed port: {sorted(times)[2]:.1f} s")  # noqa: T201
    assert sorted(times)[2] <= 2


def test_a_herd_at_an_sts_that_is_silent_costs_25_seconds_too(sandbox):
    sandbox.add_fault(Fault("silence", times=None))
    began = time.monotonic()
    assert together(sandbox.environ(), 10) == {6}
    seconds = time.monotonic() - began
    print(f"R31: silence, 10 processes: {seconds:.1f} s")  # noqa: T201
    assert seconds <= 25
    assert sandbox.journal.count() <= 3


def test_two_hundred_at_an_sts_that_throttles_make_few_calls(sandbox):
    sandbox.add_fault(Fault("throttle", times=None))
    assert together(sandbox.environ(), 200) == {6}
    calls = sandbox.journal.count()
    print(f"R32: 200 processes, throttled: {calls} calls")  # noqa: T201
    assert calls < 30
