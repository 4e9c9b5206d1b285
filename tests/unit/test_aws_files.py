"""The config file made, replaced and backed up. (More of it: test_key_files.)"""

from __future__ import annotations

import os
import stat
from datetime import UTC, datetime, timedelta

import pytest

from sts_plugin import aws_files
from sts_plugin.aws_files import BACKUPS_MAX, back_up, keep_few, read
from sts_plugin.cli.configure_file import ConfigFile
from sts_plugin.errors import ConfigurationError

NOW = datetime(2030, 1, 2, 3, 4, 5, tzinfo=UTC)


@pytest.fixture
def config(tmp_path):
    return tmp_path / ".aws" / "config"


@pytest.fixture
def there(config):
    config.parent.mkdir()
    config.write_bytes(b"before")
    return config


def mode(path):
    return stat.S_IMODE(path.stat().st_mode)


def names(folder):
    return sorted(one.name for one in folder.iterdir())


def test_a_file_that_is_not_there_is_made_for_its_owner_alone(config):
    file = read(config)
    assert (file.state, file.data, file.unfit) == (None, b"", "")
    assert file.replace(b"new")
    assert config.read_bytes() == b"new"
    assert (mode(config), mode(config.parent)) == (0o600, 0o700)
    assert names(config.parent) == ["config"]


def test_one_that_somebody_else_made_meanwhile_is_left(config):
    file = read(config)
    config.parent.mkdir()
    config.write_bytes(b"theirs")
    assert not file.replace(b"new")
    assert config.read_bytes() == b"theirs"
    assert names(config.parent) == ["config"]


@pytest.mark.parametrize("change", ["edited", "replaced", "removed"])
def test_one_that_was_changed_meanwhile_is_left(there, change):
    file = read(there)
    if change == "edited":
        there.write_bytes(b"theirs")
    elif change == "replaced":  # with the same words: whoever did so holds it open
        other = there.with_name("other")
        other.write_bytes(b"before")
        other.replace(there)
    else:
        there.unlink()
    assert not file.replace(b"new")
    assert not there.exists() or there.read_bytes() != b"new"
    assert names(there.parent) in (["config"], [])


def test_a_link_to_nothing_stays_and_what_it_leads_to_is_made(config, tmp_path):
    config.parent.mkdir()
    config.symlink_to(tmp_path / "dotfiles" / "config")
    assert read(config).replace(b"new")
    assert config.is_symlink()
    assert (tmp_path / "dotfiles" / "config").read_bytes() == b"new"


def test_links_in_a_circle_are_an_error_and_no_hang(config):
    config.parent.mkdir()
    config.symlink_to("other")
    config.with_name("other").symlink_to("config")
    with pytest.raises(OSError, match="symbolic links"):
        read(config)


@pytest.mark.parametrize("kind", ["folder", "pipe", "device"])
def test_what_is_no_file_is_told_and_not_waited_for(config, kind):
    config.parent.mkdir()
    if kind == "folder":
        config.mkdir()
    elif kind == "pipe":
        os.mkfifo(config)
    else:
        config = type(config)(os.devnull)
    assert read(config).unfit == "is not a regular file"


def test_a_backup_holds_what_was_there_for_its_owner_alone(there):
    there.chmod(0o644)
    before = os.umask(0)
    try:
        backup = back_up(read(there), NOW)
    finally:
        os.umask(before)
    assert backup == there.with_name("config.bak-20300102-030405")
    assert backup.read_bytes() == b"before"
    assert mode(backup) == 0o600


def test_a_backup_is_beside_the_link(config, tmp_path):
    config.parent.mkdir()
    (tmp_path / "real").write_bytes(b"before")
    config.symlink_to(tmp_path / "real")
    assert back_up(read(config), NOW).parent == config.parent
    assert names(config.parent) == ["config", "config.bak-20300102-030405"]


def test_no_backup_takes_the_place_of_another(there):
    other = there.with_name("config.bak-20300102-030405")
    other.symlink_to("elsewhere")
    backup = back_up(read(there), NOW)
    assert backup.name == "config.bak-20300102-030405-2"
    assert other.is_symlink()


def test_the_newest_backups_are_kept_and_what_is_none_of_ours(there):
    others = [
        "config.bak",
        "config.bak-old",
        "config.bak-1-2",
        "xconfig.bak-20300102-000000",
    ]
    for name in others:
        there.with_name(name).write_bytes(b"x")
    made = []
    for number in range(14):
        made.append(back_up(read(there), NOW + timedelta(seconds=number // 12)).name)
        keep_few(there)
    assert names(there.parent) == sorted(["config", *others, *made[-BACKUPS_MAX:]])


def test_an_edit_that_fails_takes_no_backup_of_another_one(there):
    there.write_bytes(b"[profile one]\n")
    for number in range(BACKUPS_MAX):
        back_up(read(there), NOW + timedelta(seconds=number))
    before = names(there.parent)
    file = ConfigFile.read({"AWS_CONFIG_FILE": str(there)})
    there.write_bytes(b"[profile other]\n")
    with pytest.raises(ConfigurationError, match="was changed meanwhile"):
        file.write("[profile mine]\n", lambda: NOW + timedelta(minutes=1))
    assert names(there.parent) == before


def test_a_full_disk_leaves_no_half_of_a_backup(there, monkeypatch):
    def full(_descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        back_up(read(there), NOW)
    assert names(there.parent) == ["config"]


def test_no_file_shows_what_is_in_it(there):
    assert "before" not in repr(aws_files.read(there))
