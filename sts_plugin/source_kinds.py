"""What a chain starts from: which kind of credentials a profile has, and whose.

    Profile + environment -> SourceHop

Owns the order in which botocore looks for credentials in a profile without a role,
and what tells one source from another without showing a secret. Runs nothing, and asks
no keychain: of a key in there it reads the record, and of the file of a token or an
assertion whose it is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sts_plugin.actions import SAML, WEB_IDENTITY, proof_of
from sts_plugin.errors import ConfigurationError, NothingHere
from sts_plugin.folders import data_folder
from sts_plugin.forms import yes
from sts_plugin.keys import digest
from sts_plugin.model import Origin, Setting, SourceHop
from sts_plugin.profiles import Profile
from sts_plugin.tokens import identified

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sts_plugin.model import Credentials, SourceKind
    from sts_plugin.profiles import Profiles

__all__ = [
    "CREDENTIAL_SOURCES",
    "KEYCHAIN",
    "KEY_ID",
    "SECRET",
    "environment_source",
    "given_source",
    "has_own_keys",
    "idle_keys",
    "kept_keys",
    "named_source",
    "profile_source",
    "proof_source",
    "source_kind",
    "static_keys",
    "static_source",
    "web_identity_in_environment",
]

CREDENTIAL_SOURCES: Mapping[str, SourceKind] = {
    "Environment": "environment",
    "EcsContainer": "container",
    "Ec2InstanceMetadata": "instance",
}
"""The values of ``credential_source``; botocore matches them case-sensitively."""

KEY_ID, SECRET = "aws_access_key_id", "aws_secret_access_key"
KEYCHAIN = "keychain"  # with our prefix: nobody else reads it
TOKENS = ("aws_security_token", "aws_session_token")  # botocore reads them so


def has_own_keys(profile: Profile) -> bool:
    """Whether a profile has keys: in the keychain, or either half in any file."""
    in_file = profile.plain(KEY_ID) or profile.plain(SECRET)
    return bool(in_file or kept_keys(profile))


def kept_keys(profile: Profile) -> Setting | None:
    """Return the setting that says that the profile's keys are in the OS keychain."""
    said = profile.get(KEYCHAIN)
    return said if said and yes(said) else None


def idle_keys(profile: Profile) -> Setting | None:
    """Return a key id in a file that does not count, for those in the keychain do."""
    if kept_keys(profile) is None:
        return None
    return profile.credentials.get(KEY_ID) or profile.config.get(KEY_ID)


def static_keys(profile: Profile) -> tuple[Mapping[str, Setting], str]:
    """Return the keys of the one file that counts, and their session token or "".

    botocore never joins a key id in one file with a secret in the other.
    """
    in_file = profile.credentials if KEY_ID in profile.credentials else profile.config
    token = next((in_file[key].value for key in TOKENS if key in in_file), "")
    return in_file, token


def source_kind(profile: Profile) -> SourceKind | None:
    """Return what a profile without a role gets its credentials from.

    The order is that of botocore's ProfileProviderBuilder, which knows nothing of keys
    in the keychain: whoever says that they are there says it to us.
    """
    plain = profile.plain
    token_file = plain("web_identity_token_file")
    order: tuple[tuple[SourceKind, object], ...] = (
        ("keychain", kept_keys(profile)),
        ("web-identity", token_file and token_file.value),
        ("sso", plain("sso_account_id") or plain("sso_role_name")),
        ("static", KEY_ID in profile.credentials),
        ("login", plain("login_session")),
        ("process", plain("credential_process")),
        ("static", KEY_ID in profile.config),
    )
    return next((kind for kind, found in order if found), None)


def profile_source(
    profiles: Profiles, profile: Profile, environ: Mapping[str, str], *, top: bool
) -> SourceHop:
    """Return the source that a profile without a role is.

    ``top`` says that the profile itself was asked for: only then the machine may
    speak for a profile that says nothing. Raises ConfigurationError for half a
    source.
    """
    kind = source_kind(profile)
    if kind == "static":
        return static_source(profile)
    if kind == "keychain":
        return _kept(profile, environ)
    if kind is None:
        if not top:
            raise ConfigurationError(
                f'profile "{profile.name}" ({profile.origin}) is the source of a role'
                " and has no credentials",
                hint=f"add {KEY_ID} and {SECRET}, or an sso_, login or"
                " credential_process key",
            )
        return named_source("ambient", profile, environ)
    said = [profile.settings()]
    if session := profile.plain("sso_session"):
        said.append(dict(profiles.sso_sessions.get(session.value, {})))
    settings = [
        {key: item.value for key, item in one.items() if item.profile} for one in said
    ]
    identity = digest(kind, profile.name, settings)
    stated = profile.get("long_term")
    return SourceHop(
        kind,
        profile.name,
        identity,
        identity,
        # What a process prints is known when it has run; its profile may say it before.
        long_term=bool(kind == "process" and stated and yes(stated)),
        origin=profile.origin,
    )


def proof_source(profile: Profile, action: str) -> SourceHop:
    """Return the source of a chain whose first call is not signed.

    Raises ConfigurationError for a token without a role.
    """
    proof = proof_of(profile, action)
    assert proof is not None  # it is what made the action this one
    proof = identified(proof)
    kind: SourceKind = "saml" if action == SAML else "web-identity"
    setting = proof.setting
    if action == WEB_IDENTITY and not profile.get("role_arn"):
        raise ConfigurationError(
            f"{setting.origin}: {setting.key}{setting.owner} is there and no role_arn",
            hint="add the role_arn that the token is for",
        )
    identity = digest(kind, proof.how, setting.value, proof.whose)
    return SourceHop(
        kind, profile.name, identity, identity, origin=setting.origin, proof=proof
    )


