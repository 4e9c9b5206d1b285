"""Bars R15, R16 and R17 at their full size: crowds, crashes, faults at each call."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from benches import WITHOUT_A_CACHE, Bench, left_over
from disk_work import WORK, check_work, python
from strace import calls_that_touch, injected, needs_strace, traced

from sts_plugin.sandbox import Sandbox

pytestmark = pytest.mark.stress

ROUNDS = 1_000
ERRORS = ("EIO", "ENOSPC", "EACCES")


@pytest.fixture
def bench(tmp_path):
    command = '"sts-plugin"'
    with Sandbox(tmp_path / "sandbox", command=command) as sandbox:
        yield Bench(sandbox, tmp_path)


def each(work, items):
    """Do something with every item, a few at a time; return what came of it."""
    with ThreadPoolExecutor(4) as pool:
        return list(pool.map(work, items))


def recorded(bench):
    cache, log = bench.cache("recorded"), bench.folder / "recorded.log"
    bench.check(bench.run(cache, *traced(log)))
    calls = calls_that_touch(cache, log)
    assert {"openat", "write", "fsync", "flock"} <= {call.name for call in calls}
    return calls


@needs_strace
def test_a_run_may_be_killed_at_every_call_that_touches_the_cache(bench):
    def kill(call):
        cache, log = bench.cache(call), bench.folder / f"{call}.log"
        code, out, _ = bench.run(cache, *injected(log, call, "signal=SIGKILL"))
        assert (code, out) == (-signal.SIGKILL, ""), call
        bench.check_healed(cache)

    assert len(each(kill, recorded(bench))) > 40


@needs_strace
@pytest.mark.parametrize("error", ERRORS)
def test_every_call_that_touches_the_cache_may_fail(bench, error):
    def fail(call):
        cache, log = bench.cache(call), bench.folder / f"{call}.log"
        done = bench.run(cache, *injected(log, call, f"error={error}"))
        warnings = sum(WITHOUT_A_CACHE in line for line in done[2])
        assert warnings <= 1, (call, done)
        bench.check(done, warnings=warnings)
        assert left_over(cache) == [], call
        bench.check_healed(cache)
        return warnings

    assert sum(each(fail, recorded(bench))) > 10


@needs_strace
def test_every_call_on_a_warm_cache_may_fail_and_garbage_is_never_handed_out(bench):
    cache, log = bench.cache("warm"), bench.folder / "warm.log"
    first = bench.check(bench.run(cache))
    bench.check(bench.run(cache, *traced(log)))
    calls = calls_that_touch(cache, log)

    def fail(call):
        done = bench.run(
            cache, *injected(bench.folder / f"{call}.log", call, "error=EIO")
        )
        warnings = sum(WITHOUT_A_CACHE in line for line in done[2])
        document = bench.check(done, warnings=warnings)
        return warnings or document == first

    assert all(fail(call) for call in calls)
    bench.check_healed(cache)


@needs_strace
def test_the_ledgers_may_be_killed_at_every_call(tmp_path):
    cache, log = tmp_path / "recorded" / "cache", tmp_path / "recorded.log"
    assert python(WORK, cache, before=traced(log)).returncode == 0
    calls = calls_that_touch(cache, log)
    assert len(calls) > 100

    def kill(call):
        cache = tmp_path / str(call) / "cache"
        before = injected(tmp_path / f"{call}.log", call, "signal=SIGKILL")
        assert python(WORK, cache, before=before).returncode == -signal.SIGKILL, call
        check_work(cache)

    each(kill, calls)


def test_writers_may_be_killed_at_a_thousand_random_moments(tmp_path):
    chance = random.Random(1)  # noqa: S311
    cache = tmp_path / "cache"

    def kill(_):
        with subprocess.Popen(
            [sys.executable, "-c", WORK, cache, "for ever"],
            env={"PYTHONPATH": ":".join(sys.path)},
            stdout=subprocess.PIPE,
        ) as process:
            process.stdout.readline()  # it has begun
            time.sleep(chance.random() / 50)
            process.kill()
        assert process.returncode == -signal.SIGKILL

    for _ in range(ROUNDS // 4):
        each(kill, range(4))
        check_work(cache)
