"""The file of one lock: opened, locked, signed, let go.

Whatever else stands under its name is put out of the way; a lock file itself is never
removed, since that splits its waiters: two would hold two files of one name. Should
somebody else remove it, whoever gets the old one notices and takes the new one.

A lock belongs to what was opened, and a forked child has that open as well: it would
keep the lock of a parent that died, for as long as it lives itself. So a child closes
what its parent had. The state that this takes is the module's own, as a fork is an
affair of the whole process.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
import threading
import time
from typing import TYPE_CHECKING

from sts_plugin import settings
from sts_plugin.errors import CacheUnusable

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from sts_plugin.directory import Directory
    from sts_plugin.private import PrivateFolder

__all__ = ["LockFile"]

_descriptors: set[int] = set()
_gate = threading.RLock()  # no fork between the open of a file and its place in the set


class LockFile:
    """The lock of a name in a folder, for one holder. All methods may raise OSError.

    ``taken``, again and again until it is True; in the end ``close``.
    """

    def __init__(self, folder: PrivateFolder, name: str) -> None:
        self._folder = folder
        self._name = name
        self._process = os.getpid()
        self._descriptor: int | None = None
        self._held_bytes = 0

    @property
    def path(self) -> Path:
        """Where it is."""
        return self._folder.path / self._name

    def taken(self, signature: str) -> bool:
        """Whether we have it now. Raises CacheUnusable where there can be none."""
        # Imported late: a hit needs no lock, and this import has its price.
        from filelock import lock_descriptor  # noqa: PLC0415

        if self._descriptor is None:
            with _gate, self._folder.opened() as folder:
                self._descriptor = _opened(folder, self._name)
                _descriptors.add(self._descriptor)
                self._held_bytes = folder.held_bytes
        if not lock_descriptor(self._descriptor, blocking=False):
            return False
        if not self._is_there(self._descriptor):
            self.close()
            return False
        _sign(self._descriptor, b" " * self._held_bytes + signature.encode())
        return True

    def close(self) -> None:
        """Let it go, if we have it; a forked child has nothing to let go."""
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is None or self._process != os.getpid():
            return
        from filelock import unlock_descriptor  # noqa: PLC0415

        # A network file system may fail in it: the lock ends with the process.
        with contextlib.suppress(OSError):
            # Said and not left to the close: a child that did not notice its fork
            # (vfork, a fork in C) has the file open too.
            unlock_descriptor(descriptor)
        with _gate:
            _descriptors.discard(descriptor)
            with contextlib.suppress(OSError):
                os.close(descriptor)

    def signature(self) -> bytes:
        """Return what its holder wrote; nothing where that is not to be trusted."""
        with contextlib.suppress(CacheUnusable):
            return self._folder.read(self._name, locked=True) or b""
        return b""

    def _is_there(self, descriptor: int) -> bool:
        """Whether others who come by its path find the same file."""
        with self._folder.opened() as folder:
            return folder.is_it(self._name, descriptor)


FLAGS = os.O_RDWR | getattr(os, "O_NONBLOCK", 0)  # a FIFO, a lease: no waiting

NO_LOCK_FILE = {errno.ELOOP, errno.ENXIO, errno.EISDIR, errno.EACCES, errno.ENOTSUP}
"""A link, a socket, a folder, a file of another user, one that cannot be opened."""

CLEARINGS = 10
"""How often what stands in the way is cleared: something puts it back again."""


def _opened(folder: Directory, name: str) -> int:
    """Return a descriptor of the lock file, whatever stood under its name."""
    for _ in range(CLEARINGS):
        try:
            descriptor = _existing(folder, name)
        except FileNotFoundError:
            with contextlib.suppress(FileExistsError):  # somebody was faster
                return folder.open(name, FLAGS | os.O_CREAT | os.O_EXCL)
            continue
        if descriptor is not None:
            return descriptor
        # Two who clear at once: one of them would take away what the other has made.
        with _turn_to_clear(folder, name), contextlib.suppress(FileNotFoundError):
            descriptor = _existing(folder, name)
            if descriptor is not None:
                return descriptor
            folder.clear(name)
    raise _no_lock_file(folder, name)


def _existing(folder: Directory, name: str) -> int | None:
    """Return a descriptor of a lock file that is there; None for anything else.

    A second name does not make another file of it: whoever has it locked, has it.
    """
    try:
        descriptor = _open(folder, name)
    except OSError as error:
        if error.errno in NO_LOCK_FILE:
            return None
        raise
    found = os.fstat(descriptor)
    if not stat.S_ISREG(found.st_mode) or not _is_ours(found):
        os.close(descriptor)
        return None
    if found.st_mode & 0o177 and found.st_nlink == 1 and os.name == "posix":
        os.fchmod(descriptor, 0o600)
    return descriptor


def _open(folder: Directory, name: str) -> int:
    try:
        return folder.open(name, FLAGS)
    except PermissionError:
        # umask 0777 took our rights as well: somebody is making it, or was killed then.
        found = folder.stat(name)
        if not stat.S_ISREG(found.st_mode) or not _is_ours(found):
            raise
        folder.make_private(name)
        return folder.open(name, FLAGS)


def _is_ours(found: os.stat_result) -> bool:
    return os.name != "posix" or found.st_uid == os.geteuid()


@contextlib.contextmanager
def _turn_to_clear(folder: Directory, name: str) -> Iterator[None]:
    """Hold the lock of the folder itself, for a moment."""
    from filelock import lock_descriptor, unlock_descriptor  # noqa: PLC0415

    often = settings.LOCK_POLL_SECONDS[0]
    attempts = int(settings.LOCK_NOTICE_SECONDS / often)
    if folder.descriptor is None:
        raise _no_lock_file(folder, name)
    try:
        for _ in range(attempts):
            if lock_descriptor(folder.descriptor, blocking=False):
                break
            time.sleep(often)
        else:
            raise _no_lock_file(folder, name)
    except OSError:  # NFS has no locks of folders
        raise _no_lock_file(folder, name) from None
    try:
        yield
    finally:
        with contextlib.suppress(OSError):
            unlock_descriptor(folder.descriptor)


def _no_lock_file(folder: Directory, name: str) -> CacheUnusable:
    path = folder.path / name
    return CacheUnusable(f"{path} is no lock file of ours", hint=f"remove {path}")


def _sign(descriptor: int, signature: bytes) -> None:
    # For people only: who waits can be told whom for. The kernel holds the lock.
    with contextlib.suppress(OSError):
        if os.fstat(descriptor).st_nlink == 1:  # else it may be a file of somebody's
            os.ftruncate(descriptor, 0)
            os.write(descriptor, signature)


def _leave_to_parent() -> None:
    for descriptor in _descriptors:
        with contextlib.suppress(OSError):
            os.close(descriptor)
    _descriptors.clear()
    _gate.release()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(
        before=_gate.acquire,
        after_in_parent=_gate.release,
        after_in_child=_leave_to_parent,
    )
