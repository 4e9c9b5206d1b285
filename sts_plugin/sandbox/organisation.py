"""The make-believe organisation: accounts, users, roles and their profiles.

Owns: who exists and who trusts whom, as frozen values. Never: a file, a clock
or a decision.
"""

from dataclasses import dataclass, field, replace

import pyotp

from sts_plugin.sandbox.ids import new_access_key_id, new_secret, new_unique_id

__all__ = [
    "OIDC_ISSUER",
    "OIDC_PROVIDER_ARN",
    "SAML_PROVIDER_ARN",
    "Organisation",
    "Profile",
    "Role",
    "Trust",
    "User",
]

_HOME = "111111111111"
_SHARED = "222222222222"
_PRODUCTION = "333333333333"
_PARTNER = "444444444444"

OIDC_ISSUER = "oidc.sandbox.example"
OIDC_PROVIDER_ARN = f"arn:aws:iam::{_SHARED}:oidc-provider/{OIDC_ISSUER}"
SAML_PROVIDER_ARN = f"arn:aws:iam::{_SHARED}:saml-provider/sandbox"


@dataclass(frozen=True, slots=True)
class User:
    """An IAM user with one key, and an MFA device if it has a seed.

    ``lists_mfa_devices``: the user's policies allow iam:ListMFADevices for the user.
    """

    account: str
    name: str
    totp_seed: str | None = field(default=None, repr=False)
    lists_mfa_devices: bool = True
    user_id: str = field(default_factory=lambda: new_unique_id("AIDA"))
    access_key_id: str = field(default_factory=lambda: new_access_key_id("AKIA"))
    secret_access_key: str = field(default_factory=new_secret, repr=False)

    @property
    def arn(self) -> str:
        """The user's ARN."""
        return f"arn:aws:iam::{self.account}:user/{self.name}"

    @property
    def mfa_serial(self) -> str | None:
        """The ARN of the user's device; None without one."""
        if self.totp_seed is None:
            return None
        return f"arn:aws:iam::{self.account}:mfa/{self.name}"


@dataclass(frozen=True, slots=True)
class Trust:
    """A trust policy, reduced to what the sandbox decides.

    ``principals`` are ARNs of users, roles, accounts (``:root``) and identity
    providers. ``mfa`` is the condition ``aws:MultiFactorAuthPresent``,
    ``external_id`` is ``sts:ExternalId``, ``audience`` the provider's ``aud``.
    ``tag_session``, ``set_source_identity`` and ``set_context`` say that the policy
    allows the principals sts:TagSession, sts:SetSourceIdentity and
    sts:SetContext besides: each is needed for a session that has tags, a source
    identity or a provided context, inherited ones included.
    """

    principals: tuple[str, ...]
    mfa: bool = False
    external_id: str | None = None
    audience: str | None = None
    tag_session: bool = False
    set_source_identity: bool = False
    set_context: bool = False


@dataclass(frozen=True, slots=True)
class Role:
    """An IAM role with its trust policy and MaxSessionDuration."""

    account: str
    name: str
    trust: Trust
    max_session_seconds: int = 3600
    role_id: str = field(default_factory=lambda: new_unique_id("AROA"))

    @property
    def arn(self) -> str:
        """The role's ARN."""
        return f"arn:aws:iam::{self.account}:role/{self.name}"


@dataclass(frozen=True, slots=True)
class Profile:
    """One profile of the config file.

    A profile without a role is a plain user. ``web_identity`` gives the role to
    the SDK's own keys, with the sandbox's token file.
    """

    name: str
    role_arn: str | None = None
    source_profile: str | None = None
    mfa_serial: str | None = None
    external_id: str | None = None
    duration_seconds: int | None = None
    web_identity: bool = False


