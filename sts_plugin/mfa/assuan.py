"""Assuan, the protocol of GnuPG's programs, as far as a pinentry speaks it.

Commands are lines of 1000 bytes at most, with percent escapes. Each is answered by any
number of ``D`` (data), ``S`` and ``#`` lines and then by ``OK`` or ``ERR``.
"""

from __future__ import annotations

import io
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote_to_bytes

from sts_plugin.mfa import printable
from sts_plugin.mfa.program import Broken

if TYPE_CHECKING:
    from sts_plugin.mfa.program import Program

__all__ = ["LINE_BYTES_MAX", "Assuan", "Reply", "escaped"]

LINE_BYTES_MAX: Final = 1000

CODE_BITS: Final = 0xFFFF
"""The rest of an error's number says which program it came from."""


@dataclass(frozen=True, slots=True)
class Reply:
    """How an answer ended: ``OK`` is code 0; an error has GnuPG's code and a text."""

    code: int
    text: str = ""


GARBAGE: Final = Reply(-1)


class Assuan:
    """Talks with a program; raises Broken when it does not speak Assuan."""

    def __init__(self, program: Program) -> None:
        self._program = program
        self._unread = b""

    def say(self, command: str) -> Reply:
        """Send a command and return how its answer ends; drop what else it says."""
        return self.ask(command, io.BytesIO())

    def ask(self, command: str, data: io.BytesIO) -> Reply:
        """Send a command, and write to ``data`` what is answered."""
        self._program.write(command.encode() + b"\n")
        return self.reply(data)

    def reply(self, data: io.BytesIO) -> Reply:
        """Read an answer, such as the greeting that comes unasked."""
        while True:
            while b"\n" not in self._unread:
                self._fill()
            if reply := self._line(data):
                break
        if reply is GARBAGE:
            raise Broken("it does not speak Assuan")
        return reply

    def _fill(self) -> None:
        before = len(self._unread)
        self._unread += self._program.read()
        if len(self._unread) == before:
            raise Broken("it has ended")

    def _line(self, data: io.BytesIO) -> Reply | None:
        """Take the next line; does not raise while a local variable holds data."""
        line, _, self._unread = self._unread.partition(b"\n")
        keyword, _, rest = line.rstrip(b"\r").partition(b" ")
        if keyword == b"OK":
            return Reply(0)
        if keyword == b"ERR":
            return _error(rest.decode(errors="replace"))
        if keyword == b"INQUIRE":
            self._program.write(b"CAN\n")  # we have nothing to tell it
        elif keyword == b"D":
            data.write(unquote_to_bytes(rest))
        elif keyword != b"S" and not keyword.startswith(b"#"):
            return GARBAGE
        return None


def _error(text: str) -> Reply:
    """Read what follows ``ERR``: a number, a text, and the program in brackets."""
    parts = re.fullmatch(r"([0-9]{1,10})(?: (.*?))?(?: <[^<>]*>)?", text)
    code = int(parts[1]) & CODE_BITS if parts else 0
    if not (parts and code):
        return GARBAGE
    return Reply(code, printable(parts[2] or f"error {code}")[:200])


def escaped(text: str) -> str:
    """Return a text as an argument of a command."""
    return re.sub(r"[%\r\n]", lambda found: f"%{ord(found[0]):02X}", text)
