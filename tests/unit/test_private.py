from __future__ import annotations

import contextlib
import errno
import fcntl
import json
import os
import socket
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from sts_plugin import settings
from sts_plugin.errors import CacheUnusable
from sts_plugin.private import PrivateFolder, read_private


@pytest.fixture
def folder(tmp_path):
    return PrivateFolder(tmp_path / "cache")


@pytest.fixture
def file(folder):
    """A file of the folder that is in order."""
    folder.save("name", {"a": 1})
    return folder.path / "name"


def mode(path):
    return stat.S_IMODE(path.lstat().st_mode)


# --- Modes ---

MAKE = """\
import os, sys
os.umask(int(sys.argv[2], 8))
from pathlib import Path
from sts_plugin.private import PrivateFolder
folder = PrivateFolder(Path(sys.argv[1]))
folder.save("name", {"a": 1})
folder.save("name", {"a": 2})
assert folder.load("name") == {"a": 2}
"""


@pytest.mark.parametrize("umask", ["000", "022", "077", "0777"])
@pytest.mark.parametrize("below", ["", "home/.cache"])
def test_files_and_folders_are_private_whatever_the_umask(
    tmp_path, unprivileged, umask, below
):
    path = tmp_path / below / "cache"
    done = subprocess.run(
        [*unprivileged, sys.executable, "-c", MAKE, path, umask],
        env={"PYTHONPATH": ":".join(sys.path)},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.stderr == ""
    assert (mode(path), mode(path / "name")) == (0o700, 0o600)
    for parent in path.parents:
        if parent == tmp_path:
            break
        # One that others can write to lets them put another cache in its place.
        assert mode(parent) & 0o022 == 0
        assert mode(parent) & 0o700 == 0o700


def test_a_file_is_private_from_the_moment_it_exists(folder, mocker):
    seen = []
    real = os.open

    def spy(path, flags, *rest, **options):
        descriptor = real(path, flags, *rest, **options)
        if flags & os.O_CREAT:
            seen.append((flags, stat.S_IMODE(os.fstat(descriptor).st_mode)))
        return descriptor

    mocker.patch("os.open", spy)
    before = os.umask(0)
    try:
        folder.save("name", 1)
    finally:
        os.umask(before)
    ((flags, bits),) = seen
    assert bits == 0o600
    for flag in (os.O_EXCL, os.O_CREAT, os.O_NOFOLLOW, os.O_CLOEXEC):
        assert flags & flag


# --- Saving ---


def test_what_is_saved_is_loaded(folder):
    folder.save("name", {"a": ["ä", 1]})
    assert folder.load("name") == {"a": ["ä", 1]}
    assert folder.load("other") is None


def test_a_file_is_replaced_in_one_step(folder, file):
    before = file.stat().st_ino
    with file.open() as reader:
        folder.save("name", {"a": 2})
        assert json.load(reader) == {"a": 1}  # a reader keeps the whole old one
    assert file.stat().st_ino != before
    assert folder.load("name") == {"a": 2}


def test_a_file_that_is_replaced_while_it_is_opened_is_not_missing(
    folder, file, monkeypatch
):
    # It has no name left when it is looked at: neither has it two.
    real, replaced = os.open, []

    def replace_then(path, *rest, **options):
        descriptor = real(path, *rest, **options)
        if path == "name" and not replaced:
            replaced.append(1)
            folder.save("name", {"a": 2})
        return descriptor

    monkeypatch.setattr("os.open", replace_then)
    assert folder.load("name") == {"a": 1}
    assert folder.load("name") == {"a": 2}
    assert replaced


@pytest.mark.parametrize("step", ["os.fsync", "os.fchmod", "os.replace"])
@pytest.mark.parametrize(
    "error", [OSError(errno.ENOSPC, "No space"), OSError(errno.EIO, "I/O error")]
)
def test_a_fault_of_the_disk_leaves_the_old_file_and_nothing_else(
    folder, file, snapshot, mocker, step, error
):
    before = snapshot(folder.path)
    mocker.patch(step, side_effect=error)
    with pytest.raises(CacheUnusable, match=error.strerror):
        folder.save("name", {"a": 2})
    mocker.stopall()
    assert snapshot(folder.path) == before
    assert folder.load("name") == {"a": 1}


@pytest.mark.parametrize("step", ["os.fsync", "json.dumps", "os.replace"])
@pytest.mark.parametrize("kind", [KeyboardInterrupt, SystemExit, MemoryError])
def test_an_interruption_leaves_the_old_file_and_nothing_else(
    folder, file, snapshot, mocker, step, kind
):
    before = snapshot(folder.path)
    mocker.patch(step, side_effect=kind)
    with pytest.raises(kind):
        folder.save("name", {"a": 2})
    mocker.stopall()
    assert snapshot(folder.path) == before
    assert folder.load("name") == {"a": 1}


def test_a_short_write_leaves_the_old_file_and_nothing_else(tmp_path):
    code = (
        "import resource, signal, sys\n"
        "from pathlib import Path\n"
        "from sts_plugin.errors import CacheUnusable\n"
        "from sts_plugin.private import PrivateFolder\n"
        "folder = PrivateFolder(Path(sys.argv[1]))\n"
        "folder.save('name', 1)\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100))\n"
        "try:\n"
        "    folder.save('name', 'x' * 1000)\n"
        "except CacheUnusable as error:\n"
        "    print(error.line)\n"
        "print(folder.load('name'))\n"
    )
    path = tmp_path / "cache"
    done = subprocess.run(
        [sys.executable, "-c", code, path],
        env={"PYTHONPATH": ":".join(sys.path)},
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert done.stdout == f"{path}/name: File too large\n1\n"
    assert os.listdir(path) == ["name"]  # noqa: PTH208


def test_removing_what_is_gone_is_no_error(folder, file):
    folder.remove("name")
    folder.remove("name")
    assert not file.exists()


# --- Folders that are not ours alone ---


@pytest.mark.parametrize("bits", [0o701, 0o710, 0o704, 0o740, 0o702, 0o755, 0o777])
def test_a_folder_that_others_can_enter_is_refused(folder, file, bits):
    folder.path.chmod(bits)
    for work in (
        folder.make,
        lambda: folder.remove("name"),
        lambda: folder.save("name", {"a": 2}),
        lambda: folder.load("name"),
        lambda: list(folder.files()),
    ):
        with pytest.raises(CacheUnusable, match="entered by others") as caught:
            work()
        assert caught.value.hint == f"chmod 700 {folder.path}"
    assert mode(folder.path) == bits  # it is the owner's to mend
    assert json.loads(file.read_text()) == {"a": 1}


def test_a_folder_of_another_user_is_refused(folder, file, mocker):
    mocker.patch("os.geteuid", return_value=os.geteuid() + 1)
    with pytest.raises(CacheUnusable, match="belongs to another user"):
        folder.load("name")
    with pytest.raises(CacheUnusable, match="belongs to another user"):
        folder.save("name", 2)


def test_a_symbolic_link_in_place_of_the_folder_is_refused(tmp_path):
    target = tmp_path / "target"
    target.mkdir(mode=0o700)
    link = tmp_path / "cache"
    link.symlink_to(target)
    with pytest.raises(CacheUnusable, match="is not a folder"):
        PrivateFolder(link).save("name", 1)
    assert list(target.iterdir()) == []


def test_a_dangling_link_in_place_of_the_folder_is_refused(tmp_path):
    (tmp_path / "cache").symlink_to(tmp_path / "nowhere")
    with pytest.raises(CacheUnusable):
        PrivateFolder(tmp_path / "cache").save("name", 1)
    assert not (tmp_path / "nowhere").exists()


def test_a_file_in_place_of_the_folder_is_refused(tmp_path):
    (tmp_path / "cache").write_text("precious")
    with pytest.raises(CacheUnusable, match="is not a folder"):
        PrivateFolder(tmp_path / "cache").save("name", 1)
    with pytest.raises(CacheUnusable):
        PrivateFolder(tmp_path / "cache" / "below").save("name", 1)
    assert (tmp_path / "cache").read_text() == "precious"


def test_a_folder_that_is_not_there_reads_as_empty_and_is_not_made(folder):
    assert folder.load("name") is None
    assert list(folder.files()) == []
    assert not folder.path.exists()


def test_root_makes_no_folder_in_the_home_of_somebody_else(tmp_path, mocker):
    home = tmp_path / "home"
    home.mkdir()
    if os.geteuid() == 0:
        os.chown(home, 12345, 12345)
    else:
        mocker.patch("os.geteuid", return_value=0)
    with pytest.raises(CacheUnusable, match="another user than root"):
        PrivateFolder(home / ".cache" / "sts-plugin").save("name", 1)
    assert list(home.iterdir()) == []


# --- Files that are not to be trusted ---


def spoil_by_symlink(file):
    twin = file.with_name("twin")
    file.rename(twin)
    file.symlink_to(twin)


def spoil_by_dangling_link(file):
    file.unlink()
    file.symlink_to("nowhere")


def spoil_by_hard_link(file):
    os.link(file, file.with_name("twin"))


def spoil_by_fifo(file):
    file.unlink()
    os.mkfifo(file, 0o600)


def spoil_by_socket(file):
    file.unlink()
    with socket.socket(socket.AF_UNIX) as server:
        here = Path.cwd()
        os.chdir(file.parent)  # a socket's path must be short
        try:
            server.bind(file.name)
        finally:
            os.chdir(here)
    file.chmod(0o600)


def spoil_by_folder(file):
    file.unlink()
    file.mkdir(mode=0o700)


def spoil_by_size(file):
    with file.open("r+b") as it:
        it.truncate(100_000_000)


def spoil_by_mode(file):
    file.chmod(0o604)


def spoil_by_device(file):
    file.unlink()
    try:
        os.mknod(file, stat.S_IFCHR | 0o600, os.makedev(1, 5))  # /dev/zero
    except PermissionError:
        pytest.skip("only root can make devices")


SPOILED = {
    name.removeprefix("spoil_by_"): it
    for name, it in list(globals().items())
    if name.startswith("spoil_by_")
}


@pytest.fixture(params=SPOILED)
def spoiled(request, file):
    """A file in the place of a good one that is not to be trusted."""
    SPOILED[request.param](file)
    return file


def test_what_is_not_a_private_file_of_ours_reads_as_absent(folder, spoiled):
    assert folder.load("name") is None


def test_what_is_not_a_private_file_of_ours_is_replaced(folder, spoiled):
    folder.save("name", {"a": 2})
    assert folder.load("name") == {"a": 2}
    twin = spoiled.with_name("twin")
    assert not twin.exists() or json.loads(twin.read_text()) == {"a": 1}


@pytest.mark.parametrize("bits", [0o640, 0o604, 0o620, 0o602, 0o666])
def test_a_file_that_others_can_reach_is_not_read(file, bits):
    file.chmod(bits)
    assert read_private(file) is None


HEAL = """\
import sys
from pathlib import Path
from sts_plugin.private import PrivateFolder
folder = PrivateFolder(Path(sys.argv[1]))
print(folder.load("name"))
folder.save("name", {"a": 2})
print(folder.load("name"))
"""


@pytest.mark.parametrize("spoil", ["mode 0", "another user"])
def test_a_file_that_we_may_not_open_reads_as_absent_and_is_replaced(
    folder, file, unprivileged, spoil
):
    if spoil == "mode 0":
        file.chmod(0)
    elif os.geteuid() == 0:
        os.chown(file, 12345, 12345)
    else:
        pytest.skip("only root can give files away")
    done = subprocess.run(
        [*unprivileged, sys.executable, "-c", HEAL, folder.path],
        env={"PYTHONPATH": ":".join(sys.path)},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert (done.stdout, done.stderr) == ("None\n{'a': 2}\n", "")


def test_a_file_of_another_user_is_not_read(file, mocker):
    mocker.patch("os.geteuid", return_value=os.geteuid() + 1)
    assert read_private(file) is None


def test_a_file_is_read_up_to_the_limit_and_not_beyond(file):
    most = settings.ENTRY_BYTES_MAX
    for size, found in ((most, b"x" * most), (most + 1, None)):
        file.write_bytes(b"x" * size)
        assert read_private(file) == found


@pytest.mark.parametrize(
    "data",
    [b"", b"{", b"\xff\xfe", b"nul", b"[" * 60_000, b"1" * 60_000, b"\x00" * 100],
    ids=lambda data: repr(data[:4]),
)
def test_what_is_not_json_reads_as_absent(folder, file, data):
    file.write_bytes(data)
    assert folder.load("name") is None


def test_no_descriptor_is_left_open(folder, file):
    def count():
        return len(os.listdir("/proc/self/fd"))  # noqa: PTH208

    if not Path("/proc/self/fd").exists():
        pytest.skip("there is no /proc here")
    before = count()
    for spoil in (lambda _: None, spoil_by_mode, spoil_by_folder):
        spoil(file)
        for _ in range(5):
            with contextlib.suppress(CacheUnusable):
                folder.load("name")
    assert count() == before


def test_trouble_with_the_disk_is_told_and_not_taken_for_a_miss(folder, file, mocker):
    mocker.patch("os.open", side_effect=OSError(errno.EIO, "I/O error"))
    with pytest.raises(CacheUnusable, match=f"{file}: I/O error"):
        folder.load("name")


def test_files_tells_names_and_ages(folder, file):
    os.utime(file, (1000, 1000))
    assert list(folder.files()) == [("name", 1000)]


def test_a_file_that_goes_while_files_are_listed_is_passed_over(folder, file, mocker):
    mocker.patch("os.stat", side_effect=FileNotFoundError)
    assert list(folder.files()) == []


# --- Other systems ---


@pytest.mark.parametrize("able", [True, False])
def test_on_macos_a_file_that_is_to_last_leaves_the_memory_of_the_disk(
    folder, mocker, monkeypatch, able
):
    monkeypatch.setattr(sys, "platform", "darwin")
    monkeypatch.setattr(fcntl, "F_FULLFSYNC", 51, raising=False)
    asked = mocker.patch(
        "fcntl.fcntl", side_effect=None if able else OSError(errno.ENOTSUP, "no")
    )
    usual = mocker.spy(os, "fsync")
    folder.write("name", b"x")
    assert asked.call_args.args[1] == 51
    assert usual.call_count == (0 if able else 1)
    assert folder.read("name") == b"x"


def test_a_file_that_need_not_last_is_not_waited_for(folder, mocker):
    usual = mocker.spy(os, "fsync")
    folder.write("name", b"x", lasting=False)
    assert usual.call_count == 0


def test_a_file_that_somebody_reads_for_long_is_trouble_with_the_cache_on_windows(
    folder, file, snapshot, mocker, monkeypatch
):
    monkeypatch.setattr("sts_plugin.directory.RELATIVE", False)
    monkeypatch.setattr("sts_plugin.directory.PATIENCE_SECONDS", 0.02)
    before = snapshot(folder.path)
    mocker.patch("os.replace", side_effect=PermissionError(errno.EACCES, "in use"))
    with pytest.raises(CacheUnusable, match="in use"):
        folder.save("name", {"a": 2})
    mocker.stopall()
    assert snapshot(folder.path) == before
    assert folder.load("name") == {"a": 1}


def test_a_folder_in_the_place_of_a_file_is_put_aside_on_windows(
    folder, file, mocker, monkeypatch
):
    monkeypatch.setattr("sts_plugin.directory.RELATIVE", False)
    file.unlink()
    file.mkdir()
    (file / "precious").touch()
    real = os.replace

    def replace(source, target):
        if os.path.isdir(target):  # noqa: PTH112 - as Windows says it
            raise PermissionError(errno.EACCES, "Access is denied")
        real(source, target)

    monkeypatch.setattr("os.replace", replace)
    assert folder.load("name") is None
    folder.save("name", {"a": 2})
    assert folder.load("name") == {"a": 2}
    assert [path.name for path in folder.path.glob("*.aside/*")] == ["precious"]
