from __future__ import annotations

import contextlib
import json
import os
import sys
import threading
import time

import keyring
import keyring.backends.fail
import pytest
from frames import frames_of
from keychains import OwnChain

from sts_plugin.cache_key import NAME, CacheKey
from sts_plugin.errors import Busy, CacheUnusable
from sts_plugin.sealing import KeySeal, new_key

SLOT = f"sts-plugin {NAME}"
FIELDS = {"label": {}, "document": {"secret": "s"}}


@pytest.fixture
def chain(standin, monkeypatch):
    return OwnChain(standin, monkeypatch)


class Lock:
    def __init__(self, before=lambda: None):
        self.taken = []
        self.before = before

    def __call__(self, name, seconds):
        self.taken.append((name, seconds))
        self.before()
        return contextlib.nullcontext()


@pytest.fixture
def lock():
    return Lock()


def put(chain, text):
    chain.file.write_text(json.dumps({SLOT: text}))


def unusable(key, **options):
    with pytest.raises(CacheUnusable) as caught:
        key.seal(**options)
    return caught.value


def test_the_first_who_needs_it_makes_the_key_under_the_lock(chain, lock):
    seal = CacheKey(lock).seal()
    [(name, seconds)] = lock.taken
    assert name == NAME
    assert 0 < seconds <= 4
    assert chain.content.keys() == {SLOT}
    again = CacheKey(lock).seal()
    assert again.open(seal.close(FIELDS)) == FIELDS
    assert len(lock.taken) == 1


def test_a_key_that_somebody_else_made_meanwhile_is_the_key(chain):
    made = new_key()
    seal = CacheKey(Lock(before=lambda: put(chain, made.reveal()))).seal()
    assert chain.content == {SLOT: made.reveal()}
    assert KeySeal(made).open(seal.close(FIELDS)) == FIELDS


def test_a_key_that_took_the_place_of_ours_is_the_key(chain, lock, mocker):
    # A run with another cache folder takes another lock.
    other = new_key()
    keep = mocker.patch("sts_plugin.keychain.keep")
    keep.side_effect = lambda *_, **__: put(chain, other.reveal())
    seal = CacheKey(lock).seal()
    assert KeySeal(other).open(seal.close(FIELDS)) == FIELDS


def test_its_name_is_no_serial_number_of_an_mfa_device():
    assert " " in NAME


def test_the_keychain_is_asked_once(chain, lock):
    put(chain, new_key().reveal())
    key = CacheKey(lock)
    assert key.seal() is key.seal()
    assert chain.calls == [f"get {NAME}"]


