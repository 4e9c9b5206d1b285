"""Files that nobody else can read: made, read and replaced with that in mind.

Every protection of a file on disk is in this module; what the files mean is not.
Raises CacheUnusable, for a folder that others own or can enter as well.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import secrets
import stat
import sys
from typing import TYPE_CHECKING, Any

from sts_plugin import settings
from sts_plugin.directory import CAREFULLY, open_directory
from sts_plugin.errors import CacheUnusable

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from sts_plugin.directory import Directory

__all__ = ["PrivateFolder", "read_private", "unusable"]

READING = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0)
"""The open of a FIFO must not wait for somebody to write to it."""


def read_private(path: Path) -> bytes | None:
    """Return what a file of ours holds; None if it is not to be trusted.

    Not trusted is whatever is no plain file, has a second name, belongs to another
    user, can be read by others, or is longer than an entry can be. Raises OSError.
    """
    return _read(lambda: os.open(path, READING | CAREFULLY))


def _read(opening: Callable[[], int], start: int = 0) -> bytes | None:
    try:
        descriptor = opening()
    except OSError as error:
        if error.errno in {errno.ELOOP, errno.ENXIO}:  # a link, a socket
            return None
        raise
    try:
        found = os.fstat(descriptor)
        # It has no name at all if a newer one took its place just now: it is whole.
        if not stat.S_ISREG(found.st_mode) or found.st_nlink > 1:
            return None
        if os.name == "posix" and (
            found.st_uid != os.geteuid() or found.st_mode & 0o077
        ):
            return None
        if start:
            os.lseek(descriptor, start, os.SEEK_SET)
        with open(descriptor, "rb", closefd=False) as file:
            data = file.read(settings.ENTRY_BYTES_MAX + 1)
    finally:
        with contextlib.suppress(OSError):  # what was read is read
            os.close(descriptor)
    return data if len(data) <= settings.ENTRY_BYTES_MAX else None


class PrivateFolder:
    """A folder of mode 0700 that is ours, made by the first thing written to it.

    Each method opens it, judges what it has opened, and works in that.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def read(self, name: str, *, locked: bool = False) -> bytes | None:
        """Return what a file holds; None if it is absent or not to be trusted.

        ``locked``: what is kept for the holder of a lock is left out.
        """
        try:
            with self._open() as folder:
                start = folder.held_bytes if locked else 0
                try:
                    return _read(lambda: folder.open(name, READING), start)
                except (PermissionError, IsADirectoryError):
                    return None  # of the file: the folder let us in
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            raise unusable(self.path / name, error) from None

    def load(self, name: str) -> Any:  # noqa: ANN401 - JSON
        """Return the JSON of a file; None if it is absent, damaged or not ours."""
        data = self.read(name)
        try:
            return None if data is None else json.loads(data)
        except (ValueError, RecursionError):
            return None

    def has(self, name: str) -> bool:
        """Whether there is a file: where there is none, the folder is not judged."""
        try:
            (self.path / name).lstat()
        except (FileNotFoundError, NotADirectoryError):
            return False
        except OSError as error:
            raise unusable(self.path, error) from None
        return True

    def save(self, name: str, value: object) -> None:
        """Put the JSON of a value in the place of an older file; as ``write``."""
        self.write(name, json.dumps(value).encode())

    def write(self, name: str, data: bytes, *, lasting: bool = True) -> None:
        """Put a whole file in the place of an older one, or leave what was there.

        ``lasting``: it is to be there after a power failure.
        """
        temporary = f".{name}.{secrets.token_hex(8)}.tmp"
        with self.opened() as folder:
            try:
                descriptor = folder.open(
                    temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL
                )
                with open(descriptor, "wb") as file:  # noqa: PTH123
                    file.write(data)
                    file.flush()
                    if lasting:
                        _make_last(file.fileno())
                _put(folder, temporary, name)
            except BaseException as error:
                with contextlib.suppress(OSError):
                    folder.unlink(temporary)
                if isinstance(error, OSError):
                    raise unusable(self.path / name, error) from None
                raise

    def claim(self, name: str) -> bool:
        """Make an empty file; return whether there was none."""
        with self.opened() as folder:
            try:
                os.close(folder.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL))
            except FileExistsError:
                return False
            except OSError as error:
                raise unusable(self.path / name, error) from None
        return True

    def remove(self, name: str) -> None:
        """Remove a file that may already be gone."""
        try:
            with self._open() as folder:
                folder.unlink(name)
        except FileNotFoundError:
            return
        except OSError as error:
            raise unusable(self.path / name, error) from None

    def sweep(self, name: str) -> None:
        """Remove what a crashed writer of a file left: it may hold a secret."""
        for one, _ in self.files():
            if one.startswith(f".{name}."):
                self.remove(one)

    def files(self) -> list[tuple[str, float]]:
        """Return (name, time of last change in epoch seconds) of what is there."""
        found = []
        try:
            with self._open() as folder:
                for name in folder.names():
                    with contextlib.suppress(FileNotFoundError):  # gone meanwhile
                        found.append((name, folder.stat(name).st_mtime))
        except FileNotFoundError:
            return []
        except OSError as error:
            raise unusable(self.path, error) from None
        return found

    def make(self) -> None:
        """Make the folder if there is none; raise if it is not private."""
        self.opened().close()

    def opened(self) -> Directory:
        """Return the folder, open; make it if there is none. Raises CacheUnusable."""
        try:
            with contextlib.suppress(FileNotFoundError):
                return self._open()
            _make(self.path)
            return self._open()
        except OSError as error:
            raise unusable(self.path, error) from None

    def _open(self) -> Directory:
        """Raise CacheUnusable if others own or can enter it, OSError if it is gone."""
        try:
            folder = open_directory(self.path)
        except OSError as error:
            there = error.errno in {errno.ENOTDIR, errno.ELOOP} and self.path.lstat()
            if not there:
                raise
            raise self._no_folder() from None
        try:
            self._judge(folder.judged())
        except BaseException:
            folder.close()
            raise
        return folder

    def _judge(self, found: os.stat_result) -> None:
        if not stat.S_ISDIR(found.st_mode):
            raise self._no_folder()
        if os.name != "posix":
            self._judge_list()
            return
        if found.st_uid != os.geteuid():
            raise CacheUnusable(
                f"{self.path} belongs to another user",
                hint="set STS_PLUGIN_CACHE_DIR to a folder of your own",
            )
        if found.st_mode & 0o077:
            raise CacheUnusable(
                f"{self.path} can be entered by others",
                hint=f"chmod 700 {self.path}",
            )

    def _judge_list(self) -> None:
        """Do the same on Windows, by what the folder's list says."""
        from sts_plugin.acl import let_in  # noqa: PLC0415 - Windows alone

        if others := let_in(self.path):
            raise CacheUnusable(
                f"{self.path} can be entered by others ({others})",
                hint=f'icacls "{self.path}" /inheritance:r /grant:r'
                ' "%USERNAME%:(OI)(CI)F"',
            )

    def _no_folder(self) -> CacheUnusable:
        return CacheUnusable(
            f"{self.path} is not a folder",
            hint="move it away, or set STS_PLUGIN_CACHE_DIR",
        )


