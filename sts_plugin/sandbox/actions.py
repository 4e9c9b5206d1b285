"""The signed actions of STS by name; the short ones, and where the others are.

Owns: GetSessionToken, GetFederationToken, GetCallerIdentity and
GetAccessKeyInfo: what each checks beyond its parameters' limits, and what it
returns. Never: HTTP, signatures or the shape of XML. Source: the STS API
reference, the page of each action.
"""

from collections.abc import Callable

from sts_plugin.sandbox.errors import not_authorized
from sts_plugin.sandbox.estate import Ask, Estate, issue
from sts_plugin.sandbox.exchange import (
    decode_authorization_message,
    get_delegated_access_token,
    get_web_identity_token,
)
from sts_plugin.sandbox.identities import Caller, Kind
from sts_plugin.sandbox.policies import check_policies, packed_percent
from sts_plugin.sandbox.roles import assume_role
from sts_plugin.sandbox.root import assume_root
from sts_plugin.sandbox.tags import session_tags
from sts_plugin.sandbox.wire import Result

__all__ = ["signed_actions"]

_TWELVE_HOURS = 43200


def signed_actions() -> dict[str, Callable[[Estate, Caller, Ask], Result]]:
    """Name every action that needs credentials."""
    return {
        "AssumeRole": assume_role,
        "AssumeRoot": assume_root,
        "DecodeAuthorizationMessage": decode_authorization_message,
        "GetAccessKeyInfo": _get_access_key_info,
        "GetCallerIdentity": _get_caller_identity,
        "GetDelegatedAccessToken": get_delegated_access_token,
        "GetFederationToken": _get_federation_token,
        "GetSessionToken": _get_session_token,
        "GetWebIdentityToken": get_web_identity_token,
    }


def _get_session_token(estate: Estate, caller: Caller, ask: Ask) -> Result:
    mfa = estate.devices.check(
        caller, ask.text("SerialNumber"), ask.text("TokenCode"), ask.now
    )
    session = Caller(
        Kind.SESSION,
        caller.arn,
        caller.unique_id,
        caller.account,
        user_arn=caller.user_arn,
        mfa=mfa,
    )
    return issue(estate, session, ask, ask.duration_seconds(_TWELVE_HOURS))


def _get_federation_token(estate: Estate, caller: Caller, ask: Ask) -> Result:
    check_policies(ask.arguments, caller.account)
    tags = session_tags(ask.arguments, caller)
    packed = packed_percent(ask.arguments, tags.values)
    name = str(ask.arguments["Name"])
    session = Caller(
        Kind.FEDERATED,
        f"arn:aws:sts::{caller.account}:federated-user/{name}",
        f"{caller.account}:{name}",
        caller.account,
        tags=tags.values,
    )
    result = issue(estate, session, ask, ask.duration_seconds(_TWELVE_HOURS))
    result["FederatedUser"] = {
        "FederatedUserId": session.unique_id,
        "Arn": session.arn,
    }
    if packed is not None:
        result["PackedPolicySize"] = str(packed)
    return result


def _get_caller_identity(estate: Estate, caller: Caller, ask: Ask) -> Result:
    del estate, ask
    return {"Arn": caller.arn, "UserId": caller.unique_id, "Account": caller.account}


def _get_access_key_info(estate: Estate, caller: Caller, ask: Ask) -> Result:
    key = estate.registry.find(str(ask.arguments["AccessKeyId"]))
    if key is None:
        raise not_authorized(caller.arn, "GetAccessKeyInfo", None)
    return {"Account": key.caller.account}
