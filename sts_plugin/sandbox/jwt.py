"""JSON Web Tokens in form: three parts, and an HMAC for a signature.

Owns: the encoding, and the one way the sandbox signs. Never: a claim's meaning.
An HMAC with a secret of the sandbox's own stands in for RSA and elliptic
curves: nobody else can sign either, and the standard library can do it.
"""

import base64
import hmac
import json
from collections.abc import Mapping
from typing import Any

__all__ = ["decode_jwt", "encode_jwt", "mac"]

Part = Mapping[str, Any]


def encode_jwt(header: Part, claims: Part, secret: bytes, size_bytes: int = 32) -> str:
    """Make a token whose signature has the size that its algorithm would give."""
    body = b".".join(_base64(json.dumps(part).encode()) for part in (header, claims))
    signature = (mac(secret, body) * -(-size_bytes // 32))[:size_bytes]
    return b".".join((body, _base64(signature))).decode()


def decode_jwt(token: str, secret: bytes) -> tuple[Part, Part, bool]:
    """Return header, claims and whether ``secret`` signed them.

    Raises ``ValueError`` (or ``RecursionError``, for JSON that is very deep) for
    what is no token.
    """
    body, _, signature = token.encode("utf-8", "replace").rpartition(b".")
    header, claims = (_decode(part) for part in body.split(b"."))
    return header, claims, hmac.compare_digest(signature, _base64(mac(secret, body)))


def mac(secret: bytes, body: bytes) -> bytes:
    """Return the signature of a token's first two parts."""
    return hmac.digest(secret, body, "sha256")


def _base64(data: bytes) -> bytes:
    return base64.urlsafe_b64encode(data).rstrip(b"=")


def _decode(part: bytes) -> dict[str, Any]:
    value = json.loads(base64.urlsafe_b64decode(part + b"=" * (-len(part) % 4)))
    if not isinstance(value, dict):
        raise ValueError  # noqa: TRY004 (one error for "not a JWT")
    return value
