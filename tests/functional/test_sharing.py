"""One is asked, the others wait: they share the result, the refusal, the Ctrl-C."""

from __future__ import annotations

import json
import os
import re
import signal
import sys
import time
from dataclasses import replace

import pyotp
import pytest
from herd import Herd, await_that

from sts_plugin.sandbox import Sandbox
from sts_plugin.sandbox.faults import Fault
from sts_plugin.sandbox.organisation import Organisation, Profile, User

ONE = "sts-plugin credential-process --profile audit"
HERD = 8


@pytest.fixture
def herd(terminal, tmp_path):
    """Start processes on a terminal of their own, behind one that asks on another."""

    def start(*profiles):
        return Herd(terminal, tmp_path / "herd", profiles or ["audit"] * HERD)

    return start


@pytest.fixture
def asked(terminal):
    """A process that is asking, on a terminal of its own; for as long as it takes."""
    one = terminal(ONE, STS_PLUGIN_PROMPT_SECONDS="300")
    one.child.expect_exact("): ")
    return one


def test_a_result_is_shared(asked, herd, sandbox):
    waiters = herd()
    waiters.wait_for_notices()
    asked.type(sandbox.code())
    assert asked.end()[0] == 0
    assert waiters.end() == {0}
    assert waiters.prompts == 0
    keys = {json.loads(text)["AccessKeyId"] for text in waiters.outputs}
    assert len(keys) == 1
    assert sandbox.journal.count() == 2


def test_a_ctrl_c_is_shared(asked, herd, sandbox):
    waiters = herd()
    waiters.wait_for_notices()
    asked.child.sendintr()
    asked.end()
    assert waiters.end() == {4}
    assert waiters.prompts == 0
    assert all("pressed Ctrl-C" in text for text in waiters.errors)
    assert set(waiters.outputs) == {""}
    assert sandbox.journal.calls() == ()


def test_a_refusal_of_the_last_code_is_shared(asked, herd, sandbox):
    waiters = herd()
    waiters.wait_for_notices()
    wrong = sorted({sandbox.code(at=moment) for moment in range(0, 3000, 30)})[:3]
    asked.type(wrong[0])
    for code in wrong[1:]:
        asked.answer(code)
    assert asked.end()[0] == 5
    assert waiters.end() == {5}
    assert waiters.prompts == 0
    assert all("MultiFactorAuthentication failed" in text for text in waiters.errors)
    assert sandbox.journal.count() == 3


def test_an_unanswered_prompt_is_shared(terminal, herd, tmp_path):
    pid = tmp_path / "pid"
    asked = terminal(
        f"sh -c 'echo $$ >{pid}; exec {ONE}'", STS_PLUGIN_PROMPT_SECONDS="5"
    )
    asked.child.expect_exact("): ")
    # Its time may be over before all of them wait: it goes on once they do.
    os.kill(int(pid.read_text()), signal.SIGSTOP)
    waiters = herd()
    waiters.wait_for_notices()
    os.kill(int(pid.read_text()), signal.SIGCONT)
    assert asked.end()[0] == 4
    assert waiters.end() == {4}
    assert waiters.prompts == 0
    assert all("nobody typed" in text for text in waiters.errors)


def test_a_refusal_of_the_keys_is_shared_by_those_who_have_the_same(
    asked, herd, sandbox
):
    # Not for want of a right code: nobody is asked again for what AWS will not give.
    waiters = herd()
    waiters.wait_for_notices()
    sandbox.revoke(sandbox.organisation.user("alice").access_key_id)
    asked.type(sandbox.code())
    assert asked.end()[0] == 5
    assert waiters.end() == {5}
    assert waiters.prompts == 0


@pytest.mark.parametrize("ending", [signal.SIGTERM, signal.SIGKILL, signal.SIGHUP])
def test_who_waits_takes_over_from_one_who_was_ended(
    terminal, sandbox, tmp_path, ending
):
    pid = tmp_path / "pid"
    first = terminal(f"{ONE} & echo $! >{pid}; wait $!")
    first.child.expect_exact("): ")
    second = terminal(ONE)
    await_that(lambda: "waiting for process" in second.said)
    os.kill(int(pid.read_text()), ending)
    first.end()
    second.answer(sandbox.code())
    assert second.end()[0] == 0


def test_who_waits_takes_over_from_one_whose_parent_was_killed(
    terminal, sandbox, tmp_path
):
    pid = tmp_path / "pid"
    first = terminal(f"sh -c 'echo $$ >{pid}; {ONE}; :'; sleep 99")
    first.child.expect_exact("): ")
    second = terminal(ONE)
    await_that(lambda: "waiting for process" in second.said)
    os.kill(int(pid.read_text()), signal.SIGKILL)
    second.answer(sandbox.code())
    assert second.end()[0] == 0


def test_who_waits_takes_over_after_a_failure_of_the_network(asked, terminal, sandbox):
    second = terminal(ONE)
    await_that(lambda: "waiting for process" in second.said)
    sandbox.add_fault(Fault("reset", action="GetSessionToken"))
    asked.type(sandbox.code())
    assert asked.end()[0] == 6
    second.answer(sandbox.code(at=_next_step()))
    assert second.end()[0] == 0


