"""The sandbox's OpenID Connect provider: signs web identity tokens, reads them.

Owns: the provider's secret and the checks of a token. Never: who trusts it.
HS256 with a secret of the sandbox's own stands in for RS256 with published
keys: nobody else can sign either, and the standard library can do it.
"""

import base64
import hmac
import json
import secrets
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sts_plugin.sandbox.errors import StsError, invalid_identity_token
from sts_plugin.sandbox.organisation import OIDC_ISSUER

__all__ = ["Claims", "WebIdentityProvider"]

# The model's limits of SubjectFromWebIdentityToken (webIdentitySubjectType).
_SUBJECT_LENGTHS = range(6, 256)


@dataclass(frozen=True, slots=True)
class Claims:
    """What a good token says."""

    subject: str
    audience: str


class WebIdentityProvider:
    """Signs tokens for tests, and verifies them for STS."""

    def __init__(self) -> None:
        self._secret = secrets.token_bytes(32)

    def sign(
        self, subject: str, audience: str, now: datetime, lifetime_seconds: int
    ) -> str:
        """Make a token that is good from now on."""
        issued_at = int(now.timestamp())
        claims = {
            "iss": f"https://{OIDC_ISSUER}",
            "sub": subject,
            "aud": audience,
            "iat": issued_at,
            "exp": issued_at + lifetime_seconds,
        }
        body = b".".join(_encode(part) for part in ({"alg": "HS256"}, claims))
        return b".".join((body, _base64(self._digest(body)))).decode()

    def read(self, token: str, now: datetime) -> Claims:
        """Return the claims of a token that is signed, ours and in time.

        Raises ``StsError`` InvalidIdentityToken, ExpiredTokenException or
        IDPRejectedClaim.
        """
        claims = self._open(token)
        if claims.get("iss") != f"https://{OIDC_ISSUER}":
            raise invalid_identity_token(
                "No OpenIDConnect provider found in your account for the issuer"
            )
        subject, audience = claims.get("sub"), claims.get("aud")
        expires_at, issued_at = claims.get("exp"), claims.get("iat")
        if not isinstance(expires_at, int) or not isinstance(issued_at, int):
            raise invalid_identity_token("Missing a required claim: exp or iat")
        seconds = int(now.timestamp())
        if seconds >= expires_at:
            raise StsError(
                "ExpiredTokenException",
                400,
                f"Token expired: current date/time {seconds} must be before the"
                f" expiration date/time {expires_at}",
            )
        if (
            not isinstance(subject, str)
            or len(subject) not in _SUBJECT_LENGTHS
            or not isinstance(audience, str)
        ):
            raise StsError(
                "IDPRejectedClaim", 403, "The claim in the token is not valid."
            )
        return Claims(subject, audience)

    def _open(self, token: str) -> dict[str, Any]:
        body, _, signature = token.encode("utf-8", "replace").rpartition(b".")
        try:
            header, claims = (_decode(part) for part in body.split(b"."))
        except (ValueError, RecursionError):
            raise invalid_identity_token(
                "The ID Token provided is not a valid JWT. (You may see this error if"
                " you sent an Access Token)"
            ) from None
        # The algorithm is ours to say, never the token's ("none", RFC 8725).
        if header.get("alg") != "HS256" or not hmac.compare_digest(
            signature, _base64(self._digest(body))
        ):
            raise invalid_identity_token(
                "Couldn't retrieve verification key from your identity provider,"
                "  please reference AssumeRoleWithWebIdentity documentation for"
                " requirements"
            )
        return claims

    def _digest(self, body: bytes) -> bytes:
        return hmac.digest(self._secret, body, "sha256")


def _base64(data: bytes) -> bytes:
    return base64.urlsafe_b64encode(data).rstrip(b"=")


def _encode(part: dict[str, Any]) -> bytes:
    return _base64(json.dumps(part).encode())


def _decode(part: bytes) -> dict[str, Any]:
    value = json.loads(base64.urlsafe_b64decode(part + b"=" * (-len(part) % 4)))
    if not isinstance(value, dict):
        raise ValueError  # noqa: TRY004 (one error for "not a JWT")
    return value
