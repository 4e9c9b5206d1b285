"""The rotation of a key at its full size: ended, or in trouble, at each of its steps.

The steps are the requests to AWS and the calls to the keychain, each before it has an
effect and after. What is written to disk is between two of them.
"""

from __future__ import annotations

import itertools

import pytest
from cloud import Moto
from keys_tools import Bench

pytestmark = pytest.mark.stress


@pytest.fixture(scope="module")
def moto():
    one = Moto()
    yield one
    one.stop()


@pytest.fixture
def new_bench(moto, tmp_path):
    """Make a bench in a folder of its own, as often as it takes."""
    count = itertools.count()

    def make():
        folder = tmp_path / str(next(count))
        folder.mkdir()
        return Bench(folder, moto)

    return make


@pytest.fixture
def sizes(new_bench):
    """How many requests and how many calls to the keychain a rotation makes."""
    with new_bench() as bench:
        before = len(bench.chain.calls)
        assert bench.run("rotate").returncode == 0
        return len(bench.cloud.asked), len(bench.chain.calls) - before


def test_a_run_that_is_killed_at_any_request_is_gone_on_with(new_bench, sizes):
    for number in range(1, sizes[0] + 1):
        for after in (False, True):
            with new_bench() as bench:
                bench.cloud.kill_at(number, after=after)
                assert bench.run("rotate").returncode == -9
                bench.assert_safe()
                done = bench.run("rotate")
                assert done.returncode == 0, (number, after, done.stderr)
                bench.assert_rotated()


def test_a_run_that_is_killed_at_any_call_to_the_keychain_is_gone_on_with(
    new_bench, sizes
):
    for number in range(1, sizes[1] + 1):
        for mode in ("kill", "killed"):
            with new_bench() as bench:
                done = bench.run("rotate", mode=f"{mode}@{number}")
                if done.returncode == 0:  # a call that leads to no effect
                    continue
                assert done.returncode == -9
                bench.assert_safe()
                done = bench.run("rotate")
                assert done.returncode == 0, (mode, number, done.stderr)
                bench.assert_rotated()


@pytest.mark.parametrize("mode", ["full", "forgetful", "locked", "odd"])
def test_a_keychain_in_trouble_from_any_call_on_costs_nobody_a_key(
    new_bench, sizes, mode
):
    for number in range(1, sizes[1] + 1):
        with new_bench() as bench:
            done = bench.run("rotate", mode=f"{mode}@{number}")
            now = bench.assert_safe()
            if done.returncode != 0:
                assert f"{now} " in done.stderr
                assert len(done.stderr.splitlines()[-1]) < 700
                done = bench.run("rotate")
                assert done.returncode == 0, (number, done.stderr)
            bench.assert_rotated()


@pytest.mark.parametrize("number", [1, 2])
def test_a_keychain_that_hangs_is_given_up(new_bench, number):
    with new_bench() as bench:
        done = bench.run("rotate", mode=f"hang@{number}")
        assert done.returncode == 4
        assert "did not answer within 45 seconds" in done.stderr
        assert bench.assert_safe() == bench.first
        assert bench.run("rotate").returncode == 0
        bench.assert_rotated()


def test_a_new_key_that_aws_never_knows_is_given_up_and_used_later(new_bench):
    with new_bench() as bench:
        bench.cloud.slow = True
        done = bench.run("rotate")
        assert done.returncode == 5
        assert "stays in use; AWS may need longer: run it again" in done.stderr
        assert bench.assert_safe() == bench.first
        bench.cloud.slow = False
        for key in bench.cloud.waiting:
            bench.cloud.known(key)
        done = bench.run("rotate")
        assert done.returncode == 0
        assert bench.cloud.asked.count("CreateAccessKey") == 1
        bench.assert_rotated()
