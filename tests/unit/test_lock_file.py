from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import select
import shutil
import signal
import socket
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from sts_plugin import settings
from sts_plugin.errors import CacheUnusable
from sts_plugin.lock_file import LockFile
from sts_plugin.private import PrivateFolder


@pytest.fixture
def folder(tmp_path):
    folder = PrivateFolder(tmp_path / "cache")
    folder.make()
    return folder


@pytest.fixture
def path(folder):
    return folder.path / "name"


@contextlib.contextmanager
def a_lock(folder, name="name"):
    lock = LockFile(folder, name)
    try:
        yield lock
    finally:
        lock.close()


def free(folder):
    """Whether somebody who comes now gets the lock."""
    with a_lock(folder) as lock:
        return lock.taken("")


def mode(path):
    return stat.S_IMODE(path.lstat().st_mode)


# --- One holder ---


def test_one_holds_a_lock_until_it_is_closed(folder, path):
    with a_lock(folder) as lock, a_lock(folder) as other:
        assert lock.taken("me")
        assert not other.taken("you")
        assert lock.signature() == other.signature() == b"me"
        lock.close()
        assert other.taken("you")
        assert lock.signature() == b"you"
    assert free(folder)
    assert mode(path) == 0o600
    assert lock.path == path


def test_a_lock_makes_its_folder(tmp_path):
    folder = PrivateFolder(tmp_path / "new")
    assert free(folder)
    assert mode(folder.path) == 0o700


def test_a_lock_that_was_never_wanted_is_closed_and_leaves_no_file(folder, path):
    with a_lock(folder):
        pass
    assert not path.exists()


def test_no_lock_is_taken_in_a_folder_that_others_can_enter(folder):
    folder.path.chmod(0o755)
    with a_lock(folder) as lock, pytest.raises(CacheUnusable, match="by others"):
        lock.taken("")
    assert lock.signature() == b""


def test_no_descriptor_stays_open(folder):
    def count():
        return len(os.listdir("/proc/self/fd"))  # noqa: PTH208

    if not Path("/proc/self/fd").exists():
        pytest.skip("there is no /proc here")
    before = count()
    for _ in range(5):
        with a_lock(folder) as lock, a_lock(folder) as other:
            lock.taken("")
            other.taken("")
    assert count() == before


# --- A folder that is removed while somebody waits ---


@pytest.mark.parametrize("what", ["file", "folder"])
def test_whoever_gets_the_lock_of_a_file_that_is_gone_takes_the_new_one(
    folder, path, what
):
    with a_lock(folder) as holder, a_lock(folder) as waiter:
        assert holder.taken("holder")
        assert not waiter.taken("waiter")
        shutil.rmtree(folder.path) if what == "folder" else path.unlink()
        with a_lock(folder) as newcomer:
            assert newcomer.taken("newcomer")
            holder.close()
            # The old file's lock is free: with it, two would hold "the" lock.
            assert not waiter.taken("waiter")
            assert not waiter.taken("waiter")
        assert waiter.taken("waiter")
        assert path.read_text() == "waiter"


def test_a_lock_of_a_folder_that_was_swapped_for_a_link_is_none(folder, path, tmp_path):
    with a_lock(folder) as holder, a_lock(folder) as waiter:
        assert holder.taken("holder")
        assert not waiter.taken("waiter")
        folder.path.rename(tmp_path / "moved")
        folder.path.symlink_to(tmp_path / "moved")
        holder.close()
        with pytest.raises(CacheUnusable, match="not a folder"):
            waiter.taken("waiter")
    assert (tmp_path / "moved" / "name").read_text() == "holder"


# --- What else may stand there ---


def plant_link(path):
    path.symlink_to("precious")


def plant_dangling_link(path):
    path.symlink_to("nowhere")


def plant_folder(path):
    path.mkdir()


def plant_full_folder(path):
    path.mkdir()
    (path / "below").write_text("precious")


def plant_fifo(path):
    os.mkfifo(path, 0o600)


def plant_socket(path):
    here = Path.cwd()
    os.chdir(path.parent)  # a socket's path must be short
    try:
        with socket.socket(socket.AF_UNIX) as server:
            server.bind(path.name)
    finally:
        os.chdir(here)


def plant_device(path):
    try:
        os.mknod(path, stat.S_IFCHR | 0o600, os.makedev(1, 3))  # /dev/null
    except PermissionError:
        pytest.skip("only root can make devices")


def plant_file_of_another(path):
    path.touch(mode=0o600)
    try:
        os.chown(path, 12345, 12345)
    except PermissionError:
        pytest.skip("only root can give files away")


PLANTED = {
    name.removeprefix("plant_"): it
    for name, it in list(globals().items())
    if name.startswith("plant_")
}


