"""How far this machine's clock is from AWS's, by the ``Date`` of an answer."""

from __future__ import annotations

from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any

from sts_plugin.settings import CLOCK_SKEW_SECONDS

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime, timedelta

__all__ = ["skew", "words"]


def skew(response: Mapping[str, Any], now: datetime) -> timedelta | None:
    """Return by how much our clock is ahead of AWS's (negative: behind).

    None where that is less than AWS tolerates, or where the answer does not tell.
    ``response`` is what botocore made of an answer, ``now`` aware UTC.
    """
    headers = response.get("ResponseMetadata", {}).get("HTTPHeaders", {})
    try:
        theirs = parsedate_to_datetime(str(headers.get("date", "")))
    except ValueError:
        return None
    if theirs.tzinfo is None:  # -0000: GMT, of an unknown zone
        theirs = theirs.replace(tzinfo=UTC)
    off = now - theirs
    return off if abs(off).total_seconds() > CLOCK_SKEW_SECONDS else None


def words(off: timedelta) -> str:
    """Return a difference as the end of a sentence."""
    seconds = off.total_seconds()
    minutes = round(abs(seconds) / 60)
    hours, rest = divmod(minutes, 60)
    span = f"{hours} h {rest:02} min" if hours else f"{minutes} minutes"
    where = "ahead of" if seconds > 0 else "behind"
    return f"this machine's clock is {span} {where} AWS's"
