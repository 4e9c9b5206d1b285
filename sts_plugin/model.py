"""The values that travel through the package.

All are frozen; none holds a clock, a path to the cache or a client.

``Secret`` and ``Credentials`` are masked in every representation, so that no log,
traceback, pickle or ``asdict`` can carry a secret out by accident.

Any module may import this one.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final, Literal, NoReturn

from sts_plugin import settings

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

__all__ = [
    "KINDS",
    "MFA_WAYS",
    "UNSIGNED_ACTIONS",
    "Call",
    "CodeSettings",
    "Credentials",
    "Endpoint",
    "Hop",
    "Life",
    "Origin",
    "Plan",
    "Proof",
    "ProofArgument",
    "Secret",
    "Setting",
    "SourceHop",
    "SourceKind",
]

SourceKind = Literal[
    "static",
    "keychain",
    "environment",
    "given",
    "web-identity",
    "saml",
    "sso",
    "login",
    "process",
    "container",
    "instance",
    "ambient",
]
ProofArgument = Literal["WebIdentityToken", "SAMLAssertion", "TradeInToken"]

MFA_WAYS: Final = ("command", "totp", "terminal", "dialog", "pinentry")
"""The ways to get an MFA code, as ``mfa_prompt`` spells them, in the order in which
they are tried where nobody said another."""

UNSIGNED_ACTIONS: Final = frozenset({"AssumeRoleWithSAML", "AssumeRoleWithWebIdentity"})
"""Calls that a token or an assertion vouches for, and no signature."""

KINDS: Final = {
    "AssumeRoot": "root",
    "GetDelegatedAccessToken": "delegated",
    "GetFederationToken": "user",
    "GetSessionToken": "session",
}
"""What an action gives, where that is no role."""


class Secret:
    """A string that shows itself only when ``reveal`` is called."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value: Final = value

    def reveal(self) -> str:
        """Return the secret itself: for a request, the document or the cache."""
        return self._value

    def __eq__(self, other: object) -> bool:
        """Two secrets are equal when what they hide is."""
        return isinstance(other, Secret) and self._value == other._value

    def __hash__(self) -> int:
        """Hash what is hidden."""
        return hash(self._value)

    def __repr__(self) -> str:
        """Show that there is something, and nothing of it."""
        return "<secret>"

    def __reduce__(self) -> NoReturn:
        """Refuse to be pickled or copied into anything that outlives us."""
        raise TypeError("a Secret cannot be pickled")

    def __deepcopy__(self, memo: dict[int, object]) -> Secret:
        """Stay as it is: it is frozen."""
        return self


@dataclass(frozen=True, slots=True)
class Life:
    """From when until when credentials are valid: aware UTC datetimes."""

    issued: datetime
    expires: datetime

    @property
    def renew(self) -> datetime:
        """When a new set should be fetched.

        Normally 15 minutes before the end, because an SDK that is handed less
        asks again for every request; but a short-lived set is used for at least
        15 minutes or three quarters of its life, whichever is less.
        """
        total = (self.expires - self.issued).total_seconds()
        wanted = settings.RENEW_BEFORE_SECONDS
        margin = min(wanted, max(total - wanted, total / 4))
        return self.expires - timedelta(seconds=margin)

    @property
    def early(self) -> datetime:
        """When a new set may be fetched while this one is handed out.

        As long before ``renew`` as that is before the end, but not in the first two
        thirds of the time: half-way through an hour.
        """
        margin = self.expires - self.renew
        return self.renew - min(margin, (self.renew - self.issued) / 3)

    @property
    def begins(self) -> datetime:
        """From when on these credentials may be used, by a clock that may be off."""
        return self.issued - _CLOCK_STEP

    @property
    def last(self) -> datetime:
        """When a program that gets a new set meanwhile may use this one no more.

        botocore lets every request wait once 10 minutes are left
        (``RefreshableCredentials._mandatory_refresh_timeout``).
        """
        insists = self.expires - timedelta(seconds=settings.INSIST_SECONDS)
        return max(self.renew, insists)

    def fresh(self, now: datetime) -> bool:
        """Whether these credentials may be handed out as they are."""
        return self.issued <= now + _CLOCK_STEP and now < self.renew

    def young(self, now: datetime) -> bool:
        """Whether nothing needs to be done for what comes after them."""
        return self.issued <= now + _CLOCK_STEP and now < self.early

    def usable(self, now: datetime) -> bool:
        """Whether these credentials will still be accepted for our own next call.

        Sets that live for a few seconds only (a test bench makes such) are usable
        for three quarters of their life.
        """
        total = (self.expires - self.issued).total_seconds()
        least = timedelta(seconds=min(settings.USABLE_SECONDS, total / 4))
        return self.issued <= now + _CLOCK_STEP and now < self.expires - least