@dataclass(frozen=True, slots=True)
class Organisation:
    """Everything that exists. Change it with ``with_roles`` and ``with_profiles``.

    The first of ``accounts`` is the management account; the others are its
    members, but for the ``outsiders``.

    For instance twenty roles behind one device::

        organisation = Organisation.example()
        serial = organisation.user("alice").mfa_serial
        for number in range(20):
            role = Role("222222222222", f"Team{number:02}", Trust(
                ("arn:aws:iam::111111111111:root",), mfa=True))
            profile = Profile(f"team{number:02}", role.arn, "alice", serial)
            organisation = organisation.with_roles(role).with_profiles(profile)
    """

    accounts: tuple[str, ...]
    users: tuple[User, ...]
    roles: tuple[Role, ...]
    profiles: tuple[Profile, ...]
    outsiders: tuple[str, ...] = ()

    @classmethod
    def example(cls) -> "Organisation":
        """Make the organisation of the documentation, with fresh keys and seeds."""
        alice = User(_HOME, "alice", pyotp.random_base32())
        bob = User(_HOME, "bob", lists_mfa_devices=False)
        roles = _example_roles(alice, bob)
        return cls(
            accounts=(_HOME, _SHARED, _PRODUCTION, _PARTNER),
            users=(alice, bob),
            roles=roles,
            profiles=_example_profiles(alice, {role.name: role.arn for role in roles}),
            outsiders=(_PARTNER,),
        )

    @property
    def management(self) -> str:
        """The management account: the first of all."""
        return self.accounts[0]

    @property
    def members(self) -> frozenset[str]:
        """The member accounts: neither the management account nor outsiders."""
        return frozenset(self.accounts[1:]).difference(self.outsiders)

    def user(self, name: str) -> User:
        """Return the user of this name; KeyError without one."""
        return {user.name: user for user in self.users}[name]

    def role(self, name: str) -> Role:
        """Return the role of this name or ARN; KeyError without one."""
        by_name = {role.name: role for role in self.roles}
        return (by_name | {role.arn: role for role in self.roles})[name]

    def with_roles(self, *roles: Role) -> "Organisation":
        """Return the same organisation; roles of the same ARN are replaced."""
        arns = {role.arn for role in roles}
        kept = tuple(role for role in self.roles if role.arn not in arns)
        return replace(self, roles=kept + roles)

    def with_profiles(self, *profiles: Profile) -> "Organisation":
        """Return the same organisation; profiles of the same name are replaced."""
        names = {profile.name for profile in profiles}
        kept = tuple(item for item in self.profiles if item.name not in names)
        return replace(self, profiles=kept + profiles)


def _example_roles(alice: User, bob: User) -> tuple[Role, ...]:
    home = f"arn:aws:iam::{_HOME}:root"
    jump = Role(_SHARED, "Jump", Trust((alice.arn,), mfa=True), 43200)
    tagged = Role(_SHARED, "Tagged", _open_trust(home))
    return (
        jump,
        Role(_SHARED, "Audit", Trust((home,), mfa=True)),
        Role(_PRODUCTION, "Admin", Trust((jump.arn,))),
        Role(_PARTNER, "Partner", Trust((home,), mfa=True, external_id="partner-7341")),
        Role(_SHARED, "Batch", Trust((alice.arn, bob.arn)), 43200),
        Role(
            _SHARED, "Deploy", Trust((OIDC_PROVIDER_ARN,), audience="sts.amazonaws.com")
        ),
        Role(_SHARED, "Federated", Trust((SAML_PROVIDER_ARN,))),
        Role(_SHARED, "FederatedAudit", _open_trust(SAML_PROVIDER_ARN)),
        tagged,
        Role(_PRODUCTION, "TaggedNext", _open_trust(tagged.arn)),
    )


def _open_trust(principal: str) -> Trust:
    """Allow whatever a session may be given."""
    return Trust(
        (principal,), tag_session=True, set_source_identity=True, set_context=True
    )


def _example_profiles(alice: User, arns: dict[str, str]) -> tuple[Profile, ...]:
    serial = alice.mfa_serial
    return (
        Profile("alice", mfa_serial=serial),
        Profile("jump", arns["Jump"], "alice", serial),
        Profile("prod-admin", arns["Admin"], "jump"),
        Profile("audit", arns["Audit"], "alice", serial),
        Profile("partner", arns["Partner"], "alice", serial, "partner-7341"),
        Profile("batch", arns["Batch"], "alice", duration_seconds=43200),
        Profile("bob"),
        Profile("ci", arns["Deploy"], web_identity=True),
    )
