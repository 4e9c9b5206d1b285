"""What a web identity token (a JSON Web Token, RFC 7519) says of itself.

Nothing here verifies a token: that is for STS. What it says is used to tell one
identity from another, and to explain why STS will not take it.
"""

from __future__ import annotations

import base64
import json
import os
from pathlib import Path
from typing import Any

from sts_plugin.files import read_text
from sts_plugin.keys import digest

__all__ = ["claims", "whose", "whose_file"]


def claims(token: str) -> dict[str, Any]:
    """Return the claims of a token, none for what is not a JSON Web Token."""
    parts = token.strip().split(".")
    if len(parts) != 3:  # noqa: PLR2004 - header, claims, signature
        return {}
    try:
        padded = parts[1] + "=" * (-len(parts[1]) % 4)
        found = json.loads(base64.urlsafe_b64decode(padded))
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def whose(token: str) -> list[str]:
    """Return what tells a token's identity: its issuer, subject and audience.

    One without a subject is told by a digest of itself: each is another identity.
    """
    found = claims(token)
    subject = found.get("sub")
    if not isinstance(subject, str) or not subject:
        return [digest(token)]
    return [json.dumps(found.get(name)) for name in ("iss", "sub", "aud")]


def whose_file(path: str) -> list[str] | None:
    """Return ``whose`` of the token or assertion in a file.

    None where it cannot be read: the call that needs it will find out, and say so.
    """
    try:
        return whose(read_text(Path(os.path.expanduser(path))))  # noqa: PTH111
    except (OSError, ValueError):
        return None
