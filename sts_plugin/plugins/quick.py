"""What a program is answered from the cache before anything of the engine is imported.

    question -> refresh metadata of botocore, or None

The same as the executable's ``warm``: whatever is not exactly as it was when the long
way was taken is a miss, and the long way is taken. Imports nothing that botocore has
not imported.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from sts_plugin import warm

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["Known", "Metadata", "answer", "question"]

Metadata = dict[str, str | None]
"""What botocore wants from ``refresh_using``."""

PACKAGE = os.path.dirname(os.path.dirname(__file__))  # noqa: PTH120 - pathlib is slow


def question(profile: str, region: str | None, *, explicit: bool) -> list[str]:
    """Return the words that tell what is asked, but for the environment.

    Who asks for more than the profile adds words of their own.
    """
    return [warm.IN_PROCESS, profile, region or "", "explicit" if explicit else ""]


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of a question.

    ``notes`` are the ids of ``features.client_features``; ``due``: a newer set should
    be got, which nobody needs to wait for.
    """

    metadata: Metadata = field(repr=False)
    notes: list[str]
    due: bool


def answer(words: Sequence[str], environ: Mapping[str, str]) -> Known | None:
    """Return what is known of a question without the engine, if it is."""
    try:
        said = {
            os.fsencode(name): os.fsencode(value) for name, value in environ.items()
        }
        found = warm.answer(list(words), said, PACKAGE, late=True)
        if found is None:
            return None
        text, claim, notes = found
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
    return Known(metadata, notes, due=bool(claim))
