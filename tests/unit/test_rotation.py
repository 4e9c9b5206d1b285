"""The rotation of a key, ended at every step: somebody always has one that works."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest

from sts_plugin import access_keys, keychain
from sts_plugin.access_keys import AccessKeys
from sts_plugin.errors import (
    CallerRejected,
    ConfigurationError,
    HumanNeeded,
    Refused,
    StsPluginError,
    Unreachable,
)
from sts_plugin.iam import UserKey
from sts_plugin.key_records import KeyRecord, Rotating
from sts_plugin.model import Credentials, Secret
from sts_plugin.private import PrivateFolder
from sts_plugin.rotation import Rotation
from sts_plugin.sts import Identity

ARN = "arn:aws:iam::111111111111:user/people/alice"
OLD = "AKIAOLDOLDOLDOLDOLD0"
NOW = datetime(2026, 3, 1, 12, 30, tzinfo=UTC)


class Killed(BaseException):
    """The process was ended: nothing of ours runs any more."""


class Aws:
    """IAM and STS of one user, and the moments at which a process may be ended.

    Every call, here and to the keychain and the disk, is two moments: before it has an
    effect, and after.
    """

    def __init__(self):
        self.keys = {OLD: "x" * 40}
        self.created = {OLD: NOW - timedelta(days=90)}
        self.used = {OLD}
        self.moment = 0
        self.end_at = None
        self.faults = {}
        self.unknown = 0  # so many times STS does not know a new key
        self.arns = {}

    def step(self, name, work):
        self.pass_moment()
        if fault := self.faults.pop((name, "before"), None):
            raise fault
        result = work()
        self.pass_moment()
        if fault := self.faults.pop((name, "after"), None):
            raise fault
        return result

    def pass_moment(self):
        self.moment += 1
        if self.moment == self.end_at:
            raise Killed

    def _signed(self, signer, *, by_sts=False):
        key_id = signer.access_key_id
        if self.keys.get(key_id) != signer.secret_access_key.reveal():
            raise CallerRejected("unknown", code="InvalidClientTokenId")
        if by_sts and key_id != OLD and self.unknown:
            self.unknown -= 1
            raise CallerRejected("not known yet", code="InvalidClientTokenId")
        self.used.add(key_id)

    # --- STS ---

    def caller_identity(self, caller):
        def work():
            self._signed(caller, by_sts=True)
            arn = self.arns.get(caller.access_key_id, ARN)
            return Identity("111111111111", arn, "AIDA")

        return self.step("GetCallerIdentity", work)

    # --- IAM ---

    def access_keys(self, user, signer):
        def work():
            assert user == "alice"
            self._signed(signer)
            return [UserKey(one, self.created[one], True) for one in self.keys]  # noqa: FBT003

        return self.step("ListAccessKeys", work)

    def create_access_key(self, user, signer):
        def work():
            assert user == "alice"
            self._signed(signer)
            if len(self.keys) == 2:
                raise Refused("two", code="LimitExceeded")
            key_id = f"AKIANEW{len(self.created):013}"
            self.keys[key_id] = f"secret{len(self.created):034}"
            self.created[key_id] = NOW
            return Credentials(key_id, Secret(self.keys[key_id]))

        return self.step("CreateAccessKey", work)

    def delete_access_key(self, user, access_key_id, signer):
        def work():
            assert user == "alice"
            self._signed(signer)
            self.keys.pop(access_key_id, None)

        return self.step("DeleteAccessKey", work)

    def was_used(self, access_key_id, signer):
        self._signed(signer)
        return access_key_id in self.used


class Bench:
    def __init__(self, folder, chain, aws):
        self.keys, self.chain, self.aws = AccessKeys(folder), chain, aws
        self.told, self.slept, self.clock = [], [], 0.0

    def rotate(self):
        return Rotation(
            "alice",
            keys=self.keys,
            sign_in=self.in_use,
            sts=lambda: self.aws,
            iam=self.aws,
            tell=self.told.append,
            now=lambda: NOW,
            clock=lambda: self.clock,
            sleep=self.sleep,
        ).run()

    def sleep(self, seconds):
        self.slept.append(seconds)
        self.clock += seconds

    def in_use(self):
        """What the engine would sign with: the key of the record."""
        record = self.keys.record("alice")
        return self.keys.key("alice", record.access_key_id)

    @property
    def kept(self):
        content = json.loads(self.chain.read_text())
        return {json.loads(one)["AccessKeyId"] for one in content.values()}

    def assert_safe(self):
        key = self.in_use()
        assert key
        assert self.aws.keys[key.access_key_id] == key.secret_access_key.reveal()
        return key.access_key_id

    def assert_done(self):
        now = self.assert_safe()
        assert now != OLD
        assert set(self.aws.keys) == {now}
        assert self.kept == {now}
        assert self.keys.record("alice").rotating is None

    def refused(self, kind):
        with pytest.raises(kind) as caught:
            self.rotate()
        return caught.value


@pytest.fixture
def bench(tmp_path, standin, monkeypatch):
    aws = Aws()
    one = Bench(tmp_path / "data", standin, aws)
    one.keys.keep("alice", Credentials(OLD, Secret(aws.keys[OLD])))
    one.keys.save(KeyRecord("alice", OLD, NOW - timedelta(days=90)))

    for owner, name in (
        (keychain, "keep"),
        (keychain, "kept"),
        (keychain, "forget"),
        (PrivateFolder, "save"),
    ):
        real = getattr(owner, name)

        def stepping(*arguments, _real=real, _name=name, **options):
            return aws.step(_name, lambda: _real(*arguments, **options))

        monkeypatch.setattr(owner, name, stepping)
    return one


def test_a_new_key_takes_the_place_of_the_old_one(bench):
    old, new = bench.rotate()
    assert (old, bench.assert_safe()) == (OLD, new)
    bench.assert_done()
    assert bench.keys.record("alice").added == NOW
    assert bench.slept == []


def test_a_run_that_ends_at_any_moment_leaves_a_key_and_the_next_one_finishes(bench):
    bench.rotate()
    moments = bench.aws.moment
    assert moments > 25
    for moment in range(1, moments + 1):
        _begin_again(bench)
        bench.aws.end_at = moment
        with pytest.raises(Killed):
            bench.rotate()
        bench.aws.end_at = None
        assert bench.assert_safe(), moment
        bench.rotate()
        bench.assert_done()


def test_a_second_end_at_any_moment_is_no_worse(bench):
    bench.rotate()
    moments = bench.aws.moment
    for first in range(1, moments + 1, 3):
        for second in range(1, moments + 1, 3):
            _begin_again(bench)
            for moment in (first, second):
                bench.aws.moment, bench.aws.end_at = 0, moment
                try:
                    bench.rotate()
                except Killed:
                    bench.aws.end_at = None
                    bench.assert_safe()
            bench.aws.end_at = None
            if bench.keys.record("alice").rotating:
                bench.rotate()
            now = bench.assert_safe()
            assert set(bench.aws.keys) == bench.kept == {now}


def _begin_again(bench):
    aws = bench.aws
    aws.end_at = None
    aws.__init__()
    bench.chain.write_text("{}")
    bench.keys.keep("alice", Credentials(OLD, Secret(aws.keys[OLD])))
    bench.keys.save(KeyRecord("alice", OLD, NOW - timedelta(days=90)))
    aws.moment = 0


OF_AWS = ["GetCallerIdentity", "ListAccessKeys", "CreateAccessKey", "DeleteAccessKey"]
OURS = ["keep", "kept", "forget", "save"]
REFUSED = Refused("no", code="AccessDenied")
LOST = Unreachable("lost", sent=True)
UNSENT = Unreachable("nobody there", sent=False)
LOCKED = HumanNeeded("locked", hint="unlock it")
FULL = ConfigurationError("full")


@pytest.mark.parametrize(
    ("name", "when", "fault"),
    [
        *((name, "before", fault) for name in OF_AWS for fault in (REFUSED, UNSENT)),
        *((name, when, LOST) for name in OF_AWS for when in ("before", "after")),
        *((name, "before", fault) for name in OURS for fault in (LOCKED, FULL)),
        *((name, "after", LOCKED) for name in OURS),
    ],
)
def test_trouble_anywhere_leaves_a_key_that_works_and_says_which(
    bench, name, when, fault
):
    bench.aws.faults[name, when] = type(fault)(fault.message, **_rest(fault))
    try:
        bench.rotate()
    except StsPluginError as error:
        line = error.line
        assert bench.assert_safe() in line
        bench.rotate()
    bench.assert_done()


def _rest(fault):
    return {
        name: value for name, value in vars(fault).items() if name in {"code", "sent"}
    }


def test_a_new_key_is_waited_for_and_that_is_told_once(bench):
    bench.aws.unknown = 4
    bench.rotate()
    assert bench.slept == [1.0, 2.0, 4.0, 8.0]
    assert bench.told.count("waiting until AWS knows the new access key") == 1
    bench.assert_done()


def test_a_key_that_never_works_is_kept_for_the_next_run(bench):
    bench.aws.unknown = 1000
    error = bench.refused(CallerRejected)
    assert sum(bench.slept) <= 60
    assert f"{OLD} stays in use; AWS may need longer: run it again" in error.line
    assert bench.assert_safe() == OLD
    assert len(bench.kept) == 2
    bench.refused(CallerRejected)  # and so it stays
    assert len(bench.aws.keys) == 2
    bench.aws.unknown = 0
    bench.rotate()
    bench.assert_done()


def test_a_pending_key_that_somebody_deleted_is_dropped(bench):
    bench.aws.unknown = 1000
    bench.refused(CallerRejected)
    [pending] = set(bench.aws.keys) - {OLD}
    del bench.aws.keys[pending]
    bench.aws.unknown = 0
    bench.rotate()
    bench.assert_done()
    assert f"{pending} is not there any more" in bench.told


def test_a_new_key_of_somebody_else_is_not_used(bench):
    bench.aws.arns["AKIANEW0000000000001"] = f"{ARN}-two"
    error = bench.refused(ConfigurationError)
    assert "is of arn:aws:iam::111111111111:user/people/alice-two" in error.message
    assert bench.assert_safe() == OLD


def test_a_second_key_is_left_alone_and_named(bench):
    bench.aws.keys["AKIASECOND0000000000"] = "y" * 40
    bench.aws.created["AKIASECOND0000000000"] = NOW
    error = bench.refused(HumanNeeded)
    assert "AKIASECOND0000000000 (active, made on 2026-03-01)" in error.message
    assert "--user-name alice --access-key-id AKIASECOND0000000000" in error.hint
    assert len(bench.aws.keys) == 2


@pytest.mark.parametrize(
    ("created", "used", "goes"),
    [
        (timedelta(0), False, True),
        (timedelta(minutes=4), False, True),
        (timedelta(0), True, False),
        (timedelta(minutes=-6), False, False),
        (timedelta(minutes=6), False, False),
        (timedelta(days=1), False, False),
    ],
)
def test_only_a_key_that_we_made_and_lost_is_cleared_away(bench, created, used, goes):
    record = bench.keys.record("alice")
    bench.keys.save(
        KeyRecord("alice", OLD, record.added, Rotating(NOW - timedelta(hours=1)))
    )
    other = "AKIASECOND0000000000"
    bench.aws.keys[other] = "y" * 40
    bench.aws.created[other] = NOW - timedelta(hours=1) + created
    if used:
        bench.aws.used.add(other)
    if goes:
        bench.rotate()
        bench.assert_done()
    else:
        assert other in bench.refused(HumanNeeded).message
        assert other in bench.aws.keys


@pytest.mark.parametrize("arn", ["arn:aws:sts::111111111111:assumed-role/x/y", "?"])
def test_what_is_no_user_has_no_keys(bench, arn):
    bench.aws.arns[OLD] = arn
    assert "is no IAM user" in bench.refused(ConfigurationError).message


def test_a_profile_without_a_key_names_the_command(bench):
    bench.keys.remove("alice")
    error = bench.refused(ConfigurationError)
    assert error.hint == "sts-plugin keys add --profile alice"
    assert access_keys.KEY.noun == "access key"
