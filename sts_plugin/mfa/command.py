"""A code from a command: the profile's ``mfa_process``, as aws-vault spells it."""

from __future__ import annotations

import os
import shlex
import subprocess
from typing import TYPE_CHECKING

from sts_plugin import settings
from sts_plugin.errors import ConfigurationError, NoAnswer

if TYPE_CHECKING:
    from sts_plugin.mfa import Question
    from sts_plugin.model import Setting

__all__ = ["CommandSource"]

WITHHELD = (
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SECURITY_TOKEN",
    "AWS_SESSION_TOKEN",
)


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
        where = f"{self._process.origin}: {self._process.key}"
        environ = {k: v for k, v in os.environ.items() if k not in WITHHELD}
        try:
            words = shlex.split(self._process.value)
            done = subprocess.run(  # noqa: S603 - the user's own command, no shell
                words,
                env={**environ, "STS_PLUGIN_MFA_SERIAL": question.device},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                timeout=settings.COMMAND_TIMEOUT_SECONDS,
                check=True,
            )
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
        first, *_ = done.stdout.decode(errors="replace").splitlines() or [""]
        return first
