"""No core dumps of a process that holds secrets: for the executable alone.

A program that the provider is a guest in decides that for itself. What the executable
starts (commands for codes and tokens, pinentries, dialogs) inherits it; they may raise
the limit again, up to the hard one. The command of ``sts-plugin exec`` does not: it
gets the limits that we were given.

Dumps are switched off by the limit and not by ``prctl(PR_SET_DUMPABLE)``: that needs
ctypes, whose import takes 1.6 ms of each run against 0.2 ms for resource, and it takes
``/proc/self``, with that ``/dev/stdin`` and ``/dev/fd``, from whoever is not root.
"""

from __future__ import annotations

import sys

__all__ = ["Limits", "put_back", "switch_off"]

Limits = tuple[int, int]
"""The soft limit and the hard one."""


def switch_off() -> Limits | None:
    """Let this process leave no core dump, and return what the limits were.

    Does nothing where there are none.
    """
    try:
        import resource  # noqa: PLC0415 - there is none on Windows
    except ImportError:
        return None
    soft, hard = resource.getrlimit(resource.RLIMIT_CORE)
    # Linux minds no limit where dumps are piped to a program (core(5)) but this one,
    # by which it tells a crash of such a program (do_coredump in fs/coredump.c).
    least = 1 if sys.platform == "linux" and hard != 0 else 0
    if soft != least:
        resource.setrlimit(resource.RLIMIT_CORE, (least, hard))
    return soft, hard


def put_back(limits: Limits | None) -> None:
    """Set what ``switch_off`` returned: for a program of somebody's own."""
    if limits is not None:
        import resource  # noqa: PLC0415 - there is none on Windows

        resource.setrlimit(resource.RLIMIT_CORE, limits)
