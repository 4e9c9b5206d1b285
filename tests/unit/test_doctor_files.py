"""Modes and owners: what is found, and what ``--fix`` does and does not do."""

from __future__ import annotations

import os
import time
from datetime import UTC, datetime, timedelta

import pytest

from sts_plugin.access_keys import AccessKeys
from sts_plugin.doctor.files import (
    aws_file_findings,
    cache_findings,
    data_findings,
    key_findings,
    seed_file_findings,
)
from sts_plugin.doctor.finding import Mend
from sts_plugin.doctor.mending import mended
from sts_plugin.model import Life, Secret
from sts_plugin.seeds import Seeds
from sts_plugin.store import DiskStore, Entry

ME = os.geteuid()
NOW = datetime.now(UTC)
DEVICE = "arn:aws:iam::111111111111:mfa/alice"


@pytest.fixture
def home(tmp_path):
    """A folder with the two files, as they should be."""
    folder = tmp_path / "aws"
    folder.mkdir(mode=0o755)
    for name in ("config", "credentials"):
        (folder / name).touch(mode=0o600)
    return folder


def of_files(home, *, secrets=False, user=ME):
    config, credentials = str(home / "config"), str(home / "credentials")
    return list(aws_file_findings(config, credentials, secrets=secrets, user=user))


@pytest.mark.parametrize("mode", [0o600, 0o400, 0o644, 0o640, 0o700])
def test_a_config_that_others_can_read_is_sound_without_secrets(home, mode):
    (home / "config").chmod(mode)
    assert of_files(home) == []


@pytest.mark.parametrize(
    ("name", "mode", "level", "right"),
    [
        ("credentials", 0o644, "error", 0o600),
        ("credentials", 0o640, "warning", 0o600),
        ("config", 0o666, "error", 0o644),
        ("config", 0o602, "error", 0o600),
        (".", 0o777, "error", 0o755),
    ],
)
def test_what_others_can_read_or_change_is_told_and_mended(
    home, monkeypatch, name, mode, level, right
):
    # Root's group is its own, as those of some systems' users are.
    monkeypatch.setattr("sts_plugin.doctor.files._alone", lambda _found: False)
    path = home / name
    path.chmod(mode)
    (found,) = of_files(home)
    assert (found.check, found.level) == ("file-mode", level)
    assert found.mend == Mend("chmod", str(path), right)
    assert mended(found.mend, no_store, user=ME) == ""
    assert path.stat().st_mode & 0o777 == right
    assert of_files(home) == []


def test_a_folder_in_the_place_of_a_file_gets_no_mode_of_a_file(tmp_path):
    for name in ("config", "credentials"):
        (tmp_path / name).mkdir(mode=0o755)
    found = of_files(tmp_path, secrets=True)
    assert [one.check for one in found] == ["config-unreadable"] * 2
    assert [one.mend for one in found] == [None, None]


@pytest.mark.parametrize("kind", ["pipe", "loop"])
def test_what_no_sdk_reads_is_told(home, kind):
    (home / "config").unlink()
    if kind == "pipe":
        os.mkfifo(home / "config", 0o600)
    else:
        (home / "config").symlink_to("config")
    (found,) = of_files(home)
    assert (found.check, found.where) == ("config-unreadable", str(home / "config"))


def test_a_folder_keeps_what_its_mode_says_besides(home):
    home.chmod(0o2777)
    (found,) = of_files(home)
    assert found.mend == Mend("chmod", str(home), 0o2755)


def test_a_fix_can_be_pasted_whatever_the_path_is_called(tmp_path):
    home = tmp_path / "a; rm b"
    home.mkdir()
    (home / "credentials").touch(mode=0o600)
    found = of_files(home, user=ME + 1 if ME else 0)
    if ME == 0:
        os.chown(home / "credentials", 4711, 4711)
        (home / "credentials").chmod(0o644)
        found = of_files(home)
    assert found
    assert all(str(home) not in one.fix.replace(f"'{home}", "") for one in found)


def no_store():
    raise AssertionError("no cache is needed here")


