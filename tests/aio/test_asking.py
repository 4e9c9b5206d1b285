"""Programs of asyncio that have to ask for a code, at a terminal."""

from __future__ import annotations

import shlex
import sys

import pytest
from herd import await_that
from programs import PROMPT

NEW_PROMPT = rf"(?<!\x1b\[K){PROMPT} \(\d+ s\): "
"""Not one that was there and is drawn again, a second later."""

PROGRAM = """
import asyncio, os, sys, threading, time
import sts_plugin
from aiobotocore.session import AioSession

def new_session(profile="prod-admin"):
    return sts_plugin.register(AioSession(profile=profile))

async def key(session):
    credentials = await session.get_credentials()
    return (await credentials.get_frozen_credentials()).access_key

def say(*words):
    print(*words, flush=True)

async def told():
    while not os.path.exists(sys.argv[1]):
        await asyncio.sleep(0.01)

def nobody_asks():
    for one in threading.enumerate():
        if one.name == "sts-plugin credentials":
            one.join(10)
            assert not one.is_alive()
"""

GOES_ON = """
async def main():
    ticks, longest = 0, 0.0
    loop = asyncio.get_running_loop()
    waiting = [asyncio.create_task(key(new_session())) for _ in range(50)]
    before = time.monotonic()
    while not all(one.done() for one in waiting):
        await asyncio.to_thread(int)  # the executor is as free as the loop
        await asyncio.sleep(0.01)
        ticks, now = ticks + 1, time.monotonic()
        longest, before = max(longest, now - before), now
    say(ticks, longest, len({one.result() for one in waiting}))

asyncio.run(main())
"""

GIVES_UP = """
async def main():
    session = new_session()
    task = asyncio.create_task(key(session))
    await told()
    task.cancel()
    await asyncio.wait([task])
    say("gave up")
    if sys.argv[2] == "later":
        nobody_asks()
    say("got", await key(session))

asyncio.run(main())
"""

ONE_LEAVES = """
async def main():
    session = new_session()
    tasks = [asyncio.create_task(key(session)) for _ in range(2)]
    await told()
    tasks[0].cancel()
    say("left")
    say("got", await tasks[1])

asyncio.run(main())
"""

INTERRUPTED = """
async def main():
    try:
        await key(new_session())
    except asyncio.CancelledError:
        say("cancelled")
        raise

try:
    asyncio.run(main())
except KeyboardInterrupt:
    say("interrupted")
"""

LOOP_CLOSED = """
loop = asyncio.new_event_loop()
session = new_session()
task = loop.create_task(key(session))
loop.run_until_complete(told())
task._log_destroy_pending = False
loop.close()
nobody_asks()
say("closed")
say("got", asyncio.run(key(session)))
"""


@pytest.fixture
def started(terminal, tmp_path):
    """Start a program on a terminal of its own, and wait for its prompt.

    What follows is told to the program by ``tell``.
    """

    def start(text, *arguments):
        script = tmp_path / "program.py"
        script.write_text(PROGRAM + text)
        words = [sys.executable, script, tmp_path / "told", *arguments]
        one = terminal(shlex.join(map(str, words)))
        one.child.expect_exact(PROMPT)
        one.child.expect_exact("): ")
        return one

    return start


@pytest.fixture
def tell(tmp_path):
    return (tmp_path / "told").touch


def test_the_loop_and_its_executor_are_free_while_fifty_tasks_wait_for_a_code(
    sandbox, started
):
    one = started(GOES_ON)
    one.child.expect(r"\(5[0-3] s\): ")  # a prompt that nobody answers for so long
    one.type(sandbox.code())
    code, out, err = one.end()
    assert (code, one.prompts) == (0, 1), err
    ticks, longest, keys = out.split()
    assert int(ticks) > 20
    assert float(longest) < 1.5
    assert keys == "1"
    assert sandbox.journal.count("GetSessionToken") == 1


@pytest.mark.parametrize(("again", "prompts"), [("later", 2), ("at once", 1)])
def test_a_prompt_whose_task_gave_up_ends_unless_somebody_wants_it_again(
    sandbox, started, tell, again, prompts
):
    one = started(GIVES_UP, again)
    tell()
    if again == "later":
        one.child.expect(NEW_PROMPT)  # the lock is free, and so is the terminal
    one.type(sandbox.code())
    code, out, err = one.end()
    assert (code, one.prompts) == (0, prompts), err
    assert out.startswith("gave up\ngot ASIA")
    assert one.echoes
    assert sandbox.journal.count("GetSessionToken") == 1


def test_a_prompt_stays_for_the_task_that_is_left(sandbox, started, tell):
    one = started(ONE_LEAVES)
    tell()
    await_that(lambda: one.out.read_text() == "left\n")
    one.child.expect(r"\(5[0-3] s\): ")  # and is there for some ticks more
    one.type(sandbox.code())
    code, out, err = one.end()
    assert (code, one.prompts) == (0, 1), err
    assert "got ASIA" in out


def test_ctrl_c_at_the_prompt_ends_the_program_as_any_ctrl_c(sandbox, started):
    one = started(INTERRUPTED)
    one.child.sendintr()
    _, out, err = one.end()  # the shell was interrupted as well
    assert out == "cancelled\ninterrupted\n", err
    assert one.echoes
    assert sandbox.journal.calls() == ()


def test_a_prompt_whose_loop_was_closed_ends_and_another_loop_asks_anew(
    sandbox, started, tell
):
    one = started(LOOP_CLOSED)
    tell()
    one.child.expect(NEW_PROMPT)
    one.type(sandbox.code())
    code, out, err = one.end()
    assert (code, one.prompts) == (0, 2), err
    assert out.startswith("closed\ngot ASIA")
    assert "Traceback" not in err
