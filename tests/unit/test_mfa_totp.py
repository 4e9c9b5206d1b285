from __future__ import annotations

import os
import time
import traceback

import pyotp
import pytest

from sts_plugin.errors import ConfigurationError
from sts_plugin.mfa import Question
from sts_plugin.mfa.totp import TotpSource
from sts_plugin.model import Origin, Setting

QUESTION = Question("p", "device")
SEED = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"


@pytest.fixture
def seed_file(tmp_path):
    path = tmp_path / "seed"
    path.write_text(SEED)
    path.chmod(0o600)
    return path


def ask(path):
    setting = Setting("sts_plugin_totp_file", str(path), Origin("/config", 7))
    return TotpSource(setting).ask(QUESTION)


def refused(path):
    with pytest.raises(ConfigurationError) as caught:
        ask(path)
    error = caught.value
    assert error.message.startswith("/config:7: sts_plugin_totp_file: ")
    assert str(path) in error.message
    assert error.hint
    assert SEED[:8] not in f"{error.line} {error.__cause__}"
    return error


@pytest.mark.parametrize(
    "text",
    [
        SEED,
        SEED + "\n",
        SEED.lower(),
        " ".join(SEED[i : i + 4] for i in range(0, 32, 4)),
    ],
)
def test_the_code_is_that_of_the_seed_at_this_moment(seed_file, text):
    seed_file.write_text(text)
    before, code, after = (
        pyotp.TOTP(SEED).now(),
        ask(seed_file),
        pyotp.TOTP(SEED).now(),
    )
    assert code in {before, after}


def test_the_seed_is_read_each_time(seed_file):
    setting = Setting("totp_file", str(seed_file), Origin("/config", 7))
    source = TotpSource(setting)
    assert source.automatic
    codes = set()
    for seed in (SEED, SEED[::-1].replace("3", "A").replace("2", "B"), "A" * 32):
        seed_file.write_text(seed)
        codes.add(source.ask(QUESTION))
    assert len(codes) > 1


def test_a_tilde_is_the_home_folder(seed_file, monkeypatch):
    monkeypatch.setenv("HOME", str(seed_file.parent))
    step = int(time.time()) // 30
    code = ask("~/seed")
    steps = range(step, step + 3)
    assert code in {pyotp.TOTP(SEED).generate_otp(it) for it in steps}


@pytest.mark.parametrize("bits", [0o640, 0o604, 0o644, 0o666])
def test_a_seed_that_others_can_read_is_refused(seed_file, bits):
    seed_file.chmod(bits)
    assert refused(seed_file).hint == f"chmod 600 {seed_file}"


def test_a_missing_seed_is_told(seed_file):
    seed_file.unlink()
    assert "No such file" in refused(seed_file).message


def test_a_folder_or_a_fifo_in_place_of_the_seed_is_refused(seed_file):
    for make in (os.mkdir, os.mkfifo):
        seed_file.rmdir() if seed_file.is_dir() else seed_file.unlink()
        make(seed_file)
        refused(seed_file)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\n",
        b"not base32!",
        SEED.encode() + b"1",
        SEED.encode() + b"\xff",
        b"\x00" * 8,
        b"otpauth://totp/x?secret=" + SEED.encode(),
    ],
)
def test_garbage_in_place_of_the_seed_is_refused(seed_file, data):
    seed_file.write_bytes(data)
    assert "does not hold a base32 seed" in refused(seed_file).message


@pytest.mark.parametrize("data", [SEED + "1", SEED + "\xff", f"otpauth://{SEED}"])
def test_no_frame_of_the_error_shows_the_seed(seed_file, data):
    seed_file.write_text(data, encoding="latin-1")
    found = traceback.TracebackException.from_exception(
        refused(seed_file), capture_locals=True
    )
    shown = "".join(found.format())
    assert "TotpSource" in shown  # the locals are there
    assert SEED[:8] not in shown
