"""What tests of whole programs share: the executable, a terminal, a sandbox to use."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

import pexpect
import pytest

from sts_plugin.sandbox import Sandbox

BIN = Path(sys.executable).parent
PROMPT = "MFA code of arn:aws:iam::111111111111:mfa/alice"
SECONDS = 90
"""A guard, which measures nothing: the machine may have much else to do."""


@dataclass
class Program:
    """The installed executable, run without a terminal, its streams on pipes."""

    environ: dict[str, str]
    path: Path = BIN / "sts-plugin"

    def __call__(self, *arguments, environ=None, **options):
        return subprocess.run(
            [self.path, *arguments],
            env=self.environ | (environ or {}),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=SECONDS,
            start_new_session=True,  # no controlling terminal
            check=False,
            **options,
        )

    def start(self, *arguments):
        """Start it, and return the process; its streams are pipes."""
        return subprocess.Popen(
            [self.path, *arguments],
            env=self.environ,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )

    def document(self, profile):
        """The document of a profile; the run must have succeeded in silence."""
        done = self("credential-process", "--profile", profile)
        assert (done.returncode, done.stderr) == (0, "")
        return json.loads(done.stdout)


@dataclass
class Terminal:
    """A shell command on a real pty, with stdout and stderr in files."""

    command: str
    environ: dict[str, str]
    folder: Path
    columns: int = 80
    child: pexpect.spawn = field(init=False)
    echoes: bool = False  # whether the terminal was left as it should be

    def __post_init__(self):
        self.child = pexpect.spawn(
            "/bin/sh",
            ["-c", f"{{ {self.command} ; }} >{self.out} 2>{self.err} </dev/null"],
            env=self.environ,
            timeout=SECONDS,
            encoding="utf-8",
            dimensions=(24, self.columns),
        )
        self.child.delaybeforesend = None
        self.shown = []
        self.child.logfile_read = self

    out = property(lambda self: self.folder / "out")
    err = property(lambda self: self.folder / "err")

    @property
    def said(self):
        """What is on stderr by now."""
        return self.err.read_text() if self.err.exists() else ""

    def write(self, text):
        self.shown.append(text)

    def flush(self):
        pass

    @property
    def screen(self):
        return "".join(self.shown)

    @property
    def prompts(self):
        """How many prompts there were, each counted once however often drawn."""
        drawn = rf"(?<!\x1b\[K){PROMPT} \(\d+ s\): "
        return len(re.findall(drawn, self.screen))

    def answer(self, line):
        """Wait for the prompt and type a line."""
        self.child.expect_exact(PROMPT)
        self.child.expect_exact("): ")
        self.type(line)

    def type(self, line):
        """Type a line at the prompt that is there."""
        self.child.sendline(line)
        # It erases itself: whatever is drawn from now on is another one.
        self.child.expect(r"\x1b\[K\x1b\[A|\r\n")

    def end(self):
        """Wait for the end; return (exit code, stdout, stderr)."""
        self.child.expect(pexpect.EOF)
        self.echoes = self.child.getecho()
        self.child.close()
        code = self.child.exitstatus
        if code is None:
            code = 128 + self.child.signalstatus
        return code, self.out.read_text(), self.err.read_text()


@pytest.fixture
def sandbox(tmp_path):
    """A sandbox whose profiles run the installed executable."""
    # Without quotes where none are needed: older Go SDKs drop what comes after them.
    command = shlex.quote(str(BIN / "sts-plugin"))
    with Sandbox(tmp_path / "sandbox", command=command) as running:
        yield running


@pytest.fixture
def environ(sandbox):
    """The environment of the sandbox, with the installed programs on the path."""
    environ = sandbox.environ()
    # No dialog may come up on the screen of whoever runs the tests.
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "GPG_TTY", "GNUPGHOME"):
        environ.pop(name, None)
    return environ | {"PATH": f"{BIN}{os.pathsep}{environ['PATH']}", "TERM": "xterm"}


@pytest.fixture
def program(environ):
    return Program(environ)


@pytest.fixture
def terminal(environ, tmp_path):
    """Start a shell command on a terminal of its own."""
    started = []

    def start(command, columns=80, **variables):
        folder = tmp_path / f"terminal{len(started)}"
        folder.mkdir()
        started.append(Terminal(command, environ | variables, folder, columns))
        return started[-1]

    yield start
    for one in started:
        one.child.close(force=True)


@pytest.fixture
def logged_in(sandbox, program, terminal):
    """A sandbox in which alice's session is cached already, its journal empty."""
    one = terminal("sts-plugin login --profile alice")
    one.answer(sandbox.code())
    assert one.end()[0] == 0
    sandbox.journal.clear()
    return sandbox


@pytest.fixture
def write_config(sandbox):
    """Put other profiles in the place of the sandbox's; static keys stay."""

    def write(text):
        (sandbox.folder / "config").write_text(text, encoding="utf-8")

    return write
