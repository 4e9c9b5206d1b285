"""The calls of STS that a profile can ask for, and the keys that each is made of.

    Profile -> action, arguments, proof

One table: which keys make a profile ask for which action, and which argument of the
action each key becomes. Names of actions and arguments are STS's own. Reads the files
that keys name (a policy), calls nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal

from sts_plugin import forms
from sts_plugin.errors import ConfigurationError
from sts_plugin.model import UNSIGNED_ACTIONS, Proof
from sts_plugin.profiles import OWN_PREFIX

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from sts_plugin.model import ProofArgument, Setting
    from sts_plugin.profiles import Profile

__all__ = [
    "ACTIONS",
    "GIVEN",
    "POLICIES",
    "PROOFS",
    "SAML",
    "WEB_IDENTITY",
    "Action",
    "action_of",
    "arguments_of",
    "is_native",
    "proof_of",
    "unused_of",
]


@dataclass(frozen=True, slots=True)
class Action:
    """What a call is made of.

    ``keys``: key of a profile -> (argument, how its value is written). ``sources``:
    the keys that say who signs it; without one, the profile's own credentials do.
    """

    name: str
    keys: Mapping[str, tuple[str, Callable[[Setting], Any]]]
    sources: tuple[str, ...] = ("source_profile", "credential_source")


WEB_IDENTITY = "AssumeRoleWithWebIdentity"
SAML = "AssumeRoleWithSAML"

POLICIES: Mapping[str, tuple[str, Callable[[Setting], Any]]] = {
    "policy": ("Policy", forms.policy),
    "policy_arns": ("PolicyArns", forms.policy_arns),
}

ACTIONS: Mapping[str, Action] = {
    action.name: action
    for action in (
        Action(
            "AssumeRole",
            {
                "role_arn": ("RoleArn", forms.text),
                "role_session_name": ("RoleSessionName", forms.text),
                "external_id": ("ExternalId", forms.text),
                "duration_seconds": ("DurationSeconds", forms.seconds),
                "source_identity": ("SourceIdentity", forms.text),
                "session_tags": ("Tags", forms.tags),
                "transitive_session_tags": ("TransitiveTagKeys", forms.words),
                "provided_contexts": ("ProvidedContexts", forms.contexts),
                **POLICIES,
            },
        ),
        Action(
            WEB_IDENTITY,
            {
                "role_arn": ("RoleArn", forms.text),
                "role_session_name": ("RoleSessionName", forms.text),
                "provider_id": ("ProviderId", forms.text),
                "duration_seconds": ("DurationSeconds", forms.seconds),
                **POLICIES,
            },
            (),
        ),
        Action(
            SAML,
            {
                "role_arn": ("RoleArn", forms.text),
                "principal_arn": ("PrincipalArn", forms.text),
                "duration_seconds": ("DurationSeconds", forms.seconds),
                **POLICIES,
            },
            (),
        ),
        Action(
            "GetSessionToken",
            {
                "mfa_serial": ("SerialNumber", forms.text),
                "session_duration_seconds": ("DurationSeconds", forms.seconds),
            },
        ),
        Action(
            "GetFederationToken",
            {
                "federation_name": ("Name", forms.text),
                "duration_seconds": ("DurationSeconds", forms.seconds),
                "session_tags": ("Tags", forms.tags),
                **POLICIES,
            },
        ),
        Action(
            "AssumeRoot",
            {
                "target_principal": ("TargetPrincipal", forms.text),
                "task_policy_arn": (
                    "TaskPolicyArn",
                    lambda setting: {"arn": setting.value},
                ),
                "duration_seconds": ("DurationSeconds", forms.seconds),
            },
        ),
        Action("GetDelegatedAccessToken", {}),
    )
}

PROOFS: Mapping[str, tuple[str, ProofArgument]] = {
    "web_identity_token": (WEB_IDENTITY, "WebIdentityToken"),
    "saml": (SAML, "SAMLAssertion"),
    "trade_in_token": ("GetDelegatedAccessToken", "TradeInToken"),
}
"""Keys ``..._process`` and ``..._file`` -> the action they are for, its argument."""

NATIVE_KEY = "web_identity_token_file"

GIVEN = ":given"
"""Ends the key of what a program gives: a colon ends a key in a file, so that no file
can say this."""

LEADING = {"federation_name": "GetFederationToken", "target_principal": "AssumeRoot"}
"""Keys of ours that make a profile ask for an action that access keys sign."""


KEYS: Final = sorted(
    {key for one in ACTIONS.values() for key in one.keys}
    - ACTIONS["GetSessionToken"].keys.keys()  # these are for all of a chain
)
"""What profiles say of calls of their own."""


def action_of(profile: Profile) -> str | None:
    """Return the action that a profile asks for, None for plain credentials.

    Raises ConfigurationError for a profile that asks for two.
    """
    role = profile.get("role_arn")
    asked = {
        action: proof.setting
        for prefix, (action, _) in PROOFS.items()
        if (proof := _proof(profile, prefix))
    }
    asked |= {
        action: setting
        for key, action in LEADING.items()
        if (setting := profile.get(key))
    }
    # A role that a token or an assertion is for is no call of its own.
    if role and not asked.keys() & UNSIGNED_ACTIONS:
        asked["AssumeRole"] = role
    if len(asked) > 1:
        raise _contradiction(profile, *list(asked.values())[:2])
    action = next(iter(asked), None)
    # botocore looks whether the key is there, and not whether it has a value.
    native = role and not _is_own(role) and profile.plain(NATIVE_KEY)
    return None if action == "AssumeRole" and native else action


def is_native(profile: Profile) -> bool:
    """Whether a profile's web identity is one that the SDKs take themselves."""
    proof = _proof(profile, "web_identity_token")
    return proof is not None and proof.setting.key == NATIVE_KEY


