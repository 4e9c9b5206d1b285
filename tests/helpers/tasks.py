"""Tasks of asyncio for a test: a crowd of them, and whom AWS takes a session for."""

from __future__ import annotations

import asyncio
import threading
from collections import Counter

FIFTY = 50

ONE_OF_EACH = {"GetSessionToken": 1, "AssumeRole": 2}
"""What credentials for prod-admin cost, once."""


def actions(sandbox):
    return Counter(call.action for call in sandbox.journal.calls())


async def triple(session):
    """The credentials that a task of this session is given now."""
    credentials = await session.get_credentials()
    return tuple((await credentials.get_frozen_credentials())[:3])


async def crowd(*works):
    """Run works as tasks that begin together; return what they return."""
    start = asyncio.Event()

    async def one(work):
        await start.wait()
        return await work()

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(one(work)) for work in works]
        await asyncio.sleep(0)
        start.set()
    return [task.result() for task in tasks]


def in_loops(*mains):
    """Run each coroutine function in a loop and a thread of its own, at once."""
    barrier = threading.Barrier(len(mains))
    found, errors = [], []

    def run(main):
        barrier.wait()
        try:
            found.append(asyncio.run(main()))
        except Exception as error:  # noqa: BLE001 - shown by the assertion
            errors.append(error)

    threads = [threading.Thread(target=run, args=(main,)) for main in mains]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    return found
