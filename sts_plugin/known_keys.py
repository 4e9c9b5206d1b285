"""Every key of a profile that this package reads, and what each means.

One row for each line of the reference (``docs/reference.md`` is made of them), in its
order. A test holds the rows against what the code reads. Meanings are Markdown, with
links from the folder of the pages. Never reads a file, never judges a value: how values
are written is in ``forms``, which argument of a call each becomes in ``actions``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["KEYS", "SPELLED", "Key", "Spelling"]

Spelling = Literal["either", "ours", "plain"]
"""``either``: with our prefix or without; ``ours``: with it, for no SDK knows the key;
``plain``: without, as every SDK reads it."""


class Key(NamedTuple):
    """A line of the reference: keys without our prefix, and what they mean."""

    names: tuple[str, ...]
    spelling: Spelling
    meaning: str


def _key(names: str, spelling: Spelling, meaning: str) -> Key:
    return Key(tuple(names.split()), spelling, meaning)


KEYS: Final = (
    _key("role_arn", "either", "the role to assume"),
    _key(
        "source_profile",
        "either",
        "the profile whose credentials assume it; may be a role in its turn; a chain"
        " leads through 20 profiles at most",
    ),
    _key(
        "credential_source",
        "either",
        "instead of it: `Environment`, `EcsContainer`, `Ec2InstanceMetadata`",
    ),
    _key(
        "mfa_serial",
        "either",
        "ARN or serial number of the MFA device; beside no role: hand out an MFA"
        " session",
    ),
    _key("external_id", "either", "as the role's trust policy asks"),
    _key(
        "duration_seconds",
        "either",
        "900 to 43200, as long as the role allows; lowered to 3600 behind temporary"
        " credentials",
    ),
    _key("role_session_name", "either", "default: `sts-plugin-` and the time"),
    _key(
        "policy",
        "either",
        "a session policy: JSON in place, or `file://` and an absolute path",
    ),
    _key(
        "policy_arns",
        "either",
        "up to ten managed policies: with commas, or a JSON list",
    ),
    _key(
        "session_tags",
        "either",
        "`key=value` with commas, or a JSON object; empty: none",
    ),
    _key(
        "transitive_session_tags",
        "either",
        "keys of tags that go on to the next role; empty: none",
    ),
    _key(
        "source_identity",
        "either",
        "who stands behind the session, through the whole chain; empty: none",
    ),
    _key(
        "web_identity_token_file web_identity_token_process",
        "either",
        "a file with, or a command that prints, the token that the role is assumed"
        " with",
    ),
    _key(
        "saml_file saml_process",
        "either",
        "the same for a SAML assertion; `role_arn` and `principal_arn` choose among"
        " its roles",
    ),
    _key(
        "principal_arn", "either", "the SAML provider, where `role_arn` is not enough"
    ),
    _key(
        "include_profile",
        "either",
        "another profile, whose keys count where this one is silent; nested, 20 deep at"
        " most; static keys are never taken over; a profile that says where its"
        " credentials come from takes no other way to get some, and no role either if"
        " they are its own",
    ),
    _key(
        "mfa_process",
        "either",
        "a command whose first line of output is the code; see [Codes from a"
        " command](mfa-process.md)",
    ),
    _key(
        "mfa_prompt",
        "either",
        "ways to get a code, in the order in which they are tried: some of `command`,"
        " `totp`, `terminal`, `dialog`, `pinentry`; see [MFA codes](mfa.md)",
    ),
    _key(
        "keychain",
        "ours",
        "`yes`: the profile's access key is in the OS keychain; see [Keep an access key"
        " in the keychain](keys.md). It wins over keys in the files and is not included"
        " by `include_profile`",
    ),
    _key(
        "totp_file",
        "ours",
        "file of mode 0600 with the seed of the device, in base32 or as an"
        " `otpauth://` URI",
    ),
    _key("mfa_mode", "ours", "`session` (default) or `direct`"),
    _key(
        "fallback_region",
        "ours",
        "the region whose STS is asked when that of `region` is away; of the same"
        " partition",
    ),
    _key(
        "fallback_endpoint_url",
        "ours",
        "its URL, where the first one's is configured, too: VPC endpoints",
    ),
    _key(
        "cache_encryption",
        "ours",
        "`none` (default), or `keychain`: cache entries are encrypted with a key that"
        " the keychain of the OS keeps; needs `pip install 'sts-plugin[keyring]'`; see"
        " [the cache](explanation.md#an-encrypted-cache)",
    ),
    _key(
        "duration_fallback",
        "ours",
        "`yes`: try shorter sessions where the role allows no longer one",
    ),
    _key("provided_contexts", "ours", "`PROVIDER_ARN=file:///path` with commas"),
    _key(
        "provider_id",
        "ours",
        "ProviderId of AssumeRoleWithWebIdentity (OAuth 2.0 providers)",
    ),
    _key("federation_name", "ours", "GetFederationToken for a user of this name"),
    _key("target_principal task_policy_arn", "ours", "AssumeRoot"),
    _key(
        "trade_in_token_file trade_in_token_process",
        "ours",
        "GetDelegatedAccessToken",
    ),
    _key(
        "long_term",
        "ours",
        "`yes`: what the `credential_process` of this profile prints are long-term"
        " keys, so that they can have an MFA session",
    ),
    _key(
        "session_duration_seconds",
        "ours",
        "how long the MFA session is asked to last: 900 to 129600, default 43200",
    ),
    _key(
        "aws_access_key_id aws_secret_access_key",
        "plain",
        "an access key; one half without the other is an error",
    ),
    _key(
        "aws_session_token aws_security_token",
        "plain",
        "makes temporary credentials of it; the second is the older name",
    ),
    _key("aws_account_id", "plain", "the account of that access key"),
    _key(
        "credential_process",
        "plain",
        "a command that prints credentials. If it is sts-plugin itself, the keys beside"
        " it count",
    ),
    _key("login_session", "plain", "what `aws login` left; read by botocore"),
    _key(
        "sso_session sso_account_id sso_role_name sso_start_url sso_region",
        "plain",
        "IAM Identity Center; the sign-in is `aws sso login`'s",
    ),
    _key("region", "plain", "which region's STS is asked"),
    _key(
        "endpoint_url",
        "plain",
        "the URL of STS; in the `sts` block of the `services` section it is for STS"
        " alone",
    ),
    _key("services", "plain", "the name of a `[services NAME]` section"),
    _key(
        "sts_regional_endpoints",
        "plain",
        "`legacy`: the global endpoint for the older regions",
    ),
    _key(
        "ignore_configured_endpoint_urls",
        "plain",
        "`true`: no configured URL counts",
    ),
    _key("ca_bundle", "plain", "the certificates that are trusted"),
)

SPELLED: Final[Mapping[str, Spelling]] = {
    name: key.spelling for key in KEYS for name in key.names
}
"""Each key by its name without our prefix, and how it is written."""