@pytest.mark.parametrize("kind", PLANTED)
def test_what_is_no_lock_file_is_put_out_of_the_way(folder, path, kind):
    precious = path.with_name("precious")
    precious.write_text("precious")
    PLANTED[kind](path)
    with a_lock(folder) as lock, a_lock(folder) as other:
        assert lock.taken("me")
        assert not other.taken("you")
        assert path.read_text() == "me"
        assert stat.S_ISREG(path.lstat().st_mode)
        assert (mode(path), path.stat().st_uid) == (0o600, os.geteuid())
    assert precious.read_text() == "precious"
    assert not path.with_name("nowhere").exists()
    kept = [file.read_text() for file in folder.path.glob("*.aside/below")]
    assert kept == (["precious"] if kind == "full_folder" else [])


def test_a_second_name_is_not_written_to_and_does_not_split_the_waiters(folder, path):
    with a_lock(folder) as holder:
        assert holder.taken("holder")
        os.link(path, path.with_name("twin"))  # cp -al
        with a_lock(folder) as waiter:
            assert not waiter.taken("waiter")
    with a_lock(folder) as next_one:
        assert next_one.taken("next")
    assert path.read_text() == path.with_name("twin").read_text() == "holder"


def test_the_mode_of_a_second_name_is_not_changed(folder, path):
    path.touch(mode=0o644)
    os.link(path, path.with_name("twin"))
    assert free(folder)
    assert mode(path) == 0o644