def test_the_group_that_is_its_owners_own_is_nobody_else(home, monkeypatch):
    (home / "credentials").chmod(0o660)
    monkeypatch.setattr("sts_plugin.doctor.files._alone", lambda _found: True)
    assert of_files(home) == []


def test_a_config_with_secrets_is_to_be_private(home):
    (home / "config").chmod(0o644)
    (found,) = of_files(home, secrets=True)
    assert (found.level, found.where) == ("error", str(home / "config"))


def test_what_is_anothers_is_told_and_left_alone(home):
    user = ME + 1  # then the file is another's
    if ME == 0:  # whom nobody mistrusts
        os.chown(home / "config", 4711, 4711)
        user = ME
    (home / "config").chmod(0o666)
    found = [one for one in of_files(home, user=user) if one.where.endswith("config")]
    assert [one.check for one in found] == ["file-owner", "file-mode"]
    assert [one.mend for one in found] == [None, None]


def test_what_root_owns_and_nobody_else_can_change_is_sound(home):
    if ME == 0:
        assert of_files(home, user=4711) == []


def test_a_link_and_what_is_another_users_are_never_changed(home, tmp_path):
    target = tmp_path / "dotfiles"
    target.touch(mode=0o600)
    target.chmod(0o644)
    (home / "credentials").unlink()
    (home / "credentials").symlink_to(target)
    (found,) = of_files(home)
    assert (found.check, found.mend) == ("file-mode", None)
    link = Mend("chmod", str(home / "credentials"), 0o600)
    assert mended(link, no_store, user=ME) != ""
    assert mended(Mend("chmod", str(target), 0o600), no_store, user=ME + 1) != ""
    os.mkfifo(tmp_path / "pipe", 0o644)
    assert mended(Mend("chmod", str(tmp_path / "pipe"), 0o600), no_store, user=ME) != ""
    assert target.stat().st_mode & 0o777 == 0o644
    assert (tmp_path / "pipe").stat().st_mode & 0o777 == 0o644


def test_files_that_are_not_there_or_are_no_files_are_no_matter(tmp_path):
    nowhere = str(tmp_path / "no" / "config")
    assert list(aws_file_findings(nowhere, os.devnull, secrets=True, user=ME)) == []


# --- The cache ---


@pytest.fixture
def cache(tmp_path):
    store = DiskStore(tmp_path / "cache")
    life = Life(NOW, NOW + timedelta(hours=1))
    for key in ("a" * 64, "b" * 64):
        store.publish(Entry(key, life, {"SessionToken": "t"}, {}))
    return store


def of_cache(store):
    return list(cache_findings(lambda: store, user=ME))


def test_a_sound_cache_and_one_that_is_not_there_yet_are_sound(cache, tmp_path):
    assert of_cache(cache) == []
    assert of_cache(DiskStore(tmp_path / "later" / "cache")) == []
    assert not (tmp_path / "later").exists()


def test_an_open_cache_is_an_error_and_mended(cache):
    cache.path.chmod(0o755)
    (found,) = of_cache(cache)
    assert (found.check, found.level) == ("cache-unusable", "error")
    assert mended(found.mend, no_store, user=ME) == ""
    assert cache.path.stat().st_mode & 0o777 == 0o700
    assert of_cache(cache) == []


def test_what_is_no_use_in_the_cache_is_told_and_removed_and_nothing_else(cache):
    damaged, readable = cache.path / f"{'a' * 64}.json", cache.path / f"{'b' * 64}.json"
    damaged.write_text("{")
    old, new = (cache.path / f".{'c' * 64}.json.{n * 16}.tmp" for n in "01")
    foreign = cache.path / "notes.json"
    for path in (old, new, foreign):
        path.write_text("x")
    long_ago = time.time() - 3600
    os.utime(old, (long_ago, long_ago))
    found = of_cache(cache)
    assert {(one.check, one.level, one.where) for one in found} == {
        ("cache-entry", "warning", str(damaged)),
        ("cache-left-over", "note", str(old)),
    }
    for one in found:
        assert mended(one.mend, lambda: cache, user=ME) == ""
    assert {path for path in (damaged, old) if path.exists()} == set()
    assert {path for path in (readable, new, foreign) if path.exists()} == {
        readable,
        new,
        foreign,
    }
    assert of_cache(cache) == []


