"""Many processes at once: one of them asks, the others wait for its answer."""

from __future__ import annotations

import json
import time

import pytest

from sts_plugin.sandbox import Sandbox
from sts_plugin.sandbox.organisation import Organisation, Profile, Role, Trust

HERD = 20
TWENTY = 20


@pytest.fixture
def team(tmp_path):
    """A sandbox with twenty roles behind one device (bar R2)."""
    organisation = Organisation.example()
    serial = organisation.user("alice").mfa_serial
    for number in range(TWENTY):
        trust = Trust(("arn:aws:iam::111111111111:root",), mfa=True)
        role = Role("222222222222", f"Team{number:02}", trust)
        profile = Profile(f"team{number:02}", role.arn, "alice", serial)
        organisation = organisation.with_roles(role).with_profiles(profile)
    with Sandbox(tmp_path / "team", organisation=organisation) as running:
        yield running


def start_herd(terminal, tmp_path, profiles, **variables):
    """Start one process for each profile on one terminal, all at once."""
    jobs = [
        f"sts-plugin credential-process --profile {profile}"
        f" >{tmp_path}/out.{number} 2>{tmp_path}/err.{number} &"
        for number, profile in enumerate(profiles)
    ]
    return terminal(" ".join(jobs) + " wait; :", **variables)


def wait_until_all_but_one_wait(tmp_path, count):
    """Each waiter says so after two seconds; the one who asks does not."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        waiting = sum(
            "waiting for process" in file.read_text() for file in tmp_path.glob("err.*")
        )
        if waiting == count - 1:
            return
        time.sleep(0.05)
    raise AssertionError(f"only {waiting} of {count - 1} say that they wait")


def documents(tmp_path):
    return [json.loads(file.read_text()) for file in sorted(tmp_path.glob("out.*"))]


def test_processes_for_one_role_ask_once(sandbox, terminal, tmp_path):
    one = start_herd(terminal, tmp_path, ["prod-admin"] * HERD)
    wait_until_all_but_one_wait(tmp_path, HERD)
    one.answer(sandbox.code())
    one.end()
    assert one.prompts == 1
    keys = {document["AccessKeyId"] for document in documents(tmp_path)}
    assert len(documents(tmp_path)) == HERD
    assert len(keys) == 1
    calls = [call.action for call in sandbox.journal.calls()]
    assert sorted(calls) == ["AssumeRole", "AssumeRole", "GetSessionToken"]


def test_twenty_profiles_behind_one_device_share_one_prompt(
    team, terminal, environ, tmp_path
):
    profiles = [f"team{number:02}" for number in range(TWENTY)]
    theirs = team.environ(environ)
    other = {name: text for name, text in theirs.items() if environ.get(name) != text}
    one = start_herd(terminal, tmp_path, profiles, **other)
    wait_until_all_but_one_wait(tmp_path, TWENTY)
    one.answer(team.code())
    one.end()
    assert one.prompts == 1
    keys = {document["AccessKeyId"] for document in documents(tmp_path)}
    assert len(keys) == TWENTY
    assert team.journal.count("GetSessionToken") == 1
    assert team.journal.count("AssumeRole") == TWENTY
    assert len({call.role_arn for call in team.journal.calls()} - {None}) == TWENTY
    assert team.journal.count(outcome="ok") == team.journal.count() == TWENTY + 1


def test_who_waits_takes_over_when_the_one_who_asks_is_interrupted(
    sandbox, terminal, tmp_path
):
    first = terminal("sts-plugin credential-process --profile audit")
    first.child.expect_exact(": ")
    second = terminal("sts-plugin credential-process --profile audit")
    first.child.sendintr()
    first.end()
    second.answer(sandbox.code())
    assert second.end()[0] == 0
