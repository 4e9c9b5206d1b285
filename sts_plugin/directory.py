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
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["CAREFULLY", "Directory"]

CAREFULLY = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0)
"""What every open is done with: no link is followed, no program we start inherits."""

RELATIVE = {os.open, os.stat, os.rename, os.unlink, os.rmdir} <= os.supports_dir_fd


class Directory:
    """An open folder; names are those of files right in it. Close it, or use ``with``.

    ``descriptor`` is None where the platform goes by paths. Opening it and all methods
    raise OSError; a link to a folder is none.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.descriptor: int | None = None
        if RELATIVE:
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
        if self.descriptor is None:
            return os.lstat(self.path)
        return os.fstat(self.descriptor)

    def open(self, name: str, flags: int) -> int:
        """Return a descriptor of a file; one that is made is ours alone."""
        flags |= CAREFULLY
        descriptor = os.open(self._at(name), flags, 0o600, dir_fd=self.descriptor)
        if flags & os.O_EXCL and hasattr(os, "fchmod"):
            try:
                os.fchmod(descriptor, 0o600)  # umask 0777 took it away
            except BaseException:
                os.close(descriptor)
                raise
        return descriptor

    def stat(self, name: str) -> os.stat_result:
        """Return what stands under a name, itself and not what it leads to."""
        return os.stat(self._at(name), dir_fd=self.descriptor, follow_symlinks=False)

    def names(self) -> list[str]:
        """Return the names of all that is in it."""
        where = self.path if self.descriptor is None else self.descriptor
        return os.listdir(where)  # noqa: PTH208 - a path has no descriptor

    def replace(self, name: str, other: str) -> None:
        """Give a file the name of another, which is gone with that."""
        at, source, target = self.descriptor, self._at(name), self._at(other)
        os.replace(source, target, src_dir_fd=at, dst_dir_fd=at)

    def unlink(self, name: str) -> None:
        """Remove a file that may already be gone."""
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self._at(name), dir_fd=self.descriptor)

    def clear(self, name: str) -> None:
        """Make room where anything may stand; what is in a folder there is kept."""
        if not stat.S_ISDIR(self.stat(name).st_mode):
            self.unlink(name)
            return
        try:
            os.rmdir(self._at(name), dir_fd=self.descriptor)
        except OSError:  # somebody's files are in it
            self.replace(name, f"{name}.{secrets.token_hex(4)}.aside")

    def make_private(self, name: str) -> None:
        """Give a file that we may not even open the mode 0600; never through a link."""
        at = self.descriptor
        try:
            os.chmod(self._at(name), 0o600, dir_fd=at, follow_symlinks=False)
        except (NotImplementedError, ValueError):  # a link, or glibc before 2.32
            raise OSError(errno.ENOTSUP, os.strerror(errno.ENOTSUP)) from None

    def _at(self, name: str) -> str:
        return name if self.descriptor is not None else str(self.path / name)
