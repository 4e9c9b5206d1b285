"""A host that refreshes again and again, and what it holds meanwhile (bar R40)."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass

# Its cache entries are removed before each refresh, so that each makes its call. A
# tenth of them comes before the first look, for whatever is made once; another tenth
# is watched by tracemalloc, which makes it slow.
HOST = """
import gc, json, os, sys, threading, tracemalloc
from pathlib import Path
import botocore.session, sts_plugin

rounds = int(sys.argv[1])
cache = Path(os.environ["STS_PLUGIN_CACHE_DIR"])
session = sts_plugin.register(botocore.session.Session(profile="batch"))
credentials = session.get_credentials()

def refresh(times):
    for _ in range(times):
        for entry in cache.glob("*.json"):
            entry.unlink()
        credentials.get_frozen_credentials()

def resident():
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmRSS:")[2].split()[0])

def look():
    gc.collect()
    return {
        "descriptors": len(os.listdir("/proc/self/fd")),
        "threads": threading.active_count(),
        "files": sorted(os.listdir(cache)),
        "kilobytes": resident(),
    }

refresh(rounds // 10)
first = look()
refresh(rounds - rounds // 5)
last = look()
tracemalloc.start()
refresh(rounds // 20)
gc.collect()
before = tracemalloc.get_traced_memory()[0]
refresh(rounds // 20)
gc.collect()
grown = (tracemalloc.get_traced_memory()[0] - before) / (rounds // 20)
print(json.dumps([first, last, grown]))
"""


@dataclass(frozen=True)
class Soaked:
    """What a host held early and late; ``bytes_each``: traced growth a refresh."""

    first: dict[str, object]
    last: dict[str, object]
    bytes_each: float

    @property
    def kilobytes(self):
        """How much larger the process had become between the two looks."""
        return self.last["kilobytes"] - self.first["kilobytes"]

    def check(self):
        """Nothing but the memory may differ, and that by little."""
        for name in ("descriptors", "threads", "files"):
            assert self.first[name] == self.last[name], name


def soak(environ, rounds):
    done = subprocess.run(
        [sys.executable, "-c", HOST, str(rounds)],
        env=environ,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return Soaked(*json.loads(done.stdout))
