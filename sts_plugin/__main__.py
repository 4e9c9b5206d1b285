"""``sts-plugin`` and ``python -m sts_plugin``: the executable."""

from __future__ import annotations

import sys

from sts_plugin.core_dumps import switch_off

__all__ = ["main"]


def main() -> int:
    """Run the command line and return its exit code."""
    arguments = sys.argv[1:]
    # What a sandbox runs is somebody's own program, and its secrets are worth nothing.
    if arguments[:1] != ["sandbox"]:
        switch_off()
    from sts_plugin.cli import run  # noqa: PLC0415 - the warm path will come before it

    return run(arguments)


if __name__ == "__main__":
    sys.exit(main())
