"""What a request to the endpoint is answered: who may ask, and in which words.

    headers, credentials | error -> status and document

Pure; knows nothing of sockets.
"""

from __future__ import annotations

import hmac
import os
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

from sts_plugin.document import timestamp
from sts_plugin.errors import (
    Busy,
    ConfigurationError,
    HumanNeeded,
    NothingHere,
    Refused,
    StsPluginError,
    Unreachable,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sts_plugin.model import Credentials, Secret

__all__ = ["ADDRESS", "PATH", "Answer", "judge", "path_of", "problem", "to_answer"]

ADDRESS: Final = "127.0.0.1"

PATH: Final = "/profiles/"

STATUS: Final[tuple[tuple[type[StsPluginError], int], ...]] = (
    (ConfigurationError, 400),
    (NothingHere, 400),
    (HumanNeeded, 403),
    (Refused, 403),
    (Unreachable, 502),
    (Busy, 503),
)

Answer = tuple[int, dict[str, str]]
"""Status and document."""


def path_of(profile: str) -> str:
    """Return the path of a profile."""
    return PATH + quote(profile, safe="")


def problem(status: int, code: str, message: str) -> Answer:
    """Return an error as SDKs show it: Go reads the small ones, JavaScript the others.

    Source: AWS SDKs and Tools Reference Guide, "Container credential provider".
    """
    words = {"code": code, "message": message}
    return status, words | {"Code": code, "Message": message}


def judge(
    hosts: Sequence[str], tokens: Sequence[str], *, port: int, token: Secret
) -> Answer | None:
    """Return why a request is refused by its Host and Authorization headers, or None.

    The host first, and without a word about the token: a page in a browser whose name
    was bound to this address (DNS rebinding) learns nothing.
    """
    ours = {f"{name}:{port}" for name in (ADDRESS, "localhost", "[::1]")}
    if len(hosts) != 1 or hosts[0].lower() not in ours:
        return problem(403, "Forbidden", "this address is not served under that name")
    if not tokens:
        return problem(
            401,
            "Unauthorized",
            "the token is missing: set AWS_CONTAINER_AUTHORIZATION_TOKEN or"
            " AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE",
        )
    given = [one.strip().encode("utf-8", "surrogateescape") for one in tokens]
    if len(given) != 1 or not hmac.compare_digest(given[0], token.reveal().encode()):
        return problem(
            403,
            "Forbidden",
            "the token is not that of this endpoint: it has one of its own each time"
            " that it is started",
        )
    return None


def to_answer(profile: str, found: Credentials | StsPluginError | None) -> Answer:
    """Return what a request for a profile is answered."""
    if found is None:
        return problem(
            503,
            "NotYet",
            f'credentials of profile "{profile}" are on their way: an MFA code may be'
            " asked for, at the terminal or in a window of sts-plugin (process"
            f" {os.getpid()}), or AWS takes its time",
        )
    if isinstance(found, StsPluginError):
        status = next((code for kind, code in STATUS if isinstance(found, kind)), 500)
        return problem(status, type(found).__name__, f"sts-plugin: {found.line}")
    assert found.session_token is not None  # long-term keys do not come here
    assert found.expiration is not None
    document = {
        "AccessKeyId": found.access_key_id,
        "SecretAccessKey": found.secret_access_key.reveal(),
        "Token": found.session_token.reveal(),
        "Expiration": timestamp(found.expiration),
    }
    if found.account_id:
        document["AccountId"] = found.account_id
    return 200, document
