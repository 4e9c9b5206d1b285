from __future__ import annotations

import argparse

import pytest

from sts_plugin.cli import mfa_device
from sts_plugin.cli.mfa_device import Codes, Device, device_of
from sts_plugin.engine import Engine
from sts_plugin.errors import ConfigurationError
from sts_plugin.keys import digest
from sts_plugin.locks import Holder
from sts_plugin.model import Secret
from sts_plugin.otpauth import Seed
from sts_plugin.watcher import Watcher

DEVICE = "arn:aws:iam::111111111111:mfa/alice"
SEED = Seed(Secret("JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"))
STEP = 60_000_000
CONFIG = f"""\
[profile alice]
aws_access_key_id = AKIAIOSFODNN7EXAMPLE
aws_secret_access_key = key
mfa_serial = {DEVICE}

[profile audit]
role_arn = arn:aws:iam::222222222222:role/Audit
source_profile = alice
mfa_serial = {DEVICE}
sts_plugin_totp_file = /seed

[profile plain]
aws_access_key_id = AKIAIOSFODNN7EXAMPLE
aws_secret_access_key = key

[profile key]
aws_access_key_id = AKIAIOSFODNN7EXAMPLE
aws_secret_access_key = key
mfa_serial = arn:aws:iam::111111111111:u2f/user/alice/key-ABC
"""


class Clock(Watcher):
    """A clock that goes on only where somebody waits for it."""

    def __init__(self, seconds=7.0, *, oversleeps=0.0):
        super().__init__(lambda _line: None)
        self.time = STEP * 30 + seconds
        self.oversleeps = oversleeps
        self.waits = []

    def __call__(self):
        return self.time

    def wait(self, line, seconds, *, why):
        self.waits.append((f"{why}; {line}", round(seconds, 3)))
        self.time += max(seconds + self.oversleeps, 0.1)


@pytest.fixture
def engine(tmp_path, aws):
    aws.write(CONFIG)
    environ = {**aws.environ, "STS_PLUGIN_CACHE_DIR": str(tmp_path / "cache")}
    return Engine(environ, watcher=Watcher(lambda _line: None))


@pytest.fixture
def used(engine):
    """Tell which of the next ten codes are used."""

    def which():
        digests = engine.store.used_codes(DEVICE)
        return {
            step
            for step in range(10)
            if digest(DEVICE, SEED.code(STEP + step)) in digests
        }

    return which


def codes(engine, clock):
    return Codes(engine, DEVICE, watcher=clock, now=clock)


def spend(engine, *steps):
    for step in steps:
        engine.store.record_code(DEVICE, SEED.code(STEP + step))


def test_a_code_is_noted_as_used_and_not_given_twice(engine, used):
    clock = Clock()
    one = codes(engine, clock)
    assert one.unused(SEED).reveal() == SEED.code(STEP)
    assert (clock.waits, used()) == ([], {0})
    assert one.unused(SEED).reveal() == SEED.code(STEP + 1)
    assert clock.waits == [
        (
            f"this code of {DEVICE} was used before; waiting for the next code",
            23.0,
        )
    ]
    assert used() == {0, 1}


def test_codes_that_are_used_in_advance_are_waited_past_at_once(engine, used):
    clock = Clock()
    spend(engine, 0, 1, 3)
    assert codes(engine, clock).unused(SEED).reveal() == SEED.code(STEP + 2)
    assert [seconds for _, seconds in clock.waits] == [53.0]
    assert used() == {0, 1, 2, 3}


def test_a_machine_that_slept_for_long_gives_the_code_of_its_awakening(engine, used):
    clock = Clock(oversleeps=95.0)
    spend(engine, 0)
    assert codes(engine, clock).unused(SEED).reveal() == SEED.code(STEP + 4)
    assert used() == {0, 4}


def test_a_clock_that_is_short_of_the_step_is_waited_for_again(engine):
    clock = Clock(oversleeps=-0.01)
    spend(engine, 0)
    assert codes(engine, clock).unused(SEED).reveal() == SEED.code(STEP + 1)
    assert len(clock.waits) > 1


def test_a_pair_is_two_codes_in_a_row_used_from_the_start(engine, used):
    clock = Clock()
    pair = codes(engine, clock).pair(SEED)
    assert next(pair).reveal() == SEED.code(STEP)
    assert used() == {0, 1}
    assert clock.waits == []
    with engine.store.lock(DEVICE, lambda _: None, lambda: True) as held:
        assert held  # nobody is kept waiting meanwhile
    assert next(pair).reveal() == SEED.code(STEP + 1)
    assert [seconds for _, seconds in clock.waits] == [23.0]


