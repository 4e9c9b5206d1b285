from __future__ import annotations

import os
import time

import pyotp
import pytest
from frames import frames_of

from sts_plugin.errors import CannotAsk, ConfigurationError, HumanNeeded, NoAnswer
from sts_plugin.folders import NoHome
from sts_plugin.mfa import Question, totp
from sts_plugin.mfa.totp import TotpSource
from sts_plugin.model import Origin, Secret, Setting
from sts_plugin.seeds import Seeds

DEVICE = "arn:aws:iam::111111111111:mfa/alice"
SEED = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"
OTHER = "PXP3KPEHPD3YWSBJPXP3KPEHPD3YWSBJ"
NOW = 1_700_000_010.0


@pytest.fixture
def seed_file(tmp_path):
    path = tmp_path / "seed"
    path.write_text(SEED)
    path.chmod(0o600)
    return path


@pytest.fixture
def seeds(tmp_path):
    return Seeds(tmp_path / "data")


def question(seconds=55.0):
    return Question("p", DEVICE, time.monotonic() + seconds)


def setting(path):
    return Setting(
        "sts_plugin_totp_file", str(path), Origin("/config", 7), profile="audit"
    )


def source(path=None, *, seeds=None, environ=None, now=NOW):
    def none():
        pytest.fail("the enrolled seeds were asked")

    return TotpSource(
        setting(path) if path else None,
        environ=environ or {},
        seeds=(lambda: seeds) if seeds else none,
        now=lambda: now,
    )


def code(seed, now=NOW):
    return pyotp.TOTP(seed).at(now)


def refused(one, kind=ConfigurationError):
    with pytest.raises(kind) as caught:
        one.ask(question())
    error = caught.value
    assert type(error) is kind
    shown = frames_of(error)
    assert "TotpSource.ask: " in shown  # the locals are there
    assert SEED[:8] not in shown
    return error


def file_refused(path):
    error = refused(source(path))
    assert error.message.startswith(
        f'/config:7: sts_plugin_totp_file of profile "audit": {path}'
    )
    assert error.hint
    return error


def test_it_is_a_source_that_asks_nobody(seed_file):
    one = source(seed_file)
    assert (one.name, one.automatic, one.attempts) == ("totp", True, 2)


# --- The profile's file ---


@pytest.mark.parametrize(
    "text",
    [
        SEED,
        SEED + "\n",
        SEED.lower(),
        " ".join(SEED[i : i + 4] for i in range(0, 32, 4)),
        f"\ufeff{SEED}",
        f"otpauth://totp/AWS:alice?secret={SEED}",
    ],
)
def test_the_code_is_that_of_the_seed(seed_file, text):
    seed_file.write_text(text, encoding="utf-8")
    assert source(seed_file).ask(question()) == code(SEED)


def test_the_code_is_that_of_this_moment(seed_file):
    source = TotpSource(setting(seed_file), environ={}, seeds=pytest.fail)
    before, now, after = (
        pyotp.TOTP(SEED).now(),
        source.ask(question()),
        pyotp.TOTP(SEED).now(),
    )
    assert now in {before, after}


@pytest.mark.parametrize("moment", [29.9, 30.0, 59.9, 60.0])
def test_a_step_has_30_seconds(seed_file, moment):
    assert source(seed_file, now=moment).ask(question()) == code(SEED, moment)


def test_the_seed_is_read_each_time(seed_file):
    one = source(seed_file)
    assert one.ask(question()) == code(SEED)
    seed_file.write_text(OTHER)
    assert one.ask(question()) == code(OTHER)


def test_a_tilde_is_the_home_folder(seed_file, monkeypatch):
    monkeypatch.setenv("HOME", str(seed_file.parent))
    assert source("~/seed").ask(question()) == code(SEED)


def test_a_tilde_without_a_home_is_told(monkeypatch):
    monkeypatch.setattr(os.path, "expanduser", lambda path: path)
    assert "~/seed: No such file" in refused(source("~/seed")).message


@pytest.mark.parametrize("bits", [0o640, 0o604, 0o644, 0o666])
def test_a_seed_that_others_can_read_is_refused(seed_file, bits):
    seed_file.chmod(bits)
    assert file_refused(seed_file).hint == f"chmod 600 {seed_file}"


def test_a_missing_seed_is_told(seed_file):
    seed_file.unlink()
    assert "No such file" in file_refused(seed_file).message


