"""Who is calling: identities, their keys, and the registry of both.

Owns: every key the sandbox accepts, until when, and whose it is. Never:
decides what a caller may do.
"""

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import Enum

from sts_plugin.sandbox.ids import new_access_key_id, new_secret, new_session_token
from sts_plugin.sandbox.organisation import Organisation

__all__ = ["Caller", "Key", "Kind", "Registry"]


class Kind(Enum):
    """What kind of credentials a call was signed with."""

    USER = "long-term keys of a user"
    SESSION = "GetSessionToken"
    ROLE = "AssumeRole*"
    FEDERATED = "GetFederationToken"
    ROOT = "AssumeRoot"
    DELEGATED = "GetDelegatedAccessToken"


@dataclass(frozen=True, slots=True)
class Caller:
    """Whom a key belongs to, with what travels along a chain of roles.

    ``user_arn`` is the user behind the key (a role's session has none: it has
    left the user behind); ``mfa`` is the MFA context of a GetSessionToken
    session, False for everything else. ``chained``: temporary credentials assumed
    the role. ``tags`` are all session tags,
    ``transitive_tags`` the keys of those that travel on.
    """

    kind: Kind
    arn: str
    unique_id: str
    account: str
    user_arn: str | None = None
    role_arn: str | None = None
    mfa: bool = False
    tags: Mapping[str, str] = field(default_factory=dict)
    transitive_tags: frozenset[str] = frozenset()
    source_identity: str | None = None
    chained: bool = False


@dataclass(frozen=True, slots=True)
class Key:
    """One key pair. Temporary ones have a session token and an end."""

    access_key_id: str
    secret_access_key: str = field(repr=False)
    caller: Caller
    session_token: str | None = field(default=None, repr=False)
    expires_at: datetime | None = None


class Registry:
    """The keys that are good, by id; safe for the server's threads."""

    def __init__(self, organisation: Organisation) -> None:
        self._lock = threading.Lock()
        self._keys: dict[str, Key] = {}
        for user in organisation.users:
            caller = Caller(
                Kind.USER, user.arn, user.user_id, user.account, user_arn=user.arn
            )
            self._keys[user.access_key_id] = Key(
                user.access_key_id, user.secret_access_key, caller
            )

    def find(self, access_key_id: str) -> Key | None:
        """Return the key, or None when there is none or it was revoked."""
        with self._lock:
            return self._keys.get(access_key_id)

    def issue(
        self,
        caller: Caller,
        now: datetime,
        lifetime_seconds: int,
        least_token_characters: int = 0,
    ) -> Key:
        """Make and remember temporary credentials for ``caller``.

        The end is a whole second: STS writes it without a fraction, and the
        key must not outlive what the client was told.
        """
        key = Key(
            new_access_key_id("ASIA"),
            new_secret(),
            caller,
            new_session_token(least_token_characters),
            now.replace(microsecond=0) + timedelta(seconds=lifetime_seconds),
        )
        with self._lock:
            self._keys[key.access_key_id] = key
        return key

    def revoke(self, access_key_id: str) -> None:
        """Forget a key: from now on it is unknown."""
        with self._lock:
            self._keys.pop(access_key_id, None)
