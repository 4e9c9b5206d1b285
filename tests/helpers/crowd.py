"""Many cold processes with many threads, released at once; and two ways to see overlap.

Whether two were getting a code at the same time is told by the sandbox's journal, and
by a witness that knows nothing of our code: an ``mfa_process`` that must be alone.
"""

from __future__ import annotations

import contextlib
import json
import os
import shlex
import subprocess
import sys
import time

MEMBER = """
import json, sys, threading, time
import botocore.session, sts_plugin

count, profile, shared = int(sys.argv[1]), sys.argv[2], sys.argv[3] == "shared"
barrier = threading.Barrier(count)
found = []

def credentials():
    session = sts_plugin.register(botocore.session.Session(profile=profile))
    return session.get_credentials()

def one(mine):
    barrier.wait()
    found.append(mine.get_frozen_credentials()[:3])

ours = [credentials()] * count if shared else [credentials() for _ in range(count)]
threads = [threading.Thread(target=one, args=(mine,)) for mine in ours]
print("ready", flush=True)
sys.stdin.read()  # all processes begin when the test closes this pipe
[thread.start() for thread in threads]
[thread.join() for thread in threads]
print(json.dumps([time.monotonic(), found]))
"""

WITNESS = """
import base64, hmac, os, sys, time

folder, seed, seconds = sys.argv[1:]

def note(what):
    one = os.open(os.path.join(folder, what), os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.write(one, b"x")
    os.close(one)

inside = os.path.join(folder, "inside")
note("runs")
try:
    os.close(os.open(inside, os.O_CREAT | os.O_EXCL))
except FileExistsError:
    note("overlaps")
time.sleep(float(seconds))  # whoever can come in now has the time to do so
key = base64.b32decode(open(seed).read().strip())
mac = hmac.digest(key, (int(time.time()) // 30).to_bytes(8, "big"), "sha1")
place = mac[-1] & 15
number = int.from_bytes(mac[place : place + 4], "big") & 0x7FFFFFFF
print(f"{number % 1000000:06}", flush=True)
try:
    os.unlink(inside)
except FileNotFoundError:
    pass  # of one that was in here with us
"""


class Witness:
    """An ``mfa_process`` for every profile with a device, which must run alone."""

    def __init__(self, sandbox, folder, *, seconds=0.3):
        folder.mkdir()
        self.folder = folder
        script = folder / "witness.py"
        script.write_text(WITNESS)
        seed = sandbox.folder / "alice.totp"
        words = [sys.executable, "-I", "-S", script, folder, seed, seconds]
        self.command = [str(word) for word in words]
        config = sandbox.folder / "config"
        line = f"mfa_process = {shlex.join(self.command)}\n"
        lines = config.read_text().splitlines(keepends=True)
        with_device = [one + line * ("mfa_serial" in one) for one in lines]
        config.write_text("".join(with_device))

    def _count(self, what):
        with contextlib.suppress(FileNotFoundError):
            return (self.folder / what).stat().st_size
        return 0

    runs = property(lambda self: self._count("runs"))
    overlaps = property(lambda self: self._count("overlaps"))


def codes_at_once(journal):
    """Return the most calls with a code that the sandbox ever had in hand at once."""
    edges = []
    for call in journal.calls():
        if call.mfa:
            began = call.at.timestamp()
            edges += [(began, 1), (began + call.elapsed_seconds, -1)]
    most = now = 0
    for _, step in sorted(edges):
        now += step
        most = max(most, now)
    return most


class Crowd:
    """Processes that wait to be released, each to start its threads.

    ``environs`` has an environment for each process. The threads of a process have a
    session each, or are those of a program that shares one among them.
    """

    def __init__(self, environs, threads, folder, *, shared):
        folder.mkdir()
        self.folder = folder
        words = [str(threads), "prod-admin", "shared" if shared else "own"]
        self.command = [sys.executable, "-P", "-c", MEMBER, *words]
        self._began = time.monotonic()
        self.whole = 0.0
        reading, self._writing = os.pipe()
        self._crowd = []
        try:
            for number, environ in enumerate(environs):
                self._crowd.append(self._start(number, environ, reading))
        finally:
            os.close(reading)

    def _start(self, number, environ, reading):
        with (
            (self.folder / f"out.{number}").open("w") as out,
            (self.folder / f"err.{number}").open("w") as err,
        ):
            return subprocess.Popen(
                self.command,
                env=environ,
                stdin=reading,
                stdout=out,
                stderr=err,
            )

    def _outputs(self):
        numbers = range(len(self._crowd))
        return [(self.folder / f"out.{n}").read_text().splitlines() for n in numbers]

    def release(self, *, seconds=600):
        """Let them go when all are ready; return (how long it took, all triples).

        The time is from the release to the last thread's answer: without the imports
        before it and the ends of the processes after it. ``whole`` is then that from
        the start of the first process.
        """
        deadline = time.monotonic() + seconds
        try:
            while not all(self._outputs()):
                assert all(one.poll() is None for one in self._crowd), self.errors
                assert time.monotonic() < deadline, "not all were ready"
                time.sleep(0.05)
        finally:
            released = time.monotonic()
            os.close(self._writing)
        codes = [one.wait(max(1, deadline - time.monotonic())) for one in self._crowd]
        assert set(codes) == {0}, self.errors
        answers = [json.loads(lines[1]) for lines in self._outputs()]
        last = max(moment for moment, _ in answers)
        took, self.whole = last - released, last - self._began
        return took, [tuple(triple) for _, found in answers for triple in found]

    @property
    def errors(self):
        """What they said on stderr, each text once."""
        return {one.read_text() for one in self.folder.glob("err.*")} - {""}
