"""Work that must end in time, whatever it waits for."""

from __future__ import annotations

import contextvars
import threading
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["within"]

T = TypeVar("T")


def within(seconds: float, work: Callable[[], T]) -> T:
    """Return what ``work`` returns, or raise what it raises.

    Raises TimeoutError when it takes longer. It then goes on in a thread of its own
    that nobody waits for, not even the end of the process: a blocking read cannot
    be interrupted in any other way that works within a host program.
    """
    results: list[T] = []
    errors: list[BaseException] = []

    def run() -> None:
        try:
            results.append(work())
        except BaseException as error:  # noqa: BLE001 - handed on to the caller
            errors.append(error)

    # A host's tracing knows whose call this is by its context variables.
    thread = threading.Thread(
        target=contextvars.copy_context().run,
        args=(run,),
        name="sts-plugin call",
        daemon=True,
    )
    thread.start()
    thread.join(seconds)
    if errors:
        raise errors[0]
    if not results:
        raise TimeoutError
    return results[0]
