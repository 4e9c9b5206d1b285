from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import botocore.exceptions as aws_errors
import pytest
from botocore.loaders import Loader
from botocore.parsers import ResponseParserError

from sts_plugin.actions import ACTIONS
from sts_plugin.errors import (
    CallerRejected,
    CodeRefused,
    ConfigurationError,
    DurationRefused,
    Refused,
    Throttled,
    Unreachable,
)
from sts_plugin.model import Call, Credentials, Origin, Secret
from sts_plugin.refusals import HINTS, failure, no_answer, refusal

CALLER = Credentials("AKIA1", Secret("canary"))
CANARY = "canary"
NOW = datetime(2030, 1, 1, tzinfo=UTC)


def refused(
    code,
    text="because",
    *,
    status=400,
    caller=CALLER,
    action="AssumeRole",
    off=timedelta(0),
):
    date = format_datetime(NOW - off, usegmt=True)
    response = {
        "Error": {"Code": code, "Message": text},
        "ResponseMetadata": {"HTTPStatusCode": status, "HTTPHeaders": {"date": date}},
    }
    call = Call(action, "p", "k", Origin("f")) if action else None
    return refusal(response, "the call", caller, call, NOW)


MFA = "MultiFactorAuthentication failed"
BAD_CODE = f"{MFA} with invalid MFA one time pass code. "
TOO_LONG = (
    "The requested DurationSeconds exceeds the MaxSessionDuration set for this role."
)


@pytest.mark.parametrize(
    ("code", "text", "kind"),
    [
        ("AccessDenied", BAD_CODE, CodeRefused),
        ("AccessDenied", f"{MFA}, unable to validate MFA code", Refused),
        ("AccessDenied", "User is not authorized to perform: x", Refused),
        ("ValidationError", TOO_LONG, DurationRefused),
        ("ValidationError", "1 validation error detected", Refused),
        ("ExpiredToken", "expired", CallerRejected),
        ("ExpiredTokenException", "expired", CallerRejected),
        ("InvalidClientTokenId", "invalid", CallerRejected),
        ("SignatureDoesNotMatch", "no", Refused),
        ("PackedPolicyTooLarge", "large", Refused),
        ("SomethingNew", "new", Refused),
        ("Throttling", "slow down", Throttled),
        ("ThrottlingException", "slow down", Throttled),
        ("IDPCommunicationError", "the provider is away", Unreachable),
    ],
)
def test_each_refusal_is_an_error_of_its_own_kind(code, text, kind):
    error = refused(code, text)
    assert type(error) is kind
    assert code in error.message
    assert text.strip() in error.message
    if isinstance(error, Refused):
        assert error.code == code
        assert error.message.startswith("AWS refused the call: ")


@pytest.mark.parametrize("status", [500, 502, 503, 504])
@pytest.mark.parametrize("code", ["InternalFailure", "AccessDenied", "", "503"])
def test_an_error_of_the_server_is_no_refusal(status, code):
    error = refused(code, status=status)
    assert isinstance(error, Unreachable)
    assert error.sent
    assert error.passing


CLOCK = ["SignatureDoesNotMatch", "ExpiredToken", "RequestExpired"]


@pytest.mark.parametrize("code", CLOCK)
@pytest.mark.parametrize(
    ("off", "words"),
    [
        (timedelta(minutes=20), "clock is 20 minutes ahead of AWS's"),
        (timedelta(minutes=-20), "clock is 20 minutes behind AWS's"),
        (timedelta(hours=25, minutes=1), "clock is 25 h 01 min ahead of AWS's"),
    ],
)
def test_a_wrong_clock_is_told_by_the_date_of_the_answer(code, off, words):
    error = refused(code, off=off)
    assert type(error) is Refused
    assert error.message.endswith(f"because; this machine's {words}")
    assert "set this machine's clock" in error.hint


@pytest.mark.parametrize("code", CLOCK)
def test_a_clock_that_is_right_enough_is_not_blamed(code):
    assert "clock" not in refused(code, off=timedelta(minutes=4)).line


def test_a_wrong_clock_is_not_blamed_for_what_has_nothing_to_do_with_it():
    assert "clock" not in refused("AccessDenied", off=timedelta(hours=1)).line


