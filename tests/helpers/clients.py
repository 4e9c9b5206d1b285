"""The programs that ask us for credentials: a table, and a world to run them in.

A client makes a call and prints a line; if it ``stays``, it does so again for each line
of its stdin. What is foreign is installed by tests/functional/clients/install.py, which
tox runs; what is not there says why.
"""

from __future__ import annotations

import json
import os
import shlex
import shutil
import subprocess
import sys
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

HERE = Path(__file__).parents[1] / "functional" / "clients"
FOLDER = Path(os.environ.get("STS_PLUGIN_TEST_CLIENTS", ""))
BIN = Path(sys.executable).parent


@dataclass(frozen=True, slots=True)
class Client:
    """A program, and how it treats the process that it runs.

    ``told``: its user sees our reason if there are no credentials. ``stdin`` and
    ``stderr``: those of the process. ``runs``: how often it runs it for its first call,
    ``failing`` if that fails, and ``short`` for four calls with four minutes left; None
    if it is so in the background, now and then. ``anonymous``: it goes on without
    credentials. ``impatient``: it waits for the process for a minute and no longer.
    """

    name: str
    words: tuple[str, ...]
    missing: str = ""
    service: str = "sts"
    stays: bool = True
    told: bool = True
    stdin: str = "inherited"
    stderr: str = "pipe"
    runs: int = 1
    failing: int = 1
    short: int | None = 1
    anonymous: bool = False
    impatient: bool = False

    def __str__(self):
        return self.name


def installed(part):
    """Return why a part of install.py is not here, or nothing."""
    if not FOLDER.name:
        return "STS_PLUGIN_TEST_CLIENTS is not set"
    if not (FOLDER / part / "installed").is_file():
        return f"{part} is not in {FOLDER}"
    return ""


def no_javascript():
    """Return why there is no JavaScript here, or nothing. A node may be too old."""
    node = shutil.which("node")
    if node is None or (why := installed("javascript")):
        return "there is no node" if node is None else why
    package = Path("node_modules", "@aws-sdk", "client-sts", "package.json")
    text = (FOLDER / "javascript" / package).read_text("utf-8")
    needed = json.loads(text)["engines"]["node"]
    version = subprocess.check_output([node, "--version"], text=True).strip(" v\n")
    if int(version.split(".")[0]) < int(needed.strip("<>= ").split(".")[0]):
        return f"node {version} is not {needed}"
    return ""


def no_ruby():
    """Return why there is no Ruby with the SDK here, or nothing."""
    words = ["ruby", "-e", "require 'aws-sdk-core'"]
    try:
        good = subprocess.run(words, capture_output=True, check=False).returncode == 0
    except OSError:
        good = False
    return "" if good else "there is no ruby with aws-sdk-core"


PYTHON = (sys.executable, "-P")
WHOAMI = (*PYTHON, str(HERE / "whoami.py"))
NODE = ("node", str(HERE / "javascript" / "whoami.js"))
WHEELS = str(FOLDER / "wheels" / "bin" / "python")
IDENTITY = ("sts", "get-caller-identity", "--query", "Arn", "--output", "text")
LIVE = {"stderr": "inherited"}
GO = {**LIVE, "impatient": True}
SOCKET = {"stdin": "socket", "stderr": "socket", "missing": no_javascript()}
BUCKETS = {"service": "s3", "missing": installed("wheels")}

NONE = {"runs": 0, "failing": 0, "short": 0}
INSIDE = (
    Client("boto3-registered", (*WHOAMI, "registered"), **NONE),
    Client(
        "python-v4",
        (*PYTHON, str(HERE / "whoami_v4.py")),
        missing="" if find_spec("aws_sdk_sts") else "there is no aws_sdk_sts",
        **NONE,
    ),
)
"""They run no process: sts_plugin is inside of them."""

CLIENTS = (
    Client("boto3", WHOAMI, short=5),
    Client("aws-cli-1", (str(BIN / "aws"), *IDENTITY), stays=False),
    Client("javascript-ini", (*NODE, "ini"), short=9, **SOCKET),
    Client(
        "javascript-chain",
        (*NODE, "chain"),
        told=False,
        failing=2,
        short=None,
        **SOCKET,
    ),
    Client(
        "ruby",
        ("ruby", str(HERE / "whoami.rb")),
        missing=no_ruby(),
        runs=2,
        short=8,
        **LIVE,
    ),
    Client("go-1", (str(FOLDER / "go1" / "whoami"),), missing=installed("go1"), **GO),
    Client("go-2", (str(FOLDER / "go2" / "whoami"),), missing=installed("go2"), **GO),
    Client(
        "rclone",
        ("rclone", "lsd", "sandbox:", "--retries", "1", "--low-level-retries", "1"),
        missing="" if shutil.which("rclone") else "there is no rclone",
        service="s3",
        stays=False,
        **GO,
    ),
    Client(
        "c++",
        (WHEELS, str(HERE / "wheels" / "cpp.py")),
        told=False,
        failing=4,
        short=7,
        stderr="/dev/null",
        anonymous=True,
        **BUCKETS,
    ),
    Client("rust", (WHEELS, str(HERE / "wheels" / "rust.py")), short=4, **BUCKETS),
)
"""All that run ``credential_process``."""


class World:
    """Runs clients in a sandbox, on a profile; sees what comes of it.

    Each run of the process leaves a line: what its stdin and its stderr are.
    """

    def __init__(self, sandbox, buckets, folder):
        program = shlex.quote(str(BIN / "sts-plugin"))
        self.sandbox, self.buckets = sandbox, buckets
        self._noted = folder / "runs"
        script = self.script = folder / "ours"
        script.write_text(
            "#!/bin/sh\n"
            'streams="$(readlink /proc/$$/fd/0) $(readlink /proc/$$/fd/2)"\n'
            f'echo "$streams" >>{self._noted}\n'
            f'exec {program} "$@"\n'
        )
        script.chmod(0o755)
        self.config = sandbox.folder / "config"
        text = self.config.read_text("utf-8")
        line = "credential_process = "
        assert f"{line}{program} " in text
        self.config.write_text(text.replace(f"{line}{program} ", f"{line}{script} "))
        self.environ = {
            "AWS_ENDPOINT_URL_S3": buckets.url,
            "AWS_PROFILE": "audit",
            "NODE_NO_WARNINGS": "1",
            "NODE_PATH": str(FOLDER / "javascript" / "node_modules"),
            "RCLONE_CONFIG": os.devnull,
            "RCLONE_CONFIG_SANDBOX_TYPE": "s3",
            "RCLONE_CONFIG_SANDBOX_PROVIDER": "Other",
            "RCLONE_CONFIG_SANDBOX_ENV_AUTH": "true",
            "RCLONE_CONFIG_SANDBOX_ENDPOINT": buckets.url,
            "RCLONE_CONFIG_SANDBOX_REGION": "us-east-1",
        }

    @property
    def runs(self):
        """The (stdin, stderr) of each run of the process, as /proc names them."""
        if not self._noted.exists():
            return []
        return [tuple(one.split()) for one in self._noted.read_text().splitlines()]

    def seen(self, client):
        """The (key id, ARN) of each call of clients of its kind that was accepted."""
        if client.service == "s3":
            return list(self.buckets.seen)
        calls = self.sandbox.journal.calls()
        return [
            (call.access_key_id, call.caller_arn)
            for call in calls
            if call.action == "GetCallerIdentity" and call.outcome == "ok"
        ]
