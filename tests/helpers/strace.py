"""Real faults in real processes: what strace does to the system calls of a command."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import pytest

LINE = re.compile(r"^\d+ +(?P<name>\w+)\((?P<rest>.*)")


def _works():
    if not (strace := shutil.which("strace")):
        return False
    done = subprocess.run([strace, "-qq", "true"], capture_output=True, check=False)
    return done.returncode == 0


needs_strace = pytest.mark.skipif(
    not _works(), reason="strace is needed, and leave to trace a process"
)


@dataclass(frozen=True)
class Call:
    """The ``number``-th call of this name, of those that a process makes."""

    name: str
    number: int
    text: str = ""

    def __str__(self):
        return f"{self.name}-{self.number}"


def traced(log, *options):
    """Words before a command: it is traced, with options, into a file."""
    return ["strace", "-f", "-y", "-qq", "-s", "0", "-o", log, *options]


def injected(log, call, what):
    """Words before a command in which a call has a fault: ``error=EIO``.

    ``call`` is a Call, or the names of calls, each of which has the fault each time.
    """
    names, when = (call.name, call.number) if isinstance(call, Call) else (call, "1+")
    inject = f"inject={names}:{what}:when={when}"
    return traced(log, "-e", f"trace={names}", "-e", inject)


def calls_that_touch(folder, log):
    """The calls of a traced command that had to do with a folder, in their order.

    Leaves out what follows a thread or a child: numbers count for each of them.
    """
    seen, found = Counter(), []
    first = None
    for line in Path(log).read_text(errors="replace").splitlines():
        first = first or line.split()[0]
        match = LINE.match(line)
        if not match or line.split()[0] != first:
            continue
        seen[match["name"]] += 1
        if str(folder) in match["rest"]:
            call = Call(match["name"], seen[match["name"]], match["rest"])
            found.append(call)
    return found


def was_injected(log, folder):
    """Whether the fault met a call that had to do with a folder."""
    return any(
        str(folder) in line and "(INJECTED)" in line
        for line in Path(log).read_text(errors="replace").splitlines()
    )
