"""What a web identity token (a JSON Web Token, RFC 7519) says of itself.

Nothing here verifies a token: that is for STS. What it says is used to tell one
identity from another, and to explain why STS will not take it.
"""

from __future__ import annotations

import base64
import json
import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sts_plugin.files import read_text
from sts_plugin.keys import digest

if TYPE_CHECKING:
    from sts_plugin.model import Proof

__all__ = ["claims", "identified", "identity_of", "whose"]

ROTATING = frozenset({"auth_time", "exp", "iat", "jti", "nbf"})
"""Claims that each new token of an identity has anew (RFC 7519, OpenID Connect)."""


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


def whose(token: str) -> str:
    """Return a digest of whom a token speaks for, and of what it says of them.

    Two tokens of one identity differ in when they were made and how long they last; all
    else, such as session tags and a source identity, makes another session. A token
    without a subject is told by itself: each is another identity.
    """
    found = claims(token)
    subject = found.get("sub")
    if not isinstance(subject, str) or not subject:
        return digest(token)
    return digest({key: one for key, one in found.items() if key not in ROTATING})


def identity_of(proof: Proof, text: str) -> str:
    """Return a digest of whom the text of a proof speaks for.

    A trade-in token stands for one delegation, and what an assertion says of a person
    is for the provider to know: each is another identity.
    """
    if proof.argument == "WebIdentityToken":
        return whose(text)
    return digest(text.strip())


def identified(proof: Proof) -> Proof:
    """Return a proof with what its file says now of whose it is.

    The file of one machine may have the name of another's, and who signs in may
    change. What a command would print is not known; a file that cannot be read is told
    by the call that needs it.
    """
    if proof.how != "file":
        return proof
    try:
        text = read_text(Path(os.path.expanduser(proof.setting.value)))  # noqa: PTH111
    except (OSError, ValueError):
        return proof
    return replace(proof, whose=identity_of(proof, text))
