"""What is known of an access key whose secret is in the OS keychain, less the secret.

Values only: no clock, no disk. An item of the keychain is named after its key's id, so
that of two keys of a profile, during a rotation, each has an item of its own. Which of
them is in use is what one small file says, and that is replaced all at once.
"""

from __future__ import annotations

import contextlib
import json
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from sts_plugin.keys import digest
from sts_plugin.model import Credentials, Secret

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = [
    "KEY_ID",
    "NAME",
    "KeyRecord",
    "Rotating",
    "file_name",
    "from_item",
    "item_name",
    "to_item",
]

FORMAT: Final = 1
"""Version of the files' format; another one counts as damaged."""

NAME: Final = re.compile(r"[0-9a-f]{64}\.access-key")

KEY_ID: Final = re.compile(r"[A-Z0-9]{16,128}")
"""An access key id (IAM's ``accessKeyIdType``; AWS makes no others than these)."""


def file_name(profile: str) -> str:
    """Return the name of a profile's file."""
    return f"{digest('access key', profile)}.access-key"


def item_name(profile: str, access_key_id: str) -> str:
    """Return the name of a key in the keychain: no MFA device has one with a blank."""
    return f"access key {access_key_id} of profile {profile}"


@dataclass(frozen=True, slots=True)
class Rotating:
    """A rotation under way: since when (aware UTC), and the other key that is ours.

    ``new`` is a key that was made and is not in use yet, ``old`` one that was in use
    and may still be there at AWS; "" for what is not, or not known yet.
    """

    began: datetime
    new: str = ""
    old: str = ""


@dataclass(frozen=True, slots=True)
class KeyRecord:
    """The access key of a profile, and since when it is that one (aware UTC)."""

    profile: str
    access_key_id: str
    added: datetime
    rotating: Rotating | None = None

    @property
    def key_ids(self) -> tuple[str, ...]:
        """Every key that may be in the keychain for this profile, that in use first."""
        others = (self.rotating.new, self.rotating.old) if self.rotating else ()
        return (self.access_key_id, *filter(None, others))

    def to_json(self) -> Mapping[str, Any]:
        """Return it as what JSON is made of."""
        rotating = self.rotating
        return {
            "version": FORMAT,
            "profile": self.profile,
            "access_key_id": self.access_key_id,
            "added": self.added.isoformat(timespec="seconds"),
            "rotating": rotating
            and {
                "began": rotating.began.isoformat(timespec="seconds"),
                "new": rotating.new,
                "old": rotating.old,
            },
        }

    @classmethod
    def from_json(cls, data: Any, name: str) -> KeyRecord | None:  # noqa: ANN401 - JSON
        """Return what a file of this name says, or None if it is not sound."""
        with contextlib.suppress(KeyError, TypeError, ValueError, AttributeError):
            profile, key_id, rotating = (
                data["profile"],
                data["access_key_id"],
                data["rotating"],
            )
            if (
                data["version"] == FORMAT
                and isinstance(profile, str)
                and file_name(profile) == name
                and KEY_ID.fullmatch(key_id)
            ):
                added = _moment(data["added"])
                return cls(profile, key_id, added, rotating and _rotating(rotating))
        return None


def _rotating(data: Mapping[str, str]) -> Rotating:
    """Return what is said of a rotation; raise ValueError if it is not sound."""
    new, old = data["new"], data["old"]
    if not all(one == "" or KEY_ID.fullmatch(one) for one in (new, old)):
        raise ValueError("no access key id")
    return Rotating(_moment(data["began"]), new, old)


def _moment(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError("a time without a zone")
    return moment.astimezone(UTC)


def to_item(key: Credentials) -> Secret:
    """Return a key as the keychain has it: both halves in one, never mixed."""
    return Secret(
        json.dumps(
            {
                "AccessKeyId": key.access_key_id,
                "SecretAccessKey": key.secret_access_key.reveal(),
            }
        )
    )


def from_item(item: Secret) -> Credentials | None:
    """Return the key that the keychain has, or None if it is not one of ours."""
    with contextlib.suppress(KeyError, TypeError, ValueError, RecursionError):
        found = json.loads(item.reveal())
        key_id, secret = found["AccessKeyId"], found["SecretAccessKey"]
        if isinstance(key_id, str) and isinstance(secret, str):
            return Credentials(key_id, Secret(secret))
    return None
