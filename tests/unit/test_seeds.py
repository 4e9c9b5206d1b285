from __future__ import annotations

import json
import os
import stat
import sys
from datetime import UTC, datetime
from pathlib import Path

import keyring
import keyring.backends.fail
import keyring.backends.null
import keyring.errors
import pytest
from frames import frames_of
from keychains import OwnChain

from sts_plugin import keychain, private
from sts_plugin.enrolment import Enrolled, file_name
from sts_plugin.errors import (
    ConfigurationError,
    HumanNeeded,
    NoAnswer,
    StsPluginError,
)
from sts_plugin.folders import NoHome, data_folder
from sts_plugin.model import Secret
from sts_plugin.seeds import SEED as SEED_WORDS
from sts_plugin.seeds import Seeds

ALICE = "arn:aws:iam::111111111111:mfa/alice"
BOB = "arn:aws:iam::111111111111:mfa/bob"
SEED = Secret("JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP")
OTHER = Secret("PXP3KPEHPD3YWSBJPXP3KPEHPD3YWSBJ")
NOW = datetime(2026, 3, 1, 12, 30, tzinfo=UTC)


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "home" / "data"


@pytest.fixture
def seeds(folder):
    return Seeds(folder, now=lambda: NOW)


@pytest.fixture
def chain(standin, monkeypatch):
    return OwnChain(standin, monkeypatch)


@pytest.fixture
def no_chain(monkeypatch):
    """A keychain that may not be asked."""
    monkeypatch.setattr(keychain, "within", lambda *_: pytest.fail("it was asked"))


def mode(path):
    return stat.S_IMODE(path.lstat().st_mode)


def refused(error, action, *arguments, **options):
    with pytest.raises(StsPluginError) as caught:
        action(*arguments, **options)
    assert type(caught.value) is error
    shown = frames_of(caught.value)
    assert "_ask: " in shown or "Seeds." in shown or "data_folder: " in shown
    for secret in (SEED, OTHER):
        assert secret.reveal() not in shown
    return caught.value


# --- In a file ---


def test_a_seed_is_kept_in_a_file_of_its_own(seeds, folder, no_chain):
    seeds.add(ALICE, SEED, "file")
    seeds.add(BOB, OTHER, "file")
    assert (seeds.seed(ALICE), seeds.seed(BOB)) == (SEED, OTHER)
    assert seeds.has(ALICE)
    assert seeds.find(ALICE) == Enrolled(ALICE, "file", NOW)
    assert seeds.enrolled() == (
        [Enrolled(ALICE, "file", NOW), Enrolled(BOB, "file", NOW)],
        [],
    )
    assert sorted(path.name for path in folder.iterdir()) == sorted(
        [file_name(ALICE), file_name(BOB)]
    )
    assert not any(word in os.listdir(folder)[0] for word in ("alice", "bob"))  # noqa: PTH208
    assert Seeds(folder).seed(ALICE) == SEED  # for other processes as well


@pytest.mark.parametrize("umask", [0, 0o777])
def test_only_its_owner_can_read_it_whatever_the_umask(seeds, folder, umask):
    before = os.umask(umask)
    try:
        seeds.add(ALICE, SEED, "file")
    finally:
        os.umask(before)
    assert [mode(path) for path in (folder.parent, folder)] == [0o700, 0o700]
    assert mode(folder / file_name(ALICE)) == 0o600


def test_what_was_never_enrolled_is_nothing_and_touches_nothing(
    seeds, folder, no_chain
):
    for _ in range(2):
        assert seeds.seed(ALICE) is None
        assert not seeds.has(ALICE)
        assert seeds.find(ALICE) is None
        assert seeds.enrolled() == ([], [])
        folder.parent.mkdir(exist_ok=True)
    assert not folder.exists()


def test_a_newer_seed_takes_the_place_of_the_older_one(seeds, folder):
    seeds.add(ALICE, SEED, "file")
    seeds.add(ALICE, OTHER, "file")
    assert seeds.seed(ALICE) == OTHER
    assert len(list(folder.iterdir())) == 1


def test_a_seed_can_be_removed(seeds, folder, no_chain):
    seeds.add(ALICE, SEED, "file")
    seeds.add(BOB, OTHER, "file")
    seeds.remove(ALICE)
    assert seeds.seed(ALICE) is None
    assert seeds.seed(BOB) == OTHER
    seeds.remove(ALICE)  # it may already be gone
    assert [path.name for path in folder.iterdir()] == [file_name(BOB)]


