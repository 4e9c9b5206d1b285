"""What a program is answered from the cache before anything of the engine is imported.

    question -> refresh metadata of botocore, or None

The same as the executable's ``warm``: whatever is not exactly as it was when the long
way was taken is a miss, and the long way is taken. Imports nothing that botocore has
not imported.
"""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

from sts_plugin import warm

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["Metadata", "answer", "question"]

Metadata = dict[str, str | None]
"""What botocore wants from ``refresh_using``."""

PACKAGE = os.path.dirname(os.path.dirname(__file__))  # noqa: PTH120 - pathlib is slow


def question(profile: str, region: str | None, *, explicit: bool) -> list[str]:
    """Return the words that tell what is asked, but for the environment."""
    return [warm.IN_PROCESS, profile, region or "", "explicit" if explicit else ""]


def answer(
    words: Sequence[str], environ: Mapping[str, str]
) -> tuple[Metadata, list[str]] | None:
    """Return the metadata of fresh credentials and the notes of their record, if any.

    The notes are the ids of ``features.client_features``.
    """
    try:
        said = {
            os.fsencode(name): os.fsencode(value) for name, value in environ.items()
        }
        found = warm.answer(list(words), said, PACKAGE)
        if found is None:
            return None
        text, _, notes = found
        document = json.loads(text)
        metadata = {
            "access_key": document["AccessKeyId"],
            "secret_key": document["SecretAccessKey"],
            "token": document["SessionToken"],
            "expiry_time": document["Expiration"],
        }
        if "AccountId" in document:
            metadata["account_id"] = document["AccountId"]
    except Exception:  # noqa: BLE001 - not sure means miss, whatever it is
        return None
    return metadata, notes
