"""A seed from a file descriptor that whoever started us left open for it.

    STS_PLUGIN_TOTP_FD=3 sts-plugin login 3< <(op read op://Private/aws/seed)

So it stands in no file and in no environment. It is read once, for the process:
a descriptor is the process's, and a pipe gives nothing twice.
"""

from __future__ import annotations

import contextlib
import io
import os
import re
import stat
import threading
from typing import TYPE_CHECKING, Final

from sts_plugin.deadline import within
from sts_plugin.errors import ConfigurationError, NoAnswer
from sts_plugin.model import Secret

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["VARIABLE", "inherited", "keep_back"]

VARIABLE: Final = "STS_PLUGIN_TOTP_FD"

TEXT_BYTES_MAX: Final = 4096
"""Room for an otpauth URI with long names."""

HINT: Final = (
    f"open it where the program is started: {VARIABLE}=3 sts-plugin login 3< <(command)"
)

_KEPT: dict[str, int] = {}
_READ: dict[str, Secret] = {}
_READING = threading.Lock()


def inherited(environ: Mapping[str, str], *, seconds: float) -> Secret | None:
    """Return the text that comes by the descriptor, or None where no variable is set.

    Waits ``seconds`` for the end of a pipe, then raises NoAnswer. Raises
    ConfigurationError for a descriptor that is no use, and for one that was not
    inherited: it would be one of this process's own, such as a lock.
    """
    number = environ.get(VARIABLE)
    if not number:
        return None
    with _READING:
        if number not in _READ:
            _READ[number] = _take(number, seconds)
        return _READ[number]


def keep_back(environ: Mapping[str, str]) -> None:
    """Keep the descriptor for us: no program that takes our place or inherits finds it.

    What is no use is left as it is: whoever needs the seed is told of it.
    """
    number = environ.get(VARIABLE)
    with _READING, contextlib.suppress(ConfigurationError):
        if number and number not in _READ and number not in _KEPT:
            _KEPT[number] = _mine(number)


def _take(number: str, seconds: float) -> Secret:
    kept = _KEPT.pop(number, None)
    mine = _mine(number) if kept is None else kept
    try:
        is_file = stat.S_ISREG(os.fstat(mine).st_mode)
        text = within(seconds, lambda: _text(mine, file=is_file))
    except TimeoutError:
        raise NoAnswer(
            f"{VARIABLE}={number}: the end of the seed did not come within"
            f" {seconds:.0f} seconds",
            hint="let the command behind it write one line and end",
            person=False,
        ) from None
    if text is None:
        raise _wrong(number, f"cannot be read, or has more than {TEXT_BYTES_MAX} bytes")
    return text


def _mine(number: str) -> int:
    """Return a descriptor of our own for what was inherited, and close that."""
    if not re.fullmatch(r"[0-9]{1,6}", number):
        raise _wrong(number, "is not the number of a file descriptor")
    descriptor = int(number)
    if descriptor in {1, 2}:
        raise _wrong(number, "is where output goes")
    try:
        found = os.fstat(descriptor)
        # What Python or a careful library opens is not inheritable (PEP 446).
        if not os.get_inheritable(descriptor):
            raise _wrong(number, "was not left open by whoever started this program")
        if os.isatty(descriptor):
            raise _wrong(number, "is a terminal")
        kinds = (stat.S_ISFIFO, stat.S_ISSOCK, stat.S_ISREG)
        if not any(is_kind(found.st_mode) for is_kind in kinds):
            raise _wrong(number, "is neither a pipe nor a file")
        return _owned(descriptor)
    except OSError:
        raise _wrong(
            number, "is closed: not every program hands it on to those it starts"
        ) from None


def _owned(descriptor: int) -> int:
    """Return a copy of our own, and close what was inherited.

    A copy, because a thread that waits for too long keeps it: the number must not
    become another file's meanwhile.
    """
    mine = os.dup(descriptor)
    if descriptor == 0:  # whatever is opened next would become stdin
        null = os.open(os.devnull, os.O_RDONLY)
        os.dup2(null, 0)
        os.close(null)
    else:
        os.close(descriptor)
    return mine


def _text(descriptor: int, *, file: bool) -> Secret | None:
    """Read to the end and close; does not raise, since it holds a seed."""
    data = io.BytesIO()
    try:
        if file:  # from its beginning, wherever a sharer of it has got to
            data.write(_from_its_beginning(descriptor))
        else:
            if hasattr(os, "set_blocking"):  # on Windows they are never otherwise
                os.set_blocking(descriptor, True)
            while data.tell() <= TEXT_BYTES_MAX:
                if not data.write(os.read(descriptor, TEXT_BYTES_MAX + 1)):
                    break
    except OSError:
        return None
    finally:
        os.close(descriptor)
    if data.tell() > TEXT_BYTES_MAX:
        return None
    return Secret(data.getvalue().decode("utf-8-sig", errors="replace"))


def _from_its_beginning(descriptor: int) -> bytes:
    if hasattr(os, "pread"):
        return os.pread(descriptor, TEXT_BYTES_MAX + 1, 0)
    os.lseek(descriptor, 0, os.SEEK_SET)  # Windows: nobody shares its place there
    return os.read(descriptor, TEXT_BYTES_MAX + 1)


def _wrong(number: str, why: str) -> ConfigurationError:
    return ConfigurationError(f"{VARIABLE}={number} {why}", hint=HINT)
