"""Calls of ours that leave nothing in anybody's log, and nothing in a traceback.

botocore and urllib3 log what they send and get: codes, session tokens, secret keys. A
program that switches their debug log on wants to see its own calls; ours happen within
them, in a context of their own. So the loggers of these libraries get a filter, once,
that drops the records of our context and passes all others. It stays where it is, since
a filter cannot be taken away while other threads log.

A traceback keeps its place and loses the variables of its frames: requests and answers.
"""

from __future__ import annotations

import contextvars
import traceback
from typing import TYPE_CHECKING, Final, TypeVar

if TYPE_CHECKING:
    import logging
    from collections.abc import Callable

__all__ = ["quietly"]

T = TypeVar("T")

FAMILIES: Final = frozenset({"awscli", "boto3", "botocore", "urllib3"})
"""Whose loggers: by any part of a logger's name, since copies are vendored."""

_ours: contextvars.ContextVar[bool] = contextvars.ContextVar("sts_plugin_call")


def quietly(work: Callable[[], T], what: str = "") -> Callable[[], T]:
    """Return ``work`` that nothing is logged of but its name, and no frame is kept of.

    It may run in another thread and for as long as it likes. Whatever it calls should
    have been imported: a logger that is made while it runs has no filter. ``what`` it
    is, for whoever reads the log.
    """

    def quiet() -> T:
        import logging  # noqa: PLC0415 - a run without a call does without it

        if what:
            logging.getLogger("sts_plugin").debug(
                "%s: the rest of the log of it is left out, it holds secrets", what
            )
        token = _ours.set(True)
        try:
            _cover(logging.root.manager)
            return work()
        except BaseException as error:
            _forget_frames(error)
            raise
        finally:
            _ours.reset(token)

    return quiet


def _not_ours(_record: logging.LogRecord) -> bool:
    return not _ours.get(False)


def _cover(manager: logging.Manager) -> None:
    """Put the filter before all others of each logger that does not have it yet."""
    # Another thread may make loggers meanwhile: a copy, in one step.
    for name, logger in list(manager.loggerDict.items()):
        filters = getattr(logger, "filters", None)  # a PlaceHolder has none
        if (
            filters is not None
            and _not_ours not in filters
            and not FAMILIES.isdisjoint(name.split("."))
        ):
            filters.insert(0, _not_ours)


def _forget_frames(error: BaseException | None) -> None:
    """Clear the variables of all frames that an error can be followed to."""
    seen: set[int] = set()
    errors = [error]
    while errors:
        one = errors.pop()
        if one is None or id(one) in seen:
            continue
        seen.add(id(one))
        traceback.clear_frames(one.__traceback__)
        errors += [one.__cause__, one.__context__]
