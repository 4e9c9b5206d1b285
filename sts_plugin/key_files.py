"""Taking an access key out of an AWS file: two lines of it, and nothing else.

    the settings of a key -> the same file without the two lines

Owns: that all else stays as it is (comments, order, line endings, mode, owner, the link
that leads there), that the file is replaced all at once, and that no copy with the
secret in it is left. What is not quite as it was when the key was read is left alone.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from sts_plugin.errors import ConfigurationError
from sts_plugin.ini import decoded, sections_of

if TYPE_CHECKING:
    from sts_plugin.model import Setting

__all__ = ["Taken", "take_out"]

BYTES_MAX: Final = 16_777_216
"""Ten thousand profiles have a megabyte; what is larger is no file of profiles."""

CAREFULLY: Final = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0)

MARK: Final = ".sts-plugin-"

WRITABLE: Final = stat.S_IWUSR


@dataclass(frozen=True, slots=True)
class Taken:
    """What was done: the file, and the lines of it that hold the secret all the same.

    Those are comments, or of other profiles.
    """

    path: str
    left: tuple[int, ...]


def take_out(key_id: Setting, secret: Setting) -> Taken:
    """Remove the lines of a key from the file that they were read from.

    Raises ConfigurationError, and leaves the file as it is, if that cannot be done or
    the file says something else by now.
    """
    outcome = _take_out(key_id, secret)
    if isinstance(outcome, ConfigurationError):
        raise outcome  # here: the frames below hold what is in the file
    return outcome


def _take_out(key_id: Setting, secret: Setting) -> Taken | ConfigurationError:
    path = key_id.origin.path
    try:
        # A link stays; what it leads to is replaced.
        target = Path(path).resolve(strict=True)
        data, state = _read(target)
        if why := _unfit(state, len(data)):
            return _trouble(path, why)
        less = _without(data, key_id, secret)
        if less is None or not _replace(target, data, less, state):
            return _trouble(path, "was changed meanwhile")
    except OSError as error:
        return _trouble(path, f"cannot be replaced: {error.strerror or error}")
    except ConfigurationError as error:
        return _trouble(path, f"is not as it was: {error.message}")
    lines = less.splitlines()
    hidden = os.fsencode(secret.value)
    left = [number for number, line in enumerate(lines, start=1) if hidden in line]
    return Taken(path, tuple(left))


def _trouble(path: str, why: str) -> ConfigurationError:
    return ConfigurationError(
        f"{path} {why}; it still holds the access key",
        hint="remove the lines aws_access_key_id and aws_secret_access_key by hand",
    )


def _read(target: Path) -> tuple[bytes, os.stat_result]:
    # Non-blocking, so that a pipe is opened, seen and closed instead of waited for.
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | CAREFULLY
    descriptor = os.open(target, flags)
    try:
        state = os.fstat(descriptor)
        if not stat.S_ISREG(state.st_mode):
            return b"", state
        with os.fdopen(descriptor, "rb", closefd=False) as file:
            return file.read(BYTES_MAX + 1), state
    finally:
        os.close(descriptor)


def _unfit(state: os.stat_result, size: int) -> str:
    """Return why a file must not be replaced, or nothing."""
    if not stat.S_ISREG(state.st_mode):
        return "is not a regular file"
    if state.st_nlink != 1:
        return "has a second name (a hard link), which would keep the secret"
    if not state.st_mode & WRITABLE:
        return "is read-only"
    return "is too large" if size > BYTES_MAX else ""


def _without(data: bytes, key_id: Setting, secret: Setting) -> bytes | None:
    """Return the file without the two lines; None if it says something else by now.

    Both texts are parsed: they may differ in these two settings, and in nothing else.
    """
    path = key_id.origin.path
    before = _content(data, path)
    named = [(one.key, one.value, one.origin.line) for one in (key_id, secret)]
    section = next((keys for _, keys in before if set(named) <= set(keys)), None)
    numbers = {one.origin.line for one in (key_id, secret)}
    if section is None or None in numbers:
        return None
    lines = data.splitlines(keepends=True)
    kept = [line for at, line in enumerate(lines, start=1) if at not in numbers]
    less = b"".join(kept)
    for one in named:
        section.remove(one)
    same = _unnumbered(before) == _unnumbered(_content(less, path))
    return less if same else None


Content = list[tuple[str, list[tuple[str, str, int | None]]]]
"""Headers, and below each its keys, their values and their lines."""


def _content(data: bytes, path: str) -> Content:
    text = decoded(data, path)
    return [
        (
            section.header,
            [
                (one.key, one.value, one.origin.line)
                for one in section.settings("").values()
            ],
        )
        for section in sections_of(text, path)
    ]


def _unnumbered(content: Content) -> object:
    return [
        (header, [(key, value) for key, value, _ in keys]) for header, keys in content
    ]


def _replace(target: Path, data: bytes, less: bytes, state: os.stat_result) -> bool:
    """Put ``less`` in the place of ``data``; False if that is not there any more."""
    prefix = f".{target.name}{MARK}"
    for one in target.parent.iterdir():
        if one.name.startswith(prefix):  # left by a crash: it holds other keys
            one.unlink(missing_ok=True)
    temporary = target.with_name(prefix + secrets.token_hex(8))
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | CAREFULLY
    try:
        with open(os.open(temporary, flags, 0o600), "wb") as file:  # noqa: PTH123
            file.write(less)
            file.flush()
            _make_alike(file.fileno(), target, state)
            os.fsync(file.fileno())
        now = _read(target)
        if now[0] != data or now[1].st_ino != state.st_ino:
            return False
        temporary.replace(target)
    finally:
        temporary.unlink(missing_ok=True)
    return True


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
