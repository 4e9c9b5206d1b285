"""``sts-plugin`` and ``python -m sts_plugin``: the executable."""

from __future__ import annotations

import sys

__all__ = ["main"]


def main() -> int:
    """Run the command line and return its exit code."""
    from sts_plugin.cli import run  # noqa: PLC0415 - the warm path will come before it

    return run(sys.argv[1:])


if __name__ == "__main__":
    sys.exit(main())