def test_who_has_a_terminal_takes_over_from_one_who_has_none(
    program, terminal, sandbox, asked
):
    # It neither hangs nor fails for the one without: it waits, and gets the result.
    waiter = program.start("credential-process", "--profile", "audit")
    await_that(lambda: b"waiting for process" in waiter.stderr.peek())
    asked.type(sandbox.code())
    assert asked.end()[0] == 0
    out, _ = waiter.communicate(timeout=60)
    assert json.loads(out)["Version"] == 1


def test_one_who_begins_after_a_ctrl_c_is_asked(asked, terminal, sandbox):
    asked.child.sendintr()
    asked.end()
    after = terminal(ONE)
    after.answer(sandbox.code())
    assert after.end()[0] == 0


def test_a_waiter_says_what_it_waits_for_and_who_has_it(asked, terminal, sandbox):
    second = terminal("sts-plugin credential-process --profile partner")
    await_that(lambda: second.said)
    (line,) = second.said.splitlines()
    assert re.search(r"waiting for process \d+,", line)
    assert "MFA code of arn:aws:iam::111111111111:mfa/alice" in line
    assert 'profile "partner"' in line
    # An SDK would have swallowed it: it is on the terminal as well.
    second.child.expect_exact("waiting for process")
    asked.type(sandbox.code())
    assert second.end()[0] == 0


def test_waiters_on_the_terminal_of_the_prompt_do_not_write_across_it(
    terminal, sandbox, tmp_path
):
    waiters = Herd(terminal, tmp_path / "herd", ["audit"] * 4)
    waiters.wait_for_notices(but=1)
    waiters.terminal.answer(sandbox.code())
    assert waiters.end() == {0}
    assert "waiting" not in waiters.terminal.screen
    assert waiters.prompts == 1


def _next_step():
    return time.time() + 30


# --- Two devices -------------------------------------------------------------

CAROL = User("111111111111", "carol", pyotp.random_base32())


@pytest.fixture
def two_devices(tmp_path):
    """A sandbox in which a second user has a device of her own."""
    example = Organisation.example()
    organisation = replace(example, users=(*example.users, CAROL)).with_profiles(
        Profile("carol", mfa_serial=CAROL.mfa_serial)
    )
    with Sandbox(tmp_path / "two", organisation=organisation) as running:
        yield running


def test_two_devices_are_asked_for_on_one_terminal_one_after_the_other(
    terminal, two_devices, environ, tmp_path
):
    variables = {
        name: value
        for name, value in two_devices.environ(environ).items()
        if environ.get(name) != value
    }
    both = Herd(terminal, tmp_path / "herd", ["alice", "carol"], **variables)
    child = both.terminal.child
    child.expect(r"mfa/(alice|carol) \(")
    first = child.match[1]
    child.expect_exact("): ")
    child.sendline(two_devices.code(first))
    second = {"alice": "carol", "carol": "alice"}[first]
    child.expect_exact(f"mfa/{second} (")
    child.expect_exact("): ")
    child.sendline(two_devices.code(second))
    assert both.end() == {0}
    assert two_devices.journal.count(outcome="ok") == two_devices.journal.count() == 2


PINENTRY = """#!{python}
import re, sys
print("OK ready", flush=True)
for line in sys.stdin:
    if line.startswith("SETDESC"):
        device = re.search("mfa/([a-z]+)", line)[1]
    if line.startswith("GETPIN"):
        with open("/dev/tty", "r+b", buffering=0) as tty:
            tty.write(b"pinentry for %s> " % device.encode())
            print("D", tty.readline().decode().strip())
    print("OK", flush=True)
"""


def test_two_pinentries_on_one_terminal_take_turns_as_well(
    terminal, two_devices, environ, tmp_path
):
    path = tmp_path / "pinentry"
    path.write_text(PINENTRY.format(python=sys.executable))
    path.chmod(0o700)
    variables = {
        name: value
        for name, value in two_devices.environ(environ).items()
        if environ.get(name) != value
    }
    variables |= {"STS_PLUGIN_PINENTRY": str(path), "STS_PLUGIN_MFA_PROMPT": "pinentry"}
    both = Herd(terminal, tmp_path / "herd", ["alice", "carol"], **variables)
    child = both.terminal.child
    # One lock for each device, and one for the terminal: now both want to ask.
    locks = two_devices.folder / "cache"
    await_that(lambda: len(list(locks.glob("*.lock"))) == 3)
    asked = []
    for _ in range(2):
        child.expect(r"pinentry for (alice|carol)> ")
        asked.append(child.match[1])
        child.sendline(two_devices.code(asked[-1]))
    assert both.end() == {0}
    assert sorted(asked) == ["alice", "carol"]
    assert two_devices.journal.count(outcome="ok") == two_devices.journal.count() == 2


def test_two_devices_are_asked_for_at_the_same_time_on_two_terminals(
    terminal, two_devices, environ
):
    variables = {
        name: value
        for name, value in two_devices.environ(environ).items()
        if environ.get(name) != value
    }
    terminals = {
        user: terminal(f"sts-plugin credential-process --profile {user}", **variables)
        for user in ("alice", "carol")
    }
    for user, one in terminals.items():
        one.child.expect_exact(f"mfa/{user}")
        one.child.expect_exact("): ")
    for user, one in terminals.items():
        one.child.sendline(two_devices.code(user))
    assert {one.end()[0] for one in terminals.values()} == {0}
