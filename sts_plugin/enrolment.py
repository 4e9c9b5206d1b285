"""What the file of an enrolled MFA device says. Values only: no clock, no disk."""

from __future__ import annotations

import contextlib
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final, Literal

from sts_plugin.keys import digest
from sts_plugin.model import Secret

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["NAME", "Enrolled", "Place", "Record", "file_name"]

Place = Literal["file", "keychain"]

FORMAT: Final = 1
"""Version of the files' format; another one counts as damaged."""

NAME: Final = re.compile(r"[0-9a-f]{64}\.seed")


def file_name(serial: str) -> str:
    """Return the name of a device's file."""
    return f"{digest('seed', serial)}.seed"


@dataclass(frozen=True, slots=True)
class Enrolled:
    """A device whose seed is kept: where, and since when (aware UTC)."""

    serial: str
    where: Place
    added: datetime


@dataclass(frozen=True, slots=True)
class Record:
    """A device, and its seed where that is kept in the file itself."""

    device: Enrolled
    seed: Secret | None = None

    def to_json(self) -> Mapping[str, Any]:
        """Return it as what JSON is made of, the seed in the open."""
        return {
            "version": FORMAT,
            "serial": self.device.serial,
            "where": self.device.where,
            "added": self.device.added.isoformat(timespec="seconds"),
            **({"seed": self.seed.reveal()} if self.seed else {}),
        }

    @classmethod
    def from_json(cls, data: Any, name: str) -> Record | None:  # noqa: ANN401 - JSON
        """Return what a file of this name says, or None if it is not sound."""
        with contextlib.suppress(KeyError, TypeError, ValueError):
            added = datetime.fromisoformat(data["added"])
            serial, where, seed = data["serial"], data["where"], data.get("seed")
            sound = (
                data["version"] == FORMAT
                and isinstance(serial, str)
                and file_name(serial) == name
                and added.tzinfo is not None
                and (where == "keychain" or (where == "file" and isinstance(seed, str)))
            )
            if sound:
                kept = Secret(seed) if where == "file" else None
                return cls(Enrolled(serial, where, added.astimezone(UTC)), kept)
        return None