@pytest.mark.parametrize("bits", [0, 0o200, 0o400, 0o644, 0o666, 0o777])
def test_a_lock_file_of_any_mode_is_private_again(tmp_path, unprivileged, bits):
    # Killed between the making of the file and the setting of its mode: umask 0777.
    code = (
        "import sys; from pathlib import Path; from sts_plugin.lock_file import *;"
        "from sts_plugin.private import PrivateFolder;"
        "print(LockFile(PrivateFolder(Path(sys.argv[1])), 'name').taken('me'))"
    )
    path = tmp_path / "name"
    path.touch()
    path.chmod(bits)
    inode = os.open(path, getattr(os, "O_PATH", os.O_RDONLY))  # its number stays taken
    done = subprocess.run(
        [*unprivileged, sys.executable, "-c", code, tmp_path],
        env={"PYTHONPATH": ":".join(sys.path)},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert (done.stdout, done.stderr) == ("True\n", "")
    assert (mode(path), path.read_text()) == (0o600, "me")
    assert os.path.samestat(os.fstat(inode), path.stat())  # another might hold it
    os.close(inode)


def test_two_who_clear_at_once_do_not_get_a_lock_each(folder, path, monkeypatch):
    # One has seen what stands there, and clears when the other has its lock already.
    path.symlink_to("nowhere")
    real, turns = fcntl.flock, []

    def flock(descriptor, operation):
        if stat.S_ISDIR(os.fstat(descriptor).st_mode) and not turns:
            turns.append(1)
            with a_lock(folder) as first:
                assert first.taken("first")
                real(descriptor, operation)
                firsts.append(os.dup(first._descriptor))
                return
        real(descriptor, operation)

    firsts = []
    monkeypatch.setattr("fcntl.flock", flock)
    with a_lock(folder) as second:
        second.taken("second")
        assert os.path.samestat(os.fstat(firsts[0]), path.stat())
    os.close(firsts[0])
    assert turns


@pytest.mark.parametrize("error", [errno.EBADF, errno.ENOLCK])
def test_where_folders_have_no_locks_somebody_has_to_clear(
    folder, path, monkeypatch, error
):
    # NFS: a lock needs something that is open for writing.
    real = fcntl.flock

    def flock(descriptor, operation):
        if stat.S_ISDIR(os.fstat(descriptor).st_mode):
            raise OSError(error, "no")
        real(descriptor, operation)

    monkeypatch.setattr("fcntl.flock", flock)
    assert free(folder)  # nothing in the way
    path.unlink()
    path.symlink_to("nowhere")
    with a_lock(folder) as lock, pytest.raises(CacheUnusable) as caught:
        lock.taken("")
    assert f"{path} is no lock file of ours" in caught.value.message
    assert caught.value.hint == f"remove {path}"


def test_a_folder_that_somebody_has_locked_is_not_waited_for_for_ever(
    folder, path, monkeypatch
):
    monkeypatch.setattr(settings, "LOCK_NOTICE_SECONDS", 0.1)
    path.mkdir()
    held = os.open(folder.path, os.O_RDONLY)
    fcntl.flock(held, fcntl.LOCK_EX)
    with a_lock(folder) as lock, pytest.raises(CacheUnusable, match="no lock file"):
        lock.taken("")
    os.close(held)
    assert free(folder)


def test_what_is_put_back_again_and_again_ends_it(folder, path, monkeypatch):
    real = os.rmdir
    path.mkdir()

    def rmdir(name, *, dir_fd):
        real(name, dir_fd=dir_fd)
        path.mkdir()

    monkeypatch.setattr("os.rmdir", rmdir)
    with a_lock(folder) as lock, pytest.raises(CacheUnusable, match="no lock file"):
        lock.taken("")


def test_a_lock_file_of_100_megabytes_is_a_lock_file(folder, path):
    path.touch(mode=0o600)
    os.truncate(path, 100_000_000)
    with a_lock(folder) as lock:
        assert lock.signature() == b""
        assert lock.taken("me")
        assert lock.signature() == b"me"


# --- Forks ---

FORKS = """\
import os, sys, threading, time, warnings
from pathlib import Path
from sts_plugin.lock_file import LockFile
from sts_plugin.private import PrivateFolder
warnings.simplefilter("ignore")
folder = PrivateFolder(Path(sys.argv[1]))
lock = LockFile(folder, "name")
assert lock.taken("parent")
pid = os.fork()
if pid == 0:
    os.close(1)  # the test waits for the end of the parent
    sys.stdin.read()
    os._exit(0)
print(pid, flush=True)
os.kill(os.getpid(), 9)
"""


def test_a_child_does_not_keep_the_lock_of_a_parent_that_died(folder):
    with subprocess.Popen(
        [sys.executable, "-c", FORKS, folder.path],
        env={"PYTHONPATH": ":".join(sys.path)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as parent:
        child = int(parent.stdout.read())
        assert parent.wait(60) == -signal.SIGKILL
        os.kill(child, 0)  # it lives
        assert free(folder)


def forked(work):
    """Do something in a child; return its exit code."""
    pid = os.fork()
    if pid == 0:
        signal.alarm(60)
        code = 99
        try:
            code = work()
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_child_that_unwinds_does_not_let_go_what_its_parent_holds(folder):
    with a_lock(folder) as lock:
        assert lock.taken("parent")

        def work():
            lock.close()
            return int(free(folder))

        assert forked(work) == 0
        assert not free(folder)
    assert free(folder)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_child_that_unwinds_closes_nothing_of_its_own(folder):
    # The number of the parent's descriptor is free, and the next file gets it.
    with a_lock(folder) as lock:
        assert lock.taken("parent")

        def work():
            with a_lock(folder, "own") as own:
                assert own.taken("child")
                assert own._descriptor == lock._descriptor
                lock.close()
                with a_lock(folder, "own") as other:
                    return int(other.taken("nobody"))

        assert forked(work) == 0


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_child_takes_locks_of_its_own(folder):
    with a_lock(folder, "other") as lock:
        assert lock.taken("parent")
        assert forked(lambda: int(free(folder))) == 1
        with a_lock(folder) as held:
            assert held.taken("parent")
            assert forked(lambda: int(free(folder))) == 0


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_no_fork_comes_between_the_opening_of_a_lock_and_the_note_of_it(
    folder, monkeypatch
):
    # A child of just then would have a descriptor that nobody closes.
    real, inside, go_on = PrivateFolder.opened, threading.Event(), threading.Event()

    def opened(self):
        inside.set()
        go_on.wait(60)
        return real(self)

    monkeypatch.setattr(PrivateFolder, "opened", opened)
    lock, done = LockFile(folder, "name"), []
    thread = threading.Thread(target=lambda: done.append(lock.taken("parent")))
    thread.start()
    assert inside.wait(60)
    threading.Timer(0.2, go_on.set).start()
    assert forked(lambda: int(go_on.is_set())) == 1
    thread.join(60)
    assert done == [True]
    lock.close()


def test_a_program_that_is_started_does_not_keep_a_lock(folder):
    with a_lock(folder) as lock:
        assert lock.taken("")
        with subprocess.Popen(
            [sys.executable, "-c", "print(flush=True); input()"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            close_fds=False,
        ) as program:
            assert select.select([program.stdout], [], [], 60)[0]
            # As if we died: without a word to the kernel.
            os.close(lock._descriptor)
            assert free(folder)
            lock._descriptor = None


# --- Windows ---


def test_the_byte_that_a_lock_of_windows_keeps_from_others_says_nothing(
    folder, path, monkeypatch
):
    monkeypatch.setattr("sts_plugin.directory.RELATIVE", False)
    with a_lock(folder) as lock, a_lock(folder) as other:
        for name in ("me", "somebody else", "me"):
            assert lock.taken(name)
            assert path.read_bytes() == f" {name}".encode()
            assert lock.signature() == other.signature() == name.encode()
            assert not other.taken("you")
            lock.close()
    assert other.signature() == b"me"


def test_what_stands_in_the_place_of_a_lock_file_is_no_reason_to_hang_on_windows(
    folder, path, monkeypatch
):
    monkeypatch.setattr("sts_plugin.directory.RELATIVE", False)
    path.mkdir()
    with a_lock(folder) as lock, pytest.raises(CacheUnusable, match="no lock file"):
        lock.taken("me")
