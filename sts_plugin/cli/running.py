"""Running somebody's own program: in our place, or while we wait for it.

What it inherits is what we were given: limits, signals, open files; and the environment
that it is to have. Exit codes are those of a shell.
"""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import signal
import subprocess
import sys
import threading
from typing import TYPE_CHECKING, Any, Final, NoReturn, Self

from sts_plugin.cli.common import exit_code, tell
from sts_plugin.core_dumps import put_back, switch_off
from sts_plugin.exit_codes import NOT_EXECUTABLE, NOT_FOUND
from sts_plugin.settings import SIGNAL_SECONDS
from sts_plugin.terminal import NoTerminal, open_terminal

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from types import FrameType

    from sts_plugin.core_dumps import Limits

__all__ = ["become", "chosen", "missing", "run"]

OF_KEYBOARD: Final = frozenset({"SIGINT", "SIGQUIT", "SIGBREAK"})
"""On Windows, Ctrl-Break is one of them, and so is that the console is closed."""
PASSED_ON: Final = ("SIGTERM", "SIGHUP", "SIGUSR1", "SIGUSR2", *sorted(OF_KEYBOARD))


def chosen(words: Sequence[str], environ: Mapping[str, str]) -> list[str]:
    """Return the command to run: the user's shell where none is given."""
    words = words[1:] if words[:1] == ["--"] else words  # argparse leaves it there
    if words:
        return list(words)
    if os.name == "nt":
        # PowerShell sets it for what it starts, and cmd does not. Python writes the
        # names of all variables in capitals there.
        if "PSMODULEPATH" in map(str.upper, environ) and (
            found := shutil.which("pwsh")
        ):
            return [found]
        return [environ.get("COMSPEC") or "cmd.exe"]
    return [environ.get("SHELL") or "/bin/sh"]


def missing(command: str, environ: Mapping[str, str]) -> int | None:
    """Say why a command cannot be run and return the exit code for it, or None.

    Before anybody is asked for a code.
    """
    path = environ.get("PATH", os.defpath)
    if shutil.which(command, path=path):
        return None
    folders = [""] if os.path.dirname(command) else path.split(os.pathsep)  # noqa: PTH120
    found = any(os.path.exists(os.path.join(one, command)) for one in folders)  # noqa: PTH110, PTH118
    return _told(command, errno.EACCES if found and command else errno.ENOENT)


def become(
    command: Sequence[str], environ: Mapping[str, str], limits: Limits | None
) -> int:
    """Let the command take the place of this process; return only if it cannot."""
    if os.name != "posix":  # there the caller of exec would not wait for it
        return run(command, environ, limits)
    before = {}
    for name in ("SIGPIPE", "SIGXFSZ"):  # Python ignores them, and that is inherited
        number = getattr(signal, name)
        before[number] = signal.signal(number, signal.SIG_DFL)
    put_back(limits)
    try:
        _replace(command, environ)
    except OSError as error:
        switch_off()
        return _told(command[0], error.errno)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _replace(command: Sequence[str], environ: Mapping[str, str]) -> NoReturn:
    for stream in (sys.stdout, sys.stderr):
        if stream is not None:
            stream.flush()
    os.execvpe(command[0], list(command), dict(environ))  # noqa: S606 - as it was asked


def run(
    command: Sequence[str], environ: Mapping[str, str], limits: Limits | None
) -> int:
    """Run the command, pass signals on to it, and return its exit code.

    It shares our terminal and our process group, so that what the keyboard sends is for
    the command: it reaches both, and we leave it at that.
    """
    with _Passing() as passing:
        try:
            child = _start(command, environ, limits)
        except OSError as error:
            return _told(command[0], error.errno)
        passing.on_to(child)
        waiting = threading.Thread(target=child.wait, daemon=True)
        waiting.start()
        while waiting.is_alive():  # the main one is to see signals
            waiting.join(SIGNAL_SECONDS)
        code = child.returncode
    return exit_code(code)


def _start(
    command: Sequence[str], environ: Mapping[str, str], limits: Limits | None
) -> subprocess.Popen[bytes]:
    first, *others = command
    if os.name == "nt":  # Windows itself finds no .cmd, as those of npm and cdk are
        first = shutil.which(first, path=environ.get("PATH", os.defpath)) or first
    put_back(limits)  # inherited; no thread of ours is worth a dump meanwhile
    try:
        return subprocess.Popen(  # noqa: S603 - running it is what was asked for
            [first, *others],
            env=dict(environ),
            close_fds=False,  # <(...) of a shell; ours are not inheritable
        )
    finally:
        if limits is not None:
            switch_off()


class _Passing:
    """Takes the signals that come in its block, and passes them on to a child.

    Those that come before the child is known wait for it.
    """

    def __init__(self) -> None:
        self._child: subprocess.Popen[bytes] | None = None
        self._early: list[int] = []
        self._before: dict[int, Any] = {}

    def __enter__(self) -> Self:
        for name in PASSED_ON:
            number = getattr(signal, name, None)
            # What is ignored stays ignored: that is how nohup works.
            if number and signal.getsignal(number) is not signal.SIG_IGN:
                self._before[number] = signal.signal(number, self._pass)
        return self

    def __exit__(self, *_error: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def on_to(self, child: subprocess.Popen[bytes]) -> None:
        """Pass them on to this one."""
        self._child = child
        while self._early:
            self._pass(self._early.pop(0))

    def _pass(self, number: int, _frame: FrameType | None = None) -> None:
        if self._child is None:
            self._early.append(number)
        elif signal.Signals(number).name not in OF_KEYBOARD or not _at_keyboard():
            self._child.send_signal(number)


def _at_keyboard() -> bool:
    """Whether a keyboard sends its signals to us, and so to the child as well.

    On Windows nothing else sends them, and all who share the console get them.
    """
    if os.name == "nt":
        return True
    with contextlib.suppress(NoTerminal), open_terminal():
        return True
    return False


def _told(command: str, number: int | None) -> int:
    """Say why a command was not run; return a shell's exit code for it."""
    tell(f"{command}: {os.strerror(number or errno.ENOENT)}")
    return NOT_FOUND if number in {errno.ENOENT, errno.ENOTDIR} else NOT_EXECUTABLE