def test_the_keychain_is_asked_once_by_many_threads(chain, lock):
    put(chain, new_key().reveal())
    key, seals = CacheKey(lock), []
    threads = [
        threading.Thread(target=lambda: seals.append(key.seal())) for _ in range(20)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert len(seals) == 20
    assert len(set(map(id, seals))) == 1
    assert chain.calls == [f"get {NAME}"]


def test_a_child_that_was_forked_while_a_thread_asked_does_not_wait_for_ever(
    chain, lock
):
    put(chain, new_key().reveal())
    key = CacheKey(lock)
    key._turn.acquire()  # as a fork leaves it: the thread is not there
    began = time.monotonic()
    assert key.seal(seconds=0.2).open(CacheKey(lock).seal().close(FIELDS)) == FIELDS
    assert time.monotonic() - began < 10


def test_trouble_is_had_once_and_told_each_time(chain, lock):
    chain.mode("locked")
    key = CacheKey(lock)
    assert unusable(key).line == unusable(key).line
    assert len(chain.calls) == 1


@pytest.mark.parametrize(
    ("mode", "message", "hint"),
    [
        ("locked", "the OS keychain is locked", "unlock it"),
        ("odd", "the OS keychain does not work", "keyring diagnose"),
        ("full", "the OS keychain does not work", "keyring diagnose"),
        ("forgetful", "the key of the cache cannot be had", "keyring diagnose"),
    ],
)
def test_a_keychain_that_does_not_work_is_no_reason_to_fail(
    chain, lock, mode, message, hint
):
    chain.mode(mode)
    kept = new_key().reveal()
    if mode == "odd":  # it says what it holds
        put(chain, kept)
    error = unusable(CacheKey(lock))
    assert message in error.message
    assert hint in error.hint
    assert "seed" not in error.hint
    assert kept not in error.line
    assert not any(kept[at : at + 20] in error.line for at in range(25))
    assert "--file" not in error.line


def test_a_key_that_was_not_kept_is_not_used_and_not_shown(chain, lock, mocker):
    made = new_key()
    mocker.patch("sts_plugin.cache_key.new_key", return_value=made)
    for mode in ("full", "forgetful"):
        chain.mode(mode)
        error = unusable(CacheKey(lock))
        assert made.reveal() not in error.line
        assert made.reveal() not in frames_of(error)


def test_a_keychain_that_does_not_answer_costs_what_is_allowed(chain, lock):
    chain.mode("hang")
    began = time.monotonic()
    error = unusable(CacheKey(lock), seconds=0.3)
    assert time.monotonic() - began < 10
    assert "did not answer" in error.message
    assert "sts-plugin login" in error.hint


def test_the_time_is_for_all_questions_together(chain, mocker):
    given = []
    mocker.patch(
        "sts_plugin.keychain.kept",
        side_effect=lambda _, *, seconds: given.append(seconds),
    )
    mocker.patch(
        "sts_plugin.keychain.keep",
        side_effect=lambda *_, seconds: given.append(seconds),
    )
    lock = Lock(before=lambda: given.append(lock.taken[0][1]))
    CacheKey(lock).seal(seconds=2.0)
    assert len(given) == 5
    assert given == sorted(given, reverse=True)
    assert given[0] <= 2.0


def test_a_lock_that_is_held_too_long_is_no_reason_to_fail(chain):
    def busy(name, seconds):
        raise Busy("process 1 has been getting these credentials")

    error = unusable(CacheKey(busy))
    assert "another process is making the key" in error.message
    assert chain.content == {}


def test_a_disk_without_locks_is_no_reason_to_fail(chain):
    def broken(name, seconds):
        raise CacheUnusable("/cache: No locks available", hint="h")

    assert unusable(CacheKey(broken)).line == "/cache: No locks available (h)"
    assert chain.content == {}


@pytest.mark.parametrize("text", ["", "JBSWY3DPEHPK3PXP", "QUJD", "no base64 at all"])
def test_what_is_no_key_of_ours_is_not_replaced(chain, lock, text):
    put(chain, text)
    error = unusable(CacheKey(lock))
    assert "no key of ours" in error.message
    assert f"keyring del sts-plugin '{NAME}'" in error.hint
    assert not text or text not in error.line
    assert chain.content == {SLOT: text}


def test_no_keychain_is_no_reason_to_fail(lock):
    before = keyring.get_keyring()
    keyring.set_keyring(keyring.backends.fail.Keyring())
    try:
        error = unusable(CacheKey(lock))
    finally:
        keyring.set_keyring(before)
    assert "there is no OS keychain" in error.message
    assert "cache_encryption = none" in error.hint


@pytest.mark.parametrize(
    ("module", "name"),
    [
        ("keyring", "keyring"),
        ("cryptography.hazmat.primitives.ciphers.aead", "cryptography"),
        ("cryptography", "cryptography"),
    ],
)
def test_a_missing_library_is_named_with_the_command_that_brings_it(
    lock, monkeypatch, module, name
):
    monkeypatch.setitem(sys.modules, module, None)
    error = unusable(CacheKey(lock))
    assert f"needs {name}" in error.message
    assert error.hint == "pip install 'sts-plugin[keyring]'"


def test_a_forked_child_has_the_key_too(chain, lock):
    key = CacheKey(lock)
    closed = key.seal().close(FIELDS)
    child = os.fork()
    if child == 0:
        os._exit(0 if key.seal().open(closed) == FIELDS else 1)
    assert os.waitpid(child, 0)[1] == 0
