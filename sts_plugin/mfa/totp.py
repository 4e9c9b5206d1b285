"""A code from a TOTP seed (RFC 6238): in a file, by a descriptor, enrolled."""

from __future__ import annotations

import os
import stat
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final

from sts_plugin import otpauth, settings
from sts_plugin.errors import (
    CannotAsk,
    ConfigurationError,
    HumanNeeded,
    NoAnswer,
)
from sts_plugin.folders import NoHome
from sts_plugin.mfa.descriptor import VARIABLE, inherited
from sts_plugin.model import Secret
from sts_plugin.private import read_private

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from sts_plugin.mfa import Question
    from sts_plugin.model import Setting
    from sts_plugin.otpauth import Seed
    from sts_plugin.seeds import Seeds

__all__ = ["TotpSource"]

NONE_KEPT: Final = "no TOTP seed is kept for it"


class TotpSource:
    """Gets the seed each time a code is needed; the profile's file comes first.

    ``seeds`` is called only where neither the file nor a descriptor is named: a
    machine without a home folder has no place for enrolled seeds.
    """

    name = "totp"
    automatic = True
    attempts = 2

    def __init__(
        self,
        file: Setting | None,
        *,
        environ: Mapping[str, str],
        seeds: Callable[[], Seeds],
        now: Callable[[], float] = time.time,
    ) -> None:
        self._file = file
        self._environ = environ
        self._seeds = seeds
        self._now = now

    def ask(self, question: Question) -> str:
        """Return the code of this moment."""
        seed = self.seed(question)
        return seed.code(int(self._now()) // settings.CODE_STEP_SECONDS)

    def seed(self, question: Question) -> Seed:
        """Return the seed of the question's device; raise as ``ask`` does."""
        seconds = min(settings.COMMAND_TIMEOUT_SECONDS, question.seconds_left)
        if self._file is not None:
            return _of_file(self._file)
        if text := inherited(self._environ, seconds=seconds):
            return _parsed(text, f"{VARIABLE}={self._environ[VARIABLE]}")
        return self._enrolled(question.device, seconds)

    def _enrolled(self, device: str, seconds: float) -> Seed:
        try:
            text = self._seeds().seed(device, seconds=seconds)
        except NoHome:
            raise CannotAsk(NONE_KEPT) from None
        except NoAnswer:
            raise
        except HumanNeeded as error:
            # A locked keychain: somebody may be there to be asked for the code, and
            # is told why.
            raise ConfigurationError(error.message, hint=error.hint) from None
        if text is None:
            raise CannotAsk(NONE_KEPT)
        return _parsed(text, f"the seed kept for {device}")


def _of_file(file: Setting) -> Seed:
    path = Path(os.path.expanduser(file.value))  # noqa: PTH111 - raises without home
    where = f"{file.origin}: {file.key}{file.owner}: {path}"
    try:
        text = _read(path)
    except OSError as error:
        raise ConfigurationError(
            f"{where}: {error.strerror}",
            hint="put the base32 seed of the device there, in one line",
        ) from None
    if text is None and stat.S_ISREG(path.lstat().st_mode):
        raise ConfigurationError(
            f"{where} is not a file that only you can read",
            hint=f"chmod 600 {path}",
        )
    if text is None:
        raise ConfigurationError(
            f"{where} is no plain file",
            hint="name the file itself, which holds the base32 seed in one line",
        )
    return _parsed(text, where)


def _read(path: Path) -> Secret | None:
    # A function of its own, which does not raise once it holds the seed.
    data = read_private(path)
    return None if data is None else Secret(data.decode("utf-8-sig", "replace"))


def _parsed(text: Secret, where: str) -> Seed:
    try:
        return otpauth.parse(text)
    except otpauth.NoSeed as error:
        raise ConfigurationError(f"{where} {error}", hint=error.hint) from None
