"""Running a command that a profile names: for a code, a token, an assertion.

Without a shell, without secrets in its environment, and never without an end. Where
there is a terminal that we may use, its stdin and stderr are that terminal, so that a
"touch your key" is seen and a password can be typed, though an SDK has our own streams
on pipes. Where there is none, its stdin is empty and what it says is passed on.
"""

from __future__ import annotations

import contextlib
import io
import os
import re
import select
import signal
import subprocess
import threading
import time
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Final

from sts_plugin.errors import ConfigurationError, Declined, NoAnswer
from sts_plugin.files import BYTES_MAX
from sts_plugin.job_control import signals_held, unstopped
from sts_plugin.terminal import NoTerminal, open_terminal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from sts_plugin.model import Setting

__all__ = ["output_of", "readable", "without_secrets"]

# AWS_..._TOKEN_FILE is a path, and AWS_ENDPOINT_URL_SECRETS_MANAGER an address.
AWS_SECRET = re.compile(r"AWS_(?:.*_)?(?:ACCESS_KEY|SECRET|TOKEN)(?:_.*)?(?<!_FILE)")

OUR_SECRETS = frozenset({"STS_PLUGIN_MFA_CODE", "STS_PLUGIN_TOTP_FD"})

SHELL = re.compile(r"[|&;<>$`~*]")
"""What means something to a shell, as which aws-vault would have run the command."""

STDERR = 2

NO_WINDOW: Final = getattr(subprocess, "CREATE_NO_WINDOW", 0)

INTERRUPTED = frozenset({-signal.SIGINT, 128 + signal.SIGINT})
"""How a command ends whose user pressed Ctrl-C; the second is a shell's, and fzf's."""

POLL_SECONDS: Final = 0.25

LOOK_SECONDS: Final = 0.05
"""How often it is looked whether a command whose pipe is empty has ended."""

LAST_WORDS_SECONDS: Final = 0.2
"""Time for what a command had said that has ended, where we cannot know its end: what
it has left running, a browser perhaps, may hold the pipe for hours."""

RELAY_SECONDS: Final = 2.0
"""The same for what it had said on stderr, which is there to be read when it ends: a
busy machine takes its time, and what the command left running may go on talking."""

BY_HAND = "run the command by hand to see"


class _Abandoned(Exception):
    """Nobody waits for the command any more."""


def output_of(
    setting: Setting,
    *,
    seconds: float,
    environ: Mapping[str, str],
    extra: Mapping[str, str],
    abandoned: Callable[[], bool] = lambda: False,
) -> str:
    """Return what the command of a setting prints.

    ``environ``, less the secrets in it, and ``extra`` are the environment of the
    command. Raises NoAnswer when it takes longer than ``seconds``, Declined when its
    user interrupts it or once ``abandoned`` says that nobody waits any more, and
    ConfigurationError when it cannot be run or fails. No error shows what it printed.
    """
    from sts_plugin.words import split  # noqa: PLC0415 - most runs run no command

    where = f"{setting.origin}: {setting.key}{setting.owner}"
    child = {**without_secrets(environ), **extra}
    try:
        return _run(split(setting.value), child, seconds, abandoned)
    except _Abandoned:
        raise Declined(f"nobody waits for {where} any more") from None
    except subprocess.TimeoutExpired:
        raise NoAnswer(
            f"{where} did not answer within {seconds:.0f} seconds",
            hint=f"{BY_HAND} what it waits for",
            person=False,
        ) from None
    except subprocess.CalledProcessError as error:
        if error.returncode in INTERRUPTED:
            raise Declined(f"{where} was interrupted") from None
        raise ConfigurationError(
            f"{where} ended with exit code {error.returncode}",
            hint=_shell_hint(setting.value) or f"{BY_HAND} why",
        ) from None
    except (OSError, ValueError, IndexError) as error:
        reason = getattr(error, "strerror", None) or "it is no command line"
        raise ConfigurationError(
            f"{where} cannot be run: {reason}",
            hint=_shell_hint(setting.value)
            or "it is split into words and run without a shell",
        ) from None


def without_secrets(environ: Mapping[str, str]) -> dict[str, str]:
    """Return what a program that we start may see of an environment.

    Left out are the credentials and tokens in AWS's variables, and what leads to a
    code in ours.
    """
    return {
        name: value
        for name, value in environ.items()
        if not AWS_SECRET.fullmatch(name) and name not in OUR_SECRETS
    }


def _shell_hint(command: str) -> str:
    if SHELL.search(command):
        return "it is run without a shell; if it needs one: sh -c '...'"
    return ""


# --- The process -------------------------------------------------------------


def _run(
    words: Sequence[str],
    environ: Mapping[str, str],
    seconds: float,
    abandoned: Callable[[], bool],
) -> str:
    """Run the command, and end it if it is not waited for."""
    with _place() as place, contextlib.ExitStack() as stack:
        with signals_held():
            process = stack.enter_context(
                subprocess.Popen(  # noqa: S603 - the user's own command, no shell
                    words,
                    bufsize=0,
                    env=environ,
                    stdin=place.stdin,
                    stdout=subprocess.PIPE,
                    stderr=place.stderr,
                    process_group=0 if place.apart else None,
                    # No window flashes up where a program without a console asks us.
                    creationflags=NO_WINDOW if place.apart else 0,
                )
            )
            command = _Command(process, place.apart)
            stack.push(command.kill_if_failed)
        with _relayed(process.stderr):
            return _output(command, time.monotonic() + seconds, abandoned)


