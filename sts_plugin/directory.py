"""A folder that stays the same one while it is worked in, wherever its path leads.

A path is looked up again by each system call: between two of them, whoever can write to
a folder above may put a link to another place there. So a folder is opened once, never
through a link, and all that is done in it is done relative to the descriptor. Windows
has no such calls, and a profile folder there is its user's own: it goes by the path.
Judges nothing.
"""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
import stat
import time
from typing import TYPE_CHECKING, Final, Self, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

__all__ = ["CAREFULLY", "Directory", "PathDirectory", "open_directory"]

T = TypeVar("T")

CAREFULLY = (
    getattr(os, "O_NOFOLLOW", 0)
    | getattr(os, "O_CLOEXEC", 0)
    | getattr(os, "O_BINARY", 0)
)
"""What every open is done with: no link is followed, no program we start inherits, and
no byte is another one on disk."""

RELATIVE = {os.open, os.stat, os.rename, os.unlink, os.rmdir} <= os.supports_dir_fd

PATIENCE_SECONDS: Final = 0.5
"""How long a file may be in use that Windows lets nobody replace or remove meanwhile: a
reader has it open for a moment, a scanner for somewhat longer."""

PAUSE_SECONDS: Final = 0.01


def open_directory(path: Path) -> Directory:
    """Open a folder in the way of the platform; raise OSError."""
    return Directory(path) if RELATIVE else PathDirectory(path)


class Directory:
    """An open folder; names are those of files right in it. Close it, or use ``with``.

    ``descriptor`` is None where the platform goes by paths. Opening it and all methods
    raise OSError; a link to a folder is none.
    """

    descriptor: int | None = None

    held_bytes = 0
    """So many bytes of a file that is locked can be read by its holder alone."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | CAREFULLY)

    def __enter__(self) -> Self:
        """Return it as it is."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close it."""
        self.close()

    def close(self) -> None:
        """Close it: nothing was written to the descriptor, and nothing can be lost."""
        if self.descriptor is not None:
            with contextlib.suppress(OSError):
                os.close(self.descriptor)

    def judged(self) -> os.stat_result:
        """Return what the folder is: of what type, whose, open to whom."""
        assert self.descriptor is not None
        return os.fstat(self.descriptor)

    def open(self, name: str, flags: int) -> int:
        """Return a descriptor of a file; one that is made is ours alone."""
        descriptor = os.open(name, flags | CAREFULLY, 0o600, dir_fd=self.descriptor)
        if flags & os.O_EXCL:
            try:
                os.fchmod(descriptor, 0o600)  # umask 0777 took it away
            except BaseException:
                os.close(descriptor)
                raise
        return descriptor

    def stat(self, name: str) -> os.stat_result:
        """Return what stands under a name, itself and not what it leads to."""
        return os.stat(name, dir_fd=self.descriptor, follow_symlinks=False)

    def is_it(self, name: str, descriptor: int) -> bool:
        """Whether an open file is what stands under a name."""
        with contextlib.suppress(FileNotFoundError):
            return os.path.samestat(os.fstat(descriptor), self.stat(name))
        return False

    def names(self) -> list[str]:
        """Return the names of all that is in it."""
        return os.listdir(self.descriptor)  # noqa: PTH208 - a path has no descriptor

    def replace(self, name: str, other: str) -> None:
        """Give a file the name of another, which is gone with that."""
        at = self.descriptor
        os.replace(name, other, src_dir_fd=at, dst_dir_fd=at)

    def unlink(self, name: str) -> None:
        """Remove a file that may already be gone."""
        with contextlib.suppress(FileNotFoundError):
            os.unlink(name, dir_fd=self.descriptor)

    def rmdir(self, name: str) -> None:
        """Remove an empty folder."""
        os.rmdir(name, dir_fd=self.descriptor)

    def clear(self, name: str) -> None:
        """Make room where anything may stand; what is in a folder there is kept."""
        if not stat.S_ISDIR(self.stat(name).st_mode):
            self.unlink(name)
            return
        try:
            self.rmdir(name)
        except OSError:  # somebody's files are in it
            self.replace(name, f"{name}.{secrets.token_hex(4)}.aside")

    def make_private(self, name: str) -> None:
        """Give a file that we may not even open the mode 0600; never through a link."""
        at = self.descriptor
        try:
            os.chmod(name, 0o600, dir_fd=at, follow_symlinks=False)
        except (NotImplementedError, ValueError):  # a link, or glibc before 2.32
            raise OSError(errno.ENOTSUP, os.strerror(errno.ENOTSUP)) from None


class PathDirectory(Directory):
    """The same by its path, as Windows has it.

    A file there can be neither replaced nor removed while somebody has it open, for as
    long as a reader takes: that is waited for a little. What is refused in the end is
    PermissionError, as anywhere.
    """

    # LockFileEx keeps everybody else from the byte that filelock locks.
    held_bytes = 1

    def __init__(self, path: Path) -> None:
        self.path = path

    def judged(self) -> os.stat_result:
        """Return what the folder is: of what type. Modes say nothing on Windows."""
        return os.lstat(self.path)

    def open(self, name: str, flags: int) -> int:
        """Return a descriptor of a file; who may read it, the folder's list says."""
        path = self._at(name)
        if os.path.islink(path):  # noqa: PTH114 - Windows has no O_NOFOLLOW
            raise OSError(errno.ELOOP, os.strerror(errno.ELOOP))
        return self._patiently(name, lambda: os.open(path, flags | CAREFULLY, 0o600))

    def stat(self, name: str) -> os.stat_result:
        """Return what stands under a name, itself and not what it leads to."""
        return os.lstat(self._at(name))

    def is_it(self, name: str, descriptor: int) -> bool:
        """Whether an open file is what stands under a name: nobody can remove it.

        To compare them would be wrong at times: what Windows says of a file by its path
        has had another volume number than by a descriptor.
        """
        del name
        os.fstat(descriptor)
        return True

    def names(self) -> list[str]:
        """Return the names of all that is in it."""
        return os.listdir(self.path)  # noqa: PTH208 - names, as above

    def replace(self, name: str, other: str) -> None:
        """Give a file the name of another, which is gone with that."""
        source, target = self._at(name), self._at(other)
        self._patiently(other, lambda: os.replace(source, target))  # noqa: PTH105 - names

    def unlink(self, name: str) -> None:
        """Remove a file that may already be gone."""
        path = self._at(name)
        with contextlib.suppress(FileNotFoundError):
            self._patiently(name, lambda: os.unlink(path))  # noqa: PTH108 - names

    def rmdir(self, name: str) -> None:
        """Remove an empty folder."""
        os.rmdir(self._at(name))  # noqa: PTH106 - names

    def make_private(self, name: str) -> None:
        """Take the read-only mark from a file; never through a link."""
        if not stat.S_ISREG(self.stat(name).st_mode):
            raise OSError(errno.ENOTSUP, os.strerror(errno.ENOTSUP))
        os.chmod(self._at(name), 0o600)  # noqa: PTH101 - names

    def _at(self, name: str) -> str:
        return str(self.path / name)

    def _patiently(self, name: str, work: Callable[[], T]) -> T:
        """Do what is refused while the file of that name is in use."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while True:
            try:
                return work()
            except PermissionError:
                if os.path.isdir(self._at(name)):  # noqa: PTH112 - as POSIX has it
                    raise IsADirectoryError(
                        errno.EISDIR, os.strerror(errno.EISDIR)
                    ) from None
                if time.monotonic() >= deadline:
                    raise
            time.sleep(PAUSE_SECONDS)
