"""Work of the engine for programs that must not be blocked: in a thread, once for all.

    work -> a thread of its own -> every task that waits for it, in whatever loop

Not in the executor of the loop: a prompt may wait for a minute, and fifty of those
would leave nothing of it to the program. A task that is cancelled just leaves. When all
have left, the work is told that nobody wants it (``unwanted``): a prompt then ends, and
with it every lock. Whoever comes later begins anew.

Knows of asyncio, and of anyio where there is no loop of asyncio; of no SDK.
"""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import threading
from concurrent.futures import Future
from typing import TYPE_CHECKING, Generic, TypeVar

from sts_plugin.errors import Declined

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Shared", "unwanted"]

T = TypeVar("T")


class Shared(Generic[T]):
    """Work that may be wanted again and again: those who want it at a time share it.

    A forked child has no thread of its parent's, and starts one of its own.
    """

    def __init__(self, work: Callable[[], T]) -> None:
        self._work = work
        self._flight: _Flight[T] | None = None

    def under_way(self) -> bool:
        """Whether somebody waits for it now."""
        return self._flight is not None and self._flight.joinable()

    async def __call__(self) -> T:
        """Return what the work returns; raise what it raises."""
        waiter = _Waiter()
        flight = self._flight
        if flight is None or not flight.join_in(waiter):
            flight = self._flight = _Flight(self._work, waiter)
            flight.start()
        try:
            return await waiter.landed(flight.landing)
        finally:
            waiter.left = True


def unwanted() -> bool:
    """Whether nobody wants any more what this very thread is doing."""
    flight = threading.current_thread()
    return isinstance(flight, _Flight) and flight.unwanted()


class _Waiter:
    """One task that waits, and its loop; None: it is of another library's."""

    def __init__(self) -> None:
        self.left = False
        try:
            self._loop: asyncio.AbstractEventLoop | None = asyncio.get_running_loop()
        except RuntimeError:
            self._loop = None

    def waits(self) -> bool:
        """Whether it is still there: a loop may be closed without a word to its tasks.

        Asked from another thread.
        """
        return not (self.left or (self._loop and self._loop.is_closed()))

    async def landed(self, landing: Future[T]) -> T:
        """Wait for the end of a flight; return or raise what came of it."""
        if self._loop is None:
            from anyio import to_thread  # noqa: PLC0415 - it is what runs us

            await to_thread.run_sync(landing.exception, abandon_on_cancel=True)
            return landing.result()
        loop, over = self._loop, asyncio.Event()

        def tell(_landing: Future[T]) -> None:
            with contextlib.suppress(RuntimeError):  # the loop was closed meanwhile
                loop.call_soon_threadsafe(over.set)

        landing.add_done_callback(tell)
        await over.wait()
        return landing.result()


class _Flight(threading.Thread, Generic[T]):
    """One run of the work, in the context of the task that was the first to want it.

    A daemon: a program that ends waits for nobody.
    """

    def __init__(self, work: Callable[[], T], first: _Waiter) -> None:
        super().__init__(name="sts-plugin credentials", daemon=True)
        self.landing: Future[T] = Future()
        self._work = work
        self._waiters = [first]
        self._abandoned = False
        self._lock = threading.Lock()
        self._context = contextvars.copy_context()

    def run(self) -> None:
        """Do the work."""
        try:
            result = self._context.run(self._work)
        except KeyboardInterrupt:
            # The prompt has passed it on to the main thread, where the program hears
            # of it in its own way; in a task it would tear the loop apart.
            self.landing.set_exception(Declined("somebody pressed Ctrl-C"))
        except BaseException as error:  # noqa: BLE001 - they raise it
            self.landing.set_exception(error)
        else:
            self.landing.set_result(result)

    def joinable(self) -> bool:
        """Whether it is under way. A child finds the thread of its parent dead."""
        return self.is_alive() and not self._abandoned and not self.landing.done()

    def join_in(self, waiter: _Waiter) -> bool:
        """Let somebody else wait for it, too, if it is under way."""
        if not self.joinable():
            return False  # before the lock: a fork may have left it shut
        with self._lock:
            if not self._abandoned:
                self._waiters.append(waiter)
            return not self._abandoned

    def unwanted(self) -> bool:
        """Whether all have left; from then on nobody can join."""
        with self._lock:
            self._abandoned = not any(one.waits() for one in self._waiters)
            return self._abandoned