@pytest.mark.parametrize("code", ["ExpiredTokenException", "InvalidClientTokenId"])
def test_where_nobody_signed_nobody_is_rejected(code):
    assert type(refused(code, caller=None)) is Refused


@pytest.mark.parametrize("code", HINTS)
def test_a_code_that_is_known_has_its_hint(code):
    assert refused(code, caller=None).hint == HINTS[code]


@pytest.mark.parametrize(
    ("action", "words"),
    [
        ("AssumeRole", "trust policy"),
        ("AssumeRoleWithWebIdentity", "issuer, audience and subject"),
        ("AssumeRoleWithSAML", "SAML provider"),
        ("AssumeRoot", "management account"),
        ("GetSessionToken", "mfa_mode = direct"),
        ("GetFederationToken", "sts:GetFederationToken"),
        ("GetDelegatedAccessToken", ""),
        (None, ""),
    ],
)
def test_what_helps_against_a_denial_depends_on_the_action(action, words):
    assert words in refused("AccessDenied", action=action).hint


def test_no_hint_shows_a_secret():
    error = refused("ExpiredToken")
    assert "AKIA1" in error.hint
    assert CANARY not in error.line


URL = "http://127.0.0.1"


@pytest.mark.parametrize(
    ("error", "sent", "passing", "words"),
    [
        (aws_errors.EndpointConnectionError(endpoint_url=URL), False, True, URL),
        (aws_errors.ConnectTimeoutError(endpoint_url=URL), False, True, URL),
        (aws_errors.ProxyConnectionError(proxy_url=URL), False, True, URL),
        (aws_errors.SSLError(endpoint_url=URL, error="x"), False, False, URL),
        (aws_errors.ReadTimeoutError(endpoint_url=URL), True, True, URL),
        (aws_errors.ConnectionClosedError(endpoint_url=URL), True, True, URL),
        (aws_errors.HTTPClientError(error=CANARY), True, True, "HTTPClientError"),
        (ResponseParserError(CANARY), True, False, "the answer is not STS's"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_the_network_did_says_whether_aws_may_have_heard_us(
    error, sent, passing, words
):
    found = failure(error, "the call")
    assert isinstance(found, Unreachable)
    assert (found.sent, found.passing) == (sent, passing)
    assert words in found.message
    assert found.message.startswith("no usable answer to the call: ")
    assert CANARY not in found.line


def test_no_password_of_a_url_is_told():
    url = f"http://me:{CANARY}@127.0.0.1"
    for error in (
        aws_errors.EndpointConnectionError(endpoint_url=url),
        aws_errors.ProxyConnectionError(proxy_url=url),
        ValueError(f"Invalid endpoint: {url}"),
    ):
        found = failure(error, "the call")
        assert "http://127.0.0.1" in found.message
        assert CANARY not in found.line


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (aws_errors.NoRegionError(), "region"),
        (aws_errors.ProfileNotFound(profile="x"), "could not be found"),
        (aws_errors.ParamValidationError(report="bad"), "bad"),
        (ValueError("Invalid endpoint: x"), "Invalid endpoint: x"),
        (ValueError(f"Invalid header value {CANARY}"), "ValueError"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_cannot_be_sent_is_a_mistake_in_the_configuration(error, words):
    found = failure(error, "the call")
    assert isinstance(found, ConfigurationError)
    assert found.message.startswith("the call cannot be sent: ")
    assert words in found.message
    assert CANARY not in found.line
    assert found.hint


def test_no_answer_has_a_hint_of_its_own_or_the_usual_one():
    assert "proxy" in no_answer("x", "y").hint
    assert no_answer("x", "y", hint="check the clock").hint == "check the clock"
    assert not no_answer("x", "y", sent=False).sent


def test_each_error_that_the_model_names_for_our_calls_has_a_hint():
    model = Loader().load_service_model("sts", "service-2")
    operations = [model["operations"][name] for name in ACTIONS]
    names = {one["shape"] for made in operations for one in made.get("errors", ())}
    shapes = [model["shapes"][name] for name in names]
    codes = {shape.get("error", {}).get("code") for shape in shapes} - {None}
    passing = {"IDPCommunicationError"}  # AWS cannot reach the provider just now
    assert codes - passing <= HINTS.keys()
    for code in passing:
        assert isinstance(refused(code, caller=None), Unreachable)