@pytest.mark.parametrize("action", ["add", "remove"])
def test_what_a_crashed_writer_left_goes_with_the_seed(seeds, folder, action):
    seeds.add(ALICE, SEED, "file")
    seeds.add(BOB, SEED, "file")
    left = [
        folder / f".{file_name(name)}.0123456789abcdef.tmp" for name in (ALICE, BOB)
    ]
    for path in left:
        path.write_text("{")
    seeds.add(ALICE, SEED, "file") if action == "add" else seeds.remove(ALICE)
    assert [path.exists() for path in left] == [False, True]


def damages(path):
    data = json.loads(path.read_text())
    return {
        "empty": b"",
        "nothing": b"{}",
        "cut": path.read_bytes()[:-5],
        "a list": b"[]",
        "a text": b'"x"',
        "null": b"null",
        "another version": json.dumps(data | {"version": 2}).encode(),
        "another device": json.dumps(data | {"serial": BOB}).encode(),
        "no device": json.dumps(data | {"serial": ["x"]}).encode(),
        "another place": json.dumps(data | {"where": "cloud"}).encode(),
        "no place": json.dumps({**data, "where": None}).encode(),
        "a list of places": json.dumps({**data, "where": ["file"]}).encode(),
        "no seed": json.dumps({**data, "seed": None}).encode(),
        "no time": json.dumps({**data, "added": None}).encode(),
        "no moment": json.dumps({**data, "added": "today"}).encode(),
        "no zone": json.dumps({**data, "added": "2026-03-01T12:30:00"}).encode(),
    }


def test_damaged_files_are_told_and_can_be_replaced(seeds, folder, no_chain):
    seeds.add(ALICE, SEED, "file")
    path = folder / file_name(ALICE)
    for name, data in damages(path).items():
        path.write_bytes(data)
        assert seeds.has(ALICE), name
        assert seeds.find(ALICE) is None, name
        assert seeds.enrolled() == ([], [path]), name
        error = refused(ConfigurationError, seeds.seed, ALICE)
        assert str(path) in error.message
        assert "is damaged" in error.message
        assert f"sts-plugin mfa add --replace --serial {ALICE}" in error.hint
        seeds.add(ALICE, OTHER, "file")
        assert seeds.seed(ALICE) == OTHER
    path.write_bytes(b"")
    seeds.remove(ALICE)
    assert not path.exists()


def test_a_serial_is_a_text(seeds, folder):
    seeds.add(ALICE, SEED, "file")
    data = json.loads((folder / file_name(ALICE)).read_text())
    path = folder / file_name([ALICE])
    path.write_text(json.dumps(data | {"serial": [ALICE]}))
    path.chmod(0o600)
    assert seeds.enrolled() == ([Enrolled(ALICE, "file", NOW)], [path])


def test_a_file_that_others_can_read_is_not_used(seeds, folder, no_chain):
    seeds.add(ALICE, SEED, "file")
    path = folder / file_name(ALICE)
    path.chmod(0o640)
    error = refused(ConfigurationError, seeds.seed, ALICE)
    assert error.hint.startswith(f"chmod 600 {path}")
    assert seeds.enrolled() == ([], [path])


def test_other_files_in_the_folder_are_nobodys_business(seeds, folder):
    seeds.add(ALICE, SEED, "file")
    for name in ("notes.txt", "x.seed", f"{file_name(BOB)}.bak"):
        (folder / name).write_text("{}")
    assert seeds.enrolled() == ([Enrolled(ALICE, "file", NOW)], [])


# --- A folder that is no use ---


def test_a_folder_that_others_can_enter_is_an_error_about_seeds(seeds, folder):
    seeds.add(ALICE, SEED, "file")
    folder.chmod(0o755)
    for action in (
        lambda: seeds.seed(ALICE),
        lambda: seeds.add(ALICE, OTHER, "file"),
        lambda: seeds.add(BOB, OTHER, "file"),
        lambda: seeds.remove(ALICE),
        lambda: seeds.find(ALICE),
        seeds.enrolled,
    ):
        error = refused(ConfigurationError, action)
        assert error.message.startswith("the folder of MFA seeds cannot be used: ")
        assert error.hint == f"chmod 700 {folder}"
        assert "cache" not in error.line.lower()
    assert seeds.seed(BOB) is None  # where nothing is, nothing is at risk
    folder.chmod(0o700)
    assert seeds.seed(ALICE) == SEED


def test_a_file_in_place_of_the_folder_is_an_error_about_seeds(seeds, folder):
    folder.parent.mkdir()
    folder.write_text("")
    assert seeds.seed(ALICE) is None
    error = refused(ConfigurationError, seeds.add, ALICE, SEED, "file")
    assert "STS_PLUGIN_DATA_DIR" in error.hint
    assert "CACHE" not in error.hint


def test_the_keychain_is_not_asked_where_there_is_no_place_for_the_file(
    seeds, no_chain, monkeypatch
):
    def mkdir(*_arguments, **_options):
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr(Path, "mkdir", mkdir)
    error = refused(ConfigurationError, seeds.add, ALICE, SEED, "keychain")
    assert "Read-only file system" in error.message