def test_a_folder_or_a_fifo_in_place_of_the_seed_is_refused(seed_file):
    for make in (os.mkdir, os.mkfifo):
        seed_file.rmdir() if seed_file.is_dir() else seed_file.unlink()
        make(seed_file)
        file_refused(seed_file)


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "is empty"),
        (b"\n", "is empty"),
        (b"not base32!", "does not hold a base32 seed"),
        (SEED.encode() + b"1", "does not hold a base32 seed"),
        (SEED.encode() + b"\xff", "does not hold a base32 seed"),
        (b"\x00" * 8, "does not hold a base32 seed"),
        (f"otpauth://hotp/x?secret={SEED}".encode(), "by a counter"),
        (f"otpauth://{SEED}".encode(), "no URI of the form"),
    ],
)
def test_garbage_in_place_of_the_seed_is_refused(seed_file, data, why):
    seed_file.write_bytes(data)
    error = file_refused(seed_file)
    assert why in error.message
    assert "IAM shows" in error.hint


def test_the_file_of_the_profile_comes_first(seed_file, seeds):
    seeds.add(DEVICE, Secret(OTHER), "file")
    one = source(seed_file, seeds=seeds, environ={"STS_PLUGIN_TOTP_FD": "77"})
    assert one.ask(question()) == code(SEED)


def test_a_file_that_is_no_use_is_not_made_up_for(seed_file, seeds):
    seeds.add(DEVICE, Secret(OTHER), "file")
    seed_file.write_text("")
    refused(source(seed_file, seeds=seeds))


# --- The descriptor (its own tests are in test_mfa_descriptor.py) ---


@pytest.fixture
def by_descriptor(monkeypatch):
    """Put a text where the descriptor's text is read; return what was asked for."""
    asked = []

    def give(text):
        def inherited(environ, *, seconds):
            asked.append((environ.get("STS_PLUGIN_TOTP_FD"), seconds))
            return text and Secret(text)

        monkeypatch.setattr(totp, "inherited", inherited)
        return asked

    return give


def test_a_seed_by_a_descriptor_comes_before_enrolled_ones(by_descriptor):
    asked = by_descriptor(f"{SEED}\n")
    one = source(environ={"STS_PLUGIN_TOTP_FD": "3"})
    assert [one.ask(question()) for _ in range(2)] == [code(SEED)] * 2
    assert asked == [("3", 45.0)] * 2


def test_a_descriptor_has_no_more_time_than_the_question(by_descriptor):
    asked = by_descriptor(SEED)
    source(environ={"STS_PLUGIN_TOTP_FD": "3"}).ask(question(5))
    assert 4 < asked[0][1] <= 5


def test_garbage_by_a_descriptor_is_refused(by_descriptor):
    by_descriptor(f"{SEED}1")
    error = refused(source(environ={"STS_PLUGIN_TOTP_FD": "3"}))
    assert error.message == "STS_PLUGIN_TOTP_FD=3 does not hold a base32 seed"


# --- Enrolled seeds ---


def test_an_enrolled_seed_is_that_of_the_device(seeds):
    seeds.add(DEVICE, Secret(SEED), "file")
    seeds.add(DEVICE + "2", Secret(OTHER), "file")
    assert source(seeds=seeds).ask(question()) == code(SEED)


def test_without_a_seed_the_next_source_is_asked(seeds):
    seeds.add(DEVICE + "2", Secret(OTHER), "file")
    error = refused(source(seeds=seeds), CannotAsk)
    assert error.message == "no TOTP seed is kept for it"


class Trouble:
    """Seeds that are out of reach."""

    def __init__(self, error):
        self.error = error
        self.seconds = []

    def seed(self, serial, *, seconds):
        assert serial == DEVICE
        self.seconds.append(seconds)
        raise self.error


def test_without_a_home_folder_the_next_source_is_asked():
    def seeds():
        raise NoHome("there is no home folder")

    one = TotpSource(None, environ={}, seeds=seeds)
    assert refused(one, CannotAsk).message == "no TOTP seed is kept for it"


def test_a_locked_keychain_lets_the_next_source_be_asked_and_is_told():
    # Asking tells of a ConfigurationError and goes on; HumanNeeded would end the run.
    locked = Trouble(HumanNeeded("the OS keychain is locked", hint="unlock it"))
    error = refused(source(seeds=locked))
    assert error.line == "the OS keychain is locked (unlock it)"


@pytest.mark.parametrize("kind", [NoAnswer, ConfigurationError])
def test_other_trouble_is_passed_on(kind):
    assert refused(source(seeds=Trouble(kind("words"))), kind).message == "words"


def test_a_keychain_has_no_more_time_than_the_question():
    for seconds, least, most in ((55, 45, 45), (5, 4, 5), (-1, 0, 0)):
        trouble = Trouble(NoAnswer("too late"))
        with pytest.raises(NoAnswer):
            source(seeds=trouble).ask(question(seconds))
        assert least <= trouble.seconds[0] <= most


def test_an_enrolled_seed_that_is_garbage_is_refused(seeds):
    seeds.add(DEVICE, Secret(f"{SEED}1"), "file")
    error = refused(source(seeds=seeds))
    assert error.message == f"the seed kept for {DEVICE} does not hold a base32 seed"
