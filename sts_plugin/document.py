"""Credentials as the JSON document that ``credential_process`` prints.

The cache holds the same document, so that a hit has nothing to convert. This is the
one place where secrets are written out in clear.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from sts_plugin.model import Credentials, Secret

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["from_document", "parse_timestamp", "timestamp", "to_document"]


def timestamp(moment: datetime) -> str:
    """Return ``YYYY-MM-DDTHH:MM:SSZ``, the one form that every SDK reads.

    Without a zone botocore crashes and JavaScript takes local time; ``UTC`` in
    place of ``Z`` is no date in JavaScript. Fractions are cut, not rounded up.
    """
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def parse_timestamp(text: str) -> datetime:
    """Return an aware UTC datetime; raise ValueError for anything without a zone."""
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError("a time without a zone")
    try:
        return moment.astimezone(UTC)
    except OverflowError:
        raise ValueError("a time outside of the calendar") from None


def to_document(credentials: Credentials) -> dict[str, str | int]:
    """Return the document, with optional fields only where there is a value.

    Source: AWS SDKs and Tools Reference Guide, "Process credential provider".
    """
    document: dict[str, str | int] = {
        "Version": 1,
        "AccessKeyId": credentials.access_key_id,
        "SecretAccessKey": credentials.secret_access_key.reveal(),
    }
    if credentials.session_token is not None:
        document["SessionToken"] = credentials.session_token.reveal()
    if credentials.expiration is not None:
        document["Expiration"] = timestamp(credentials.expiration)
    if credentials.account_id is not None:
        document["AccountId"] = credentials.account_id
    return document


def from_document(document: Mapping[str, Any]) -> Credentials:
    """Read a document back; raise ValueError for anything but a whole one."""
    fields = {
        name: document.get(name)
        for name in ("AccessKeyId", "SecretAccessKey", "SessionToken", "Expiration")
    }
    if document.get("Version") != 1 or not all(
        isinstance(value, str) and value for value in fields.values()
    ):
        raise ValueError("not a document of temporary credentials")
    account_id = document.get("AccountId")
    if account_id is not None and not isinstance(account_id, str):
        raise ValueError("AccountId is not a string")
    return Credentials(
        access_key_id=str(fields["AccessKeyId"]),
        secret_access_key=Secret(str(fields["SecretAccessKey"])),
        session_token=Secret(str(fields["SessionToken"])),
        expiration=parse_timestamp(str(fields["Expiration"])),
        account_id=account_id,
    )
