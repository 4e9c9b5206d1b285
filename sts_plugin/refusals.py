"""What AWS's errors and botocore's mean for whoever reads them.

    an error or an unusable answer -> one of our errors, with what usually helps

AWS's own words go along; requests, answers and what botocore quotes of them do not.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sts_plugin.addresses import without_user
from sts_plugin.errors import (
    CallerRejected,
    CodeRefused,
    ConfigurationError,
    DurationRefused,
    Refused,
    Throttled,
    Unreachable,
)
from sts_plugin.skew import skew, words

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from sts_plugin.errors import StsPluginError
    from sts_plugin.model import Call, Credentials

__all__ = ["failure", "no_answer", "refusal"]


def failure(error: Exception, what: str, *, service: str = "STS") -> StsPluginError:
    """Return our error for one that botocore had before or after AWS spoke."""
    from botocore import exceptions as aws  # noqa: PLC0415 - in memory already
    from botocore.parsers import ResponseParserError  # noqa: PLC0415

    unsent = (
        aws.EndpointConnectionError,
        aws.ConnectTimeoutError,
        aws.ProxyConnectionError,
        aws.SSLError,
    )
    unread = str(error).startswith("Invalid timestamp")  # a bare ValueError
    if unread or isinstance(error, ResponseParserError):
        # Its text quotes the answer, secrets included.
        return no_answer(what, f"the answer is not {service}'s")
    told = (*unsent, aws.ReadTimeoutError, aws.ConnectionClosedError)
    # These name the URL. Others may quote a header, and with it the signature.
    said = without_user(str(error))
    text = said if isinstance(error, told) else type(error).__name__
    if isinstance(error, (aws.HTTPClientError, aws.ConnectionError)):
        return no_answer(
            what,
            text,
            sent=not isinstance(error, unsent),
            passing=not isinstance(error, aws.SSLError),
        )
    if isinstance(error, aws.BotoCoreError) or str(error).startswith(
        "Invalid endpoint"
    ):
        text = said
    return ConfigurationError(
        f"{what} cannot be sent: {text}",
        hint="check region, endpoint_url and the profile's other keys",
    )


def refusal(
    response: Mapping[str, Any],
    what: str,
    caller: Credentials | None,
    call: Call | None,
    now: datetime,
) -> StsPluginError:
    """Return our error for one of AWS's.

    ``response`` is botocore's ``ClientError.response``, ``what`` the call in words.
    """
    error = response.get("Error", {})
    code, text = str(error.get("Code", "")), str(error.get("Message", ""))
    status = response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    said = f"AWS refused {what}: {code}: {text}"
    if "Throttl" in code or status >= 500 or code in PASSING_CODES:  # noqa: PLR2004
        return _later(what, code, text)
    if code == "AccessDenied" and "MultiFactorAuthentication failed" in text:
        wrong = "invalid MFA one time pass code" in text
        return (CodeRefused if wrong else Refused)(
            said, code=code, hint=NEXT_CODE if wrong else CHECK_SERIAL
        )
    if "MaxSessionDuration" in text:
        return DurationRefused(said, code=code, hint=SHORTER)
    if (off := skew(response, now)) and code in CLOCK_CODES:
        return Refused(f"{said}; {words(off)}", code=code, hint=SET_CLOCK)
    if caller and code in CALLER_CODES:
        return CallerRejected(
            said,
            code=code,
            hint=f"the credentials it was signed with ({caller.access_key_id}) are"
            " expired, revoked or unknown",
        )
    return Refused(said, code=code, hint=_hint(code, call))


def _later(what: str, code: str, text: str) -> Unreachable:
    """Return our error for an answer that says neither yes nor no, but: later."""
    why = f"{code} {text}".strip()
    if "Throttl" not in code:
        return no_answer(what, why, passing=True)
    return Throttled(
        f"no usable answer to {what}: {why}",
        sent=True,
        passing=True,
        hint="make fewer calls at once: others of the same account count as well",
    )


PASSING_CODES = frozenset({"IDPCommunicationError"})
"""Codes that another attempt may not meet (API reference: "retry the request")."""

CLOCK_CODES = frozenset(
    {
        "ExpiredToken",
        "InvalidSignatureException",
        "RequestExpired",
        "RequestTimeTooSkewed",
        "SignatureDoesNotMatch",
    }
)
"""What AWS says to signatures of another time."""

CALLER_CODES = frozenset(
    {"ExpiredToken", "ExpiredTokenException", "InvalidClientTokenId"}
)
"""Codes that speak of the credentials which signed; of the token, where none did."""

NEXT_CODE = "wait for the device's next code"
CHECK_SERIAL = "check mfa_serial: is it a device of this user?"

SET_CLOCK = (
    "set this machine's clock: AWS takes no signature that is more than five minutes"
    " off"
)

SHORTER = (
    "lower duration_seconds (STS does not tell how much the role allows), or set"
    " sts_plugin_duration_fallback = yes to try shorter ones"
)

ASK_AGAIN = "get a new token or assertion: such things live for minutes"

DENIED: Mapping[str, str] = {
    "AssumeRole": (
        "the role's trust policy must allow this caller; trust policies often ask for"
        " MFA (mfa_serial), an external_id, a certain role_session_name,"
        " source_identity, session_tags or organisation, and the caller's own policies"
        " must allow sts:AssumeRole"
    ),
    "AssumeRoleWithWebIdentity": (
        "the role's trust policy must name the token's issuer, audience and subject"
    ),
    "AssumeRoleWithSAML": "the role's trust policy must name the SAML provider",
    "AssumeRoot": (
        "only the management account or the delegated administrator for IAM may do"
        " this, with sts:AssumeRoot allowed and root access management switched on"
    ),
    "GetSessionToken": (
        "the user's or the organisation's policies deny GetSessionToken; with"
        " sts_plugin_mfa_mode = direct the role calls carry the codes instead"
    ),
    "GetFederationToken": "the user's policies must allow sts:GetFederationToken",
}

HINTS: Mapping[str, str] = {
    "ValidationError": "correct the value in the profile",
    "SignatureDoesNotMatch": "the secret access key is wrong",
    "RegionDisabledException": "an administrator must switch STS on in this region",
    "MalformedPolicyDocument": "correct policy: it must be an IAM policy in JSON",
    "PackedPolicyTooLarge": "shorten policy, policy_arns or session_tags",
    "ExpiredToken": ASK_AGAIN,
    "ExpiredTokenException": ASK_AGAIN,
    "ExpiredTradeInTokenException": ASK_AGAIN,
    "InvalidIdentityToken": (
        "the token or assertion is not one that AWS trusts: check issuer, audience and"
        " the identity provider in IAM"
    ),
    "InvalidContextAssertion": (
        "the context assertion is malformed, has expired, or is not of a provider that"
        " the role trusts: get a new one"
    ),
    "IDPRejectedClaim": "the identity provider does not vouch for it: sign in again",
    "InvalidAuthorizationMessageException": (
        "give the encoded message whole, as the error of the request printed it"
    ),
    "JWTPayloadSizeExceededException": "ask for fewer tags or audiences",
    "OutboundWebIdentityFederationDisabledException": (
        "an administrator must switch on outbound web identity federation in IAM"
    ),
    "SessionDurationEscalationException": (
        "ask for a token that ends before the caller's own session"
    ),
}
"""What usually helps against an error code."""


def _hint(code: str, call: Call | None) -> str:
    if code == "AccessDenied":
        return DENIED.get(call.action, "") if call else ""
    return HINTS.get(code, "")


def no_answer(
    what: str, why: str, *, sent: bool = True, passing: bool = False, hint: str = ""
) -> Unreachable:
    """Return what to raise when AWS did not say yes or no.

    ``sent`` False: the request cannot have reached AWS. ``passing`` as in the error.
    """
    return Unreachable(
        f"no usable answer to {what}: {why}",
        sent=sent,
        passing=passing,
        hint=hint or "check network, proxy, region and endpoint_url",
    )