_CLOCK_STEP: Final = timedelta(minutes=5)
"""Issued further in the future than this: the clock was stepped back since, and the
expiry on paper says nothing. STS itself tolerates 5 minutes of skew."""


@dataclass(frozen=True, slots=True)
class Credentials:
    """What signs a request.

    ``expiration`` is an aware UTC datetime, or None for long-term keys.
    ``account_id`` is 12 digits where it is known. Secrets are shown by ``reveal()``
    alone, and such credentials are not pickled.

    >>> found = Credentials("AKIAIOSFODNN7EXAMPLE", Secret("wJalrXUtnFEMI"))
    >>> found.secret_access_key
    <secret>
    >>> found.secret_access_key.reveal()
    'wJalrXUtnFEMI'
    """

    access_key_id: str
    secret_access_key: Secret
    session_token: Secret | None = None
    expiration: datetime | None = None
    account_id: str | None = None


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a value was written: a file and, if known, its line (from 1)."""

    path: str
    line: int | None = None

    def __str__(self) -> str:
        """As editors and compilers write it."""
        return self.path if self.line is None else f"{self.path}:{self.line}"


@dataclass(frozen=True, slots=True)
class Setting:
    """One key of a profile, as it is spelled in its file.

    ``profile`` is the one it is written in, "" for a variable of the environment.
    """

    key: str
    value: str = field(repr=False)  # it may be a secret access key
    origin: Origin
    profile: str = ""

    @property
    def owner(self) -> str:
        """The end of a sentence that names the key: whose it is."""
        return f' of profile "{self.profile}"' if self.profile else ""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Which STS is asked.

    ``region`` None means the global endpoint, signed for us-east-1. ``url`` is
    set only where one was configured. ``legacy`` is the old meaning of
    ``sts_regional_endpoints``. ``profile`` is the one whose other network settings
    (proxies, FIPS, certificates ...) botocore is to use. ``fallback`` is the STS of
    another region, for when this one cannot be reached. The ``_from`` fields say
    where region and URL were found. ``keys`` are the names of all keys of ``profile``,
    and ``ca_bundle`` is the one that says which certificates are trusted.
    """

    region: str | None = None
    url: str | None = None
    legacy: bool = False
    profile: str | None = None
    fallback: Endpoint | None = None
    region_from: str = field(default="", compare=False)
    url_from: str = field(default="", compare=False)
    keys: frozenset[str] = field(default=frozenset(), compare=False, repr=False)
    ca_bundle: str | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class CodeSettings:
    """Where MFA codes come from, as the profiles and the environment say it.

    ``ways`` are of ``MFA_WAYS``, in the order in which they are tried; ``prompt`` is
    the setting that chose them, or None.
    """

    process: Setting | None = None
    totp_file: Setting | None = None
    prompt: Setting | None = None
    ways: tuple[str, ...] = MFA_WAYS[1:]

    @property
    def silent(self) -> tuple[str, ...]:
        """The ways that need nobody: a seed in a file. A keychain may ask somebody."""
        return ("totp",) if self.totp_file and "totp" in self.ways else ()


