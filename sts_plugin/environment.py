"""The variables by which a program gets a profile's credentials, and no others.

    credentials | an endpoint -> variables to set, variables to take away

Owns: their names. Every variable that an SDK takes credentials from, or that says whose
they are, is either set or taken away, so that nothing else wins. Pure: reads the
environment that it is given, and changes none.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sts_plugin.document import timestamp

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sts_plugin.model import Credentials, Secret
    from sts_plugin.profiles import Profile

__all__ = [
    "MARK",
    "URL",
    "about",
    "ambient",
    "cleaned",
    "given",
    "hiding",
    "of_credentials",
    "of_token",
    "outside",
    "speaks_for_itself",
]

MARK: Final = "STS_PLUGIN_PROFILE"
"""Holds the name of the profile; a shell's prompt can show it."""

URL: Final = "AWS_CONTAINER_CREDENTIALS_FULL_URI"
AUTHORIZATION: Final = "AWS_CONTAINER_AUTHORIZATION_TOKEN"

TAKEN: Final = (
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "AWS_CREDENTIAL_EXPIRATION",
    "AWS_ACCOUNT_ID",
    # Older names: botocore, boto, Java and Go v1, Ruby.
    "AWS_SECURITY_TOKEN",
    "AWS_ACCESS_KEY",
    "AWS_SECRET_KEY",
    "AWS_CREDENTIAL_FILE",
    "AMAZON_ACCESS_KEY_ID",
    "AMAZON_SECRET_ACCESS_KEY",
    "AMAZON_SESSION_TOKEN",
    # Who they belong to. JavaScript passes over keys where a profile is named.
    "AWS_PROFILE",
    "AWS_DEFAULT_PROFILE",
    "AWS_EB_PROFILE",
    "AWS_VAULT",
    "AWS_ROLE_ARN",
    "AWS_ROLE_SESSION_NAME",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
    URL,
    AUTHORIZATION,
    f"{AUTHORIZATION}_FILE",
    # A token of a service wins over credentials there.
    "AWS_BEARER_TOKEN_BEDROCK",
    # What is asked of us, once: for this run and not for what it starts.
    "STS_PLUGIN_MFA_CODE",
    "STS_PLUGIN_TOTP_FD",
    MARK,
)
"""Taken away where it is not set, whether it is there or not."""

PREFIXES: Final = ("AWS_CONTAINER_", "AWS_BEARER_TOKEN_")
"""What else begins so is taken away as well."""

REGIONS: Final = ("AWS_REGION", "AWS_DEFAULT_REGION")

FILES: Final = ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE")

OUTSIDE: Final = "STS_PLUGIN_OUTSIDE_"
"""Before the name of a variable of ``FILES``: what it was before we hid the files."""

SAID: Final = (
    "aws_access_key_id",
    "credential_process",
    "credential_source",
    "login_session",
    "role_arn",
    "source_profile",
    "sso_account_id",
    "sso_session",
    "sso_start_url",
    "web_identity_token_file",
)
"""Keys by which SDKs take credentials from a profile."""


def about(profile: str, region: str | None, account_id: str | None) -> dict[str, str]:
    """Return the variables that hold no secret."""
    variables = {MARK: profile}
    if region:
        variables |= dict.fromkeys(REGIONS, region)
    if account_id:
        variables["AWS_ACCOUNT_ID"] = account_id
    return variables


def of_credentials(
    profile: str, region: str | None, credentials: Credentials
) -> dict[str, str]:
    """Return the variables that hold a set of credentials."""
    variables = {
        "AWS_ACCESS_KEY_ID": credentials.access_key_id,
        "AWS_SECRET_ACCESS_KEY": credentials.secret_access_key.reveal(),
    }
    if credentials.session_token is not None:
        variables["AWS_SESSION_TOKEN"] = credentials.session_token.reveal()
    if credentials.expiration is not None:
        variables["AWS_CREDENTIAL_EXPIRATION"] = timestamp(credentials.expiration)
    return variables | about(profile, region, credentials.account_id)


def of_token(token: Secret | None, file: str | None) -> dict[str, str]:
    """Return the variable that holds the token of an endpoint, or names its file."""
    if token is None:
        return {f"{AUTHORIZATION}_FILE": file} if file else {}
    return {AUTHORIZATION: token.reveal()}


def ambient(environ: Mapping[str, str]) -> tuple[str, ...]:
    """Return the names that are to be taken away where nothing is set."""
    others = sorted(
        name
        for name in environ
        if name not in TAKEN and name.startswith((*PREFIXES, OUTSIDE))
    )
    return (*TAKEN, *others)


def given(environ: Mapping[str, str]) -> tuple[str, ...]:
    """Return the names of all that may have been set, to take it away again."""
    return (*ambient(environ), *REGIONS)


def cleaned(environ: Mapping[str, str], variables: Mapping[str, str]) -> dict[str, str]:
    """Return an environment with these variables and none that would win over them."""
    taken = set(ambient(environ))
    kept = {name: value for name, value in environ.items() if name not in taken}
    return {**kept, **variables}


def speaks_for_itself(profile: Profile | None) -> bool:
    """Whether SDKs find credentials in a profile, before they ask an endpoint."""
    settings = profile.settings() if profile else {}
    return any(key in settings for key in SAID)


def hiding(environ: Mapping[str, str], nothing: str) -> dict[str, str]:
    """Return the variables that hide the AWS files from SDKs, but not from us.

    ``nothing`` is the path of a file without a word.
    """
    before = {OUTSIDE + name: environ.get(name, "") for name in FILES}
    return {**dict.fromkeys(FILES, nothing), **before}


def outside(environ: Mapping[str, str]) -> dict[str, str]:
    """Return an environment in which hidden files are to be seen again."""
    found = dict(environ)
    for name in FILES:
        before = found.pop(OUTSIDE + name, None)
        if before:
            found[name] = before
        elif before is not None:
            found.pop(name, None)
    return found
