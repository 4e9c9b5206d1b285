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
from typing import TYPE_CHECKING, Any

from sts_plugin import settings
from sts_plugin.errors import CacheUnusable

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["PrivateFolder", "read_private"]

CAREFULLY = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0)


def read_private(path: Path) -> bytes | None:
    """Return what a file of ours holds; None if it is not to be trusted.

    Not trusted is whatever is no plain file, has a second name, belongs to another
    user, can be read by others, or is longer than an entry can be. Raises OSError.
    """
    # O_NONBLOCK: the open of a FIFO must not wait for somebody to write to it.
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | CAREFULLY
    try:
        descriptor = os.open(path, flags)
    except OSError as error:
        if error.errno in {errno.ELOOP, errno.ENXIO}:  # a link, a socket
            return None
        raise
    try:
        found = os.fstat(descriptor)
        if not stat.S_ISREG(found.st_mode) or found.st_nlink != 1:
            return None
        if os.name == "posix" and (
            found.st_uid != os.geteuid() or found.st_mode & 0o077
        ):
            return None
        with open(descriptor, "rb", closefd=False) as file:
            data = file.read(settings.ENTRY_BYTES_MAX + 1)
    finally:
        os.close(descriptor)
    return data if len(data) <= settings.ENTRY_BYTES_MAX else None


class PrivateFolder:
    """A folder of mode 0700 that is ours, made by the first thing written to it."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def load(self, name: str) -> Any:  # noqa: ANN401 - JSON
        """Return the JSON of a file; None if it is absent, damaged or not ours."""
        try:
            self.check()
            data = read_private(self.path / name)
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            raise unusable(self.path / name, error) from None
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
        """Put a whole file in the place of an older one, or leave what was there."""
        self.make()
        path = self.path / name
        temporary = self.path / f".{name}.{secrets.token_hex(8)}.tmp"
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | CAREFULLY
        try:
            with open(os.open(temporary, flags, 0o600), "wb") as file:  # noqa: PTH123
                if hasattr(os, "fchmod"):
                    os.fchmod(file.fileno(), 0o600)  # umask 0777 would take it away
                file.write(json.dumps(value).encode())
                file.flush()
                os.fsync(file.fileno())
            _put(temporary, path)
        except BaseException as error:
            with contextlib.suppress(OSError):
                temporary.unlink(missing_ok=True)
            if isinstance(error, OSError):
                raise unusable(path, error) from None
            raise

    def remove(self, name: str) -> None:
        """Remove a file that may already be gone."""
        try:
            (self.path / name).unlink(missing_ok=True)
        except OSError as error:
            raise unusable(self.path / name, error) from None

    def sweep(self, name: str) -> None:
        """Remove what a crashed writer of a file left: it may hold a secret."""
        for one, _ in self.files():
            if one.startswith(f".{name}."):
                self.remove(one)

    def files(self) -> Iterator[tuple[str, float]]:
        """Yield (name, time of last change in epoch seconds) of what is there."""
        try:
            self.check()
            for file in self.path.iterdir():
                with contextlib.suppress(FileNotFoundError):  # gone in the meantime
                    yield file.name, file.lstat().st_mtime
        except FileNotFoundError:
            return
        except OSError as error:
            raise unusable(self.path, error) from None

    def make(self) -> None:
        """Make the folder if there is none; raise if it is not private."""
        try:
            if not self.path.exists():
                _refuse_foreign_home(self.path)
                missing = [p for p in self.path.parents if not p.exists()]
                for folder in (*reversed(missing), self.path):
                    # What another process makes meanwhile is not ours to change.
                    with contextlib.suppress(FileExistsError):
                        folder.mkdir(mode=0o700)
                        folder.chmod(0o700)  # whatever the umask was
            self.check()
        except OSError as error:
            raise unusable(self.path, error) from None

    def check(self) -> None:
        """Raise CacheUnusable if others own or can enter it, OSError if it is gone."""
        found = self.path.lstat()
        if not stat.S_ISDIR(found.st_mode):
            raise CacheUnusable(
                f"{self.path} is not a folder",
                hint="move it away, or set STS_PLUGIN_CACHE_DIR",
            )
        if os.name != "posix":
            return  # on Windows the user's own profile folder is private
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


def _put(temporary: Path, path: Path) -> None:
    try:
        temporary.replace(path)
    except IsADirectoryError:
        path.rmdir()  # somebody put a folder in our place; a full one stays
        temporary.replace(path)


def unusable(path: Path, error: OSError) -> CacheUnusable:
    """Return what to raise for trouble with the disk."""
    reason = error.strerror or type(error).__name__
    return CacheUnusable(f"{path}: {reason}")


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
