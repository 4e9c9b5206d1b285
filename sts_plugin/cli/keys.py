"""Commands about access keys in the OS keychain: ``keys add``, ``list``, ``remove`` ...

None takes a secret access key as an argument, and none shows one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sts_plugin.cli.common import add_output, add_profile
from sts_plugin.cli.discreet import discreet

if TYPE_CHECKING:
    import argparse

    from sts_plugin.cli.common import Subparsers

__all__ = ["add", "enrol", "list_keys", "remove", "rotate"]


def add(commands: Subparsers) -> None:
    """Add the commands of this module."""
    group = commands.add_parser("keys", help="keep access keys in the OS keychain")
    mine = discreet(group, "a secret access key")
    parser = mine.add_parser(
        "add",
        help="keep a profile's access key",
        description="Ask for an access key, or take the one in a profile's files, and"
        " keep it in the OS keychain.",
        allow_abbrev=False,
    )
    add_profile(parser)
    parser.add_argument(
        "--import",
        dest="import_",
        action="store_true",
        help="take the profile's key from the AWS files, and offer to remove it there",
    )
    parser.add_argument(
        "--remove-from-file",
        action="store_true",
        help="with --import: do not ask whether to",
    )
    parser.add_argument(
        "--replace", action="store_true", help="in the place of the one that is kept"
    )
    parser.add_argument(
        "--no-verify", action="store_true", help="do not ask AWS whose key it is"
    )
    parser.set_defaults(command=enrol)
    parser = mine.add_parser(
        "list", help="show which profiles have a key here", allow_abbrev=False
    )
    parser.add_argument(
        "--check", action="store_true", help="ask the keychain whether they are there"
    )
    add_output(parser)
    parser.set_defaults(command=list_keys)
    parser = mine.add_parser(
        "remove", help="remove a profile's key", allow_abbrev=False
    )
    add_profile(parser)
    parser.add_argument("--yes", action="store_true", help="do not ask whether to")
    parser.set_defaults(command=remove)
    parser = mine.add_parser(
        "rotate",
        help="put a new key in the place of a profile's",
        description="Make a new access key, keep it, see that it works, and delete the"
        " old one. A run that was interrupted is gone on with.",
        allow_abbrev=False,
    )
    add_profile(parser)
    parser.set_defaults(command=rotate)


# What the commands need is imported when they are used: other commands are in a hurry.


def enrol(options: argparse.Namespace) -> int:
    """Keep an access key."""
    from sts_plugin.cli import keys_add  # noqa: PLC0415

    return keys_add.enrol(options)


def list_keys(options: argparse.Namespace) -> int:
    """Print the profiles whose keys are kept."""
    from sts_plugin.cli import keys_kept  # noqa: PLC0415

    return keys_kept.list_keys(options)


def remove(options: argparse.Namespace) -> int:
    """Remove an access key."""
    from sts_plugin.cli import keys_kept  # noqa: PLC0415

    return keys_kept.remove(options)


def rotate(options: argparse.Namespace) -> int:
    """Put a new key in the place of an old one."""
    from sts_plugin.cli import keys_rotate  # noqa: PLC0415

    return keys_rotate.rotate(options)
