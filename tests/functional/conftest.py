"""What the functional tests share."""

from __future__ import annotations

from programs import environ, logged_in, program, sandbox, terminal, write_config

__all__ = ["environ", "logged_in", "program", "sandbox", "terminal", "write_config"]
