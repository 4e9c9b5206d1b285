"""How the document of a cache entry is sealed, so that its file does not show it.

    the fields of an entry, key -> the fields as they stand in its file

AES-256-GCM. Everything that stays readable is bound to what is sealed: an entry that
was renamed, given another label or a longer life, or put together from two others does
not open. Knows nothing of where the key is kept, of files, or of AWS.

What cannot be opened, for whatever reason, is a ValueError: the store reads it as
absent, and the next answer takes its place.
"""

from __future__ import annotations

import base64
import json
import secrets
from typing import TYPE_CHECKING, Any, Final, Protocol

from sts_plugin.keys import digest
from sts_plugin.model import Secret

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["PLAIN", "UNOPENED", "KeySeal", "Plain", "Seal", "Unopened", "new_key"]

CIPHER: Final = "AES-256-GCM"

FORMAT: Final = 1
"""Version of what is sealed and how; another one does not open."""

KEY_BYTES: Final = 32

NONCE_BYTES: Final = 12
"""What GCM is made for. They are drawn at random: that is safe for 2**32 entries under
one key (NIST SP 800-38D, 8.3), one each second for more than a hundred years."""

READABLE: Final = frozenset({"kind", "action", "subject", "profile"})
"""What stays readable of a label: what ``status`` and ``logout`` go by, and what the
configuration files say anyway. The id of the key that made the call is not among it:
behind an MFA session that is the id of a session key, which is sealed in its entry."""


class Seal(Protocol):
    """What the store needs: ``fields`` are an entry's, all but the digest."""

    def close(self, fields: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return the fields as they are to be written."""
        ...

    def open(self, fields: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return the fields as they were before ``close``, or raise ValueError."""
        ...


class Plain:
    """No seal: an entry is written as it is, and a sealed one is not read."""

    def close(self, fields: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return the fields as they are."""
        return fields

    def open(self, fields: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return the fields as they are."""
        if "Sealed" in fields["document"]:
            raise ValueError("a sealed entry")
        return fields


class Unopened:
    """For who wants to know what there is, and no secret: nothing is opened."""

    def close(self, fields: Mapping[str, Any]) -> Mapping[str, Any]:
        """Refuse: what was read this way is not to be written."""
        raise TypeError(f"entry {fields['key']} is only looked at here")

    def open(self, fields: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return the fields as they are, sealed or not."""
        return fields


PLAIN: Final = Plain()
UNOPENED: Final = Unopened()


class KeySeal:
    """A seal with one key: the base64 text of 32 bytes; anything else is a ValueError.

    Raises ImportError where ``cryptography`` is not installed.
    """

    __slots__ = ("_cipher", "_invalid", "_key_id")

    def __init__(self, key: Secret) -> None:
        # An extra, and heavy.
        from cryptography.exceptions import InvalidTag  # noqa: PLC0415
        from cryptography.hazmat.primitives.ciphers.aead import (  # noqa: PLC0415
            AESGCM,
        )

        data = base64.b64decode(key.reveal(), validate=True)
        if len(data) != KEY_BYTES:
            raise ValueError("not a key of ours")
        self._cipher = AESGCM(data)
        self._invalid = InvalidTag
        self._key_id = digest("cache key", key.reveal())[:16]

    def close(self, fields: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return the fields with a sealed document, and what stays of the label."""
        label = fields["label"]
        text = json.dumps({"document": fields["document"], "label": label}).encode()
        head = {name: value for name, value in fields.items() if name != "document"}
        # The others stay, empty: tables and JSON have the same columns.
        head["label"] = {k: v if k in READABLE else "" for k, v in label.items()}
        nonce = secrets.token_bytes(NONCE_BYTES)
        sealed = self._cipher.encrypt(nonce, text, self._bound(head))
        document = {
            "Sealed": FORMAT,
            "Cipher": CIPHER,
            "KeyId": self._key_id,
            "Nonce": _text(nonce),
            "Text": _text(sealed),
        }
        return {**head, "document": document}

    def open(self, fields: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return the fields as they were, if they were closed with this key."""
        head = {name: value for name, value in fields.items() if name != "document"}
        try:
            found = fields["document"]
            how = (found["Sealed"], found["Cipher"], found["KeyId"])
            if how != (FORMAT, CIPHER, self._key_id):
                raise ValueError("not sealed with this key")
            nonce, sealed = _bytes(found["Nonce"]), _bytes(found["Text"])
            if len(nonce) != NONCE_BYTES:
                raise ValueError("not a nonce")
            text = self._cipher.decrypt(nonce, sealed, self._bound(head))
        except (KeyError, TypeError, self._invalid):
            raise ValueError("not sealed with this key") from None
        return {**head, **json.loads(text)}

    def _bound(self, head: Mapping[str, Any]) -> bytes:
        """Return what is not secret, and must be the same when it is opened."""
        how = (FORMAT, CIPHER, self._key_id)
        return json.dumps((how, head), sort_keys=True, separators=(",", ":")).encode()


def new_key() -> Secret:
    """Return a key that nobody has used: the base64 text of 32 random bytes."""
    return Secret(_text(secrets.token_bytes(KEY_BYTES)))


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _bytes(text: str) -> bytes:
    return base64.b64decode(text, validate=True)
