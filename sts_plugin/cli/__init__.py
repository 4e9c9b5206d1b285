"""The command line: arguments, tables and exit codes.

One module per group of commands, each with ``add`` (its arguments) and one function
per command. Holds no logic that another door would need.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import signal
import sys
import traceback
from importlib import import_module
from typing import TYPE_CHECKING, NoReturn

from sts_plugin import __version__
from sts_plugin.cli.common import tell
from sts_plugin.errors import StsPluginError
from sts_plugin.exit_codes import DEFECT, INTERRUPTED, SIGNALLED

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from types import FrameType

    from sts_plugin.core_dumps import Limits

__all__ = ["build_parser", "run"]

GROUPS: Mapping[str, tuple[str, ...]] = {
    "configure": ("configure",),
    "doctor": ("doctor",),
    "listing": ("list",),
    "explain": ("explain",),
    "status": ("status",),
    "login": ("login",),
    "logout": ("logout",),
    "execute": ("exec", "env"),
    "serve": ("serve",),
    "console": ("console",),
    "ask": ("whoami", "key-info", "decode", "web-identity-token"),
    "mfa": ("mfa",),
    "keys": ("keys",),
    "credentials": ("credential-process", "renew"),
    "completion": ("completion",),
    "sandbox": ("sandbox",),
}
"""The modules of the commands, in the order of ``--help``, and what is in each."""


def build_parser(command: str | None = None) -> argparse.ArgumentParser:
    """Return the parser of the whole command line, or enough of it for a ``command``.

    One that does not exist gets the whole, which says so.
    """
    parser = argparse.ArgumentParser(
        prog="sts-plugin",
        description="AWS STS credentials for every SDK on this machine.",
    )
    parser.add_argument("--version", action="version", version=__version__)
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    needed = [group for group, names in GROUPS.items() if command in names]
    for group in needed or GROUPS:
        # Not at the top: a command need not wait for what the others import.
        import_module(f"sts_plugin.cli.{group}").add(commands)
    # A --prof would work by hand, but nobody else who reads a credential_process line
    # of ours would understand it.
    for one in (parser, *commands.choices.values()):
        one.allow_abbrev = False
    return parser


def run(arguments: Sequence[str], core_limits: Limits | None = None) -> int:
    """Run a command and return its exit code; say on stderr what went wrong.

    ``core_limits`` are what this process was given, for the commands it runs.

    The codes are those of ``exit_codes``. stdout stays empty unless the command
    succeeded.
    """
    if "_ARGCOMPLETE" in os.environ:  # a shell asks what could come next
        from sts_plugin.cli.completing import complete  # noqa: PLC0415 - for it alone

        return complete(os.environ)
    if sys.stdout is None:  # >&-: better said before anybody is asked for a code
        tell("stdout is closed")
        return DEFECT
    try:
        with _ending_on_signals():
            words = argparse.Namespace(words=tuple(arguments), core_limits=core_limits)
            parser = build_parser(*arguments[:1])
            options = parser.parse_args(arguments, words)
            _let_choose(options)
            code: int = options.command(options)
    except StsPluginError as error:
        tell(error.line)
        return error.exit_code
    except KeyboardInterrupt:
        tell("interrupted")
        return INTERRUPTED
    except Exception as error:  # noqa: BLE001 - the outermost door
        # The text of an unforeseen error might hold a secret: its place will do.
        place = traceback.extract_tb(error.__traceback__)[-1]
        file = os.path.basename(place.filename)  # noqa: PTH119
        tell(
            f"a defect of sts-plugin {__version__}: {type(error).__name__} in"
            f" {file}:{place.lineno} (please report it)"
        )
        return DEFECT
    return code


def _let_choose(options: argparse.Namespace) -> None:
    """Let a person choose a profile, for a command for people, if none is named."""
    chosen = getattr(options, "chosen", "")
    if not chosen or options.profile or getattr(options, "all", False):
        return
    from sts_plugin.cli.choosing import choose  # noqa: PLC0415 - not for SDKs

    if found := choose():
        options.profile = [found] if chosen == "several" else found


@contextlib.contextmanager
def _ending_on_signals() -> Iterator[None]:
    """Let SIGTERM and SIGHUP unwind the stack: terminal restored, lock free.

    On Windows, SIGBREAK comes as well when the console is closed.
    """

    def end(number: int, _frame: FrameType | None) -> NoReturn:
        sys.exit(SIGNALLED + number)

    before = {}
    for name in ("SIGTERM", "SIGHUP", "SIGBREAK"):
        number = getattr(signal, name, None)
        # What is ignored stays ignored: that is how nohup works.
        if number and signal.getsignal(number) is not signal.SIG_IGN:
            before[number] = signal.signal(number, end)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
