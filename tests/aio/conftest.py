"""What the tests of asyncio share with those of other programs."""

from __future__ import annotations

import pytest
from programs import environ, logged_in, program, sandbox, terminal, write_config

__all__ = ["environ", "logged_in", "program", "sandbox", "terminal", "write_config"]


@pytest.fixture(autouse=True)
def in_the_sandbox(environ, monkeypatch):
    """Let this process be one of the sandbox's, without a screen to ask on."""
    for name in ("AWS_PROFILE", "AWS_DEFAULT_PROFILE", "DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
