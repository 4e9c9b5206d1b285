"""Whoever watches a command of ours: a person, perhaps at a terminal behind an SDK."""

from __future__ import annotations

import contextlib
import os
import select
import sys
import time
from typing import TYPE_CHECKING

from sts_plugin import settings
from sts_plugin.cli.progress import progress
from sts_plugin.locks import terminal_session
from sts_plugin.mfa import printable
from sts_plugin.terminal import (
    NoTerminal,
    in_foreground,
    open_terminal,
    write,
)
from sts_plugin.watcher import Watcher

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

    from sts_plugin.device import Terminal

__all__ = ["TerminalWatcher"]

STDOUT = 1


class TerminalWatcher(Watcher):
    """Shows on the terminal itself what an SDK would swallow on stderr."""

    def __init__(self, tell: Callable[[str], None]) -> None:
        super().__init__(tell)
        self._parent = os.getppid()

    def warn(self, line: str, *, session: int | None = None) -> None:
        """Say it on stderr, and on our terminal if that is another one."""
        self.tell(line)
        if session == terminal_session() or (sys.stderr and sys.stderr.isatty()):
            return
        with contextlib.suppress(NoTerminal, OSError), open_terminal() as terminal:
            deadline = time.monotonic() + settings.PROMPT_TICK_SECONDS
            write(terminal, f"\r\nsts-plugin: {printable(line)}\r\n", deadline)

    def wait(self, line: str, seconds: float, *, why: str) -> None:
        """Count down on the terminal, and leave no trace of it."""
        until = time.monotonic() + seconds
        try:
            with open_terminal() as terminal:
                self._count_down(terminal, [f"sts-plugin: {why}", line], until)
        except (NoTerminal, OSError):
            super().wait(line, max(0.0, until - time.monotonic()), why=why)

    def _count_down(self, terminal: Terminal, lines: list[str], until: float) -> None:
        from sts_plugin.drawing import Drawing  # noqa: PLC0415 - most runs do not wait

        *above, last = map(printable, lines)
        drawing = Drawing(terminal, os.environ)
        try:
            while (left := until - time.monotonic()) > 0:
                text = [*above, f"{last}: {left:.0f} s"]
                if not in_foreground(terminal):  # drawing might stop us
                    raise NoTerminal("this is a background job")
                drawing.draw(text, time.monotonic() + settings.PROMPT_TICK_SECONDS)
                time.sleep(min(left, 1.0))
        finally:
            with contextlib.suppress(OSError):
                if in_foreground(terminal):
                    drawing.erase(time.monotonic() + settings.PROMPT_TICK_SECONDS)

    def during(
        self, what: str, seconds: float | None, *, shared: bool = False
    ) -> AbstractContextManager[None]:
        """Show on the terminal what takes longer than a second."""
        return progress(what, seconds, shared=shared)

    def gone(self) -> bool:
        """Whether nobody is left to read our stdout: a pipe that is shut over there."""
        if not hasattr(select, "poll"):
            return False
        poll = select.poll()
        poll.register(STDOUT, 0)
        with contextlib.suppress(OSError):
            return any(
                event & (select.POLLERR | select.POLLHUP) for _, event in poll.poll(0)
            )
        return False

    def orphaned(self) -> bool:
        """Whether whoever started us has ended: a shell, an SDK."""
        return os.getppid() != self._parent or self.gone()
