"""A thread that works ahead: one at a time, and not again at once after a failure."""

from __future__ import annotations

import threading

import pytest

from sts_plugin.errors import Unreachable
from sts_plugin.plugins.ahead import PAUSE_SECONDS, Ahead


class Work:
    """Work that waits to be let go, and counts how often it was begun."""

    def __init__(self, *, result=True):
        self.begun = 0
        self.result = result
        self.go = threading.Event()
        self.go.set()

    def __call__(self):
        self.begun += 1
        self.go.wait(10)
        if isinstance(self.result, Exception):
            raise self.result
        return self.result


@pytest.fixture
def clock():
    return [0.0]


@pytest.fixture
def ahead(clock):
    return Ahead(lambda: clock[0])


def finish(ahead):
    ahead._thread.join(10)
    assert not ahead._thread.is_alive()


def test_one_works_at_a_time(ahead):
    work = Work()
    work.go.clear()
    for _ in range(5):
        ahead.start(work)
    work.go.set()
    finish(ahead)
    assert work.begun == 1
    ahead.start(work)
    finish(ahead)
    assert work.begun == 2


@pytest.mark.parametrize(
    "result", [False, Unreachable("away", sent=False), RuntimeError("a hook's")]
)
def test_what_came_to_nothing_rests(ahead, clock, result):
    work = Work(result=result)
    ahead.start(work)
    finish(ahead)
    clock[0] = PAUSE_SECONDS - 1
    ahead.start(work)
    assert work.begun == 1
    clock[0] = PAUSE_SECONDS
    ahead.start(work)
    finish(ahead)
    assert work.begun == 2


def test_a_program_does_not_wait_for_it_at_its_end(ahead):
    work = Work()
    ahead.start(work)
    assert ahead._thread.daemon
    finish(ahead)


def test_where_no_thread_can_be_started_nothing_is_lost(ahead, mocker):
    mocker.patch.object(threading.Thread, "start", side_effect=RuntimeError("no more"))
    work = Work()
    ahead.start(work)
    mocker.stopall()
    ahead.start(work)
    finish(ahead)
    assert work.begun == 1
