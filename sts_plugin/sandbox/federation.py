"""The unsigned actions of STS: a proof from an identity provider for a role.

Owns: AssumeRoleWithWebIdentity and AssumeRoleWithSAML. Never: reads a token or
an assertion itself. Source: the STS API reference, the pages of both.
"""

from collections.abc import Callable

from sts_plugin.sandbox.actions import Ask, Estate, assume, find_role, role_duration
from sts_plugin.sandbox.errors import StsError, access_denied, invalid_identity_token
from sts_plugin.sandbox.organisation import OIDC_PROVIDER_ARN
from sts_plugin.sandbox.policies import check_policies
from sts_plugin.sandbox.wire import Result

__all__ = ["unsigned_actions"]


def unsigned_actions() -> dict[str, Callable[[Estate, Ask], Result]]:
    """Name every action that needs no credentials."""
    return {
        "AssumeRoleWithSAML": _assume_role_with_saml,
        "AssumeRoleWithWebIdentity": _assume_role_with_web_identity,
    }


def _assume_role_with_web_identity(estate: Estate, ask: Ask) -> Result:
    check_policies(ask.arguments)
    claims = estate.web_identities.read(str(ask.arguments["WebIdentityToken"]), ask.now)
    role = find_role(estate, str(ask.arguments["RoleArn"]))
    if role is None or OIDC_PROVIDER_ARN not in role.trust.principals:
        raise _not_trusted("AssumeRoleWithWebIdentity")
    if role.trust.audience not in (None, claims.audience):
        raise invalid_identity_token("Incorrect token audience")
    session_name = str(ask.arguments["RoleSessionName"])
    return {
        **assume(estate, role, ask, session_name, role_duration(ask, role)),
        "SubjectFromWebIdentityToken": claims.subject,
        "Audience": claims.audience,
        "Provider": OIDC_PROVIDER_ARN,
    }


def _assume_role_with_saml(estate: Estate, ask: Ask) -> Result:
    check_policies(ask.arguments)
    role_arn = str(ask.arguments["RoleArn"])
    principal_arn = str(ask.arguments["PrincipalArn"])
    assertion = estate.saml.read(
        str(ask.arguments["SAMLAssertion"]), role_arn, principal_arn, ask.now
    )
    role = find_role(estate, role_arn)
    if role is None or principal_arn not in role.trust.principals:
        raise _not_trusted("AssumeRoleWithSAML")
    seconds = role_duration(ask, role)
    # "... or until the time specified in the SAML authentication response's
    # SessionNotOnOrAfter value, whichever is shorter."
    if assertion.session_ends_at is not None:
        left = assertion.session_ends_at - ask.now.replace(microsecond=0)
        seconds = min(seconds, int(left.total_seconds()))
    return {
        **assume(estate, role, ask, assertion.session_name, seconds),
        "Subject": assertion.subject,
        "SubjectType": "persistent",
        "Issuer": assertion.issuer,
        "Audience": assertion.audience,
    }


def _not_trusted(action: str) -> StsError:
    return access_denied(f"Not authorized to perform sts:{action}")
