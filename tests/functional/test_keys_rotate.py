"""Access keys that are rotated by the executable: moto's IAM, the sandbox's STS.

What is held here at every end of a run, good or bad: the user has a key that works, and
no secret is anywhere but in the keychain (``Bench.assert_safe``).
"""

from __future__ import annotations

import threading
import time

import pytest
from cloud import Moto
from herd import await_that
from keys_tools import Bench

STEPS = [
    "GetCallerIdentity",  # whose key is it
    "ListAccessKeys",
    "CreateAccessKey",
    "GetCallerIdentity",  # by the new key
    "GetCallerIdentity",  # whose it is, to delete the old one
    "DeleteAccessKey",
]


@pytest.fixture(scope="module")
def moto():
    one = Moto()
    yield one
    one.stop()


@pytest.fixture
def bench(moto, tmp_path):
    with Bench(tmp_path, moto) as bench:
        yield bench


def test_another_key_takes_the_place_of_the_old_one(bench):
    done = bench.run("rotate")
    assert done.returncode == 0
    bench.assert_rotated()
    new = bench.document()["AccessKeyId"]
    assert (
        done.stdout == f'profile "alice": {new} is in use, {bench.first} is deleted\n'
    )
    assert f"{new} is in use now; deleting {bench.first}" in done.stderr
    assert f"sessions that were got with {bench.first} are not found" in done.stderr
    assert bench.cloud.asked == STEPS


def test_a_device_is_asked_for_and_its_session_signs(bench):
    serial = bench.sandbox.organisation.user("alice").mfa_serial
    bench.configure(
        f"mfa_serial = {serial}\n"
        f"sts_plugin_totp_file = {bench.sandbox.folder / 'alice.totp'}\n"
        "[profile role]\nrole_arn = arn:aws:iam::222222222222:role/Audit\n"
        "source_profile = alice\n"
        f"mfa_serial = {serial}\n"
    )
    # The code of the step before: the key's own session will want that of this step.
    # It is good until this step ends, which must not be now.
    await_that(lambda: time.time() % 30 < 20)
    bench.environ["STS_PLUGIN_MFA_CODE"] = bench.sandbox.code(at=time.time() - 30)
    assert bench.document()["SessionToken"]
    del bench.environ["STS_PLUGIN_MFA_CODE"]
    done = bench.run("rotate")
    assert done.returncode == 0, done.stderr
    assert "by the MFA session that the new key has now" in done.stderr
    assert bench.sandbox.journal.count("GetSessionToken") == 2
    [now] = bench.cloud.keys
    assert set(bench.chain.keys) == {now}
    # It is there for what comes next.
    assert bench.document()["SessionToken"]
    assert bench.sandbox.journal.count("GetSessionToken") == 2


def test_iam_is_given_its_time(bench):
    bench.cloud.slow = True
    process = bench.start("rotate")

    def know():
        bench.cloud.known(bench.cloud.waiting.pop())

    line = process.stderr.readline()
    assert line == "sts-plugin: waiting until AWS knows the new access key\n"
    know()
    out, err = process.communicate(timeout=60)
    assert process.returncode == 0
    bench.unseen(line + out + err)
    bench.assert_rotated()


def test_two_keys_leave_no_room_and_the_other_one_is_named(bench):
    bench.moto.admin.create_access_key(UserName="alice")
    [other] = bench.cloud.keys - {bench.first}
    done = bench.run("rotate")
    assert (done.returncode, done.stdout) == (4, "")
    assert f"there is another access key, {other} (active, made on" in done.stderr
    assert (
        f"aws iam delete-access-key --user-name alice --access-key-id {other};"
        f" {bench.first} stays in use"
    ) in done.stderr
    assert bench.assert_safe() == bench.first
    assert "CreateAccessKey" not in bench.cloud.asked
    bench.moto.admin.delete_access_key(UserName="alice", AccessKeyId=other)
    assert bench.run("rotate").returncode == 0
    bench.assert_rotated()


def test_a_key_that_may_not_be_made_changes_nothing(bench):
    bench.cloud.refuse("CreateAccessKey")
    done = bench.run("rotate")
    assert (done.returncode, done.stdout) == (5, "")
    assert "AWS refused CreateAccessKey: AccessDenied" in done.stderr
    assert "add mfa_serial" in done.stderr
    assert f"{bench.first} stays in use" in done.stderr
    assert bench.assert_safe() == bench.first
    assert bench.run("rotate").returncode == 0
    bench.assert_rotated()


def test_a_key_whose_answer_got_lost_is_made_once_and_cleared_away(bench):
    bench.cloud.refuse("CreateAccessKey", code="ServiceFailure", status=500, after=True)
    done = bench.run("rotate")
    assert done.returncode == 6
    assert "a key may have been made: run it again" in done.stderr
    assert bench.cloud.asked.count("CreateAccessKey") == 1
    assert bench.assert_safe() == bench.first
    assert len(bench.cloud.keys) == 2
    done = bench.run("rotate")
    assert done.returncode == 0
    assert "was made by the rotation that was interrupted" in done.stderr
    bench.assert_rotated()


def test_an_old_key_that_cannot_be_deleted_is_told_and_deleted_later(bench):
    bench.cloud.refuse("DeleteAccessKey")
    done = bench.run("rotate")
    assert (done.returncode, done.stdout) == (5, "")
    new = bench.assert_safe()
    assert new != bench.first
    assert f"{new} is in use, and {bench.first} still is active at AWS" in done.stderr
    assert "run it again" in done.stderr
    assert bench.cloud.keys == {bench.first, new}
    assert "a rotation did not end" in bench.run_list().stdout
    bench.cloud.asked.clear()
    assert bench.run("rotate").returncode == 0
    bench.assert_rotated()
    assert "CreateAccessKey" not in bench.cloud.asked
    assert bench.assert_safe() == new


def test_a_new_key_that_the_keychain_does_not_take_is_deleted_again(bench):
    # Asked for the key in use first; then it is to take the new one.
    done = bench.run("rotate", mode="full@2")
    assert done.returncode in {3, 4}
    assert "was deleted again" in done.stderr
    assert f"{bench.first} stays in use" in done.stderr
    assert bench.assert_safe() == bench.first
    assert bench.cloud.keys == {bench.first}
    assert set(bench.chain.keys) == {bench.first}
    assert bench.run("rotate").returncode == 0
    bench.assert_rotated()


@pytest.mark.parametrize(
    ("number", "after"), [(3, True), (4, True)], ids=["made", "verified"]
)
def test_a_run_that_is_killed_is_gone_on_with(bench, number, after):
    bench.cloud.kill_at(number, after=after)
    assert bench.run("rotate").returncode == -9
    bench.assert_safe()
    done = bench.run("rotate")
    assert done.returncode == 0, done.stderr
    assert "going on with the rotation of" in done.stderr
    bench.assert_rotated()


def test_two_at_once_take_turns(bench):
    # The second one rotates what the first one has made.
    results = []
    threads = [
        threading.Thread(target=lambda: results.append(bench.run("rotate")))
        for _ in range(2)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [one.returncode for one in results] == [0, 0]
    bench.assert_rotated()
    assert bench.cloud.asked == STEPS * 2


def test_what_is_not_in_use_is_not_rotated(bench):
    config = bench.sandbox.folder / "config"
    config.write_text("[profile alice]\nregion = us-east-1\n")
    credentials = bench.sandbox.folder / "credentials"
    credentials.write_text(credentials.read_text().replace("[bob]", "[alice]", 1))
    text = credentials.read_text()
    assert bench.run("rotate").returncode == 3
    assert bench.cloud.asked == []
    assert credentials.read_text() == text
