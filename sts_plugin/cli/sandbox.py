"""The command ``sandbox``: the main job on a machine without an AWS account.

Without a command it gives a short tour; with one, it runs it in an environment that
leads every AWS SDK to the sandbox. Everything it makes is gone when it ends.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from sts_plugin.cli.common import exit_code, show, tell, this_program
from sts_plugin.errors import ConfigurationError
from sts_plugin.exit_codes import NOT_FOUND
from sts_plugin.terminal import NoTerminal, open_terminal

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sts_plugin.cli.common import Subparsers

__all__ = ["add", "sandbox"]

FOLDER_VARIABLE = "STS_PLUGIN_SANDBOX"
"""Set inside a sandbox: its folder."""


def add(commands: Subparsers) -> None:
    """Add the commands of this module."""
    parser = commands.add_parser(
        "sandbox",
        help="try it all against a strict local STS, without an AWS account",
        usage="sts-plugin sandbox [-h] [--yes | --code] [-- COMMAND ...]",
        description="A strict STS on this machine and a small organisation to go"
        " with it. Without COMMAND: a short tour.",
    )
    how = parser.add_mutually_exclusive_group()
    how.add_argument(
        "--yes", action="store_true", help="supply the MFA codes, so that nobody types"
    )
    how.add_argument(
        "--code",
        action="store_true",
        help="inside a sandbox: print what the MFA device shows now",
    )
    parser.add_argument(
        "program",
        nargs=argparse.REMAINDER,  # its options are its own
        metavar="COMMAND",
        help="what to run",
    )
    parser.set_defaults(command=sandbox)


def sandbox(options: argparse.Namespace) -> int:
    """Give the tour, run a command, or print the device's code."""
    if options.code:
        return _print_code()
    # The engine never imports the sandbox, nor does any other command.
    from sts_plugin.sandbox import Sandbox, tour  # noqa: PLC0415

    program = options.program
    if program[:1] == ["--"]:  # argparse leaves it in a REMAINDER
        program = program[1:]
    asked = not options.yes and (bool(program) or _has_terminal())
    with (
        tempfile.TemporaryDirectory(prefix="sts-plugin-sandbox-") as folder,
        Sandbox(Path(folder), command=this_program(), totp_file=not asked) as running,
    ):
        if program:
            return _run(program, running.environ(), codes=asked)
        return tour.give(running, [sys.executable, "-m", "sts_plugin"], asked=asked)


def _print_code() -> int:
    import pyotp  # noqa: PLC0415 - only where it is asked

    start = "start one with: sts-plugin sandbox -- $SHELL"
    folder = os.environ.get(FOLDER_VARIABLE)
    if not folder:
        raise ConfigurationError("there is no sandbox around this command", hint=start)
    try:
        seed = (Path(folder) / "alice.totp").read_text(encoding="ascii").strip()
        code = pyotp.TOTP(seed).now()
    except (OSError, ValueError):
        raise ConfigurationError(
            f"{FOLDER_VARIABLE}={folder} is not the folder of a sandbox", hint=start
        ) from None
    show(code)
    return 0


def _has_terminal() -> bool:
    with contextlib.suppress(NoTerminal), open_terminal():
        return sys.stdout.isatty()
    return False


def _run(command: Sequence[str], environ: Mapping[str, str], *, codes: bool) -> int:
    if codes:
        tell(
            "in the sandbox; alice's MFA device shows its code with:"
            " sts-plugin sandbox --code"
        )
    # Ctrl-C is for the command; a handler (unlike "ignore") is not inherited by it.
    before = signal.signal(signal.SIGINT, lambda *_: None)
    usual = environ.get("PATH", os.defpath)
    path = os.pathsep.join([str(Path(sys.executable).parent), usual])
    try:
        code = subprocess.run(  # noqa: S603 - running it is what was asked for
            list(command), env={**environ, "PATH": path}, check=False
        ).returncode
    except OSError as error:
        tell(f"{command[0]}: {error.strerror}")
        return NOT_FOUND
    finally:
        signal.signal(signal.SIGINT, before)
    return exit_code(code)
