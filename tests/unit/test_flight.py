from __future__ import annotations

import asyncio
import contextlib
import os
import threading
from contextvars import ContextVar

import pytest

from sts_plugin.errors import Declined
from sts_plugin.plugins.flight import Shared, unwanted


class Work:
    """Work that ends when it is told to, and counts how often it was begun."""

    def __init__(self, result="done"):
        self.begun = 0
        self.result = result
        self.begins, self.go = threading.Semaphore(0), threading.Event()

    def __call__(self):
        self.begun += 1
        self.begins.release()
        assert self.go.wait(60)
        if isinstance(self.result, BaseException):
            raise self.result
        return self.result

    async def under_way(self):
        await asyncio.to_thread(self.begins.acquire, timeout=60)


@pytest.fixture
def work():
    one = Work()
    yield one
    one.go.set()


def test_those_who_want_it_at_a_time_share_one_flight(work):
    shared = Shared(work)

    async def main():
        assert not shared.under_way()
        tasks = [asyncio.create_task(shared()) for _ in range(50)]
        await work.under_way()
        assert shared.under_way()
        work.go.set()
        return await asyncio.gather(*tasks)

    assert asyncio.run(main()) == ["done"] * 50
    assert work.begun == 1


def test_who_comes_after_it_has_landed_begins_anew(work):
    work.go.set()
    shared = Shared(work)
    assert [asyncio.run(shared()) for _ in range(2)] == ["done"] * 2
    assert work.begun == 2


def test_all_of_them_meet_what_it_fails_of(work):
    work.result = ValueError("no")
    shared = Shared(work)

    async def main():
        tasks = [asyncio.create_task(shared()) for _ in range(3)]
        await work.under_way()
        work.go.set()
        return await asyncio.gather(*tasks, return_exceptions=True)

    assert asyncio.run(main()) == [work.result] * 3


def test_ctrl_c_in_a_thread_is_nothing_that_tears_a_loop_apart(work):
    work.result = KeyboardInterrupt()
    work.go.set()
    with pytest.raises(Declined, match="Ctrl-C"):
        asyncio.run(Shared(work)())


def test_the_work_sees_the_context_of_its_task():
    variable = ContextVar("variable")

    async def main():
        variable.set("seen")
        return await Shared(variable.get)()

    assert asyncio.run(main()) == "seen"


class Patient:
    """Work that goes on until nobody wants it."""

    def __init__(self):
        self.begins, self.ends = threading.Semaphore(0), threading.Semaphore(0)
        self.look = threading.Semaphore(0)

    def __call__(self):
        self.begins.release()
        while not unwanted():
            assert self.look.acquire(timeout=60)
        self.ends.release()
        return "nobody's"


def test_it_is_wanted_until_the_last_task_has_left():
    patient = Patient()
    shared = Shared(patient)

    async def main():
        tasks = [asyncio.create_task(shared()) for _ in range(2)]
        await asyncio.to_thread(patient.begins.acquire)
        tasks[0].cancel()
        await asyncio.wait([tasks[0]])
        patient.look.release()
        assert not patient.ends.acquire(timeout=0.1)
        tasks[1].cancel()
        await asyncio.wait([tasks[1]])
        patient.look.release()
        assert await asyncio.to_thread(patient.ends.acquire)
        # From now on it is nobody's: whoever comes begins anew.
        another = asyncio.create_task(shared())
        assert await asyncio.to_thread(patient.begins.acquire)
        another.cancel()
        patient.look.release()

    asyncio.run(main())


def test_whoever_wants_it_again_in_time_finds_it_under_way(work):
    shared = Shared(work)

    async def main():
        first = asyncio.create_task(shared())
        await work.under_way()
        first.cancel()
        await asyncio.wait([first])
        second = asyncio.create_task(shared())
        await asyncio.sleep(0)
        work.go.set()
        return await second

    assert asyncio.run(main()) == "done"
    assert work.begun == 1


def test_a_loop_that_was_closed_wants_nothing(work):
    patient = Patient()
    shared = Shared(patient)
    loop = asyncio.new_event_loop()
    task = loop.create_task(shared())
    loop.run_until_complete(asyncio.sleep(0))
    assert patient.begins.acquire(timeout=60)
    loop.close()
    patient.look.release()
    assert patient.ends.acquire(timeout=60)
    task._log_destroy_pending = False  # it is what this is about


def test_a_loop_that_was_closed_is_no_trouble_to_the_others(work):
    shared = Shared(work)
    loop = asyncio.new_event_loop()
    task = loop.create_task(shared())
    loop.run_until_complete(asyncio.sleep(0))
    assert work.begins.acquire(timeout=60)
    loop.close()

    async def main():
        mine = asyncio.create_task(shared())
        await asyncio.sleep(0)
        work.go.set()
        return await mine

    assert asyncio.run(main()) == "done"
    assert work.begun == 1
    task._log_destroy_pending = False


def test_no_thread_but_its_own_is_told_that_nobody_wants_it():
    assert not unwanted()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="Windows has no fork")
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
def test_a_forked_child_begins_anew(work):
    shared = Shared(work)
    loop = asyncio.new_event_loop()
    task = loop.create_task(shared())
    loop.run_until_complete(asyncio.sleep(0))
    assert work.begins.acquire(timeout=60)
    child = os.fork()
    if not child:
        code = 1
        with contextlib.suppress(BaseException):
            work.go = threading.Event()
            work.go.set()
            asyncio.events._set_running_loop(None)
            code = 0 if asyncio.new_event_loop().run_until_complete(shared()) else 1
        os._exit(code)
    assert os.waitpid(child, 0)[1] == 0
    work.go.set()
    assert loop.run_until_complete(task) == "done"
    loop.close()
