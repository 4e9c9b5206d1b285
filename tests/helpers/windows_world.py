"""A Python that looks like one on Windows, in a process of its own.

``enter`` is called before anything of ours is imported. What only POSIX has cannot be
imported, or is gone from ``os``, ``signal``, ``select`` and ``socket``; ``msvcrt`` and
the DLLs are stand-ins, whose LockFileEx locks for real. Paths stay those of this
machine, and so does what the standard library decided when it was imported.

It shows what our code does there, not what Windows does.

    python windows_world.py ARGUMENT ...    is sts-plugin in such a world
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import errno
import fcntl
import importlib.abc
import json
import locale
import logging.handlers
import multiprocessing.connection
import multiprocessing.managers
import os
import pathlib
import select
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import threading
import types
import uuid
from ctypes import wintypes

# They decide by ``sys.platform`` what to import next, and by then it is too late.
BEFORE = (asyncio, locale, logging.handlers, multiprocessing, shutil, ssl, tempfile)
BEFORE += (uuid,)

MODULES = """\
fcntl grp posix pty pwd readline resource spwd syslog termios tty
"""
OF_OS = """\
WCOREDUMP WEXITSTATUS WIFCONTINUED WIFEXITED WIFSIGNALED WIFSTOPPED WSTOPSIG
WTERMSIG WUNTRACED chown chroot confstr ctermid environb fchdir fchmod fchown fdatasync
fork forkpty fpathconf fstatvfs get_blocking getegid getenvb geteuid getgid getgrouplist
getgroups getloadavg getpgid getpgrp getpriority getresgid getresuid getsid getuid
getxattr initgroups killpg lchown listxattr lockf major makedev memfd_create minor
mkfifo mknod nice openpty pathconf pipe2 posix_fadvise posix_fallocate posix_spawn
posix_spawnp pread preadv pwrite pwritev readv register_at_fork removexattr
sched_getaffinity sched_yield sendfile set_blocking setegid seteuid setgid setgroups
setpgid setpriority setregid setresgid setresuid setreuid setsid setuid setxattr splice
statvfs sync sysconf tcgetpgrp tcsetpgrp ttyname uname wait wait3 wait4 waitid writev
O_ASYNC O_CLOEXEC O_DIRECT O_DIRECTORY O_DSYNC O_LARGEFILE O_NDELAY O_NOATIME O_NOCTTY
O_NOFOLLOW O_NONBLOCK O_PATH O_RSYNC O_SYNC O_TMPFILE
"""
OF_SIGNAL = """\
alarm getitimer pause pthread_kill pthread_sigmask setitimer siginterrupt sigpending
sigtimedwait sigwait sigwaitinfo SIG_BLOCK SIG_UNBLOCK SIG_SETMASK
"""
SIGNALS = "SIGABRT SIGFPE SIGILL SIGINT SIGSEGV SIGTERM SIG_DFL SIG_IGN"
OF_SELECT = "poll epoll kqueue devpoll"
OF_SOCKET = "AF_UNIX"

O_BINARY = 0x8000

LOCK_VIOLATION = 33

STARTED = "WINDOWS_WORLD_STARTED"
"""Names the file to which is added what ``subprocess.Popen`` was asked for."""

CONSOLE = "WINDOWS_WORLD_CONSOLE"
"""The handle of the console's window."""

LIST = "WINDOWS_WORLD_LIST"
"""The access control list of every folder, as SDDL."""

_flock = fcntl.flock


class _Refusing(importlib.abc.MetaPathFinder):
    """Finds nothing where Windows has nothing."""

    def find_spec(self, name, *_):
        if name.partition(".")[0] in MODULES.split():
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)


class _Function:
    """A function of a DLL, with the attributes that ctypes has."""

    def __init__(self, work):
        self.work = work
        self.argtypes = self.restype = self.errcheck = None

    def __call__(self, *given):
        return self.work(*given)


class Dll:
    """A DLL; functions that are not in ``FUNCTIONS`` can be declared, not called."""

    def __init__(self, name="", **_options):
        self.name = name
        self._functions = {}

    def __getattr__(self, name):
        if name.startswith("_"):
            raise AttributeError(name)

        def missing(*_given):
            raise AssertionError(f"{self.name}.{name} was called")

        work = FUNCTIONS.get(name, missing)
        return self._functions.setdefault(name, _Function(work))


_last = threading.local()


def _lock(handle, *_given):
    try:
        _flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        _last.error = LOCK_VIOLATION
        return 0
    return 1


def _unlock(handle, *_given):
    _flock(handle, fcntl.LOCK_UN)
    return 1


def _known_folder(_guid, _flags, _token, path):
    path._obj.value = os.environ["LOCALAPPDATA"]
    return 0


def _list_of(_path, _kind, _what, *ends):
    ends[-1]._obj.value = 1  # not NULL
    return 0


_texts = []


def _as_text(_descriptor, _revision, _what, text, _length):
    buffer = ctypes.create_unicode_buffer(os.environ.get(LIST, ""))
    _texts.append(buffer)
    text._obj.value = ctypes.addressof(buffer)
    return 1


