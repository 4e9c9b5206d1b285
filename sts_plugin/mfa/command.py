"""A code from a command: the profile's ``mfa_process``, as aws-vault spells it."""

from __future__ import annotations

import contextlib
import json
import os
from typing import TYPE_CHECKING

from sts_plugin import settings
from sts_plugin.commands import output_of
from sts_plugin.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sts_plugin.mfa import Question
    from sts_plugin.model import Setting

__all__ = ["SERIALS_VARIABLE", "CommandSource", "refuse_recursion"]

SERIALS_VARIABLE = "_STS_PLUGIN_MFA_SERIALS"
"""Set for the command: a JSON list of the devices whose commands run above it."""


class CommandSource:
    """Runs the command and takes its first line for the code."""

    automatic = True

    def __init__(self, process: Setting) -> None:
        self._process = process

    def ask(self, question: Question) -> str:
        """Return the first line of the command's output."""
        refuse_recursion(question.device, os.environ)
        serials = json.dumps([*_serials_above(os.environ), question.device])
        output = output_of(
            self._process,
            seconds=settings.COMMAND_TIMEOUT_SECONDS,
            environ=os.environ,
            extra={"STS_PLUGIN_MFA_SERIAL": question.device, SERIALS_VARIABLE: serials},
        )
        first, *_ = output.splitlines() or [""]
        return first


def refuse_recursion(device: str, environ: Mapping[str, str]) -> None:
    """Raise ConfigurationError if we run inside the command of this very device.

    To be called before the lock of the device is waited for: it is held by the
    process that waits for us.
    """
    if device in _serials_above(environ):
        raise ConfigurationError(
            f"the mfa_process for {device} asks for a code of the same device",
            hint="it must not use a profile that needs this device",
        )


def _serials_above(environ: Mapping[str, str]) -> list[str]:
    with contextlib.suppress(ValueError, RecursionError):
        found = json.loads(environ.get(SERIALS_VARIABLE, ""))
        if isinstance(found, list):
            return found
    return []
