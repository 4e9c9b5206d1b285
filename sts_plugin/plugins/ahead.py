"""Renewal that no request waits for, in a program: a thread of its own.

botocore asks for new credentials in the request that comes first when 15 minutes are
left. While the old set is good for longer than botocore insists on, that request is
handed the old one, and a thread gets the next.
"""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from typing import TYPE_CHECKING, Final

from sts_plugin.errors import StsPluginError

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Ahead"]

logger = logging.getLogger("sts_plugin")

PAUSE_SECONDS: Final = 30.0
"""How long work that came to nothing is not begun again."""


class Ahead:
    """Does one work at a time, in a thread that holds nothing up.

    A forked child has no thread, and starts one of its own.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._thread: threading.Thread | None = None
        self._again = 0.0

    def start(self, work: Callable[[], bool]) -> None:
        """Begin the work, unless it is being done or has failed a moment ago.

        ``work`` returns whether it came to something. What it raises is not told in
        full: whoever cannot wait any longer will meet it. A program that ends does not
        wait for the thread.
        """
        running = self._thread is not None and self._thread.is_alive()
        if running or self._clock() < self._again:
            return

        def alone() -> None:
            done = False
            try:
                done = work()
            except StsPluginError:
                pass
            except Exception as error:  # noqa: BLE001 - a hook of the program's
                logger.warning("a renewal ended by a %s", type(error).__name__)
            finally:
                if not done:
                    self._again = self._clock() + PAUSE_SECONDS

        self._thread = threading.Thread(
            target=alone, name="sts-plugin renewal", daemon=True
        )
        # None can be started where a program is about to end.
        with contextlib.suppress(RuntimeError):
            self._thread.start()
