from __future__ import annotations

import errno
import os

import pytest

from sts_plugin import directory
from sts_plugin.directory import PathDirectory, open_directory


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "folder"
    path.mkdir(mode=0o700)
    (path / "name").write_text("inside")
    return path


@pytest.fixture
def swap(path, tmp_path):
    """Put a link to a folder of somebody else in the place of ours."""

    def work():
        other = tmp_path / "other"
        other.mkdir()
        (other / "name").write_text("outside")
        path.rename(tmp_path / "moved")
        path.symlink_to(other)
        return tmp_path / "moved", other

    return work


def read(folder, name):
    with open(folder.open(name, os.O_RDONLY)) as file:  # noqa: PTH123
        return file.read()


@pytest.fixture(params=["descriptor", "path"])
def both(request, monkeypatch):
    """As here, and as on a platform that goes by paths."""
    if request.param == "path":
        monkeypatch.setattr(directory, "RELATIVE", False)
        monkeypatch.setattr(directory, "PATIENCE_SECONDS", 0.05)


def test_what_is_done_in_a_folder_is_done_there_wherever_its_path_leads(path, swap):
    with open_directory(path) as folder:
        moved, other = swap()
        assert read(folder, "name") == "inside"
        assert os.path.samestat(folder.judged(), moved.stat())
        os.close(folder.open("new", os.O_WRONLY | os.O_CREAT | os.O_EXCL))
        folder.replace("new", "newer")
        assert folder.stat("newer").st_size == 0
        assert sorted(folder.names()) == ["name", "newer"]
        folder.make_private("name")
        folder.unlink("name")
        folder.clear("newer")
        (moved / "below").mkdir()
        folder.clear("below")
    assert list(moved.iterdir()) == []
    assert [file.name for file in other.iterdir()] == ["name"]
    assert (other / "name").stat().st_mode & 0o777 == 0o644
    assert (other / "name").read_text() == "outside"


def test_a_link_to_a_folder_is_none(path, swap):
    swap()
    with pytest.raises(OSError, match=r"Not a directory|Too many levels"):
        open_directory(path)


def test_a_folder_is_used_in_the_same_way_on_a_platform_that_goes_by_paths(path, both):
    with open_directory(path) as folder:
        assert os.path.samestat(folder.judged(), path.stat())
        os.close(folder.open("new", os.O_WRONLY | os.O_CREAT | os.O_EXCL))
        folder.replace("new", "newer")
        assert sorted(folder.names()) == ["name", "newer"]
        assert read(folder, "name") == "inside"
        folder.make_private("name")
        assert folder.stat("name").st_mode & 0o777 == 0o600
        folder.clear("newer")
        folder.unlink("name")
        folder.unlink("name")
        assert folder.names() == []


def test_no_file_is_opened_through_a_link(path, both):
    (path / "link").symlink_to(path / "name")
    with (
        open_directory(path) as folder,
        pytest.raises(OSError, match="symbolic") as caught,
    ):
        folder.open("link", os.O_RDONLY)
    assert caught.value.errno == errno.ELOOP


def test_a_file_that_is_made_is_private_whatever_the_umask(path):
    for umask in (0, 0o777):
        before = os.umask(umask)
        try:
            with open_directory(path) as folder:
                descriptor = folder.open("new", os.O_WRONLY | os.O_CREAT | os.O_EXCL)
        finally:
            os.umask(before)
        assert os.fstat(descriptor).st_mode & 0o777 == 0o600
        os.close(descriptor)
        (path / "new").unlink()


def test_a_mode_is_not_changed_through_a_link(path, tmp_path):
    outside = tmp_path / "outside"
    outside.touch(mode=0o644)
    (path / "link").symlink_to(outside)
    with open_directory(path) as folder, pytest.raises(OSError, match="not supported"):
        folder.make_private("link")
    assert outside.stat().st_mode & 0o777 == 0o644


def test_room_is_made_and_the_files_of_a_folder_that_stood_there_are_kept(path, both):
    full = path / "full"
    full.mkdir()
    (full / "precious").write_text("precious")
    (path / "empty").mkdir()
    os.mkfifo(path / "fifo")
    (path / "link").symlink_to("full")
    with open_directory(path) as folder:
        for name in ("full", "empty", "fifo", "link"):
            folder.clear(name)
        aside, name = sorted(folder.names())
    assert name == "name"
    assert aside.startswith("full.")
    assert aside.endswith(".aside")
    assert (path / aside / "precious").read_text() == "precious"