def test_a_seed_out_of_reach_is_not_taken_for_none(seeds, monkeypatch):
    def lstat(_path):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "lstat", lstat)
    error = refused(ConfigurationError, seeds.seed, ALICE)
    assert "Permission denied" in error.message


@pytest.mark.parametrize("where", ["file", "keychain"])
def test_a_full_disk_loses_nothing_and_shows_nothing(
    seeds, folder, chain, monkeypatch, where
):
    seeds.add(ALICE, OTHER, "file")

    def full(_descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(private.os, "fsync", full)
    error = refused(ConfigurationError, seeds.add, ALICE, SEED, where)
    assert "No space left" in error.message
    monkeypatch.undo()
    assert Seeds(folder).seed(ALICE) == OTHER
    assert len(list(folder.iterdir())) == 1


def test_a_full_disk_leaves_no_copy_in_the_keychain(seeds, chain, monkeypatch):
    def full(_descriptor):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(private.os, "fsync", full)
        refused(ConfigurationError, seeds.add, ALICE, SEED, "keychain")
    assert chain.content == {}


def test_a_full_disk_leaves_the_keychain_its_newer_seed(seeds, chain, monkeypatch):
    seeds.add(ALICE, OTHER, "keychain")

    def full(_descriptor):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(private.os, "fsync", full)
        refused(ConfigurationError, seeds.add, ALICE, SEED, "keychain")
    assert seeds.seed(ALICE) == SEED


# --- In the keychain ---


def test_a_seed_is_kept_in_the_keychain_and_nowhere_else(seeds, folder, chain):
    seeds.add(ALICE, SEED, "keychain")
    assert chain.content == {f"sts-plugin {ALICE}": SEED.reveal()}
    assert SEED.reveal() not in (folder / file_name(ALICE)).read_text()
    assert seeds.seed(ALICE) == SEED
    assert seeds.find(ALICE) == Enrolled(ALICE, "keychain", NOW)
    seeds.remove(ALICE)
    assert chain.content == {}
    assert seeds.seed(ALICE) is None


def test_the_keychain_is_asked_for_its_own_only(seeds, chain):
    seeds.add(ALICE, SEED, "keychain")
    seeds.add(BOB, OTHER, "file")
    before = chain.calls
    assert seeds.seed(BOB) == OTHER
    assert seeds.seed(BOB + "2") is None
    seeds.enrolled()
    assert seeds.has(ALICE)
    assert seeds.find(ALICE)
    seeds.remove(BOB)
    assert chain.calls == before
    assert seeds.seed(ALICE) == SEED
    assert chain.calls == [*before, f"get {ALICE}"]


def test_a_seed_moves_between_the_two_and_leaves_no_copy(seeds, folder, chain):
    seeds.add(ALICE, SEED, "file")
    seeds.add(ALICE, SEED, "keychain")
    assert SEED.reveal() not in (folder / file_name(ALICE)).read_text()
    assert seeds.seed(ALICE) == SEED
    seeds.add(ALICE, OTHER, "file")
    assert chain.content == {}
    assert seeds.seed(ALICE) == OTHER


def test_an_old_seed_that_cannot_be_forgotten_is_told(seeds, chain):
    seeds.add(ALICE, SEED, "keychain")
    chain.mode("locked")
    error = refused(HumanNeeded, seeds.add, ALICE, OTHER, "file")
    assert "the old one still is in the OS keychain" in error.message
    assert seeds.seed(ALICE) == OTHER


def test_a_seed_that_the_keychain_lost_is_told(seeds, chain):
    seeds.add(ALICE, SEED, "keychain")
    keyring.delete_password("sts-plugin", ALICE)
    error = refused(ConfigurationError, seeds.seed, ALICE)
    assert "is not in the OS keychain any more" in error.message
    seeds.remove(ALICE)  # there is nothing to forget, and that is fine
    assert not seeds.has(ALICE)


def test_a_keychain_that_keeps_nothing_is_found_out(seeds, chain):
    chain.mode("forgetful")
    error = refused(ConfigurationError, seeds.add, ALICE, SEED, "keychain")
    assert "does not have it" in error.message
    assert not seeds.has(ALICE)


@pytest.mark.parametrize("action", ["seed", "add", "remove"])
@pytest.mark.parametrize(
    ("trouble", "kind", "words"),
    [
        ("locked", HumanNeeded, "locked: KeyringLocked: Failed to unlock"),
        ("odd", ConfigurationError, "does not work: OSError: an odd error [2Jabout"),
    ],
)
def test_trouble_in_the_keychain_is_one_of_our_errors(
    seeds, chain, action, trouble, kind, words
):
    seeds.add(ALICE, SEED, "keychain")
    chain.mode(trouble)
    arguments = (ALICE, OTHER, "keychain") if action == "add" else (ALICE,)
    error = refused(kind, getattr(seeds, action), *arguments)
    assert words in error.message
    assert error.hint
    chain.mode("")
    assert seeds.seed(ALICE) == SEED  # nothing was lost


def test_a_backend_that_says_a_lot_is_cut_short(seeds, chain, monkeypatch):
    def get_keyring():
        raise keyring.errors.KeyringError("word " * 999)

    monkeypatch.setattr(keyring, "get_keyring", get_keyring)
    error = refused(ConfigurationError, keychain.backend)
    assert len(error.message) < 300


def test_a_backend_that_tells_the_seed_is_not_repeated(seeds, chain):
    chain.mode("full")
    error = refused(ConfigurationError, seeds.add, ALICE, SEED, "keychain")
    assert error.message.endswith("PasswordSetError: no room for ...")


def test_a_keychain_that_hangs_has_an_end(seeds, chain):
    seeds.add(ALICE, SEED, "keychain")
    chain.mode("hang")
    error = refused(NoAnswer, seeds.seed, ALICE, seconds=0.05)
    assert "did not answer within 0 seconds" in error.message
    assert "unlock" in error.hint
    assert not error.person
    for action in (keychain.kept, keychain.forget):
        refused(NoAnswer, action, ALICE, seconds=0.05)
    refused(NoAnswer, keychain.keep, ALICE, SEED, seconds=0.05)


def test_every_call_to_the_keychain_is_bounded(seeds, chain, monkeypatch):
    spans = []

    def within(seconds, work):
        spans.append(seconds)
        return work()

    monkeypatch.setattr(keychain, "within", within)
    keychain.backend()
    seeds.add(ALICE, SEED, "keychain")
    seeds.seed(ALICE)
    seeds.seed(ALICE, seconds=7.0)
    seeds.remove(ALICE)
    assert spans == [45.0, 45.0, 45.0, 7.0, 45.0]


@pytest.mark.parametrize(
    "stand_in", [keyring.backends.fail.Keyring, keyring.backends.null.Keyring]
)
def test_a_backend_that_keeps_nothing_is_no_keychain(seeds, chain, stand_in):
    seeds.add(ALICE, SEED, "keychain")
    keyring.set_keyring(stand_in())
    for action in (
        lambda: keychain.backend(about=SEED_WORDS),
        lambda: seeds.add(BOB, SEED, "keychain"),
        lambda: seeds.seed(ALICE),
        lambda: seeds.remove(ALICE),
    ):
        error = refused(ConfigurationError, action)
        assert "there is no OS keychain" in error.message
        assert "--file" in error.hint
    assert seeds.has(ALICE)


def test_the_keychain_is_named(chain):
    assert keychain.backend() == "stand-in"


def test_without_keyring_it_is_told_how_to_get_it(seeds, chain, monkeypatch):
    seeds.add(ALICE, SEED, "keychain")
    for module in ("keyring", "keyring.errors"):
        monkeypatch.setitem(sys.modules, module, None)
    error = refused(ConfigurationError, seeds.seed, ALICE)
    assert error.hint == "pip install 'sts-plugin[keyring]'"


# --- The folder ---


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("XDG_DATA_HOME", raising=False)
    return tmp_path


def test_the_folder_is_that_of_the_platform_for_data(home):
    folder = data_folder({})
    assert folder == data_folder({"STS_PLUGIN_DATA_DIR": ""})
    assert folder.is_relative_to(home)
    assert folder.name == "sts-plugin"
    assert "cache" not in str(folder.relative_to(home)).lower()


def test_the_folder_can_be_said(home):
    assert data_folder({"STS_PLUGIN_DATA_DIR": "/x/y"}) == Path("/x/y")
    assert data_folder({"STS_PLUGIN_DATA_DIR": "~/y"}) == home / "y"


@pytest.mark.parametrize("path", ["x", "./x", "../x"])
def test_a_relative_folder_is_refused(path):
    error = refused(ConfigurationError, data_folder, {"STS_PLUGIN_DATA_DIR": path})
    assert f"STS_PLUGIN_DATA_DIR={path} is not an absolute path" in error.message


@pytest.mark.parametrize("found", [RuntimeError(), Path("~/.local/share/sts-plugin")])
def test_without_a_home_there_is_one_clear_error(monkeypatch, found):
    def path(*_arguments, **_options):
        if isinstance(found, Exception):
            raise found
        return found  # what older versions of platformdirs say

    monkeypatch.setattr("platformdirs.user_data_path", path)
    error = refused(NoHome, data_folder, {})
    assert error.hint == "set STS_PLUGIN_DATA_DIR"
