"""``sts-plugin`` and ``python -m sts_plugin``: the executable."""

from __future__ import annotations

import os
import sys
from typing import NoReturn

from sts_plugin.core_dumps import switch_off
from sts_plugin.warm import hit

__all__ = ["main"]

INTERRUPTED = 130
"""As in exit_codes: a warm hit has no time to import it."""


def main() -> NoReturn:
    """Run the command line and end the process with its exit code."""
    arguments = sys.argv[1:]
    # What a sandbox runs is somebody's own program, and its secrets are worth nothing.
    limits = switch_off() if arguments[:1] != ["sandbox"] else None
    package = os.path.dirname(__file__)  # noqa: PTH120 - pathlib takes longer than a hit
    if (done := hit(arguments, package)) is not None:
        os._exit(done)
    try:
        from sts_plugin.cli import run  # noqa: PLC0415 - only where there is no hit

        code = run(arguments, limits)
    except KeyboardInterrupt:  # before there is anybody who could say so
        code = INTERRUPTED
    except SystemExit as end:  # argparse, a signal, a reader that went away
        code = end.code if isinstance(end.code, int) else 0
    _end(code)


def _end(code: int) -> NoReturn:
    """End at once: nothing is left to do that the kernel does not do.

    Python would take its modules apart one by one. That is a third of what a waiter
    costs, and two hundred of them end at one moment.
    """
    for stream in (sys.stdout, sys.stderr):
        try:
            if stream is not None:  # it was closed before we began
                stream.flush()
        except OSError:  # a help text for a reader that went away, or for a full disk
            code = code or 1
    os._exit(code)


if __name__ == "__main__":
    main()