def test_a_folder_that_cannot_be_closed_costs_nothing(path, mocker):
    folder = open_directory(path)
    real = os.close
    mocker.patch("os.close", side_effect=OSError(errno.EIO, "I/O error"))
    folder.close()
    mocker.stopall()
    real(folder.descriptor)


def test_no_program_that_is_started_inherits_a_descriptor(path):
    with open_directory(path) as folder:
        descriptor = folder.open("name", os.O_RDONLY)
        assert not os.get_inheritable(folder.descriptor)
        assert not os.get_inheritable(descriptor)
        os.close(descriptor)


def test_no_descriptor_stays_open_where_a_mode_cannot_be_set(path, mocker):
    mocker.patch("os.fchmod", side_effect=OSError(errno.EPERM, "not permitted"))
    close = mocker.spy(os, "close")
    with open_directory(path) as folder, pytest.raises(OSError, match="not permitted"):
        folder.open("new", os.O_WRONLY | os.O_CREAT | os.O_EXCL)
    assert close.call_count == 2


# --- Where a platform goes by paths ---


@pytest.fixture
def by_path(path, monkeypatch):
    monkeypatch.setattr(directory, "PAUSE_SECONDS", 0.001)
    return PathDirectory(path)


def refusing(times, real):
    """Return a function that Windows refuses so many times: the file is in use."""
    calls = []

    def work(*given, **options):
        calls.append(given)
        if len(calls) <= times:
            raise PermissionError(errno.EACCES, "in use")
        return real(*given, **options)

    work.calls = calls
    return work


USES = {
    "replace": lambda folder: folder.replace("new", "name"),
    "unlink": lambda folder: folder.unlink("name"),
    "open": lambda folder: os.close(folder.open("name", os.O_RDONLY)),
}


@pytest.mark.parametrize("use", USES)
def test_a_file_that_is_in_use_for_a_moment_is_waited_for(
    by_path, path, monkeypatch, use
):
    (path / "new").write_text("new")
    refused = refusing(3, getattr(os, use))
    monkeypatch.setattr(os, use, refused)
    USES[use](by_path)
    assert len(refused.calls) == 4
    if use != "unlink":
        expected = "new" if use == "replace" else "inside"
        assert (path / "name").read_text() == expected


@pytest.mark.parametrize("use", USES)
def test_a_file_that_stays_in_use_is_waited_for_in_vain(
    by_path, path, monkeypatch, use
):
    monkeypatch.setattr(directory, "PATIENCE_SECONDS", 0.02)
    refused = refusing(10_000, getattr(os, use))
    monkeypatch.setattr(os, use, refused)
    with pytest.raises(PermissionError):
        USES[use](by_path)
    assert 1 < len(refused.calls) < 100


def test_a_file_in_whose_place_there_is_a_folder_is_not_waited_for(
    by_path, path, monkeypatch
):
    # Windows says that it is refused, whatever the reason.
    (path / "taken").mkdir()
    for name in ("open", "replace"):
        monkeypatch.setattr(os, name, refusing(10_000, getattr(os, name)))
    with pytest.raises(IsADirectoryError):
        by_path.replace("name", "taken")
    with pytest.raises(IsADirectoryError):
        by_path.open("taken", os.O_RDONLY)


def test_an_open_file_is_what_stands_under_its_name(path, both):
    with open_directory(path) as folder:
        descriptor = folder.open("name", os.O_RDONLY)
        assert folder.is_it("name", descriptor)
        os.close(descriptor)


def test_a_file_that_was_put_aside_is_not_what_stands_under_its_name(path):
    with open_directory(path) as folder:
        descriptor = folder.open("name", os.O_RDONLY)
        (path / "name").rename(path / "other")
        assert not folder.is_it("name", descriptor)
        (path / "name").touch()
        assert not folder.is_it("name", descriptor)
        os.close(descriptor)


def test_a_read_only_mark_is_taken_from_files_and_through_no_link(by_path, path):
    (path / "name").chmod(0o400)
    by_path.make_private("name")
    assert (path / "name").stat().st_mode & 0o777 == 0o600
    (path / "link").symlink_to(path / "name")
    with pytest.raises(OSError, match="not supported"):
        by_path.make_private("link")


def test_no_file_is_opened_through_a_link_where_no_flag_keeps_from_it(
    by_path, path, monkeypatch
):
    monkeypatch.setattr(directory, "CAREFULLY", 0)
    (path / "link").symlink_to(path / "name")
    with pytest.raises(OSError, match="symbolic") as caught:
        by_path.open("link", os.O_RDONLY)
    assert caught.value.errno == errno.ELOOP