def web_identity_in_environment(
    profile: Profile, environ: Mapping[str, str]
) -> Profile | None:
    """Return the web identity that the environment names, in part or in whole.

    botocore takes each value from the environment if it is there, else from the
    profile. What comes back is a profile that says no more than these.
    """
    variables = {
        "role_arn": "AWS_ROLE_ARN",
        "role_session_name": "AWS_ROLE_SESSION_NAME",
        "web_identity_token_file": "AWS_WEB_IDENTITY_TOKEN_FILE",
    }
    place = Origin("environment")
    said = {
        key: Setting(name, value, place)
        for key, name in variables.items()
        if (value := environ.get(name))
    }
    plain = {key: found for key in variables if (found := profile.plain(key))}
    values = {**plain, **said}
    token = values.get("web_identity_token_file")
    if not said or token is None or not token.value:
        return None
    role = values.get("role_arn")
    if role is None or not role.value:
        raise ConfigurationError(
            "AWS_WEB_IDENTITY_TOKEN_FILE is set and AWS_ROLE_ARN is not",
            hint="export the ARN of the role that the token is for",
        )
    return Profile(profile.name, place, config=values)


def _kept(profile: Profile, environ: Mapping[str, str]) -> SourceHop:
    """Return the source that the keys in the keychain are; raise without a record."""
    from sts_plugin.access_keys import AccessKeys  # noqa: PLC0415 - few keep keys there

    setting = kept_keys(profile)
    assert setting is not None  # it is what made the source this kind
    try:
        record = AccessKeys(data_folder(environ)).record(profile.name)
    except ConfigurationError as error:
        raise ConfigurationError(
            f"{setting.origin}: {setting.key} = {setting.value}: {error.message}",
            hint=error.hint,
        ) from None
    return SourceHop(
        "keychain",
        profile.name,
        record.access_key_id,
        # As of the same key in a file: a session of it stays when the key moves.
        digest("keys", record.access_key_id),
        long_term=True,
        origin=setting.origin,
    )


def static_source(profile: Profile) -> SourceHop:
    """Return the source that the keys in a file are; raise for half a pair."""
    in_file, token = static_keys(profile)
    key_id, secret = in_file[KEY_ID], in_file.get(SECRET)
    if not key_id.value or secret is None or not secret.value:
        missing = SECRET if key_id.value else KEY_ID
        raise ConfigurationError(
            f'{key_id.origin}: profile "{profile.name}" has no {missing} beside its'
            " other half in the same file",
            hint=f"add {missing}, or remove both",
        )
    return SourceHop(
        "static",
        profile.name,
        key_id.value,
        digest("keys", key_id.value),
        long_term=not token,
        origin=key_id.origin,
    )


def given_source(
    profile: str, given: Credentials, selected: Profile | None, profiles: Profiles
) -> SourceHop:
    """Return the source that credentials are which a program has.

    Where they are what the profile ``selected`` has in its file, they are that; where
    another profile has them, what it has got is for them, too. All of them counts: a
    program may have them from somebody who knows no more than the id of another's key.
    """
    if selected and source_kind(selected) == "static" and _holds(selected, given):
        return static_source(selected)
    known = any(_holds(one, given) for one in profiles.profiles.values())
    token = given.session_token
    secrets = [given.secret_access_key.reveal(), token.reveal() if token else ""]
    apart = () if known else (digest("secret", *secrets),)
    return SourceHop(
        "given",
        profile,
        given.access_key_id,
        digest("keys", given.access_key_id, *apart),
        explicit=False,
        long_term=not token,
    )


def _holds(profile: Profile, given: Credentials) -> bool:
    """Whether a profile has these very credentials in a file."""
    in_file, token = static_keys(profile)
    found = [in_file[key].value for key in (KEY_ID, SECRET) if key in in_file]
    said = [given.access_key_id, given.secret_access_key.reveal()]
    return found == said and token == (
        given.session_token.reveal() if given.session_token else ""
    )


def environment_source(profile: str, environ: Mapping[str, str]) -> SourceHop:
    """Return the source that the environment's keys are; raise if they are not there.

    The hop's ``profile`` is the one for which they speak.
    """
    key_id = environ.get("AWS_ACCESS_KEY_ID", "")
    for variable in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        if not environ.get(variable):
            raise ConfigurationError(
                f"{variable} is not set, and credentials are to come from the"
                " environment",
                hint="export it, or choose another source",
            )
    temporary = environ.get("AWS_SECURITY_TOKEN") or environ.get("AWS_SESSION_TOKEN")
    return SourceHop(
        "environment",
        profile,
        key_id,
        digest("keys", key_id),
        explicit=False,
        long_term=not temporary,
    )


def named_source(
    kind: SourceKind, profile: Profile, environ: Mapping[str, str]
) -> SourceHop:
    """Return a source that ``credential_source`` names, or the machine's own.

    Raises NothingHere when it is certain that the machine has none.
    """
    if kind == "environment":
        return environment_source(profile.name, environ)
    if kind == "ambient" and environ.get("AWS_EC2_METADATA_DISABLED") == "true":
        names = [name for name in environ if name.startswith("AWS_CONTAINER_CRED")]
        if not names:
            raise NothingHere(
                f'profile "{profile.name}" ({profile.origin}) has no credentials',
                hint=f"add {KEY_ID} and {SECRET}, or a role_arn",
            )
    where = [
        environ.get(name)
        for name in (
            "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
            "AWS_CONTAINER_CREDENTIALS_FULL_URI",
            "AWS_EC2_METADATA_SERVICE_ENDPOINT",
        )
    ]
    identity = digest(kind, where)
    return SourceHop(kind, profile.name, identity, identity, origin=profile.origin)
