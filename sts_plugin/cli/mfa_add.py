"""The command ``mfa add``: a seed from whoever has it to where it is to be kept."""

from __future__ import annotations

import io
import os
import shlex
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final

from sts_plugin import keychain
from sts_plugin.cli.common import make_engine, show, tell
from sts_plugin.cli.mfa_device import Codes, device_of, seeds
from sts_plugin.cli.watcher import TerminalWatcher
from sts_plugin.errors import CannotAsk, ConfigurationError, Declined, NoAnswer
from sts_plugin.model import Secret
from sts_plugin.otpauth import NoSeed, parse
from sts_plugin.qr import BYTES_MAX, read
from sts_plugin.seeds import SEED
from sts_plugin.terminal import NoTerminal, open_terminal, read_hidden_line

if TYPE_CHECKING:
    import argparse
    from typing import BinaryIO

    from sts_plugin.enrolment import Place
    from sts_plugin.otpauth import Seed

__all__ = ["enrol"]

SEED_PROMPT_SECONDS: Final = 600.0
"""Nobody waits for it and nothing is locked; it may have to be found first."""

BRING: Final = "bring it in a file (--from FILE) or by a pipe (--from -)"


def enrol(options: argparse.Namespace) -> int:
    """Keep the seed of a device, and show two codes in a row, as IAM asks for them."""
    engine = make_engine()
    serial = device_of(engine, options).serial
    kept = seeds()
    if kept.has(serial) and not options.replace:
        raise ConfigurationError(
            f"the seed of {serial} is kept already",
            hint="to put another one in its place, add --replace",
        )
    where, what = _place(options.where)
    seed = _seed(options.source, serial)
    kept.add(serial, seed.secret, where)
    tell(f"the seed of {serial} is kept in {what}: logins take their codes from it")
    if options.source not in {None, "-"} and Path(options.source).is_file():
        tell(f"{options.source} still holds it: remove it there if nobody needs it")
    codes = Codes(engine, serial, watcher=TerminalWatcher(tell)).pair(seed)
    show(f"first code:  {next(codes).reveal()}")
    tell(
        "a device that is new is told to IAM by this code and the next one: aws iam"
        f" enable-mfa-device --user-name NAME --serial-number {shlex.quote(serial)}"
        " --authentication-code1 FIRST --authentication-code2 SECOND"
    )
    show(f"second code: {next(codes).reveal()}")
    return 0


def _place(wanted: Place | None) -> tuple[Place, str]:
    """Return where the seed is to be kept, and how to say so."""
    why = ""
    if wanted != "file":
        try:
            return "keychain", f"the OS keychain ({keychain.backend(about=SEED)})"
        except ConfigurationError as error:
            if wanted == "keychain":
                raise
            why = f" ({error.message})"
    return "file", f"a file that only you can read{why}"


def _seed(source: str | None, serial: str) -> Seed:
    """Return the seed that is brought or typed."""
    name = {None: "what was typed", "-": "stdin"}.get(source, source)
    try:
        if source is None:
            return parse(_typed(serial))
        return read(_brought(source))
    except NoSeed as error:
        raise ConfigurationError(f"{name} {error}", hint=error.hint) from None


def _typed(serial: str) -> Secret:
    """Ask for the seed on the terminal, without echo."""

    def lines() -> list[str]:
        return [
            f"Seed of {serial}",
            "The secret key or the otpauth:// URI (it is not shown): ",
        ]

    deadline = time.monotonic() + SEED_PROMPT_SECONDS
    try:
        with open_terminal() as terminal:
            return Secret(
                read_hidden_line(terminal, lines, deadline, environ=os.environ)
            )
    except NoTerminal as error:
        raise CannotAsk(
            f"nobody can be asked for the seed: {error}", hint=BRING
        ) from None
    except TimeoutError:
        raise NoAnswer("nobody typed a seed", hint=BRING) from None
    except EOFError:
        raise Declined("no seed was typed: the input was ended") from None
    except OSError:
        raise CannotAsk("the terminal was closed, or given to another job") from None


def _brought(source: str) -> io.BytesIO:
    """Read a file or stdin: as much as may be, and nothing that a person types."""
    name = "stdin" if source == "-" else source
    try:
        if source != "-":
            # A pipe is welcome: --from <(command).
            with open(source, "rb") as file:  # noqa: PTH123
                return _bytes(file, name)
        if sys.stdin is not None:
            return _bytes(sys.stdin.buffer, name)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "it is no path"
        raise ConfigurationError(f"{name}: {reason}", hint=BRING) from None
    raise ConfigurationError("stdin is closed", hint=BRING)


def _bytes(file: BinaryIO, name: str) -> io.BytesIO:
    if os.isatty(file.fileno()):
        raise ConfigurationError(
            f"{name} is a terminal, which would show the seed",
            hint="leave --from out, and it is asked for without being shown",
        )
    data = io.BytesIO()  # shows nothing in the locals of a traceback
    while data.tell() <= BYTES_MAX and data.write(file.read(65_536)):
        pass
    return data
