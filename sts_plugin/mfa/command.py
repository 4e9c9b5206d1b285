"""A code from a command: the profile's ``mfa_process``, as aws-vault spells it."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shlex
import subprocess
from typing import TYPE_CHECKING

from sts_plugin import settings
from sts_plugin.errors import ConfigurationError, NoAnswer

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sts_plugin.mfa import Question
    from sts_plugin.model import Setting

__all__ = ["SERIALS_VARIABLE", "CommandSource", "refuse_recursion"]

SERIALS_VARIABLE = "_STS_PLUGIN_MFA_SERIALS"
"""Set for the command: a JSON list of the devices whose commands run above it."""

# AWS_..._TOKEN_FILE is a path, and AWS_ENDPOINT_URL_SECRETS_MANAGER an address.
SECRET_NAME = re.compile(r"AWS_(?:.*_)?(?:ACCESS_KEY|SECRET|TOKEN)(?:_.*)?(?<!_FILE)")


class CommandSource:
    """Runs the command without a shell and takes its first line for the code.

    The command sees no AWS credentials in its environment. Its stderr is ours, so
    that a "touch your key" is seen where the SDK shows it; its stdin is empty.
    """

    automatic = True

    def __init__(self, process: Setting) -> None:
        self._process = process

    def ask(self, question: Question) -> str:
        """Return the first line of the command's output."""
        refuse_recursion(question.device, os.environ)
        where = f"{self._process.origin}: {self._process.key}"
        environ = _environ(question.device, os.environ)
        try:
            return _first_line(shlex.split(self._process.value), environ)
        except subprocess.TimeoutExpired:
            raise NoAnswer(
                f"{where} did not answer within"
                f" {settings.COMMAND_TIMEOUT_SECONDS:.0f} seconds",
                hint="run the command by hand to see what it waits for",
            ) from None
        except subprocess.CalledProcessError as error:
            raise ConfigurationError(
                f"{where} ended with exit code {error.returncode}",
                hint="run the command by hand to see why",
            ) from None
        except (OSError, ValueError, IndexError) as error:
            reason = getattr(error, "strerror", None) or "it is no command line"
            raise ConfigurationError(
                f"{where} cannot be run: {reason}",
                hint="it is split into words and run without a shell",
            ) from None


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


def _environ(device: str, environ: Mapping[str, str]) -> dict[str, str]:
    kept = {k: v for k, v in environ.items() if not SECRET_NAME.fullmatch(k)}
    serials = json.dumps([*_serials_above(environ), device])
    return {**kept, "STS_PLUGIN_MFA_SERIAL": device, SERIALS_VARIABLE: serials}


def _first_line(words: Sequence[str], environ: Mapping[str, str]) -> str:
    """Run the command, and end it if it is not waited for.

    It stays in our process group, the one in the foreground of the terminal: whoever
    asks for a password there would be stopped in another (SIGTTIN). The price is that
    what a shell had started may outlive it.
    """
    with subprocess.Popen(  # noqa: S603 - the user's own command, no shell
        words,
        env=environ,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
    ) as process:
        try:
            output, _ = process.communicate(timeout=settings.COMMAND_TIMEOUT_SECONDS)
        except BaseException:
            process.kill()
            raise
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, "mfa_process")
    first, *_ = output.decode(errors="replace").splitlines() or [""]
    return first
