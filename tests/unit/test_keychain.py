"""The OS keychain as any secret sees it; with seeds in it, test_seeds goes on."""

from __future__ import annotations

import base64
import json

import keyring
import keyring.backends.fail
import pytest
from frames import frames_of

from sts_plugin import keychain
from sts_plugin.errors import ConfigurationError, HumanNeeded, StsPluginError
from sts_plugin.model import Secret

NAME = "access key AKIAIOSFODNN7EXAMPLE of profile alice"
# Forty characters of base64, as AWS makes them; these are the documentation's.
SECRET = Secret("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY")


@pytest.fixture(autouse=True)
def chain(standin):
    return standin


def refused(kind, action, *arguments, **options):
    with pytest.raises(kind) as caught:
        action(*arguments, **options)
    error = caught.value
    assert isinstance(error, StsPluginError)
    shown = frames_of(error)
    assert SECRET.reveal() not in shown
    return error


def test_a_secret_is_kept_under_its_name_and_forgotten(chain):
    assert keychain.kept(NAME) is None
    keychain.keep(NAME, SECRET)
    assert keychain.kept(NAME, seconds=5.0) == SECRET
    assert json.loads(chain.read_text()) == {f"sts-plugin {NAME}": SECRET.reveal()}
    keychain.forget(NAME)
    keychain.forget(NAME)
    assert keychain.kept(NAME) is None


@pytest.mark.parametrize(
    "secret",
    [
        SECRET.reveal(),
        json.dumps({"AccessKeyId": "AKIA", "SecretAccessKey": SECRET.reveal()}),
        "/" * 40,
        "0123456789+/" * 3 + "0123",
        base64.urlsafe_b64encode(bytes(range(225, 193, -1))).decode(),
        bytes(range(16, 32)).hex(),
        "JBSWY3DPEHPK3PXPJBSWY3D",
    ],
)
def test_a_backend_that_tells_a_secret_is_not_repeated(monkeypatch, secret):
    monkeypatch.setenv("STANDIN_KEYCHAIN_MODE", "full")
    with pytest.raises(ConfigurationError) as caught:
        keychain.keep(NAME, Secret(secret))
    error = caught.value
    parts = [word for word in secret.split('"') if len(word) > 22]
    assert parts
    assert not any(part in error.line for part in parts)
    assert "..." in error.line


def test_trouble_speaks_of_a_secret_unless_the_caller_has_a_word_for_it(monkeypatch):
    monkeypatch.setenv("STANDIN_KEYCHAIN_MODE", "forgetful")
    error = refused(ConfigurationError, keychain.keep, NAME, SECRET)
    assert error.line == (
        "the OS keychain took the secret and does not have it (see keyring diagnose)"
    )
    about = keychain.About("key", "write it down")
    error = refused(ConfigurationError, keychain.keep, NAME, SECRET, about=about)
    assert error.line == (
        "the OS keychain took the key and does not have it (write it down)"
    )


def test_the_hint_names_no_other_place_where_there_is_none(monkeypatch):
    monkeypatch.setenv("STANDIN_KEYCHAIN_MODE", "full")
    error = refused(ConfigurationError, keychain.keep, NAME, SECRET)
    assert error.hint == "see keyring diagnose"
    keyring.set_keyring(keyring.backends.fail.Keyring())
    assert refused(ConfigurationError, keychain.backend).hint == "see keyring diagnose"


def test_a_locked_keychain_is_for_a_person_to_unlock(monkeypatch):
    monkeypatch.setenv("STANDIN_KEYCHAIN_MODE", "locked")
    error = refused(HumanNeeded, keychain.kept, NAME)
    assert error.hint == "unlock it, and try again"
