"""The MFA devices whose seeds were enrolled: one private file for each.

    serial -> where its seed is (in that file, in the OS keychain) -> the seed

In the data folder and not in the cache: a cache may be wiped, a second factor must
not be lost. The keychain is asked only for a device whose file says so. Never calls
AWS, never makes a code.
"""

from __future__ import annotations

import contextlib
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from sts_plugin import keychain
from sts_plugin.enrolment import NAME, Enrolled, Record, file_name
from sts_plugin.errors import (
    CacheUnusable,
    ConfigurationError,
    HumanNeeded,
    StsPluginError,
)
from sts_plugin.folders import NoHome, border, data_folder, trouble
from sts_plugin.private import PrivateFolder
from sts_plugin.settings import COMMAND_TIMEOUT_SECONDS

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from sts_plugin.enrolment import Place
    from sts_plugin.model import Secret

__all__ = ["SEED", "NoHome", "Seeds", "data_folder"]

WHAT: Final = "MFA seeds"

SEED: Final = keychain.About(
    "seed", "keep the seed in a file: sts-plugin mfa add --file"
)


class Seeds:
    """The seeds of one folder, which the first one makes.

    All methods raise ConfigurationError where the folder is no use, and what
    ``keychain`` raises where a seed is there.
    """

    def __init__(
        self,
        folder: Path,
        *,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._folder = PrivateFolder(folder)
        self._now = now

    def add(self, serial: str, seed: Secret, where: Place) -> None:
        """Keep a seed, in the place of an older one; leave no copy elsewhere."""
        before = self.find(serial) if self.has(serial) else None
        with border(WHAT):
            self._folder.make()  # better known before the keychain has it
            self._folder.sweep(file_name(serial))
        if where == "keychain":
            keychain.keep(serial, seed, about=SEED)
        if failed := self._save(serial, seed, where):
            if where == "keychain" and not (before and before.where == where):
                with contextlib.suppress(StsPluginError):
                    keychain.forget(serial, about=SEED)
            raise failed
        if before and before.where == "keychain" and where == "file":
            self._forget_old(serial)

    def seed(
        self, serial: str, *, seconds: float = COMMAND_TIMEOUT_SECONDS
    ) -> Secret | None:
        """Return a device's seed, or None; a keychain has ``seconds`` to answer."""
        if not self.has(serial):
            return None
        record = self._record(serial)
        if record is None:
            raise ConfigurationError(
                f"{self._path(serial)}: the seed of {serial} is damaged, or others can"
                " read it",
                hint=f"chmod 600 {self._path(serial)}, or sts-plugin mfa add --replace"
                f" --serial {serial}",
            )
        if record.seed:
            return record.seed
        seed = keychain.kept(serial, seconds=seconds, about=SEED)
        if seed is None:
            raise ConfigurationError(
                f"the seed of {serial} is not in the OS keychain any more",
                hint=f"sts-plugin mfa add --replace --serial {serial}",
            )
        return seed

    def has(self, serial: str) -> bool:
        """Whether there is a file: where there is none, the folder is not judged."""
        with border(WHAT):
            return self._folder.has(file_name(serial))

    def enrolled(self) -> tuple[list[Enrolled], list[Path]]:
        """Return the devices by their serials, and files that are no use.

        The keychain is not asked.
        """
        devices, damaged = [], []
        with border(WHAT):
            for name, _ in self._folder.files():
                if not NAME.fullmatch(name):
                    continue
                if record := Record.from_json(self._folder.load(name), name):
                    devices.append(record.device)
                else:
                    damaged.append(self._folder.path / name)
        return sorted(devices, key=lambda device: device.serial), sorted(damaged)

    def find(self, serial: str) -> Enrolled | None:
        """Return what is known of a device: None if nothing, or no sound file."""
        record = self._record(serial)
        return record.device if record else None

    def remove(self, serial: str) -> None:
        """Remove a seed, from the keychain first: without the file it is not found."""
        device = self.find(serial)
        if device and device.where == "keychain":
            keychain.forget(serial, about=SEED)
        with border(WHAT):
            self._folder.remove(file_name(serial))
            self._folder.sweep(file_name(serial))

    def _forget_old(self, serial: str) -> None:
        try:
            keychain.forget(serial, about=SEED)
        except StsPluginError as error:
            raise HumanNeeded(
                f"the new seed of {serial} is kept in a file, and the old one still is"
                f" in the OS keychain: {error.message}",
                hint=error.hint,
            ) from None

    def _path(self, serial: str) -> Path:
        return self._folder.path / file_name(serial)

    def _record(self, serial: str) -> Record | None:
        with border(WHAT):
            data = self._folder.load(file_name(serial))
        return Record.from_json(data, file_name(serial))

    def _save(
        self, serial: str, seed: Secret, where: Place
    ) -> ConfigurationError | None:
        """Write the file, or return what to raise: the frames below hold the seed."""
        device = Enrolled(serial, where, self._now())
        record = Record(device, seed if where == "file" else None)
        try:
            self._folder.save(file_name(serial), record.to_json())
        except CacheUnusable as error:
            return trouble(WHAT, error)
        return None
