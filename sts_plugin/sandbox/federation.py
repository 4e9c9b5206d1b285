"""The unsigned actions of STS: a proof from an identity provider for a role.

Owns: AssumeRoleWithWebIdentity and AssumeRoleWithSAML. Never: reads a token or
an assertion itself. Source: the STS API reference, the pages of both.
"""

import base64
import hashlib
from collections.abc import Callable

from sts_plugin.sandbox.errors import (
    StsError,
    access_denied,
    invalid_identity_token,
    validation_error,
)
from sts_plugin.sandbox.estate import Ask, Estate
from sts_plugin.sandbox.organisation import OIDC_PROVIDER_ARN, Role
from sts_plugin.sandbox.policies import check_policies
from sts_plugin.sandbox.roles import account_of, assume, find_role, role_duration
from sts_plugin.sandbox.saml import Assertion
from sts_plugin.sandbox.tags import Tags, asserted_tags
from sts_plugin.sandbox.trust import missing_permission
from sts_plugin.sandbox.web_identity import Claims
from sts_plugin.sandbox.wire import Result

__all__ = ["unsigned_actions"]

_OAUTH_PROVIDERS = frozenset({"graph.facebook.com", "www.amazon.com"})


def unsigned_actions() -> dict[str, Callable[[Estate, Ask], Result]]:
    """Name every action that needs no credentials."""
    return {
        "AssumeRoleWithSAML": _assume_role_with_saml,
        "AssumeRoleWithWebIdentity": _assume_role_with_web_identity,
    }


def _assume_role_with_web_identity(estate: Estate, ask: Ask) -> Result:
    role_arn = str(ask.arguments["RoleArn"])
    check_policies(ask.arguments, account_of(role_arn))
    _check_provider_id(ask.text("ProviderId"))
    claims = estate.web_identities.read(str(ask.arguments["WebIdentityToken"]), ask.now)
    role = find_role(estate, role_arn)
    if role is None or OIDC_PROVIDER_ARN not in role.trust.principals:
        raise _not_trusted("AssumeRoleWithWebIdentity")
    if role.trust.audience not in (None, claims.audience):
        raise invalid_identity_token("Incorrect token audience")
    return {
        **assume(
            estate,
            role,
            ask,
            str(ask.arguments["RoleSessionName"]),
            role_duration(ask, role),
            tags=_tags(estate, role, claims, "AssumeRoleWithWebIdentity"),
            source_identity=claims.source_identity,
        ),
        "SubjectFromWebIdentityToken": claims.subject,
        "Audience": claims.audience,
        "Provider": OIDC_PROVIDER_ARN,
    }


def _check_provider_id(provider_id: str | None) -> None:
    # "Do not specify this value for OpenID Connect ID tokens": the sandbox has
    # no OAuth 2.0 provider, so a token never goes with one.
    if provider_id is None:
        return
    if provider_id not in _OAUTH_PROVIDERS:
        raise validation_error(
            "ProviderId is for OAuth 2.0 access tokens of www.amazon.com and"
            " graph.facebook.com only."
        )
    raise invalid_identity_token("The token is no OAuth 2.0 access token")


def _assume_role_with_saml(estate: Estate, ask: Ask) -> Result:
    role_arn = str(ask.arguments["RoleArn"])
    principal_arn = str(ask.arguments["PrincipalArn"])
    check_policies(ask.arguments, account_of(role_arn))
    assertion = estate.saml.read(
        str(ask.arguments["SAMLAssertion"]), role_arn, principal_arn, ask.now
    )
    role = find_role(estate, role_arn)
    if role is None or principal_arn not in role.trust.principals:
        raise _not_trusted("AssumeRoleWithSAML")
    return {
        **assume(
            estate,
            role,
            ask,
            assertion.session_name,
            _shortened(role_duration(ask, role), assertion, ask),
            tags=_tags(estate, role, assertion, "AssumeRoleWithSAML"),
            source_identity=assertion.source_identity,
        ),
        "Subject": assertion.subject,
        "SubjectType": assertion.subject_type,
        "Issuer": assertion.issuer,
        "Audience": assertion.recipient,
        "NameQualifier": _name_qualifier(assertion.issuer, principal_arn),
    }


def _shortened(seconds: int, assertion: Assertion, ask: Ask) -> int:
    """Return the lifetime, no longer than the assertion wants it.

    Both SessionDuration and SessionNotOnOrAfter can only shorten a session.
    """
    if assertion.session_duration_seconds is not None:
        seconds = min(seconds, assertion.session_duration_seconds)
    if assertion.session_ends_at is not None:
        left = assertion.session_ends_at - ask.now.replace(microsecond=0)
        seconds = min(seconds, int(left.total_seconds()))
    return seconds


def _name_qualifier(issuer: str, principal_arn: str) -> str:
    # The response element's own recipe: issuer, account, "/" and friendly name.
    account, _, name = principal_arn.split(":", 4)[4].partition(":saml-provider/")
    text = f"{issuer}{account}/{name}"
    return base64.b64encode(hashlib.sha1(text.encode()).digest()).decode()  # noqa: S324 (AWS's choice)


def _tags(estate: Estate, role: Role, proof: Assertion | Claims, action: str) -> Tags:
    """Return the tags that a proof gives to the session.

    Raises ``StsError`` ValidationError, and AccessDenied for a role that does not
    take them (in the words for a role that takes nobody: "Troubleshoot SAML
    federation").
    """
    tags = asserted_tags(
        estate.limits, proof.tags, proof.transitive_tags, proof.source_identity
    )
    if missing_permission(role.trust, tags, proof.source_identity) is not None:
        raise _not_trusted(action)
    return tags


def _not_trusted(action: str) -> StsError:
    return access_denied(f"Not authorized to perform sts:{action}")
