"""Processes that work with a store: for tests that kill them, or have many of them."""

from __future__ import annotations

import subprocess
import sys

COMMON = """\
import sys, time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from sts_plugin.keys import digest
from sts_plugin.ledger import NO_ANSWER, Failure
from sts_plugin.model import Life
from sts_plugin.store import DiskStore, Entry

store = DiskStore(Path(sys.argv[1]))
KEY = digest("one")

def entry(number):
    # Of many lengths, and each with a proof that it is of one piece.
    text = f"{number} " * (number % 500 + 1)
    now = datetime.now(UTC)
    document = {"text": text, "proof": digest(text)}
    return Entry(KEY, Life(now, now + timedelta(hours=1)), document, {"kind": "role"})

def sound(found):
    return found is None or found.document["proof"] == digest(found.document["text"])

def work(number):
    with store.lock("device", lambda _: None) as held:
        assert held
        store.record_code("device", str(number))
        failure = Failure(f"{number}", time.time(), NO_ANSWER, "nobody", scope="s")
        store.record_failure("device", failure)
        store.forget_code("device", str(number))
        store.publish(entry(number))
        store.record_failure("device", None)
"""

WORK = f"""{COMMON}
print("begun", flush=True)
number = 0
while not number or len(sys.argv) > 2:
    number += 1
    work(number)
"""
"""A turn: a code, a failure, an entry; again and again if there is a word more."""

WRITER = f"""{COMMON}
until, number = time.monotonic() + float(sys.argv[2]), 0
# Each turn waits for the disk, which may have much else to do.
while time.monotonic() < until or number <= 20:
    number += 1
    work(number)
print(number)
"""

READER = f"""{COMMON}
until, number = time.monotonic() + float(sys.argv[2]), 0
while time.monotonic() < until:
    found = store.read(KEY)
    assert found is not None, "missing"
    assert sound(found), "torn"
    assert len(store.used_codes("device")) <= 1
    number += 1
    time.sleep(0.001)
print(number)
"""

CHECK = f"""{COMMON}
assert sound(store.read(KEY)), "torn"
assert all(len(code) == 64 for code in store.used_codes("device"))
failure = store.failure("device")
assert failure is None or failure.kind == NO_ANSWER
work(7)
assert store.read(KEY).document == entry(7).document
assert store.failure("device") is None
assert store.unanswered("device") == {{}}
left = sorted(path.name for path in store.path.iterdir() if path.suffix == ".tmp")
assert left == [], left
assert oct(store.path.stat().st_mode & 0o777) == "0o700"
modes = {{oct(path.stat().st_mode & 0o777) for path in store.path.iterdir()}}
assert modes == {{"0o600"}}, modes
"""


def python(code, *arguments, before=()):
    """Run a Python that can import what we can; return the finished process."""
    return subprocess.run(
        [*before, sys.executable, "-c", code, *arguments],
        env={
            "PYTHONPATH": ":".join(sys.path),
            "PYTHONDONTWRITEBYTECODE": "1",
            "PYTHONHASHSEED": "0",
        },
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )


def check_work(cache):
    """What killed processes left is sound, and the next one needs nobody."""
    done = python(CHECK, cache)
    assert done.returncode == 0, done.stderr
