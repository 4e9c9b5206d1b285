"""Another time for a process: libfaketime, told in a file that may change meanwhile."""

from __future__ import annotations

import ctypes.util
import shutil
from pathlib import Path

import pytest

LIBRARY = next(
    (
        str(path)
        for folder in ("/usr/lib", "/usr/local/lib", "/opt/homebrew/lib")
        for path in Path(folder).glob("**/libfaketime.so.1")
    ),
    ctypes.util.find_library("faketime") or "",
)

needs_faketime = pytest.mark.skipif(
    not LIBRARY or not shutil.which("faketime"), reason="needs libfaketime"
)


class Clock:
    """The clock of a sandbox and of the processes that use its environment.

    Monotonic clocks go on as they are: that is how a suspended machine, and one whose
    clock is set, look from within.
    """

    def __init__(self, sandbox, folder):
        self.sandbox = sandbox
        self.file = folder / "faketime"
        self.seconds = 0
        self.set(0)

    def set(self, seconds, *, sts=None):
        """Be so many seconds ahead; STS as well, or as it is told."""
        self.seconds = seconds
        self.file.write_text(f"{seconds:+}")
        self.sandbox.clock_offset_seconds = seconds if sts is None else sts

    @property
    def environ(self):
        return {
            "LD_PRELOAD": LIBRARY,
            "FAKETIME_TIMESTAMP_FILE": str(self.file),
            "FAKETIME_NO_CACHE": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        }