def test_an_entry_that_was_mended_meanwhile_stays(cache):
    (cache.path / f"{'a' * 64}.json").write_text("{")
    (found,) = of_cache(cache)
    life = Life(NOW, NOW + timedelta(hours=1))
    cache.publish(Entry("a" * 64, life, {"SessionToken": "new"}, {}))
    assert mended(found.mend, lambda: cache, user=ME) == ""
    assert cache.read("a" * 64).document == {"SessionToken": "new"}


def test_nothing_outside_of_the_cache_is_removed(cache, tmp_path):
    path = tmp_path / f"{'a' * 64}.json"
    path.write_text("{")
    assert mended(Mend("remove", str(path)), lambda: cache, user=ME) != ""
    assert path.exists()


def test_a_file_in_the_place_of_the_cache_is_an_error(tmp_path):
    (tmp_path / "cache").write_text("x")
    (found, *_) = of_cache(DiskStore(tmp_path / "cache"))
    assert (found.check, found.mend) == ("cache-unusable", None)
    assert "not a folder" in found.what


# --- Seeds and keys ---


def of_data(folder):
    return list(
        data_findings(lambda: Seeds(folder), lambda: AccessKeys(folder), user=ME)
    )


def test_seeds_that_are_kept_well_are_sound(tmp_path):
    assert of_data(tmp_path / "data") == []
    Seeds(tmp_path / "data").add(DEVICE, Secret("A" * 32), "file")
    assert of_data(tmp_path / "data") == []


def test_a_seed_that_others_can_read_is_mended_and_a_damaged_one_is_told(tmp_path):
    Seeds(tmp_path / "data").add(DEVICE, Secret("A" * 32), "file")
    (seed,) = (tmp_path / "data").iterdir()
    seed.chmod(0o644)
    (found,) = of_data(tmp_path / "data")
    assert (found.check, found.level) == ("seed-unusable", "error")
    assert mended(found.mend, no_store, user=ME) == ""
    assert of_data(tmp_path / "data") == []
    seed.write_text("{")
    (found,) = of_data(tmp_path / "data")
    assert (found.mend, "damaged" in found.what) == (None, True)


def test_a_folder_of_seeds_that_others_can_enter_is_mended(tmp_path):
    Seeds(tmp_path / "data").add(DEVICE, Secret("A" * 32), "file")
    (tmp_path / "data").chmod(0o750)
    (found,) = of_data(tmp_path / "data")
    assert (found.check, found.level) == ("data-unusable", "error")
    assert mended(found.mend, no_store, user=ME) == ""
    assert of_data(tmp_path / "data") == []


def test_a_seed_file_of_a_profile_is_to_be_private(tmp_path):
    path = tmp_path / "seed"

    def look():
        named = [("alice", "config:3", str(path))]
        return list(seed_file_findings(named, user=ME))

    (found,) = look()
    assert (found.check, found.where, found.mend) == ("seed-unusable", "config:3", None)
    path.touch(mode=0o600)
    assert look() == []
    path.chmod(0o640)
    (found,) = look()
    assert mended(found.mend, no_store, user=ME) == ""
    assert look() == []


def test_long_term_keys_in_a_file_are_a_note_and_temporary_ones_are_none(aws):
    profiles = aws(
        "",
        """
        [alice]
        aws_access_key_id = AKIAALICE
        aws_secret_access_key = s
        [bob]
        aws_access_key_id = ASIABOB
        aws_secret_access_key = s
        aws_session_token = t
        [minio]
        aws_access_key_id = minioadmin
        aws_secret_access_key = minioadmin
        """,
    )
    (found,) = key_findings(profiles)
    assert (found.level, found.profile) == ("note", "alice")
    assert "keys add --import" in found.fix
