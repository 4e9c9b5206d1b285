"""What every action works on, what a call brings, and how a set is issued.

Owns: ``Estate``, ``Ask``, the knobs, and the group of elements that all actions
answer that hand out credentials. Never: whether a call is allowed.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from sts_plugin.sandbox.identities import Caller, Registry
from sts_plugin.sandbox.mfa import Devices
from sts_plugin.sandbox.opaque import Opaque
from sts_plugin.sandbox.organisation import Organisation
from sts_plugin.sandbox.outbound import OutboundProvider
from sts_plugin.sandbox.saml import SamlProvider
from sts_plugin.sandbox.validation import Limits, Value
from sts_plugin.sandbox.web_identity import WebIdentityProvider

__all__ = [
    "STAMP",
    "Ask",
    "Context",
    "Estate",
    "Knobs",
    "Message",
    "SignedIn",
    "TradeIn",
    "issue",
]

# Whole seconds and a Z, as STS writes it (moto writes fractions).
STAMP = "%Y-%m-%dT%H:%M:%SZ"

# SessionTokenUtilization is in percent of the largest token. The model takes
# no MinimumSessionTokenSize beyond this.
_LARGEST_TOKEN = 4096


@dataclass(frozen=True, slots=True)
class Context:
    """What a context assertion stands for."""

    provider_arn: str
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class TradeIn:
    """What a trade-in token stands for."""

    principal_arn: str
    expires_at: datetime
    session_seconds: int


@dataclass(frozen=True, slots=True)
class Message:
    """What an encoded authorization message stands for: a JSON text."""

    text: str
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class SignedIn:
    """What a sign-in token stands for: whose session, and until when that is."""

    caller: Caller
    good_until: datetime
    ends_at: datetime


@dataclass(slots=True)
class Knobs:
    """What a test may turn while the sandbox runs.

    ``lifetime_seconds`` caps the life of every set issued from now on;
    ``clock_offset_seconds`` is how far the server's clock is ahead of the truth;
    ``outbound_federation`` says whether the accounts have outbound web identity
    federation enabled.
    """

    lifetime_seconds: int | None = None
    clock_offset_seconds: float = 0
    outbound_federation: bool = True

    def now(self) -> datetime:
        """Return the server's idea of the time."""
        return datetime.now(UTC) + timedelta(seconds=self.clock_offset_seconds)


@dataclass(frozen=True, slots=True)
class Estate:
    """Everything that the actions work on; the parts keep their own state."""

    organisation: Organisation
    registry: Registry
    devices: Devices
    knobs: Knobs = field(default_factory=Knobs)
    limits: Limits = field(default_factory=Limits)
    web_identities: WebIdentityProvider = field(default_factory=WebIdentityProvider)
    saml: SamlProvider = field(default_factory=SamlProvider)
    outbound: OutboundProvider = field(default_factory=OutboundProvider)
    contexts: Opaque[Context] = field(default_factory=Opaque)
    trade_ins: Opaque[TradeIn] = field(default_factory=Opaque)
    messages: Opaque[Message] = field(default_factory=Opaque)
    signins: Opaque[SignedIn] = field(default_factory=Opaque)


@dataclass(frozen=True, slots=True)
class Ask:
    """One call: its checked arguments, the server's time, and where it comes from.

    ``region`` is the credential scope's; ``session_ends_at`` is when the caller's
    own credentials end, None for long-term keys.
    """

    arguments: Mapping[str, Value] = field(repr=False)
    now: datetime
    region: str | None = None
    session_ends_at: datetime | None = None

    def text(self, name: str) -> str | None:
        """Return the text of an argument; None when it was not sent."""
        value = self.arguments.get(name)
        return None if value is None else str(value)

    def duration_seconds(self, default: int) -> int:
        """Return the lifetime asked for."""
        return int(self.text("DurationSeconds") or default)


def issue(
    estate: Estate, caller: Caller, ask: Ask, lifetime_seconds: int
) -> dict[str, str | Mapping[str, str]]:
    """Issue a set for ``caller``, capped by the knob, and describe its token."""
    longest_seconds = estate.knobs.lifetime_seconds
    if longest_seconds is not None:
        lifetime_seconds = min(lifetime_seconds, longest_seconds)
    least = int(ask.text("MinimumSessionTokenSize") or 0)
    key = estate.registry.issue(caller, ask.now, lifetime_seconds, least)
    assert key.session_token is not None
    assert key.expires_at is not None
    size = len(key.session_token)
    return {
        "Credentials": {
            "AccessKeyId": key.access_key_id,
            "SecretAccessKey": key.secret_access_key,
            "SessionToken": key.session_token,
            "Expiration": key.expires_at.strftime(STAMP),
        },
        "SessionTokenSize": str(size),
        "SessionTokenUtilization": str(-(-100 * size // _LARGEST_TOKEN)),
    }
