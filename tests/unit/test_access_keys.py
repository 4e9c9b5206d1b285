from __future__ import annotations

import json
import os
from datetime import UTC, datetime

import pytest
from frames import frames_of

from sts_plugin import private
from sts_plugin.access_keys import AccessKeys
from sts_plugin.errors import ConfigurationError, HumanNeeded
from sts_plugin.key_records import KeyRecord, Rotating, file_name, item_name
from sts_plugin.model import Credentials, Secret

NOW = datetime(2026, 3, 1, 12, 30, tzinfo=UTC)
ID, NEW = "AKIAIOSFODNN7EXAMPLE", "AKIAANOTHERONEEEEEEE"
SECRET = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
KEY = Credentials(ID, Secret(SECRET))
RECORD = KeyRecord("alice", ID, NOW)


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "home" / "data"


@pytest.fixture
def keys(folder, standin):
    return AccessKeys(folder)


@pytest.fixture
def kept(keys):
    keys.keep("alice", KEY)
    keys.save(RECORD)
    return keys


def refused(kind, action, *arguments):
    with pytest.raises(kind) as caught:
        action(*arguments)
    shown = frames_of(caught.value)
    assert SECRET not in shown
    return caught.value


def test_the_secret_is_in_the_keychain_and_nowhere_else(kept, folder, standin):
    assert kept.key("alice", ID) == KEY
    assert kept.record("alice") == kept.find("alice") == RECORD
    assert kept.has("alice")
    [file] = folder.iterdir()
    assert SECRET not in file.read_text()
    assert list(json.loads(standin.read_text())) == [
        f"sts-plugin {item_name('alice', ID)}"
    ]
    assert file.stat().st_mode & 0o777 == 0o600
    assert folder.stat().st_mode & 0o777 == 0o700


def test_what_was_never_kept_is_nothing_and_touches_nothing(keys, folder, standin):
    assert not keys.has("alice")
    assert keys.find("alice") is None
    assert keys.records() == ([], [])
    error = refused(ConfigurationError, keys.record, "it's")
    assert error.hint == """sts-plugin keys add --profile 'it'"'"'s'"""
    assert not folder.exists()
    assert not standin.exists()


def test_a_key_of_another_id_is_not_taken_for_it(kept, standin):
    name = f"sts-plugin {item_name('alice', NEW)}"
    content = json.loads(standin.read_text())
    standin.write_text(json.dumps({name: next(iter(content.values()))}))
    assert kept.key("alice", NEW) is None
    assert kept.key("alice", ID) is None


def test_a_damaged_record_is_told_and_can_be_replaced(kept, folder):
    path = folder / file_name("alice")
    path.write_text("{")
    assert kept.has("alice")
    assert kept.find("alice") is None
    assert kept.records() == ([], [path])
    error = refused(ConfigurationError, kept.record, "alice")
    assert "is damaged, or others can read it" in error.message
    assert error.hint.endswith("sts-plugin keys add --profile alice --replace")
    kept.save(RECORD)
    assert kept.record("alice") == RECORD


def test_a_record_that_others_can_write_is_not_used(kept, folder):
    (folder / file_name("alice")).chmod(0o666)
    assert kept.find("alice") is None


def test_records_come_in_order_and_other_files_are_nobodys_business(kept, folder):
    kept.save(KeyRecord("Zoe", ID, NOW))
    (folder / "x.seed").write_text("")
    assert [one.profile for one in kept.records()[0]] == ["Zoe", "alice"]
    assert kept.records()[1] == []


def test_a_folder_that_others_can_enter_is_an_error(kept, folder):
    folder.chmod(0o755)
    for action in (kept.find, kept.record, kept.remove):
        error = refused(ConfigurationError, action, "alice")
        assert "the folder of records of access keys cannot be used" in error.message
    refused(ConfigurationError, kept.save, RECORD)
    refused(ConfigurationError, kept.records)


def test_every_key_of_a_rotation_is_removed_with_it(kept, folder, standin):
    kept.keep("alice", Credentials(NEW, Secret(SECRET)))
    kept.save(KeyRecord("alice", ID, NOW, Rotating(NOW, new=NEW)))
    kept.remove("alice")
    assert json.loads(standin.read_text()) == {}
    assert list(folder.iterdir()) == []
    kept.remove("alice")  # and again


def test_a_record_stays_as_long_as_its_key(kept, monkeypatch):
    monkeypatch.setenv("STANDIN_KEYCHAIN_MODE", "locked")
    refused(HumanNeeded, kept.remove, "alice")
    assert kept.find("alice") == RECORD


def test_a_full_disk_leaves_the_record_that_was_there(kept, folder, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(private.os, "fsync", full)
        error = refused(ConfigurationError, kept.save, KeyRecord("alice", NEW, NOW))
    assert "No space left on device" in error.message
    assert kept.find("alice") == RECORD
    assert len(list(folder.iterdir())) == 1


def test_what_a_crashed_writer_left_is_swept(kept, folder):
    left = folder / f".{file_name('alice')}.0123.tmp"
    left.write_text("x")
    kept.save(RECORD)
    assert not left.exists()


@pytest.mark.skipif(os.geteuid() == 0, reason="root can read everything")
def test_a_record_out_of_reach_is_not_taken_for_none(kept, folder):
    folder.parent.chmod(0)
    try:
        refused(ConfigurationError, kept.has, "alice")
    finally:
        folder.parent.chmod(0o700)
