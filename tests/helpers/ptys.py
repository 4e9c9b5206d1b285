"""A terminal for a test: both of its ends in one process, and what it shows."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import pty
import re
import select
import struct
import termios
import time
import unicodedata

MARK = "\x1e"
"""Written after everything else, so that nothing before it is missed."""


class Pty:
    """A terminal: ``here`` is a person's end of it, ``there`` that of programs."""

    def __init__(self, columns=80):
        self.here, self.there = pty.openpty()
        self.name = os.ttyname(self.there)
        self.columns = columns
        self.resize(columns)
        self.shown = ""

    def resize(self, columns):
        self.columns = columns
        size = struct.pack("HHHH", 24, columns, 0, 0)
        fcntl.ioctl(self.there, termios.TIOCSWINSZ, size)

    # --- A person ---

    def type(self, data):
        os.write(self.here, data)

    def read_until(self, text, count=1):
        """Return all that was shown, once ``text`` was ``count`` times."""
        deadline = time.monotonic() + 60
        while self.shown.count(text) < count:
            left = deadline - time.monotonic()
            assert left > 0, f"{text!r} is not in {self.shown!r}"
            if select.select([self.here], [], [], left)[0]:
                self.shown += os.read(self.here, 65536).decode()
        return self.shown

    def screen(self):
        """Return the lines that are on the screen now, the last one included."""
        text = self.all_shown()
        screen = Screen(self.columns)
        screen.feed(text)
        return screen.lines

    def all_shown(self):
        """Return all that was shown so far."""
        known = self.shown.count(MARK)
        os.write(self.there, MARK.encode())
        return self.read_until(MARK, known + 1).replace(MARK, "")

    def hang_up(self):
        """Close the person's end, as a window that is closed."""
        here, self.here = self.here, os.open(os.devnull, os.O_RDONLY)
        os.close(here)

    # --- What a program sees ---

    @property
    def modes(self):
        return termios.tcgetattr(self.there)

    @property
    def echoes(self):
        return bool(self.modes[3] & termios.ECHO)

    def echo(self):
        """Switch the echo on, as a shell does."""
        modes = self.modes
        modes[3] |= termios.ECHO
        termios.tcsetattr(self.there, termios.TCSANOW, modes)

    def stop_reading(self):
        """Fill it up: it takes no more."""
        os.set_blocking(self.there, False)
        # The kernel moves what is written on, a little later, and there is room again.
        while select.select([], [self.there], [], 0.2)[1]:
            with contextlib.suppress(BlockingIOError):
                os.write(self.there, b"x" * 4096)

    def close(self):
        os.close(self.here)
        os.close(self.there)


def foreground(descriptor):
    """Stand in for ``os.tcgetpgrp``: it is always us, while there is a terminal."""
    if not os.isatty(descriptor):
        raise OSError(errno.EIO, "gone")
    return os.getpgrp()


class Screen:
    """What a terminal makes of text: as many columns, and no end of rows."""

    def __init__(self, columns):
        self.columns = columns
        self.rows, self.row, self.column = [[]], 0, 0

    @property
    def lines(self):
        lines = ["".join(cells).rstrip() for cells in self.rows]
        while lines and not lines[-1]:
            lines.pop()
        return lines

    def feed(self, text):
        for part in re.findall(r"\x1b\[[0-9;?]*[A-Za-z]|.", text, re.DOTALL):
            self._feed(part)

    def _feed(self, part):
        match part:
            case "\x1b[A":
                self.row = max(0, self.row - 1)
            case "\x1b[K":
                del self.rows[self.row][min(self.column, self.columns - 1) :]
            case "\r":
                self.column = 0
            case "\n":
                self._down()
            case _:
                assert part.isprintable(), part
                self._put(part)

    def _put(self, character):
        width = 2 if unicodedata.east_asian_width(character) in "WF" else 1
        if unicodedata.combining(character):
            width = 0
        if self.column + width > self.columns:
            self.column = 0
            self._down()
        cells = self.rows[self.row]
        cells += [" "] * (self.column + width - len(cells))
        if width:
            cells[self.column] = character
            for extra in range(1, width):
                cells[self.column + extra] = ""
        self.column += width

    def _down(self):
        self.row += 1
        if self.row == len(self.rows):
            self.rows.append([])
