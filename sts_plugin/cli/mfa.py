"""Commands about the seeds of MFA devices: ``mfa add``, ``code``, ``list``, ``remove``.

None takes a seed as an argument, and none shows one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sts_plugin.cli.common import add_output
from sts_plugin.cli.discreet import discreet

if TYPE_CHECKING:
    import argparse

    from sts_plugin.cli.common import Subparsers

__all__ = ["add", "code", "enrol", "list_devices", "remove"]


def add(commands: Subparsers) -> None:
    """Add the commands of this module."""
    group = commands.add_parser(
        "mfa", help="keep the seed of an MFA device, so that nobody types codes"
    )
    mine = discreet(group, "a seed")
    parser = mine.add_parser(
        "add",
        help="keep a device's seed",
        description="Ask for the seed of a virtual MFA device and keep it: whoever has"
        " this machine then has both factors.",
        allow_abbrev=False,
    )
    _add_device(parser)
    where = parser.add_mutually_exclusive_group()
    where.add_argument(
        "--keychain",
        dest="where",
        action="store_const",
        const="keychain",
        help="keep it in the OS keychain (the default where there is one)",
    )
    where.add_argument(
        "--file",
        dest="where",
        action="store_const",
        const="file",
        help="keep it in a file that only you can read",
    )
    parser.add_argument(
        "--from",
        dest="source",
        metavar="PATH",
        help="take it from a text file or a picture of the QR code; - reads stdin",
    )
    parser.add_argument(
        "--replace", action="store_true", help="in the place of the one that is kept"
    )
    parser.set_defaults(command=enrol)
    parser = mine.add_parser(
        "code", help="print a code that was not used yet", allow_abbrev=False
    )
    _add_device(parser)
    parser.set_defaults(command=code)
    parser = mine.add_parser(
        "list", help="show which devices have a seed here", allow_abbrev=False
    )
    add_output(parser)
    parser.set_defaults(command=list_devices)
    parser = mine.add_parser(
        "remove", help="remove a device's seed", allow_abbrev=False
    )
    _add_device(parser)
    parser.add_argument("--yes", action="store_true", help="do not ask whether to")
    parser.set_defaults(command=remove)


def _add_device(parser: argparse.ArgumentParser) -> None:
    """Add ``--profile`` and ``--serial``, of which one may be given."""
    which = parser.add_mutually_exclusive_group()
    which.add_argument(
        "--profile",
        metavar="NAME",
        help="the device of a profile (default: AWS_PROFILE, else default)",
    )
    which.add_argument("--serial", metavar="ARN", help="the device itself")


# What the commands need is imported when they are used: other commands are in a hurry.


def enrol(options: argparse.Namespace) -> int:
    """Keep the seed of a device, and show two codes in a row."""
    from sts_plugin.cli import mfa_add  # noqa: PLC0415

    return mfa_add.enrol(options)


def code(options: argparse.Namespace) -> int:
    """Print a code that was not used yet."""
    from sts_plugin.cli import mfa_kept  # noqa: PLC0415

    return mfa_kept.code(options)


def list_devices(options: argparse.Namespace) -> int:
    """Print the devices whose seeds are kept."""
    from sts_plugin.cli import mfa_kept  # noqa: PLC0415

    return mfa_kept.list_devices(options)


def remove(options: argparse.Namespace) -> int:
    """Remove a seed."""
    from sts_plugin.cli import mfa_kept  # noqa: PLC0415

    return mfa_kept.remove(options)
