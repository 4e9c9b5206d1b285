"""``completion``: the lines by which a shell learns to complete our command line."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sts_plugin.cli.common import show

if TYPE_CHECKING:
    import argparse

    from sts_plugin.cli.common import Subparsers

__all__ = ["add", "completion"]

SHELLS: Final = ("bash", "zsh", "fish", "powershell")


def add(commands: Subparsers) -> None:
    """Add the command of this module."""
    parser = commands.add_parser(
        "completion",
        help="print what lets a shell complete commands and profiles",
        description="Print lines for the startup file of a shell, which let it complete"
        " commands, options and the names of profiles."
        ' For bash: eval "$(sts-plugin completion bash)"',
    )
    parser.add_argument(
        "shell", choices=SHELLS, metavar="SHELL", help=", ".join(SHELLS)
    )
    parser.set_defaults(command=completion)


def completion(options: argparse.Namespace) -> int:
    """Print the lines."""
    from argcomplete.shell_integration import shellcode  # noqa: PLC0415 - late

    show(shellcode(["sts-plugin"], shell=options.shell).rstrip())
    return 0
