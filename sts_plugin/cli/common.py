"""What several commands need: their common arguments, the engine, spans of time."""

from __future__ import annotations

import io
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from sts_plugin.cache import Cache
from sts_plugin.cli.watcher import TerminalWatcher
from sts_plugin.engine import Engine, chosen_profile
from sts_plugin.errors import CacheUnusable, StsPluginError
from sts_plugin.exit_codes import SIGNALLED
from sts_plugin.memory import MemoryStore
from sts_plugin.mfa import printable
from sts_plugin.words import join

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from datetime import datetime

    from sts_plugin.model import Plan
    from sts_plugin.store import Entry, Store
    from sts_plugin.watcher import Watcher

__all__ = [
    "Subparsers",
    "add_output",
    "add_profile",
    "cache_of",
    "exit_code",
    "known_entries",
    "left",
    "make_engine",
    "plan_of",
    "show",
    "tell",
    "this_program",
]

if TYPE_CHECKING:
    Subparsers = argparse._SubParsersAction[argparse.ArgumentParser]  # noqa: SLF001


def add_profile(parser: argparse._ActionsContainer, *, chosen: bool = False) -> None:
    """Add ``--profile`` to a parser or to one of its groups.

    ``chosen``: on a terminal, a person is shown a list if nobody names one.
    """
    parser.set_defaults(chosen="one" if chosen else "")
    parser.add_argument(
        "--profile",
        metavar="NAME",
        help="profile in the AWS config files (default: AWS_PROFILE, else default)",
    )


def add_output(
    parser: argparse.ArgumentParser, formats: Sequence[str] = ("table", "json")
) -> None:
    """Add ``--output``, and ``--json`` for short: one option, the last one counts.

    The first of the formats is what is printed where nobody chose.
    """
    parser.add_argument(
        "--output",
        choices=formats,
        default=formats[0],
        help=f"how to print it (default: {formats[0]})",
    )
    parser.add_argument(
        "--json",
        dest="output",
        action="store_const",
        const="json",
        help="the same as --output json",
    )


def known_entries(entries: Callable[[], Iterable[Entry | None]]) -> list[Entry]:
    """Return the entries that there are; say so if the cache cannot be used."""
    try:
        return [entry for entry in entries() if entry]
    except CacheUnusable as error:
        tell(f"the cache cannot be used: {error.line}")
        return []


def tell(line: str) -> None:
    """Say something to whoever is watching: never on stdout."""
    if sys.stderr is None:  # 2>&-, where print would take stdout instead
        return
    try:
        text = _fitting(printable(line), sys.stderr)
        print(f"sts-plugin: {text}", file=sys.stderr, flush=True)  # noqa: T201
    except OSError:
        _abandon(sys.stderr)


def show(text: str) -> None:
    """Print what a command was asked for.

    Flushed here, so that a lost reader or a full disk is met now and not while
    Python exits. Raises StsPluginError when stdout cannot be written.
    """
    try:
        _lines_of_unix(sys.stdout)
        sys.stdout.write(_fitting(text, sys.stdout) + "\n")
        sys.stdout.flush()
    except OSError as error:
        _abandon(sys.stdout)
        if isinstance(error, BrokenPipeError):
            sys.exit(1)  # a reader that has seen enough needs no message
        raise StsPluginError(f"stdout cannot be written: {error.strerror}") from None


def _lines_of_unix(stream: TextIO) -> None:
    """End lines as every shell reads them: Windows' own end would be part of a value.

    That is where a Unix shell on Windows evaluates what ``env`` prints.
    """
    if os.name == "nt" and isinstance(stream, io.TextIOWrapper):
        stream.reconfigure(newline="\n")


def _fitting(text: str, stream: TextIO) -> str:
    """Return a text with what the stream cannot write as backslashes."""
    encoding = stream.encoding or "utf-8"
    return text.encode(encoding, "backslashreplace").decode(encoding)


def _abandon(stream: TextIO) -> None:
    # What is left in its buffer must go somewhere: Python would fail when it exits.
    os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def make_engine(
    watcher: Watcher | None = None, environ: Mapping[str, str] | None = None
) -> Engine:
    """Return the engine for an environment: this process's, if no other is given.

    Without a watcher, somebody may be at the terminal.
    """
    watcher = watcher or TerminalWatcher(tell)
    environ = os.environ if environ is None else environ
    return Engine(environ, watcher=watcher, alone=True)


def this_program() -> str:
    """Return a command line for this very program, wherever it is run from.

    No double quote at its beginning: some Go SDKs (v1 1.44, v2 1.17) drop whatever
    comes after the next one (docs/sdks.md).
    """
    script = Path(sys.executable).with_name("sts-plugin")
    words = [str(script)] if script.exists() else [sys.executable, "-m", "sts_plugin"]
    return join(words)


def cache_of(engine: Engine) -> Cache:
    """Return the engine's cache, or where there is none one that is forgotten."""
    try:
        store: Store = engine.store
    except CacheUnusable as error:  # there is no place for it
        tell(f"going on without the cache: {error.line}")
        store = MemoryStore()
    return Cache(store, tell=tell)


def plan_of(engine: Engine, options: argparse.Namespace) -> Plan:
    """Return the plan of the profile that the options or the environment name."""
    profile, explicit = chosen_profile(options.profile, os.environ)
    return engine.plan(profile, explicit=explicit)


def exit_code(code: int) -> int:
    """Return the exit code for that of a program that we ran, as a shell has it.

    Windows tells its own in 32 bits, 0xC000013A for Ctrl-C, and takes them from Python
    with a sign only.
    """
    if os.name == "nt":
        return code - (1 << 32) if code >= 1 << 31 else code
    return code if code >= 0 else SIGNALLED - code


def left(until: datetime, now: datetime) -> str:
    """Return what is left until a moment, for a person: ``11 h 58 min``."""
    seconds = int((until - now).total_seconds())
    if seconds <= 0:
        return "expired"
    hours, minutes = divmod(seconds // 60, 60)
    if hours:
        return f"{hours} h {minutes:02} min"
    return f"{minutes} min" if minutes else f"{seconds} s"
