"""What the stress tests share: a sandbox that runs the installed executable."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from sts_plugin.sandbox import Sandbox

BIN = Path(sys.executable).parent


@pytest.fixture
def sandbox(tmp_path):
    with Sandbox(tmp_path / "sandbox", command=f'"{BIN / "sts-plugin"}"') as running:
        yield running


@pytest.fixture
def environ(sandbox):
    environ = sandbox.environ()
    # No dialog may come up on the screen of whoever runs the tests.
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "GPG_TTY", "GNUPGHOME"):
        environ.pop(name, None)
    return environ | {"PATH": f"{BIN}{os.pathsep}{environ['PATH']}", "TERM": "xterm"}
