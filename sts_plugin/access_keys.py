"""The access keys that are kept: the secret in the OS keychain, a record on disk.

    profile -> the id of its key (a small file) -> the key (the keychain)

The record is what plans are made from, so that neither a plan nor a list asks the
keychain. The secret is nowhere but in the keychain. In the data folder and not in the
cache: that may be wiped. Never calls AWS.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sts_plugin import keychain
from sts_plugin.errors import ConfigurationError
from sts_plugin.folders import border
from sts_plugin.key_records import (
    NAME,
    KeyRecord,
    file_name,
    from_item,
    item_name,
    to_item,
)
from sts_plugin.private import PrivateFolder
from sts_plugin.settings import COMMAND_TIMEOUT_SECONDS
from sts_plugin.words import profile_option

if TYPE_CHECKING:
    from pathlib import Path

    from sts_plugin.model import Credentials

__all__ = ["KEY", "AccessKeys"]

WHAT: Final = "records of access keys"

KEY: Final = keychain.About("access key")


class AccessKeys:
    """The access keys of one folder, which the first one makes.

    All methods raise ConfigurationError where the folder is no use, and what
    ``keychain`` raises where that is asked.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = PrivateFolder(folder)

    # --- Records ---

    def path(self, profile: str) -> Path:
        """Return where the record of a profile is, if there is one."""
        return self._folder.path / file_name(profile)

    def has(self, profile: str) -> bool:
        """Whether there is a record, sound or not."""
        with border(WHAT):
            return self._folder.has(file_name(profile))

    def find(self, profile: str) -> KeyRecord | None:
        """Return the record of a profile: None if there is none, or no sound one."""
        name = file_name(profile)
        with border(WHAT):
            data = self._folder.load(name) if self._folder.has(name) else None
        return KeyRecord.from_json(data, name)

    def record(self, profile: str) -> KeyRecord:
        """Return the record of a profile; raise ConfigurationError without one."""
        if record := self.find(profile):
            return record
        command = f"sts-plugin keys add {profile_option(profile)}"
        if self.has(profile):
            path = self.path(profile)
            raise ConfigurationError(
                f'{path}: the record of the access key of profile "{profile}" is'
                " damaged, or others can read it",
                hint=f"chmod 600 {path}, or {command} --replace",
            )
        raise ConfigurationError(
            f'no access key of profile "{profile}" is kept in the OS keychain',
            hint=command,
        )

    def records(self) -> tuple[list[KeyRecord], list[Path]]:
        """Return the records by their profiles, and files that are no use."""
        records, damaged = [], []
        with border(WHAT):
            for name, _ in self._folder.files():
                if not NAME.fullmatch(name):
                    continue
                if record := KeyRecord.from_json(self._folder.load(name), name):
                    records.append(record)
                else:
                    damaged.append(self._folder.path / name)
        return sorted(records, key=lambda one: one.profile), sorted(damaged)

    def prepare(self) -> None:
        """Make the folder, or raise: better known before there is a key to keep."""
        with border(WHAT):
            self._folder.make()

    def save(self, record: KeyRecord) -> None:
        """Put a record in the place of an older one, all at once."""
        name = file_name(record.profile)
        with border(WHAT):
            self._folder.make()
            self._folder.sweep(name)
            self._folder.save(name, record.to_json())

    def remove(self, profile: str) -> None:
        """Remove a key for good, from the keychain first.

        So are those of a rotation that did not end.
        """
        record = self.find(profile)
        for key_id in record.key_ids if record else ():
            self.forget(profile, key_id)
        with border(WHAT):
            self._folder.remove(file_name(profile))
            self._folder.sweep(file_name(profile))

    # --- Secrets ---

    def key(
        self,
        profile: str,
        access_key_id: str,
        *,
        seconds: float = COMMAND_TIMEOUT_SECONDS,
    ) -> Credentials | None:
        """Return a key from the keychain; None if it is not there, or another one."""
        name = item_name(profile, access_key_id)
        item = keychain.kept(name, seconds=seconds, about=KEY)
        key = from_item(item) if item else None
        return key if key and key.access_key_id == access_key_id else None

    def keep(self, profile: str, key: Credentials) -> None:
        """Keep a key in the keychain; a record is yet to say that it is in use."""
        keychain.keep(item_name(profile, key.access_key_id), to_item(key), about=KEY)

    def forget(self, profile: str, access_key_id: str) -> None:
        """Remove a key that may already be gone from the keychain."""
        keychain.forget(item_name(profile, access_key_id), about=KEY)
