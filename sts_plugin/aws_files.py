"""The AWS files as bytes: read, made, replaced all at once, and kept beside themselves.

    path -> AwsFile -> the same file with other bytes

Owns: what a file keeps when it is replaced (the link that leads there, owner, mode,
attributes), which files must not be replaced, that nobody ever reads half of one, and
the backups. Knows nothing of what is in them.
"""

from __future__ import annotations

import contextlib
import os
import re
import secrets
import stat
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from datetime import datetime

__all__ = ["BACKUPS_MAX", "AwsFile", "back_up", "keep_few", "read"]

BYTES_MAX: Final = 16_777_216
"""Ten thousand profiles have a megabyte; what is larger is no file of profiles."""

CAREFULLY: Final = (
    getattr(os, "O_NOFOLLOW", 0)
    | getattr(os, "O_CLOEXEC", 0)
    # Windows would give other line ends, and end the file at a Ctrl-Z.
    | getattr(os, "O_BINARY", 0)
)

MARK: Final = ".sts-plugin-"

WRITABLE: Final = stat.S_IWUSR

BACKUPS_MAX: Final = 5
"""Enough to go back over an afternoon of edits; more is litter in ``~/.aws``."""

BACKUP: Final = re.compile(r"\.bak-\d{8}-\d{6}(?:-\d{1,3})?")


@dataclass(frozen=True, slots=True)
class AwsFile:
    """What was read, and where: ``target`` is what the links of ``path`` lead to.

    ``state`` is None where there is no file.
    """

    path: Path
    target: Path
    data: bytes = field(repr=False)
    state: os.stat_result | None

    @property
    def unfit(self) -> str:
        """Why it must not be replaced, or nothing."""
        state = self.state
        if state is None:
            return ""
        if not stat.S_ISREG(state.st_mode):
            return "is not a regular file"
        if state.st_nlink != 1:
            return "has a second name (a hard link), which would keep what it says now"
        if not state.st_mode & WRITABLE:
            return "is read-only"
        return "is too large" if len(self.data) > BYTES_MAX else ""

    def replace(self, data: bytes) -> bool:
        """Put other bytes in their place; False if these are not there any more.

        Raises OSError, and leaves the file and no other.
        """
        self.target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        prefix = f".{self.target.name}{MARK}"
        for one in self.target.parent.iterdir():
            if one.name.startswith(prefix):  # left by a crash: it may hold keys
                one.unlink(missing_ok=True)
        if not self._is_as_it_was():
            return False
        temporary = self.target.with_name(prefix + secrets.token_hex(8))
        try:
            with open(_create(temporary), "wb") as file:
                file.write(data)
                file.flush()
                if self.state is not None:
                    _make_alike(file.fileno(), self.target, self.state)
                os.fsync(file.fileno())
            if not self._is_as_it_was():
                return False
            temporary.replace(self.target)
        finally:
            temporary.unlink(missing_ok=True)
        return True

    def _is_as_it_was(self) -> bool:
        now = read(self.path)
        if now.state is None or self.state is None:
            return now.state is self.state
        return now.data == self.data and now.state.st_ino == self.state.st_ino


def read(path: Path) -> AwsFile:
    """Return a file; raise OSError if it is there and cannot be read."""
    # A link stays; what it leads to is replaced. (Path.resolve raises for a loop.)
    target = Path(os.path.realpath(path))
    # Non-blocking, so that a pipe is opened, seen and closed instead of waited for.
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | CAREFULLY
    try:
        descriptor = os.open(target, flags)
    except FileNotFoundError:
        return AwsFile(path, target, b"", None)
    try:
        state = os.fstat(descriptor)
        if not stat.S_ISREG(state.st_mode):
            return AwsFile(path, target, b"", state)
        with os.fdopen(descriptor, "rb", closefd=False) as file:
            return AwsFile(path, target, file.read(BYTES_MAX + 1), state)
    finally:
        os.close(descriptor)


def back_up(file: AwsFile, now: datetime) -> Path:
    """Write what a file holds beside it, for its owner only; return where.

    Beside the link, where it is one: what that leads to may be in a repository.
    """
    name = f"{file.path.name}.bak-{now:%Y%m%d-%H%M%S}"
    # Behind those of this second: the name of one that was removed would be the oldest.
    same = [_age(one)[1] for one in _backups(file.path) if one.name.startswith(name)]
    number = max(same, default=0) + 1
    while True:
        backup = file.path.with_name(name if number == 1 else f"{name}-{number}")
        try:
            descriptor = _create(backup)
        except FileExistsError:
            number += 1
            continue
        break
    try:
        with open(descriptor, "wb") as copy:  # noqa: PTH123
            copy.write(file.data)
            copy.flush()
            os.fsync(copy.fileno())
    except OSError:
        backup.unlink(missing_ok=True)
        raise
    return backup


def keep_few(path: Path) -> None:
    """Remove the oldest backups of a file: those older than the newest few.

    After the edit: one that fails takes its own backup along, and no other's.
    """
    for one in sorted(_backups(path), key=_age)[:-BACKUPS_MAX]:
        with contextlib.suppress(OSError):
            one.unlink()


def _backups(path: Path) -> list[Path]:
    start = path.name
    return [
        one
        for one in path.parent.iterdir()
        if one.name.startswith(start) and BACKUP.fullmatch(one.name, len(start))
    ]


def _age(backup: Path) -> tuple[str, int]:
    """Return what backups are sorted by: the second, and which of that second."""
    day, second, *more = backup.name.rpartition(".bak-")[2].split("-")
    return f"{day}{second}", int(more[0]) if more else 1


def _create(path: Path) -> int:
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | CAREFULLY, 0o600)


def _make_alike(descriptor: int, target: Path, state: os.stat_result) -> None:
    """Give a file the owner, the mode and the attributes of the one it replaces."""
    if not hasattr(os, "fchown"):
        return
    ours = os.fstat(descriptor)
    if (ours.st_uid, ours.st_gid) != (state.st_uid, state.st_gid):
        os.fchown(descriptor, state.st_uid, state.st_gid)
    os.fchmod(descriptor, stat.S_IMODE(state.st_mode))
    if hasattr(os, "listxattr"):
        for name in os.listxattr(target):
            with contextlib.suppress(OSError):  # the kernel's own
                os.setxattr(descriptor, name, os.getxattr(target, name))
