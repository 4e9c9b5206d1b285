"""Ids, secrets and tokens in the shapes AWS gives them.

Owns: their alphabets and lengths. Never: remembers one.
"""

import base64
import secrets

__all__ = [
    "new_access_key_id",
    "new_secret",
    "new_session_token",
    "new_unique_id",
]

_ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"


def new_unique_id(prefix: str) -> str:
    """Make an id as IAM writes them: AIDA... a user, AROA... a role."""
    return prefix + "".join(secrets.choice(_ALPHABET) for _ in range(17))


def new_access_key_id(prefix: str) -> str:
    """Make a key id: AKIA... for a long-term key, ASIA... for a temporary one."""
    return prefix + "".join(secrets.choice(_ALPHABET) for _ in range(16))


def new_secret() -> str:
    """Make a secret access key: 40 characters, ``/`` and ``+`` among them."""
    return base64.b64encode(secrets.token_bytes(30)).decode()


def new_session_token(least_characters: int = 0) -> str:
    """Make a session token: opaque text of 360 characters, or of so many."""
    size_bytes = max(270, -(-least_characters * 3 // 4))
    return base64.b64encode(secrets.token_bytes(size_bytes)).decode()
