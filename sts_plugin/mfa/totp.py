"""A code from a TOTP seed in a file that only its owner can read (RFC 6238)."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import TYPE_CHECKING

import pyotp

from sts_plugin.errors import ConfigurationError
from sts_plugin.model import Secret
from sts_plugin.private import read_private

if TYPE_CHECKING:
    from sts_plugin.mfa import Question
    from sts_plugin.model import Setting

__all__ = ["TotpSource"]


class TotpSource:
    """Reads the seed, in base32 as IAM shows it, each time a code is needed."""

    automatic = True

    def __init__(self, file: Setting) -> None:
        self._file = file

    def ask(self, question: Question) -> str:  # noqa: ARG002 - one seed, one device
        """Return the code of this moment."""
        path = Path(self._file.value).expanduser()
        where = f"{self._file.origin}: {self._file.key}"
        try:
            seed = _read_seed(path)
        except OSError as error:
            raise ConfigurationError(
                f"{where}: {path}: {error.strerror}",
                hint="put the base32 seed of the device there, in one line",
            ) from None
        if seed is None:
            raise ConfigurationError(
                f"{where}: {path} is not a file that only you can read",
                hint=f"chmod 600 {path}",
            )
        code = _code(seed)
        if code is None:
            raise ConfigurationError(
                f"{where}: {path} does not hold a base32 seed",
                hint="copy the secret key that IAM shows when a device is added",
            )
        return code


# Functions of their own, which do not raise once they hold the seed: no frame of a
# traceback shows it.


def _read_seed(path: Path) -> Secret | None:
    data = read_private(path)
    return None if data is None else Secret(data.decode("ascii", errors="replace"))


def _code(seed: Secret) -> str | None:
    with contextlib.suppress(ValueError):  # binascii.Error is one, too
        return pyotp.TOTP("".join(seed.reveal().split())).now()
    return None
