"""The sandbox's OpenID Connect provider: signs web identity tokens, reads them.

Owns: the provider's secret and the checks of a token. Never: who trusts it.
HS256 with a secret of the sandbox's own stands in for RS256 with published
keys. Source of the claims beyond OpenID's: IAM User Guide, "Pass session tags
in AWS STS" and "Monitor and control actions taken with assumed roles".
"""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sts_plugin.sandbox.errors import StsError, invalid_identity_token
from sts_plugin.sandbox.jwt import decode_jwt, encode_jwt
from sts_plugin.sandbox.organisation import OIDC_ISSUER

__all__ = ["Claims", "WebIdentityProvider"]

# The model's limits of SubjectFromWebIdentityToken (webIdentitySubjectType).
_SUBJECT_LENGTHS = range(6, 256)

_SOURCE_IDENTITY = "https://aws.amazon.com/source_identity"
_TAGS = "https://aws.amazon.com/tags"


@dataclass(frozen=True, slots=True)
class Claims:
    """What a good token says."""

    subject: str
    audience: str
    source_identity: str | None = None
    tags: Mapping[str, str] = field(default_factory=dict)
    transitive_tags: tuple[str, ...] = ()


class WebIdentityProvider:
    """Signs tokens for tests, and verifies them for STS."""

    def __init__(self) -> None:
        self._secret = secrets.token_bytes(32)

    def sign(self, claims: Claims, now: datetime, lifetime_seconds: int) -> str:
        """Make a token that is good from now on."""
        issued_at = int(now.timestamp())
        named: dict[str, Any] = {
            "iss": f"https://{OIDC_ISSUER}",
            "sub": claims.subject,
            "aud": claims.audience,
            "iat": issued_at,
            "exp": issued_at + lifetime_seconds,
        }
        if claims.source_identity is not None:
            named[_SOURCE_IDENTITY] = claims.source_identity
        if claims.tags or claims.transitive_tags:
            named[_TAGS] = {
                "principal_tags": {key: [text] for key, text in claims.tags.items()},
                "transitive_tag_keys": list(claims.transitive_tags),
            }
        return encode_jwt({"alg": "HS256"}, named, self._secret)

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
        _check_time(claims, now)
        subject, audience = claims.get("sub"), claims.get("aud")
        identity = claims.get(_SOURCE_IDENTITY)
        if (
            not isinstance(subject, str)
            or len(subject) not in _SUBJECT_LENGTHS
            or not isinstance(audience, str)
            or not isinstance(identity, str | None)
        ):
            raise _rejected()
        tags, transitive = _tags(claims.get(_TAGS, {}))
        return Claims(subject, audience, identity, tags, transitive)

    def _open(self, token: str) -> Mapping[str, Any]:
        try:
            header, claims, is_signed = decode_jwt(token, self._secret)
        except (ValueError, RecursionError):
            raise invalid_identity_token(
                "The ID Token provided is not a valid JWT. (You may see this error if"
                " you sent an Access Token)"
            ) from None
        # The algorithm is ours to say, never the token's ("none", RFC 8725).
        if header.get("alg") != "HS256" or not is_signed:
            raise invalid_identity_token(
                "Couldn't retrieve verification key from your identity provider,"
                "  please reference AssumeRoleWithWebIdentity documentation for"
                " requirements"
            )
        return claims


def _check_time(claims: Mapping[str, Any], now: datetime) -> None:
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


def _tags(claim: Any) -> tuple[dict[str, str], tuple[str, ...]]:  # noqa: ANN401 (as JSON has it)
    """Read the claim of session tags: each has one value, in a list."""
    if not isinstance(claim, dict):
        raise _rejected()
    tags = claim.get("principal_tags", {})
    transitive = claim.get("transitive_tag_keys", [])
    if not isinstance(tags, dict) or not isinstance(transitive, list):
        raise _rejected()
    for values in tags.values():
        # "Multivalued session tags are not supported."
        if not isinstance(values, list) or [type(item) for item in values] != [str]:
            raise _rejected()
    if not all(isinstance(key, str) for key in transitive):
        raise _rejected()
    return {key: values[0] for key, values in tags.items()}, tuple(transitive)


def _rejected() -> StsError:
    return StsError("IDPRejectedClaim", 403, "The claim in the token is not valid.")
