"""Bars R5, R6, R12 and the quiet period at their full size."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pexpect
import pytest
from herd import Herd

pytestmark = pytest.mark.stress

BIN = Path(sys.executable).parent
ONE = "sts-plugin credential-process --profile audit"
WAITING = 199


@pytest.fixture
def environ(environ):
    return environ | {"STS_PLUGIN_PROMPT_SECONDS": "600"}


class Asked:
    """One that is asked on a terminal of its own, and a herd on another."""

    def __init__(self, environ, folder):
        self.environ = environ
        self.one = self.spawn(ONE)
        self.one.expect_exact("): ", timeout=60)
        self.herd = Herd(self.start, folder, ["audit"] * WAITING)
        self.herd.wait_for_notices(seconds=400)

    def spawn(self, command):
        return pexpect.spawn(
            "/bin/sh", ["-c", command], env=self.environ, encoding="utf-8", timeout=300
        )

    def start(self, command):
        return Crowd(self.spawn(command))


class Crowd:
    """What a Herd asks of a terminal."""

    def __init__(self, child):
        self.child = child
        self.shown = ""

    @property
    def prompts(self):
        return self.shown.count("s): ")

    def end(self):
        self.child.expect(pexpect.EOF)
        self.shown = self.child.before


@pytest.fixture
def asked(environ, tmp_path):
    return Asked(environ, tmp_path / "herd")


def test_a_ctrl_c_with_199_waiting(asked, sandbox):
    began = time.monotonic()
    asked.one.sendintr()
    assert asked.herd.end() == {4}
    print(f"R5: all ended {time.monotonic() - began:.1f} s after the Ctrl-C")  # noqa: T201
    assert asked.herd.prompts == 0
    assert sandbox.journal.calls() == ()


def test_a_code_with_199_waiting(asked, sandbox):
    asked.one.sendline(sandbox.code())
    assert asked.herd.end() == {0}
    assert asked.herd.prompts == 0
    keys = {json.loads(text)["AccessKeyId"] for text in asked.herd.outputs}
    assert len(keys) == 1
    assert sandbox.journal.count() == 2


def test_waiting_costs_next_to_nothing(asked):
    pids = [
        path.parent.name
        for path in Path("/proc").glob("[0-9]*/cmdline")
        if b"credential-process" in _read(path) and b"sts-plugin\0" in _read(path)
    ]
    assert len(pids) > WAITING

    def ticks():
        fields = [
            Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            for pid in pids
        ]
        return sum(int(one[11]) + int(one[12]) for one in fields)

    before, began = ticks(), time.monotonic()
    time.sleep(10)  # what is measured is time
    used = (ticks() - before) / os.sysconf("SC_CLK_TCK") / (time.monotonic() - began)
    print(f"R6: one waiter takes {used / len(pids):.3%} of a core")  # noqa: T201
    assert used / len(pids) < 0.01
    asked.one.sendintr()
    asked.herd.end()


def _read(path):
    with contextlib.suppress(OSError):  # it has ended
        return path.read_bytes()
    return b""


def test_a_hundred_runs_without_a_terminal_all_end(environ, sandbox):
    for _ in range(100):
        done = subprocess.run(
            [BIN / "sts-plugin", "credential-process", "--profile", "audit"],
            env=environ,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=30,
            start_new_session=True,
            check=False,
        )
        assert (done.returncode, done.stdout) == (4, "")
        assert len(done.stderr.splitlines()) == 1
    assert sandbox.journal.calls() == ()


def test_a_thousand_runs_that_nobody_watches_show_one_prompt(environ):
    loop = f"n=0; while [ $n -lt 1000 ]; do {ONE} 2>/dev/null; n=$((n+1)); done"
    environ |= {"STS_PLUGIN_PROMPT_SECONDS": "1"}
    child = pexpect.spawn(
        "/bin/sh", ["-c", loop], env=environ, encoding="utf-8", timeout=900
    )
    child.expect(pexpect.EOF)
    assert child.before.count("Profile audit") == 1