def _put(folder: Directory, temporary: str, name: str) -> None:
    try:
        folder.replace(temporary, name)
    except IsADirectoryError:
        folder.clear(name)  # somebody put a folder in our place
        folder.replace(temporary, name)


def _make_last(descriptor: int) -> None:
    """Return once a file is on the disk."""
    if sys.platform == "darwin":
        import fcntl  # noqa: PLC0415 - for this alone

        # The fsync of macOS leaves it in the memory of the disk (fsync(2)). Not every
        # file system can do better.
        with contextlib.suppress(OSError):
            fcntl.fcntl(descriptor, fcntl.F_FULLFSYNC)
            return
    os.fsync(descriptor)


def unusable(path: Path, error: OSError) -> CacheUnusable:
    """Return what to raise for trouble with the disk."""
    reason = error.strerror or type(error).__name__
    return CacheUnusable(f"{path}: {reason}")


def _make(path: Path) -> None:
    _refuse_foreign_home(path)
    missing = [parent for parent in path.parents if not parent.exists()]
    for folder in (*reversed(missing), path):
        # What another process makes meanwhile is not ours to change.
        with contextlib.suppress(FileExistsError):
            folder.mkdir(mode=0o700)
            _give_back(folder)


def _give_back(folder: Path) -> None:
    """Undo what a umask such as 0777 did: it took the owner's rights as well."""
    if folder.lstat().st_mode & stat.S_IRWXU == stat.S_IRWXU:
        return
    # glibc before 2.32 cannot do it without following links: there it stays as it is.
    with contextlib.suppress(NotImplementedError):
        folder.chmod(0o700, follow_symlinks=False)


def _refuse_foreign_home(folder: Path) -> None:
    # sudo with the user's HOME: files of root in there would lock the user out.
    if os.name != "posix" or os.geteuid() != 0:
        return
    parent = next(parent for parent in folder.parents if parent.exists())
    if parent.stat().st_uid != 0:
        raise CacheUnusable(
            f"{parent} belongs to another user than root",
            hint="use sudo -H, or set STS_PLUGIN_CACHE_DIR",
        )
