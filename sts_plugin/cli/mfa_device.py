"""What the ``mfa`` commands share: which device is meant, its seed, its codes."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sts_plugin import settings
from sts_plugin.cli.common import cache_of, plan_of, tell
from sts_plugin.errors import CannotAsk, ConfigurationError
from sts_plugin.keys import digest
from sts_plugin.limits import problems
from sts_plugin.mfa import Question
from sts_plugin.mfa.command import refuse_recursion
from sts_plugin.mfa.totp import TotpSource
from sts_plugin.model import Secret
from sts_plugin.seeds import Seeds, data_folder

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

    from sts_plugin.engine import Engine
    from sts_plugin.locks import Holder
    from sts_plugin.model import Setting
    from sts_plugin.otpauth import Seed
    from sts_plugin.watcher import Watcher

__all__ = ["Codes", "Device", "device_of", "seeds"]


@dataclass(frozen=True, slots=True)
class Device:
    """A device, as the options name it; ``file`` is the profile's own for its seed."""

    serial: str
    profile: str = ""
    file: Setting | None = None

    def seed(self) -> Seed:
        """Return its seed, wherever it is kept; raise one of our errors."""
        source = TotpSource(self.file, environ=os.environ, seeds=seeds)
        deadline = time.monotonic() + settings.COMMAND_TIMEOUT_SECONDS
        try:
            return source.seed(Question(self.profile, self.serial, deadline))
        except CannotAsk as error:
            raise ConfigurationError(
                f"no code of {self.serial} can be made: {error.message}",
                hint=f"sts-plugin mfa add --serial {self.serial}",
            ) from None


def device_of(engine: Engine, options: argparse.Namespace) -> Device:
    """Return the device that is meant; raise ConfigurationError if STS takes none."""
    if options.serial is None:
        plan = plan_of(engine, options)
        if plan.device is None:
            raise ConfigurationError(
                f'profile "{plan.profile}" asks for no MFA code',
                hint="add mfa_serial to it, or name the device: --serial ARN",
            )
        device = Device(plan.device, plan.profile, plan.codes.totp_file)
    else:
        device = Device(options.serial)
    for _, why in problems("GetSessionToken", {"SerialNumber": device.serial}):
        raise ConfigurationError(
            f"{device.serial or 'the serial'} {why}",
            hint="it looks like arn:aws:iam::123456789012:mfa/name",
        )
    return device


def seeds() -> Seeds:
    """Return the seeds of this environment."""
    return Seeds(data_folder(os.environ))


class Codes:
    """The codes of one device, each given out once, to us or to a login."""

    def __init__(
        self,
        engine: Engine,
        serial: str,
        *,
        watcher: Watcher,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._cache = cache_of(engine)
        self._serial = serial
        self._watcher = watcher
        self._now = now

    def lock(self) -> AbstractContextManager[bool]:
        """Hold the device's lock, as a login does while it asks for a code."""
        refuse_recursion(self._serial, os.environ)  # it is held by who waits for us
        return self._cache.lock(self._serial, self._waiting)

    def unused(self, seed: Seed) -> Secret:
        """Return the code of this step, or wait for one that was not used.

        Call it under the lock.
        """
        while True:
            used = self._cache.used_codes(self._serial)
            step = current = self._step()
            while digest(self._serial, seed.code(step)) in used:
                step += 1
            if step == current:  # else look again: the machine may have slept
                code = Secret(seed.code(step))
                self._cache.record_code(self._serial, code)
                return code
            self._wait(f"this code of {self._serial} was used before", step)

    def pair(self, seed: Seed) -> Iterator[Secret]:
        """Yield the code of this step, and as soon as it is there the next one.

        Both are used from the beginning on.
        """
        with self.lock():
            step = self._step()
            codes = [Secret(seed.code(one)) for one in (step, step + 1)]
            for code in codes:
                self._cache.record_code(self._serial, code)
        yield codes[0]
        while self._step() <= step:
            self._wait("Ctrl-C if that one is enough", step + 1)
        yield codes[1]

    def _step(self) -> int:
        return int(self._now()) // settings.CODE_STEP_SECONDS

    def _wait(self, why: str, step: int) -> None:
        left = step * settings.CODE_STEP_SECONDS - self._now()
        self._watcher.wait("waiting for the next code", max(0.0, left), why=why)

    def _waiting(self, holder: Holder | None) -> None:
        whom = f"process {holder.process}" if holder else "another process"
        tell(f"waiting for {whom}, which uses {self._serial}")