FUNCTIONS = {
    "GetNamedSecurityInfoW": _list_of,
    "ConvertSecurityDescriptorToStringSecurityDescriptorW": _as_text,
    "LocalFree": lambda _: None,
    "LockFileEx": _lock,
    "UnlockFileEx": _unlock,
    "GetConsoleWindow": lambda: int(os.environ.get(CONSOLE, "0")),
    "CLSIDFromString": lambda *_: 0,
    "SHGetKnownFolderPath": _known_folder,
    "CoTaskMemFree": lambda _: None,
}


def _without_descriptors(real):
    """Return a function that knows no ``dir_fd``."""

    def call(*given, dir_fd=None, src_dir_fd=None, dst_dir_fd=None, **options):
        if not (dir_fd is src_dir_fd is dst_dir_fd is None):
            raise NotImplementedError("dir_fd unavailable on this platform")
        return real(*given, **options)

    return call


def _files():
    """Let ``os`` open and change files as it does on Windows."""
    os.supports_dir_fd, os.supports_fd = set(), {os.stat, os.truncate}
    os.supports_follow_symlinks = {os.stat}
    for name in ("open", "stat", "rename", "replace", "unlink", "rmdir", "mkdir"):
        setattr(os, name, _without_descriptors(getattr(os, name)))
    real_chmod, real_open, real_isdir = os.chmod, os.open, os.path.isdir

    def chmod(path, mode, *, dir_fd=None, follow_symlinks=True):
        if isinstance(path, int) or dir_fd is not None or not follow_symlinks:
            raise NotImplementedError("chmod: unavailable on this platform")
        real_chmod(path, mode)

    def opened(path, flags, mode=0o777, *, dir_fd=None):
        if str(path).startswith("/dev/") or str(path) in {"CONIN$", "CONOUT$"}:
            raise FileNotFoundError(errno.ENOENT, "No such file or directory", path)
        if real_isdir(path):
            raise PermissionError(errno.EACCES, "Permission denied", path)
        path = "/dev/null" if path == "nul" else path
        return real_open(path, flags & ~O_BINARY, mode, dir_fd=dir_fd)

    os.chmod, os.open, os.devnull = chmod, opened, "nul"
    os.O_BINARY = O_BINARY


def _programs():
    """Let ``subprocess`` take what it takes on Windows, and note it down."""
    real = subprocess.Popen
    subprocess._USE_POSIX_SPAWN = shutil._use_fd_functions = False
    subprocess.CREATE_NEW_PROCESS_GROUP, subprocess.DETACHED_PROCESS = 0x200, 0x8
    subprocess.CREATE_NO_WINDOW = 0x08000000

    class Popen(real):
        def __init__(self, words, **options):
            flags = options.pop("creationflags", 0)
            note = {"words": list(map(str, words)), "creationflags": flags}
            # A text is what Python's own platform asks the shell of Windows.
            path = os.environ.get(STARTED)
            if path and not isinstance(words, str):
                with pathlib.Path(path).open("a") as file:
                    print(json.dumps(note), file=file)
            if options.get("preexec_fn") or options.get("pass_fds"):
                raise ValueError("not supported on Windows platforms")
            for name in ("process_group", "start_new_session"):  # they mean nothing
                options.pop(name, None)
            super().__init__(words, **options)

        def send_signal(self, number):
            if number not in {signal.SIGTERM, 0, 1}:
                raise ValueError(f"Unsupported signal: {number}")
            super().send_signal(number)

        def kill(self):
            super().terminate()

    subprocess.Popen = Popen


def _libraries():
    """Let ctypes load DLLs, and ``msvcrt`` be there."""
    ctypes.WinDLL, ctypes.HRESULT, ctypes.WINFUNCTYPE = Dll, ctypes.c_long, None
    ctypes.wintypes = wintypes
    ctypes.WINFUNCTYPE = ctypes.CFUNCTYPE
    ctypes.get_last_error = lambda: getattr(_last, "error", 0)
    ctypes.set_last_error = lambda number: setattr(_last, "error", number)
    ctypes.WinError = lambda number=0: OSError(errno.EACCES, f"error {number}")
    msvcrt = types.ModuleType("msvcrt")
    msvcrt.get_osfhandle = lambda descriptor: descriptor
    msvcrt.kbhit, msvcrt.getwch = (lambda: False), (lambda: "\r")
    sys.modules["msvcrt"] = msvcrt
    # Since Python 3.12 shutil asks whether the current folder is looked in: it is.
    shutil._winapi = types.SimpleNamespace(
        NeedCurrentDirectoryForExePath=lambda _name: True
    )


def enter():
    """Make this process look like one on Windows."""
    _files()
    _programs()
    _libraries()
    sys.meta_path.insert(0, _Refusing())
    for name in MODULES.split():
        sys.modules.pop(name, None)
    signals = {name for name in dir(signal) if name.startswith("SIG")}
    for module, names in (
        (os, OF_OS.split()),
        (signal, [*OF_SIGNAL.split(), *(signals - set(SIGNALS.split()))]),
        (select, OF_SELECT.split()),
        (socket, OF_SOCKET.split()),
    ):
        for name in names:
            with contextlib.suppress(AttributeError):
                delattr(module, name)
    signal.CTRL_C_EVENT, signal.CTRL_BREAK_EVENT, signal.SIGBREAK = 0, 1, 21
    for module in (pathlib, getattr(pathlib, "_local", None)):
        if module is not None:
            module.WindowsPath = pathlib.PosixPath
    sys.platform, os.name = "win32", "nt"


if __name__ == "__main__":
    enter()
    from sts_plugin.__main__ import main

    main()