def proof_of(profile: Profile, action: str) -> Proof | None:
    """Return what the call of an action brings along: a file's text or a command's."""
    for prefix, (user, _) in PROOFS.items():
        if user == action and (proof := _proof(profile, prefix)):
            return proof
    return None


def arguments_of(
    profile: Profile, action: Action
) -> tuple[dict[str, Any], dict[str, Setting]]:
    """Return the arguments of a call and, by argument, the keys they come from."""
    arguments: dict[str, Any] = {}
    settings: dict[str, Setting] = {}
    for key, (argument, read) in action.keys.items():
        setting = profile.get(key)
        if setting is None or not _counts(setting, action, profile):
            continue
        arguments[argument] = read(setting)
        settings[argument] = setting
    return arguments, settings


def unused_of(profile: Profile, action: Action) -> list[Setting]:
    """Return the keys that would count for another action and do not for this one."""
    return [
        setting
        for key in KEYS
        if (setting := profile.get(key))
        and setting.value
        and not (key in action.keys and _counts(setting, action, profile))
    ]


MAY_BE_EMPTY = (
    "role_session_name",
    "session_tags",
    "source_identity",
    "transitive_session_tags",
)
"""Empty means none. botocore takes the first one so; for the others it is the way not
to have what an included profile says. An empty policy would be an open door."""


def _counts(setting: Setting, action: Action, profile: Profile) -> bool:
    if not setting.value and setting.key.removeprefix(OWN_PREFIX) in MAY_BE_EMPTY:
        return False
    # Beside a web_identity_token_file botocore passes over all but the role and the
    # session name: what has no effect there must not begin to have one here.
    return not (
        setting.key == "duration_seconds"
        and action.name == WEB_IDENTITY
        and is_native(profile)
    )


def _proof(profile: Profile, prefix: str) -> Proof | None:
    """Return the token or the assertion that a profile names, if it is one that counts.

    Raises ConfigurationError for a profile that names two.
    """
    argument = PROOFS[prefix][1]
    ways: tuple[tuple[str, Literal["process", "file", "given"]], ...] = (
        (f"{prefix}_process", "process"),
        (f"{prefix}_file", "file"),
        (prefix + GIVEN, "given"),
    )
    found = [
        Proof(argument, setting, how)
        for key, how in ways
        if (setting := profile.get(key))
    ]
    if len(found) > 1:
        raise _contradiction(profile, *(proof.setting for proof in found[:2]))
    proof = found[0] if found else None
    if proof is None or not proof.setting.value:
        return None
    role = profile.get("role_arn")
    # The SDKs take the token file in a profile whose role is for us alone.
    for_them = role and _is_own(role) and proof.setting.key == NATIVE_KEY
    return None if for_them else proof


def _contradiction(
    profile: Profile, one: Setting, other: Setting
) -> ConfigurationError:
    return ConfigurationError(
        f'profile "{profile.name}" has both {one.key} ({one.origin}) and'
        f" {other.key} ({other.origin})",
        hint="keep the one that its credentials are to come from",
    )


def _is_own(setting: Setting) -> bool:
    return setting.key.startswith(OWN_PREFIX)
