"""The tokens that STS issues for the outside: AWS as the identity provider.

Owns: their claims and the secret that signs them. Never: who may have one; and
nobody's token is accepted here: AWS takes none of its own for
AssumeRoleWithWebIdentity. Source: IAM User Guide, "Understanding token claims".
"""

import secrets
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sts_plugin.sandbox.identities import Caller
from sts_plugin.sandbox.jwt import encode_jwt

__all__ = ["ALGORITHMS", "OutboundProvider", "Wish"]

# The algorithms, and the sizes of their signatures in bytes (RSA with 2,048
# bits, two numbers of 384 bits).
ALGORITHMS = {"RS256": 256, "ES384": 96}

_NAMESPACE = "https://sts.amazonaws.com/"
_ORGANISATION_ID = "o-sandbox0000"


@dataclass(frozen=True, slots=True)
class Wish:
    """What a caller wants in a token."""

    audience: Sequence[str]
    algorithm: str
    tags: Mapping[str, str]
    region: str | None


class OutboundProvider:
    """Issues tokens; each account has an issuer of its own."""

    def __init__(self) -> None:
        self._secret = secrets.token_bytes(32)
        self._issuers = uuid.uuid4()

    def issuer(self, account: str) -> str:
        """Return the URL of the account's issuer. Nothing listens there."""
        name = uuid.uuid5(self._issuers, account)
        return f"https://{name}.tokens.sts.global.api.aws"

    def sign(
        self, caller: Caller, wish: Wish, now: datetime, expires_at: datetime
    ) -> str:
        """Make a token that speaks for ``caller``."""
        own: dict[str, Any] = {
            "aws_account": caller.account,
            "org_id": _ORGANISATION_ID,
            "source_region": wish.region,
            "principal_tags": dict(caller.tags),
            "request_tags": dict(wish.tags),
        }
        audience = list(wish.audience)
        claims = {
            "iss": self.issuer(caller.account),
            "aud": audience[0] if len(audience) == 1 else audience,
            "sub": caller.role_arn or caller.arn,
            "iat": int(now.timestamp()),
            "exp": int(expires_at.timestamp()),
            "jti": str(uuid.uuid4()),
            _NAMESPACE: {name: value for name, value in own.items() if value},
        }
        header = {"alg": wish.algorithm, "kid": f"{wish.algorithm}_0", "typ": "JWT"}
        return encode_jwt(header, claims, self._secret, ALGORITHMS[wish.algorithm])