@dataclass(frozen=True, slots=True)
class SourceHop:
    """What a chain starts from: credentials, or the proof that its first call brings.

    ``identity`` names what can be told of them without a secret (an access key
    id, or a digest of the settings they come from). ``explicit`` is False when
    the environment may speak for the profile, as in botocore. ``proof`` is what the
    first call brings along, where nothing signs it.
    """

    kind: SourceKind
    profile: str
    identity: str
    key: str
    explicit: bool = True
    long_term: bool = False
    origin: Origin | None = None
    proof: Proof | None = None


@dataclass(frozen=True, slots=True)
class Proof:
    """What a call brings along that no access key signs: a token, an assertion.

    ``argument`` is STS's name for it. ``setting`` names the file that holds it, or
    the command that prints it, or stands for what a program gives, by a digest.
    ``whose`` is a digest that tells one identity's from another's, "" where it was not
    known when the plan was made: of what a command will print, or a missing file.
    """

    argument: ProofArgument
    setting: Setting
    how: Literal["file", "process", "given"]
    whose: str = ""


@dataclass(frozen=True, slots=True)
class Call:
    """One call to STS that issues credentials.

    ``action`` and ``arguments`` are spelled as STS spells them; what is known only
    when the call is made (a code, a token, the default session name) is not among
    the arguments. ``settings`` are the keys it was made from: by the argument that a
    key became, else by the key's own name. ``lower_duration`` allows a shorter
    session where the role allows no longer one.
    """

    action: str
    profile: str
    key: str
    origin: Origin
    arguments: Mapping[str, Any] = field(default_factory=dict, repr=False, hash=False)
    settings: Mapping[str, Setting] = field(default_factory=dict, hash=False)
    proof: Proof | None = None
    lower_duration: bool = False

    @property
    def signed(self) -> bool:
        """Whether the caller's credentials sign it."""
        return self.action not in UNSIGNED_ACTIONS

    @property
    def of_program(self) -> bool:
        """Whether a program asks for it, and no profile."""
        return self.profile.endswith("()")

    @property
    def guard(self) -> str:
        """A name for what a command of this call must not ask for."""
        return self.key if self.of_program else self.profile

    @property
    def kind(self) -> str:
        """What it gives, in a word."""
        return KINDS.get(self.action, "role")

    @property
    def mfa_serial(self) -> str | None:
        """The MFA device whose code this very call carries, or None."""
        return self.arguments.get("SerialNumber")

    @property
    def subject(self) -> str:
        """What it is about: the role, the device, the name, the account."""
        names = ("RoleArn", "SerialNumber", "Name", "TargetPrincipal")
        found = (self.arguments.get(name) for name in names)
        return next((text for text in found if text), self.profile)

    @property
    def lock(self) -> str:
        """Name of the lock: the device, since it shows one code at a time, or the key.

        An MFA device is one for all the profiles and processes behind it.
        """
        return self.mfa_serial or self.key


Hop = SourceHop | Call


@dataclass(frozen=True, slots=True)
class Plan:
    """How a profile gets its credentials: the hops in the order of the calls.

    The first hop is the source; the last one's answer is what is handed out.
    ``notes`` tell a person what they might not expect. ``cache_encryption`` is what
    says how its entries are sealed: None, as "none", for not at all.
    """

    profile: str
    source: SourceHop
    calls: tuple[Call, ...] = ()
    endpoint: Endpoint = Endpoint()
    codes: CodeSettings = CodeSettings()
    notes: tuple[str, ...] = ()
    cache_encryption: Setting | None = None

    @property
    def sealed(self) -> bool:
        """Whether the answers are cached under a key from the OS keychain only."""
        said = self.cache_encryption
        return said is not None and said.value == "keychain"

    @property
    def hops(self) -> tuple[Hop, ...]:
        """The source and every call after it."""
        return (self.source, *self.calls)

    @property
    def device(self) -> str | None:
        """The MFA device this plan may ask for, or None."""
        serials = (call.mfa_serial for call in self.calls)
        return next((serial for serial in serials if serial), None)
