"""Tokens for credentials, credentials for tokens, messages for their meaning.

Owns: GetWebIdentityToken, GetDelegatedAccessToken and
DecodeAuthorizationMessage. Never: makes the tokens it is given. Source: the STS
API reference, the page of each.
"""

from datetime import timedelta

from sts_plugin.sandbox.errors import StsError, access_denied, validation_error
from sts_plugin.sandbox.estate import STAMP, Ask, Estate, issue
from sts_plugin.sandbox.identities import Caller, Kind
from sts_plugin.sandbox.outbound import ALGORITHMS, Wish
from sts_plugin.sandbox.roles import find_role
from sts_plugin.sandbox.tags import session_tags
from sts_plugin.sandbox.wire import Result

__all__ = [
    "decode_authorization_message",
    "get_delegated_access_token",
    "get_web_identity_token",
]

_FIVE_MINUTES = 300


def get_web_identity_token(estate: Estate, caller: Caller, ask: Ask) -> Result:
    """Carry out GetWebIdentityToken."""
    algorithm = str(ask.arguments["SigningAlgorithm"])
    if algorithm not in ALGORITHMS:
        raise validation_error(
            f"1 validation error detected: Value '{algorithm}' at 'signingAlgorithm'"
            " failed to satisfy constraint: Member must satisfy enum value set:"
            " [ES384, RS256]"
        )
    # The rules of session tags are those of all tags that STS takes.
    tags = session_tags(ask.arguments, None)
    if not estate.knobs.outbound_federation:
        raise StsError(
            "OutboundWebIdentityFederationDisabledException",
            403,
            "Outbound web identity federation is not enabled for this account.",
        )
    expires_at = ask.now.replace(microsecond=0) + timedelta(
        seconds=ask.duration_seconds(_FIVE_MINUTES)
    )
    if ask.session_ends_at is not None and expires_at > ask.session_ends_at:
        raise StsError(
            "SessionDurationEscalationException",
            403,
            "The requested token duration would extend the session beyond its"
            " original expiration time.",
        )
    audience = ask.arguments["Audience"]
    assert isinstance(audience, list)
    wish = Wish([str(item) for item in audience], algorithm, tags.values, ask.region)
    token = estate.outbound.sign(caller, wish, ask.now, expires_at)
    return {"WebIdentityToken": token, "Expiration": expires_at.strftime(STAMP)}


def get_delegated_access_token(estate: Estate, caller: Caller, ask: Ask) -> Result:
    """Carry out GetDelegatedAccessToken. AWS does not say who may; here all may."""
    del caller
    trade_in = estate.trade_ins.open(str(ask.arguments["TradeInToken"]))
    if trade_in is None:
        raise access_denied("The trade-in token is invalid.")
    if ask.now >= trade_in.expires_at:
        raise StsError(
            "ExpiredTradeInTokenException", 400, "The trade-in token has expired."
        )
    session = _delegated(estate, trade_in.principal_arn)
    issued = issue(estate, session, ask, trade_in.session_seconds)
    return {
        "Credentials": issued["Credentials"],
        "AssumedPrincipal": trade_in.principal_arn,
        "PackedPolicySize": "0",
    }


def _delegated(estate: Estate, principal_arn: str) -> Caller:
    """Return the principal as whom the session acts."""
    role = find_role(estate, principal_arn)
    if role is not None:
        name = "delegated"
        return Caller(
            Kind.DELEGATED,
            f"arn:aws:sts::{role.account}:assumed-role/{role.name}/{name}",
            f"{role.role_id}:{name}",
            role.account,
            role_arn=role.arn,
        )
    users = {user.arn: user for user in estate.organisation.users}
    user = users[principal_arn]
    return Caller(Kind.DELEGATED, user.arn, user.user_id, user.account)


def decode_authorization_message(estate: Estate, caller: Caller, ask: Ask) -> Result:
    """Carry out DecodeAuthorizationMessage."""
    del caller
    message = estate.messages.open(str(ask.arguments["EncodedMessage"]))
    if message is None or ask.now >= message.expires_at:
        raise StsError(
            "InvalidAuthorizationMessageException", 400, "Message is not valid"
        )
    return {"DecodedMessage": message.text}