@dataclass(frozen=True, slots=True)
class _Command:
    """A running command, alone or ``apart``: in a process group of its own."""

    process: subprocess.Popen[bytes]
    apart: bool

    def kill_if_failed(self, kind: type[BaseException] | None, *_: object) -> None:
        """End it on the way out of an error."""
        if kind:
            self.kill()

    def kill(self) -> None:
        """End it if it runs: what it has started too, if that can be told from us."""
        if self.apart and hasattr(os, "killpg") and self.process.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)
        self.process.kill()


def _output(command: _Command, deadline: float, abandoned: Callable[[], bool]) -> str:
    """Return what the command prints until it ends well.

    The pipe is read in a thread of its own and without a buffer, whose lock would make
    its closing wait for what the process left behind. All that the process had printed
    is in the pipe when it ends: however busy the machine is, that much is read.
    """
    printed, over = io.BytesIO(), threading.Event()
    reader = threading.Thread(target=_read, args=(command, printed, over), daemon=True)
    reader.start()
    code = _wait(command.process, deadline, abandoned)
    over.set()
    in_time = max(LAST_WORDS_SECONDS, deadline - time.monotonic())
    reader.join(in_time if os.name == "posix" else LAST_WORDS_SECONDS)
    if printed.tell() > BYTES_MAX:
        raise OSError(0, f"it printed more than {BYTES_MAX} bytes")
    if code in INTERRUPTED:
        time.sleep(LAST_WORDS_SECONDS)  # our own KeyboardInterrupt is on its way
    if code:
        raise subprocess.CalledProcessError(code, command.process.args)
    return printed.getvalue().decode(errors="replace")


def _wait(
    process: subprocess.Popen[bytes], deadline: float, abandoned: Callable[[], bool]
) -> int:
    """Return its exit code; raise TimeoutExpired at the deadline, or _Abandoned."""
    while True:
        left = deadline - time.monotonic()
        try:
            return process.wait(max(0.0, min(left, POLL_SECONDS)))
        except subprocess.TimeoutExpired:
            if left <= POLL_SECONDS:
                raise
        if abandoned():
            raise _Abandoned


def _read(command: _Command, printed: io.BytesIO, over: threading.Event) -> None:
    """Keep what the command prints; end it if that is far too much."""
    pipe = command.process.stdout
    assert pipe is not None  # it was asked for
    for data in _said(pipe, over):
        printed.write(data)
        if printed.tell() > BYTES_MAX:
            command.kill()  # it would wait for us to go on
            return


def _said(pipe: IO[bytes], over: threading.Event) -> Iterator[bytes]:
    """Yield what comes until the pipe is closed, or empty after the process is over.

    What the process has left running, a browser perhaps, may hold the pipe for hours.
    """
    with contextlib.suppress(OSError, ValueError):  # it was closed: nobody waits
        while True:
            ended = over.is_set()  # before we look: what comes later is not its own
            if not readable(pipe, LOOK_SECONDS):
                if ended:
                    return
                continue
            data = pipe.read(65536)
            if not data:
                return
            yield data


def readable(pipe: IO[bytes], seconds: float) -> bool:
    """Whether, within that time, a read would return at once.

    Windows cannot say: there it waits in the read.
    """
    if not hasattr(select, "poll"):
        return True
    poll = select.poll()  # select minds descriptors above 1023, and a host has many
    poll.register(pipe, select.POLLIN)
    return bool(poll.poll(seconds * 1000))


@contextlib.contextmanager
def _relayed(pipe: IO[bytes] | None) -> Iterator[None]:
    """Pass on what the command says, for as long as it runs."""
    if pipe is None:
        yield
        return

    over = threading.Event()

    def relay() -> None:
        with contextlib.suppress(OSError):  # our own was closed
            for data in _said(pipe, over):
                os.write(STDERR, data)

    thread = threading.Thread(target=relay, daemon=True)
    thread.start()
    try:
        yield
    finally:  # why it failed above all
        over.set()
        thread.join(RELAY_SECONDS if os.name == "posix" else LAST_WORDS_SECONDS)


# --- Where it runs -----------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Place:
    """What a command is joined to, and whether it is ``apart`` from our group.

    Whoever asks at the terminal must be in its foreground, as we are: in a group of its
    own it would be stopped (SIGTTIN). The price is that what it had started may outlive
    it there.
    """

    stdin: int
    stderr: int | None
    apart: bool


@contextlib.contextmanager
def _place() -> Iterator[_Place]:
    with contextlib.ExitStack() as stack:
        try:
            terminal = stack.enter_context(open_terminal(inheritable=True))
        except NoTerminal:
            if _at_a_terminal():
                yield _Place(subprocess.DEVNULL, None, apart=False)
            else:
                # Never our own stderr where that is a pipe: the SDK at its end waits
                # until everybody has closed it, a browser that was started included.
                yield _Place(subprocess.DEVNULL, subprocess.PIPE, apart=True)
        else:
            stack.enter_context(unstopped())
            stack.enter_context(terminal.left_as_found())
            stdin, stderr = stack.enter_context(terminal.streams())
            yield _Place(stdin, stderr, apart=False)


def _at_a_terminal() -> bool:
    with contextlib.suppress(OSError):  # it is closed
        return os.isatty(STDERR)
    return False
