"""Running a program that asks a person: never past a deadline, never for nobody.

What it prints may be the code. So it is never in the local variables of a frame that
raises, and no error shows it. The program is ended on every way out.
"""

from __future__ import annotations

import contextlib
import os
import queue
import select
import signal
import subprocess
import threading
import time
from typing import TYPE_CHECKING, Final

from sts_plugin import settings
from sts_plugin.commands import readable, without_secrets
from sts_plugin.errors import Declined
from sts_plugin.job_control import signals_held

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

__all__ = ["Broken", "Program", "running"]

PRINTED_BYTES_MAX: Final = 65_536
"""Far more than an answer and what a pinentry says around it."""

GRACE_SECONDS: Final = 0.15
"""Time to put a terminal right, for a program that is told to end."""


class Broken(Exception):
    """The program does not work; the text says how, and shows nothing it printed."""


class Program:
    """A running program; ``deadline`` (monotonic) is how long it is waited for."""

    def __init__(
        self,
        process: subprocess.Popen[bytes],
        deadline: float,
        abandoned: Callable[[], bool],
    ) -> None:
        self.deadline = deadline
        self._process = process
        self._abandoned = abandoned
        assert process.stdout is not None  # it was asked for
        self._pipe = process.stdout
        self._printed: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        self._on_its_way = threading.Lock()
        # A thread, because Windows has nothing else that waits for a pipe.
        self._reader = threading.Thread(target=self._fill, daemon=True)
        self._reader.start()

    def write(self, data: bytes) -> None:
        """Send it some bytes, few enough for the pipe; raise Broken if it has ended."""
        pipe = self._process.stdin
        assert pipe is not None  # it was asked for
        try:
            pipe.write(data)
        except OSError:
            raise Broken("it has ended") from None

    def read(self) -> bytes:
        """Return what it prints next, nothing once it prints no more.

        Raises TimeoutError at the deadline, Declined when nobody waits any more, Broken
        when it prints without an end.
        """
        while True:
            # Read before: what it has left running may hold the pipe for hours.
            ended = self._process.poll() is not None
            with contextlib.suppress(queue.Empty):
                return _whole(self._printed.get(timeout=self._tick()))
            if ended and self._drained():
                return b""

    def _drained(self) -> bool:
        """Whether all is read that was printed so far, however busy the machine is."""
        if not hasattr(select, "poll"):
            return True
        if not self._reader.is_alive():
            return self._printed.empty()
        try:
            with self._on_its_way:
                return self._printed.empty() and not readable(self._pipe, 0)
        except (OSError, ValueError):  # it was closed
            return True

    def _fill(self) -> None:
        """Read what is printed, for ``read``, in a thread of its own."""
        total = 0
        with contextlib.suppress(OSError, ValueError):  # it was closed: nobody waits
            while total <= PRINTED_BYTES_MAX:
                if not readable(self._pipe, settings.PROMPT_TICK_SECONDS):
                    continue
                with self._on_its_way:
                    data = self._pipe.read(4096)
                    total += len(data)
                    self._printed.put(data if total <= PRINTED_BYTES_MAX else None)
                if not data:
                    return

    def wait(self) -> int:
        """Return its exit code; raise as ``read`` does."""
        while True:
            with contextlib.suppress(subprocess.TimeoutExpired):
                return self._process.wait(self._tick())

    def _tick(self) -> float:
        """Return how long to wait until the next look around; raise if it is over."""
        if self._abandoned():
            raise Declined("nobody waits for the code any more")
        left = self.deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError
        return min(left, settings.PROMPT_TICK_SECONDS)


def _whole(data: bytes | None) -> bytes:
    if data is None:
        raise Broken(f"it printed more than {PRINTED_BYTES_MAX} bytes")
    return data


@contextlib.contextmanager
def running(  # noqa: PLR0913 - one program, one call
    words: Sequence[str],
    environ: Mapping[str, str],
    *,
    deadline: float,
    abandoned: Callable[[], bool],
    apart: bool,
    spoken_to: bool = False,
) -> Iterator[Program]:
    """Start a program, without secrets in its environment, and end it afterwards.

    ``apart``: in a process group of its own, which is ended as a whole. Whoever is to
    ask on the terminal has to stay in ours. ``spoken_to``: its stdin is for ``write``.
    Raises Broken when it cannot be started.
    """
    with contextlib.ExitStack() as stack:
        try:
            with signals_held():
                process = stack.enter_context(
                    subprocess.Popen(  # noqa: S603 - a path and a list, no shell
                        words,
                        bufsize=0,
                        env=without_secrets(environ),
                        stdin=subprocess.PIPE if spoken_to else subprocess.DEVNULL,
                        stdout=subprocess.PIPE,
                        stderr=subprocess.DEVNULL,  # Gtk warns of all kinds of things
                        process_group=0 if apart else None,
                        creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
                    )
                )
                stack.callback(_end, process, apart=apart)
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or "it is no command line"
            raise Broken(reason) from None
        yield Program(process, deadline, abandoned)


def _end(process: subprocess.Popen[bytes], *, apart: bool) -> None:
    """End it if it runs: asked first, because a terminal may have to be put right."""
    try:
        _tell(process, "SIGTERM", apart=apart)
        process.wait(GRACE_SECONDS)
    except subprocess.TimeoutExpired:
        pass
    finally:
        _tell(process, "SIGKILL", apart=apart)


def _tell(process: subprocess.Popen[bytes], name: str, *, apart: bool) -> None:
    if process.poll() is not None:
        return
    number = getattr(signal, name, signal.SIGTERM)  # Windows has SIGTERM only
    if apart and hasattr(os, "killpg"):
        with contextlib.suppress(OSError):
            os.killpg(process.pid, number)
    process.send_signal(number)
