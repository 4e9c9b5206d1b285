"""What GnuPG's settings say: which pinentry is used, and on which terminal."""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Final

from sts_plugin.errors import CannotAsk
from sts_plugin.files import read_text
from sts_plugin.terminal import DEVICE
from sts_plugin.tty_device import in_foreground

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["pinentry_path", "terminal_name"]

VARIABLE: Final = "STS_PLUGIN_PINENTRY"

CONFIGURED: Final = re.compile(
    r"^[ \t]*pinentry-program[ \t]+(\S.*?)[ \t\r]*$", re.MULTILINE
)


def pinentry_path(environ: Mapping[str, str], platform: str) -> str:
    """Return where the pinentry is, or raise CannotAsk."""
    for whose, name in (
        (VARIABLE, environ.get(VARIABLE, "")),
        ("gpg-agent.conf", _of_the_agent(environ)),
    ):
        if name and (path := _found(name, environ)):
            return path
        if name:
            raise CannotAsk(f"{whose} names a pinentry that is no program: {name}")
    # Homebrew has both; its "pinentry" knows the terminal only.
    usual = ["pinentry-mac"] * (platform == "darwin") + ["pinentry"]
    for name in usual:
        if path := _found(name, environ):
            return path
    raise CannotAsk("no pinentry is installed")


def _found(name: str, environ: Mapping[str, str]) -> str | None:
    # expanduser: gpg-agent does so, too
    program = os.path.expanduser(name)  # noqa: PTH111 - it may be no path at all
    return shutil.which(program, path=environ.get("PATH"))


def _of_the_agent(environ: Mapping[str, str]) -> str:
    """Return the program that gpg-agent is told to use, or nothing."""
    try:
        folder = Path(environ.get("GNUPGHOME") or "~/.gnupg").expanduser()
        found = CONFIGURED.findall(read_text(folder / "gpg-agent.conf"))
    except (OSError, ValueError, RuntimeError):  # there is none; no home
        return ""
    return found[-1].strip('"') if found else ""


def terminal_name(environ: Mapping[str, str]) -> str:
    """Return the name of our controlling terminal; there is one. Windows has no names.

    Programs that hand the question on, to tmux or a container, know it by its name in
    ``GPG_TTY``. But that may come from another window, and be somebody else's now.
    """
    if os.name == "nt":
        return ""
    named = environ.get("GPG_TTY", "")
    return named if _is_ours(named) else DEVICE


def _is_ours(name: str) -> bool:
    try:
        descriptor = os.open(name, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
    except OSError:
        return False
    try:
        return in_foreground(descriptor)
    finally:
        os.close(descriptor)
