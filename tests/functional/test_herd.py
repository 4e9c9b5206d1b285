"""Many processes at once: one of them asks, the others wait for its answer."""

from __future__ import annotations

import json
import time

TWENTY = 20


def start_herd(terminal, tmp_path, profiles):
    """Start one process for each profile on one terminal, all at once."""
    jobs = [
        f"sts-plugin credential-process --profile {profile}"
        f" >{tmp_path}/out.{number} 2>{tmp_path}/err.{number} &"
        for number, profile in enumerate(profiles)
    ]
    return terminal(" ".join(jobs) + " wait; :")


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


def test_twenty_processes_for_one_role_ask_once(sandbox, terminal, tmp_path):
    one = start_herd(terminal, tmp_path, ["prod-admin"] * TWENTY)
    wait_until_all_but_one_wait(tmp_path, TWENTY)
    one.answer(sandbox.code())
    one.end()
    assert one.prompts == 1
    keys = {document["AccessKeyId"] for document in documents(tmp_path)}
    assert len(documents(tmp_path)) == TWENTY
    assert len(keys) == 1
    calls = [call.action for call in sandbox.journal.calls()]
    assert sorted(calls) == ["AssumeRole", "AssumeRole", "GetSessionToken"]


def test_profiles_behind_one_device_share_one_prompt(sandbox, terminal, tmp_path):
    profiles = ["prod-admin", "audit", "partner", "jump"]
    one = start_herd(terminal, tmp_path, profiles)
    wait_until_all_but_one_wait(tmp_path, len(profiles))
    one.answer(sandbox.code())
    one.end()
    assert one.prompts == 1
    assert len({document["AccessKeyId"] for document in documents(tmp_path)}) == 4
    assert sandbox.journal.count("GetSessionToken") == 1
    assert sandbox.journal.count("AssumeRole") == len(profiles)
    assert sandbox.journal.count(outcome="ok") == sandbox.journal.count()


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