def test_the_second_of_a_pair_is_never_early(engine):
    clock = Clock(oversleeps=-0.01)
    pair = codes(engine, clock).pair(SEED)
    next(pair)
    next(pair)
    assert clock.time >= (STEP + 1) * 30


def test_the_lock_is_the_one_that_logins_take(engine):
    with (
        codes(engine, Clock()).lock() as held,
        engine.store.lock(DEVICE, lambda _: None, lambda: True) as other,
    ):
        assert (held, other) == (True, False)


def test_whoever_waits_is_told_for_whom(engine, capsys):
    for holder, whom in ((Holder(7, 1), "process 7"), (None, "another process")):
        codes(engine, Clock())._waiting(holder)
        assert f"waiting for {whom}, which uses {DEVICE}" in capsys.readouterr().err


def test_without_a_cache_codes_are_made_all_the_same(aws, monkeypatch, capsys):
    def no_home(*_arguments, **_options):
        raise RuntimeError

    monkeypatch.setattr("platformdirs.user_cache_path", no_home)
    engine = Engine(aws.environ, watcher=Watcher(lambda _line: None))
    clock = Clock()
    one = codes(engine, clock)
    with one.lock():
        assert one.unused(SEED).reveal() == SEED.code(STEP)
        assert one.unused(SEED).reveal() == SEED.code(STEP + 1)
    assert "going on without the cache" in capsys.readouterr().err


def test_a_cache_that_is_no_use_is_told(engine, tmp_path, capsys):
    (tmp_path / "cache").write_text("")
    one = codes(engine, Clock())
    with one.lock():
        assert one.unused(SEED).reveal() == SEED.code(STEP)
    assert "going on without the cache" in capsys.readouterr().err


# --- Which device ---


def chosen(engine, profile=None, serial=None):
    return device_of(engine, argparse.Namespace(profile=profile, serial=serial))


def test_the_device_is_that_of_the_profile(engine):
    assert chosen(engine, "alice") == Device(DEVICE, "alice")
    audit = chosen(engine, "audit")
    assert (audit.serial, audit.file.value) == (DEVICE, "/seed")


def test_the_device_is_that_of_the_environment(engine, monkeypatch):
    monkeypatch.delenv("AWS_DEFAULT_PROFILE", raising=False)
    monkeypatch.setenv("AWS_PROFILE", "alice")
    assert chosen(engine).serial == DEVICE


@pytest.mark.parametrize("serial", [DEVICE, "GAHT12345678"])
def test_the_device_can_be_named_where_no_profile_names_it(engine, aws, serial):
    aws.write("[broken")
    assert chosen(engine, serial=serial) == Device(serial)


def test_a_profile_without_mfa_has_none(engine):
    with pytest.raises(ConfigurationError) as caught:
        chosen(engine, "plain")
    assert 'profile "plain" asks for no MFA code' in caught.value.message
    assert "--serial" in caught.value.hint


@pytest.mark.parametrize(
    ("serial", "why"),
    [
        ("", "is empty"),
        ("x", "the ARN or serial number"),
        ("arn:aws:iam::1:mfa/a b", "the ARN or serial number"),
        ("x" * 257, "the ARN or serial number"),
        (f"{DEVICE}\n", "the ARN or serial number"),
        ("arn:aws:iam::111111111111:u2f/user/alice/key", "is a FIDO security key"),
        ("arn:aws:iam::111111111111:U2F/user/alice/key", "is a FIDO security key"),
    ],
)
def test_what_sts_takes_no_codes_of_is_refused(engine, serial, why):
    with pytest.raises(ConfigurationError, match=why):
        chosen(engine, serial=serial)


def test_a_security_key_of_a_profile_is_refused(engine):
    with pytest.raises(ConfigurationError, match="is a FIDO security key"):
        chosen(engine, "key")


def test_a_device_without_a_seed_says_how_to_keep_one(monkeypatch, tmp_path):
    monkeypatch.setenv("STS_PLUGIN_DATA_DIR", str(tmp_path))
    monkeypatch.delenv("STS_PLUGIN_TOTP_FD", raising=False)
    with pytest.raises(ConfigurationError) as caught:
        Device(DEVICE).seed()
    assert caught.value.message == (
        f"no code of {DEVICE} can be made: no TOTP seed is kept for it"
    )
    assert caught.value.hint == f"sts-plugin mfa add --serial {DEVICE}"


def test_a_device_has_the_seed_that_was_enrolled(monkeypatch, tmp_path):
    monkeypatch.setenv("STS_PLUGIN_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.delenv("STS_PLUGIN_TOTP_FD", raising=False)
    mfa_device.seeds().add(DEVICE, SEED.secret, "file")
    assert Device(DEVICE).seed() == SEED
