"""What could come next on a command line: a shell asks us, by argcomplete's protocol.

It sets ``_ARGCOMPLETE`` and runs us with the line so far; the answer goes to file
descriptor 8. Nothing is called, nobody is asked, and whatever is wrong with a file is
no answer: an error would land in the middle of somebody's line.
"""

from __future__ import annotations

import argparse
import os
from typing import TYPE_CHECKING, Any

from sts_plugin.errors import StsPluginError
from sts_plugin.mfa import printable
from sts_plugin.profiles import load_profiles

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

__all__ = ["complete"]


def complete(environ: Mapping[str, str]) -> int:
    """Answer the shell; return 1 if it did not ask as argcomplete has it."""
    import argcomplete  # noqa: PLC0415 - for this alone

    from sts_plugin.cli import build_parser  # noqa: PLC0415 - it imports us

    parser = build_parser(_command(environ))
    for action in _actions(parser):
        if completer := _completer(action):
            action.completer = completer  # type: ignore[attr-defined] # argcomplete's
    argcomplete.autocomplete(parser, always_complete_options=False)
    return 1  # it did not end the process


def _command(environ: Mapping[str, str]) -> str | None:
    """Return the command of the line, None while it is still being typed."""
    words = environ.get("COMP_LINE", "")[: _number(environ.get("COMP_POINT", ""))]
    known = words.split()
    ended = words[-1:].isspace()
    return known[1] if len(known) > 2 or (len(known) == 2 and ended) else None  # noqa: PLR2004 - the program and the command


def _number(text: str) -> int | None:
    return int(text) if text.isdecimal() else None


def _actions(parser: argparse.ArgumentParser) -> Iterator[argparse.Action]:
    for action in parser._actions:  # noqa: SLF001 - argparse shows them no other way
        if isinstance(action, argparse._SubParsersAction):  # noqa: SLF001
            for child in action.choices.values():
                yield from _actions(child)
        else:
            yield action


def _completer(action: argparse.Action) -> Any:  # noqa: ANN401 - argcomplete's
    match action.option_strings or action.dest:
        case ["--profile"] | ["--source-profile"]:
            return _profiles
        case "program":
            return _programs
        case ["--from" | "--policy" | "--token-file"]:
            return None  # a file: argcomplete's own
    return None if action.choices else _nothing


def _profiles(prefix: str, **_: object) -> list[str]:
    """Return the names of profiles; those that no shell could show are left out."""
    try:
        names = list(load_profiles(os.environ).profiles)
    except StsPluginError:
        return []
    return [
        name for name in names if name.startswith(prefix) and printable(name) == name
    ]


def _programs(prefix: str, **_: object) -> list[str]:
    """Return what is on the PATH, for ``exec -- COMMAND``."""
    found = set()
    for folder in os.get_exec_path():
        try:
            with os.scandir(folder) as entries:
                found |= {one.name for one in entries if one.name.startswith(prefix)}
        except OSError:
            continue
    return sorted(found)


def _nothing(**_: object) -> list[str]:
    return []
