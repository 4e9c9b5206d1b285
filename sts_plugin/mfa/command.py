"""A code from a command: the profile's ``mfa_process``, as aws-vault spells it."""

from __future__ import annotations

import contextlib
import json
from typing import TYPE_CHECKING, ClassVar

from sts_plugin import settings
from sts_plugin.commands import output_of
from sts_plugin.errors import CannotAsk, ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from sts_plugin.mfa import Question
    from sts_plugin.model import Setting

__all__ = ["SERIALS_VARIABLE", "CommandSource", "refuse_recursion"]

SERIALS_VARIABLE = "_STS_PLUGIN_MFA_SERIALS"
"""Set for the command: a JSON list of the devices whose commands run above it."""


class CommandSource:
    """Runs the command and takes its first line for the code.

    ``abandoned`` is as for ``commands.output_of``.
    """

    name: ClassVar[str] = "command"
    automatic: ClassVar[bool] = True
    attempts: ClassVar[int] = 2

    def __init__(
        self,
        process: Setting | None,
        *,
        environ: Mapping[str, str],
        abandoned: Callable[[], bool] = lambda: False,
    ) -> None:
        self._process = process
        self._environ = environ
        self._abandoned = abandoned

    def ask(self, question: Question) -> str:
        """Return the first line of the command's output."""
        if self._process is None:
            raise CannotAsk("there is no mfa_process")
        refuse_recursion(question.device, self._environ)
        serials = [*_serials_above(self._environ), question.device]
        output = output_of(
            self._process,
            seconds=min(settings.COMMAND_TIMEOUT_SECONDS, question.seconds_left),
            environ=self._environ,
            extra={
                "STS_PLUGIN_MFA_PROFILE": question.profile,
                "STS_PLUGIN_MFA_SERIAL": question.device,
                SERIALS_VARIABLE: json.dumps(serials),
            },
            abandoned=self._abandoned,
        )
        first, *_ = output.splitlines() or [""]
        if not first.strip():  # the prompt of a password manager was cancelled
            raise ConfigurationError(
                f"{self._process.origin}: {self._process.key}{self._process.owner}"
                " printed no code",
                hint="run the command by hand to see why",
            )
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
