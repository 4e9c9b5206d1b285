from __future__ import annotations

import functools
import json
import os
import socket
import threading
import traceback
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import botocore.exceptions
import pytest
from frames import frames_of
from herd import await_that

from sts_plugin import aws
from sts_plugin import sts as sts_module
from sts_plugin.direct import make_direct
from sts_plugin.errors import (
    CallerRejected,
    CodeRefused,
    ConfigurationError,
    DurationRefused,
    Refused,
    StsPluginError,
    Unreachable,
)
from sts_plugin.model import Call, Credentials, Endpoint, Origin, Secret
from sts_plugin.sandbox import Fault, Sandbox
from sts_plugin.sandbox.organisation import SAML_PROVIDER_ARN
from sts_plugin.sts import Sts, _account_in, call_of

SERIAL = "arn:aws:iam::111111111111:mfa/alice"
HERE = Origin("config", 1)
SHARED = "arn:aws:iam::222222222222"


def make(action, profile, **arguments):
    return Call(action, profile, "key", HERE, arguments)


SESSION = make("GetSessionToken", "alice", SerialNumber=SERIAL, DurationSeconds=3600)
BATCH = make("AssumeRole", "batch", RoleArn=f"{SHARED}:role/Batch")
AUDIT = make("AssumeRole", "audit", RoleArn=f"{SHARED}:role/Audit")
DEPLOY = make("AssumeRoleWithWebIdentity", "ci", RoleArn=f"{SHARED}:role/Deploy")
FEDERATED = make(
    "AssumeRoleWithSAML",
    "sso",
    RoleArn=f"{SHARED}:role/Federated",
    PrincipalArn=SAML_PROVIDER_ARN,
)
CODE = {"TokenCode": Secret("123456")}


@pytest.fixture(scope="module", params=["client", "direct"], autouse=True)
def way(request):
    """STS asked by a client of botocore, and without one: it is the same."""

    def shorter(endpoint):
        made = make_direct(replace(endpoint, profile="p"), os.environ)
        assert made is not None or endpoint.region is None
        return made

    with pytest.MonkeyPatch.context() as patch:
        if request.param == "direct":
            init = functools.partialmethod(Sts.__init__, direct=shorter)
            patch.setattr(Sts, "__init__", init)
        yield request.param


@pytest.fixture(scope="module")
def shared(way, tmp_path_factory):
    with Sandbox(tmp_path_factory.mktemp("sts") / "sandbox") as running:
        yield running


@pytest.fixture
def sandbox(shared, monkeypatch):
    for name, value in shared.environ().items():
        monkeypatch.setenv(name, value)
    yield shared
    shared.clear_faults()
    shared.clock_offset_seconds = 0
    shared.journal.clear()


@pytest.fixture
def sts(sandbox):
    return Sts(Endpoint("eu-west-1", sandbox.endpoint_url, profile="alice"))


@pytest.fixture
def alice(sandbox):
    user = sandbox.organisation.user("alice")
    return Credentials(user.access_key_id, Secret(user.secret_access_key))


def test_a_session_comes_with_its_token_its_expiry_and_its_account(sts, sandbox, alice):
    code = {"TokenCode": Secret(sandbox.code())}
    found = sts.call(SESSION, alice, code)
    assert found.session_token.reveal()
    left = found.expiration - datetime.now(UTC)
    assert timedelta(minutes=59) < left <= timedelta(hours=1)
    assert found.account_id == "111111111111"
    (call,) = sandbox.journal.calls()
    assert (call.action, call.mfa, call.region) == (
        "GetSessionToken",
        True,
        "eu-west-1",
    )

    # The code is spent now: the device is shared, so this is the same test.
    with pytest.raises(CodeRefused) as caught:
        sts.call(SESSION, alice, code)
    assert caught.value.code == "AccessDenied"
    assert sandbox.journal.count("GetSessionToken") == 2


@pytest.mark.parametrize("where", ["within", "_revealed"])
def test_no_frame_holds_the_code_or_a_key_of_a_call_that_is_broken_off(
    sts, alice, where, mocker
):
    # Ctrl-C while somebody waits for the answer, and in the thread that asks for it.
    mocker.patch.object(aws, where, side_effect=KeyboardInterrupt)
    with pytest.raises(KeyboardInterrupt) as caught:
        sts.call(SESSION, alice, {"TokenCode": Secret("9" * 6)})
    shown = frames_of(caught.value)
    assert "_ask: action = 'GetSessionToken'" in shown
    assert alice.secret_access_key.reveal() not in shown
    assert "9" * 6 not in shown


def test_no_frame_holds_a_key_when_the_making_of_a_client_is_broken_off(
    sts, alice, mocker
):
    def make(*_, **given):
        raise KeyboardInterrupt

    mocker.patch("botocore.endpoint.EndpointCreator.create_endpoint", make)
    with pytest.raises(KeyboardInterrupt) as caught:
        sts.call(BATCH, alice, {})
    shown = frames_of(caught.value)
    assert "_ask: action = 'AssumeRole'" in shown
    assert alice.secret_access_key.reveal() not in shown


def test_a_device_with_a_number_for_its_name_is_no_account():
    # A hardware device's serial number is digits, too.
    assert _account_in("123456789") is None
    assert _account_in("arn:aws:iam::111111111111:mfa/a") == "111111111111"
    assert _account_in("222222222222") == "222222222222"


def test_a_role_comes_with_the_account_of_the_role(sts, sandbox, alice):
    found = sts.call(BATCH, alice, {})
    assert found.account_id == "222222222222"
    (call,) = sandbox.journal.calls()
    assert call.duration_seconds is None
    assert call.session_name.startswith("sts-plugin-")


def test_everything_a_role_profile_says_is_sent(sts, sandbox, alice):
    partner = make(
        "AssumeRole",
        "partner",
        RoleArn=f"{SHARED}:role/Batch",
        RoleSessionName="me@example.com",
        ExternalId="partner-7341",
        DurationSeconds=7200,
    )
    sts.call(partner, alice, {})
    (call,) = sandbox.journal.calls()
    assert (call.session_name, call.duration_seconds) == ("me@example.com", 7200)


def test_a_role_that_does_not_trust_us_is_refused_with_what_usually_helps(sts, alice):
    with pytest.raises(Refused, match=r"AssumeRole of .*role/Audit") as caught:
        sts.call(AUDIT, alice, {})
    assert caught.value.code == "AccessDenied"
    assert "trust policy" in caught.value.hint


def test_a_device_that_is_not_the_users_is_no_wrong_code(sts, sandbox, alice):
    other = make(
        "GetSessionToken", "alice", SerialNumber="arn:aws:iam::111111111111:mfa/other"
    )
    with pytest.raises(Refused, match="MultiFactorAuthentication") as caught:
        sts.call(other, alice, CODE)
    assert not isinstance(caught.value, CodeRefused)
    assert "mfa_serial" in caught.value.hint


@pytest.mark.parametrize(
    ("key_id", "token"), [("AKIAUNKNOWNUNKNOWN12", None), (None, "not-its-token")]
)
def test_keys_that_aws_does_not_know_are_told_from_other_refusals(
    sts, alice, key_id, token
):
    caller = Credentials(
        key_id or alice.access_key_id,
        alice.secret_access_key,
        Secret(token) if token else None,
    )
    with pytest.raises(CallerRejected) as caught:
        sts.call(BATCH, caller, {})
    assert caller.access_key_id in caught.value.hint


def test_a_wrong_secret_is_told_from_a_wrong_clock(sts, sandbox, alice):
    with pytest.raises(Refused, match="SignatureDoesNotMatch") as caught:
        sts.call(BATCH, Credentials(alice.access_key_id, Secret("wrong")), {})
    assert caught.value.hint == "the secret access key is wrong"
    sandbox.clock_offset_seconds = 1200
    with pytest.raises(Refused, match="clock is 20 minutes behind AWS's") as caught:
        sts.call(BATCH, alice, {})
    assert "set this machine's clock" in caught.value.hint
    assert sandbox.journal.count() == 2  # no second attempt


@pytest.mark.parametrize(
    "fault",
    [
        Fault("status", status=500, times=None),
        Fault("status", status=503, times=None),
        Fault("throttle", times=None),
        Fault("reset", times=None),
    ],
    ids=["500", "503", "throttle", "reset"],
)
def test_a_call_with_a_code_is_sent_once_and_one_without_three_times(
    sts, sandbox, alice, fault
):
    sandbox.add_fault(fault)
    with pytest.raises(Unreachable) as caught:
        sts.call(SESSION, alice, CODE)
    assert caught.value.sent
    assert sandbox.journal.count() == 1
    with pytest.raises(Unreachable):
        sts.call(BATCH, alice, {})
    assert sandbox.journal.count() == 1 + 3
    # All the calls of a run share what may be sent again.
    with pytest.raises(Unreachable):
        sts.call(BATCH, alice, {})
    assert sandbox.journal.count() == 1 + 3 + 1


def test_a_silent_sts_does_not_hold_us_up(sts, sandbox, alice, monkeypatch):
    monkeypatch.setattr("sts_plugin.settings.READ_TIMEOUT_SECONDS", 0.2)
    sandbox.add_fault(Fault("silence", times=None))
    with pytest.raises(Unreachable, match="timeout") as caught:
        sts.call(SESSION, alice, CODE)
    assert caught.value.sent


def test_an_sts_that_sends_a_byte_now_and_then_does_not_hold_us_up(alice, monkeypatch):
    monkeypatch.setattr("sts_plugin.settings.RUN_SECONDS_MAX", 0.3)
    over = threading.Event()

    def drip(server):
        connection, _ = server.accept()
        with connection:
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 999999\r\n\r\n")
            while not over.wait(0.02):
                connection.sendall(b" ")

    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=drip, args=(server,))
        thread.start()
        url = f"http://127.0.0.1:{server.getsockname()[1]}"
        with pytest.raises(Unreachable, match="none in 0 seconds") as caught:
            Sts(Endpoint("us-east-1", url)).call(SESSION, alice, CODE)
        assert caught.value.sent
        over.set()
        thread.join()


@pytest.mark.parametrize(("seconds", "passing"), [(1.0, False), (60.0, True)])
def test_a_silence_that_took_half_of_a_run_is_no_passing_trouble(
    sandbox, alice, monkeypatch, seconds, passing
):
    monkeypatch.setattr("sts_plugin.settings.READ_TIMEOUT_SECONDS", 0.3)
    monkeypatch.setattr("sts_plugin.settings.RUN_SECONDS_MAX", seconds)
    sts = Sts(Endpoint("eu-west-1", sandbox.endpoint_url, profile="alice"))
    sandbox.add_fault(Fault("silence", times=None))
    with pytest.raises(Unreachable) as caught:
        sts.call(BATCH, alice, {})
    assert caught.value.passing is passing


def test_the_time_of_a_run_is_that_of_all_its_calls(sts, sandbox, alice, monkeypatch):
    # What is left is to be less than half a second, and enough for a busy machine.
    monkeypatch.setattr("sts_plugin.settings.RUN_SECONDS_MAX", 1.5)
    sts = Sts(sts._endpoint)
    sandbox.add_fault(Fault("latency", seconds=1.0, times=2))
    sts.call(BATCH, alice, {})
    with pytest.raises(Unreachable, match="none in 0 seconds"):
        sts.call(BATCH, alice, {})
    with pytest.raises(
        Unreachable, match="the calls before it took too long"
    ) as caught:
        sts.call(BATCH, alice, {})
    assert not caught.value.sent
    await_that(lambda: sandbox.journal.count() == 2)  # the one that was given up


# --- Another region ---


@pytest.fixture
def nobody():
    """The URL of a port that is closed."""
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{closed.getsockname()[1]}"


def with_fallback(first, second):
    other = Endpoint("eu-central-1", second, profile="alice")
    return Sts(Endpoint("eu-west-1", first, profile="alice", fallback=other))


def test_a_region_that_is_away_is_left_for_the_other_one(nobody, sandbox, alice):
    sts = with_fallback(nobody, sandbox.endpoint_url)
    assert sts.call(BATCH, alice, {}).session_token
    assert [call.region for call in sandbox.journal.calls()] == ["eu-central-1"]
    # The rest of the run does not go back to it.
    sts.call(BATCH, alice, {})
    assert sandbox.journal.count() == 2


def test_a_code_goes_to_the_other_region_if_it_cannot_have_been_sent(
    nobody, sandbox, alice
):
    sts = with_fallback(nobody, sandbox.endpoint_url)
    with pytest.raises(CodeRefused):
        sts.call(SESSION, alice, CODE)
    assert sandbox.journal.count() == 1


@pytest.mark.parametrize("kind", ["reset", "status", "silence"])
def test_a_code_that_may_have_arrived_goes_nowhere_else(
    sandbox, alice, kind, monkeypatch
):
    monkeypatch.setattr("sts_plugin.settings.READ_TIMEOUT_SECONDS", 0.2)
    sandbox.add_fault(Fault(kind))
    sts = with_fallback(sandbox.endpoint_url, sandbox.endpoint_url)
    with pytest.raises(Unreachable) as caught:
        sts.call(SESSION, alice, CODE)
    assert caught.value.sent
    assert sandbox.journal.count() == 1


def test_a_region_that_stumbles_is_asked_again_and_then_left(sandbox, alice):
    sandbox.add_fault(Fault("status", status=503, times=2))
    sts = with_fallback(sandbox.endpoint_url, sandbox.endpoint_url)
    assert sts.call(BATCH, alice, {}).session_token
    regions = [call.region for call in sandbox.journal.calls()]
    assert regions == [None, None, "eu-central-1"]  # the first two came to nothing


def test_a_silent_region_leaves_the_other_one_time(sandbox, alice, monkeypatch):
    monkeypatch.setattr("sts_plugin.settings.RUN_SECONDS_MAX", 4.0)
    sandbox.add_fault(Fault("silence", times=2))
    sts = with_fallback(sandbox.endpoint_url, sandbox.endpoint_url)
    assert sts.call(BATCH, alice, {}).session_token


@pytest.mark.parametrize(
    ("fault", "calls"), [(Fault("throttle", times=3), 3), (Fault("html"), 1)]
)
def test_no_other_region_is_bothered_with_what_is_not_about_the_first(
    sandbox, alice, fault, calls, monkeypatch
):
    monkeypatch.setattr("sts_plugin.settings.THROTTLED_WAIT_SECONDS", 0.01)
    sandbox.add_fault(fault)
    sts = with_fallback(sandbox.endpoint_url, sandbox.endpoint_url)
    with pytest.raises(Unreachable):
        sts.call(BATCH, alice, {})
    assert sandbox.journal.count() == calls


def test_a_refusal_is_one_in_every_region(sandbox, alice):
    sts = with_fallback(sandbox.endpoint_url, sandbox.endpoint_url)
    with pytest.raises(Refused):
        sts.call(AUDIT, alice, {})
    assert sandbox.journal.count() == 1


def test_a_port_where_nobody_listens_has_seen_no_code(alice):
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{nobody.getsockname()[1]}"
        with pytest.raises(Unreachable) as caught:
            Sts(Endpoint("us-east-1", url)).call(SESSION, alice, CODE)
    assert not caught.value.sent


@pytest.mark.parametrize(
    "kind",
    [
        "html",
        "truncated",
        "empty",
        "no_expiration",
        "past_expiration",
        "huge",
        "redirect",
        "bad_charset",
    ],
)
def test_an_answer_that_is_none_of_stss_is_one_error(sts, sandbox, alice, kind):
    sandbox.add_fault(Fault(kind, times=None))
    with pytest.raises(Unreachable):
        sts.call(BATCH, alice, {})


def test_an_endpoint_that_is_no_url_is_a_mistake_in_the_configuration(alice):
    with pytest.raises(ConfigurationError, match="endpoint"):
        Sts(Endpoint("us-east-1", "no url at all")).call(BATCH, alice, {})


def test_a_url_without_a_region_is_signed_for_us_east_1(sandbox, alice):
    Sts(Endpoint(None, sandbox.endpoint_url)).call(BATCH, alice, {})
    assert sandbox.journal.calls()[0].region == "us-east-1"


def test_the_caller_is_who_aws_says_it_is(sts, alice):
    identity = sts.caller_identity(alice)
    assert identity.arn == "arn:aws:iam::111111111111:user/alice"
    assert identity.account_id == "111111111111"
    assert identity.user_id


def brought_for(sandbox, call):
    """What the call brings along, and the secret in it."""
    secrets = {
        "GetSessionToken": ("TokenCode", sandbox.code),
        "AssumeRoleWithWebIdentity": ("WebIdentityToken", sandbox.web_identity_token),
        "AssumeRoleWithSAML": (
            "SAMLAssertion",
            lambda: sandbox.saml_assertion(FEDERATED.arguments["RoleArn"]),
        ),
    }
    if call.action not in secrets:
        return {}, "wJalrXUtnFEMI"
    name, secret = secrets[call.action]
    return {name: Secret(text := secret())}, text


@pytest.mark.parametrize(
    "fault",
    [
        Fault("truncated", times=None),
        Fault("html", times=None),
        Fault("past_expiration", times=None),
        Fault("status", status=400, times=None),
    ],
    ids=lambda fault: fault.kind,
)
@pytest.mark.parametrize("name", ["SESSION", "BATCH", "DEPLOY", "FEDERATED"])
def test_no_traceback_reaches_what_was_sent_or_answered(
    sts, sandbox, alice, fault, name
):
    call = globals()[name]
    brought, secret = brought_for(sandbox, call)
    sandbox.add_fault(fault)
    with pytest.raises(StsPluginError) as caught:
        sts.call(call, alice if call.signed else None, brought)
    error = caught.value
    assert error.__context__ is None
    assert secret not in error.line
    shown = traceback.TracebackException.from_exception(error, capture_locals=True)
    text = "".join(shown.format())
    assert alice.secret_access_key.reveal() not in text
    assert "SecretAccessKey" not in text
    frames = [frame for frame, _ in traceback.walk_tb(error.__traceback__)]
    files = {sts_module.__file__, aws.__file__}
    ours = [frame for frame in frames if frame.f_code.co_filename in files]
    assert ours
    for frame in ours:
        for value in frame.f_locals.values():
            assert secret not in repr(value)
            assert value is brought or not isinstance(
                value, (dict, botocore.exceptions.BotoCoreError)
            )


def test_calls_are_named_as_aws_names_them():
    assert call_of(SESSION) == f"GetSessionToken with MFA device {SERIAL}"
    assert call_of(BATCH) == "AssumeRole of arn:aws:iam::222222222222:role/Batch"
    alone = make("GetSessionToken", "alice")
    assert call_of(alone) == "GetSessionToken of alice"
    federation = make("GetFederationToken", "fed", Name="carol")
    assert call_of(federation) == "GetFederationToken for carol"
    root = make("AssumeRoot", "root", TargetPrincipal="222222222222")
    assert call_of(root) == "AssumeRoot of 222222222222"
    assert call_of(DEPLOY) == f"AssumeRoleWithWebIdentity of {SHARED}:role/Deploy"


# --- Calls that a token or an assertion vouches for ---


def test_a_web_identity_call_is_signed_by_nobody_and_named_by_the_time(sts, sandbox):
    token = {"WebIdentityToken": Secret(sandbox.web_identity_token())}
    found = sts.call(DEPLOY, None, token)
    assert found.account_id == "222222222222"
    (call,) = sandbox.journal.calls()
    assert (call.action, call.outcome) == ("AssumeRoleWithWebIdentity", "ok")
    assert call.access_key_id is None
    assert call.session_name.startswith("sts-plugin-")


def test_an_unsigned_call_does_not_use_what_the_machine_has(
    sts, sandbox, alice, monkeypatch
):
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", alice.access_key_id)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", alice.secret_access_key.reveal())
    token = {"WebIdentityToken": Secret(sandbox.web_identity_token())}
    sts.call(DEPLOY, None, token)
    assert sandbox.journal.calls()[0].access_key_id is None


def test_a_saml_call_goes_to_the_role_that_the_assertion_names(sts, sandbox):
    role_arn = f"{SHARED}:role/FederatedAudit"
    brought = {
        "SAMLAssertion": Secret(sandbox.saml_assertion(role_arn)),
        "RoleArn": role_arn,
        "PrincipalArn": SAML_PROVIDER_ARN,
        "DurationSeconds": 1800,
    }
    found = sts.call(make("AssumeRoleWithSAML", "sso"), None, brought)
    assert found.account_id == "222222222222"
    (call,) = sandbox.journal.calls()
    assert (call.role_arn, call.access_key_id) == (role_arn, None)
    assert call.duration_seconds == 1800
    assert "RoleSessionName" not in call.arguments


def test_an_error_of_a_saml_call_names_the_role_that_the_assertion_names(sts, sandbox):
    role_arn = f"{SHARED}:role/Batch"
    brought = {
        "SAMLAssertion": Secret(sandbox.saml_assertion(role_arn)),
        "RoleArn": role_arn,
        "PrincipalArn": SAML_PROVIDER_ARN,
    }
    with pytest.raises(Refused, match=f"of {role_arn}.*profile .sso.") as caught:
        sts.call(make("AssumeRoleWithSAML", "sso"), None, brought)
    assert "trust policy" in caught.value.hint


@pytest.mark.parametrize("name", ["DEPLOY", "FEDERATED"])
def test_a_proof_that_expired_is_no_fault_of_a_caller(sts, sandbox, name):
    # CallerRejected would throw away what others may still use.
    sandbox.clock_offset_seconds = 3600
    call = globals()[name]
    brought, _ = brought_for(sandbox, call)
    with pytest.raises(Refused, match="Expired") as caught:
        sts.call(call, None, brought)
    assert type(caught.value) is Refused
    assert "a new token or assertion" in caught.value.hint


def test_a_token_for_somebody_else_is_refused_with_what_usually_helps(sts, sandbox):
    token = sandbox.web_identity_token(audience="other")
    with pytest.raises(Refused, match="InvalidIdentityToken") as caught:
        sts.call(DEPLOY, None, {"WebIdentityToken": Secret(token)})
    assert "audience" in caught.value.hint
    assert token not in caught.value.line


# --- The other calls that issue credentials ---

POLICY = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}],
    }
)
READ_ONLY = [{"arn": "arn:aws:iam::aws:policy/ReadOnlyAccess"}]
UNLOCK = {"arn": "arn:aws:iam::aws:policy/root-task/S3UnlockBucketPolicy"}


def test_a_federated_user_comes_with_the_account_of_the_user(sts, sandbox, alice):
    carol = make(
        "GetFederationToken",
        "fed",
        Name="carol",
        PolicyArns=READ_ONLY,
        Policy=POLICY,
        Tags=[{"Key": "team", "Value": "a b"}],
        DurationSeconds=900,
    )
    found = sts.call(carol, alice, {})
    assert found.account_id == "111111111111"
    (call,) = sandbox.journal.calls()
    assert (call.action, call.arguments) == ("GetFederationToken", carol.arguments)


@pytest.mark.parametrize(
    "target", ["222222222222", "arn:aws:iam::222222222222:root"], ids=["id", "arn"]
)
def test_a_root_session_comes_with_the_account_of_the_root(sts, sandbox, alice, target):
    root = make("AssumeRoot", "root", TargetPrincipal=target, TaskPolicyArn=UNLOCK)
    found = sts.call(root, alice, {})
    assert found.account_id == "222222222222"
    assert sandbox.journal.calls()[0].arguments == root.arguments


def test_a_delegated_session_comes_with_the_account_of_its_principal(
    sts, sandbox, alice
):
    token = sandbox.trade_in_token("Batch")
    trade = make("GetDelegatedAccessToken", "vendor")
    found = sts.call(trade, alice, {"TradeInToken": Secret(token)})
    assert found.account_id == "222222222222"
    (call,) = sandbox.journal.calls()
    assert (call.action, call.arguments) == ("GetDelegatedAccessToken", {})
    assert call.access_key_id == alice.access_key_id


def test_tags_policies_and_a_source_identity_are_sent_as_they_are(sts, sandbox, alice):
    tagged = make(
        "AssumeRole",
        "tagged",
        RoleArn=f"{SHARED}:role/Tagged",
        RoleSessionName="me",
        Policy=POLICY,
        PolicyArns=READ_ONLY,
        Tags=[{"Key": "team", "Value": "a"}, {"Key": "empty", "Value": ""}],
        TransitiveTagKeys=["team"],
        SourceIdentity="alice",
    )
    sts.call(tagged, alice, {})
    (call,) = sandbox.journal.calls()
    assert call.arguments == tagged.arguments


def test_a_role_that_allows_no_session_of_that_length_is_its_own_error(sts, sandbox):
    long = replace(DEPLOY, arguments={**DEPLOY.arguments, "DurationSeconds": 7200})
    token = {"WebIdentityToken": Secret(sandbox.web_identity_token())}
    with pytest.raises(DurationRefused, match="MaxSessionDuration") as caught:
        sts.call(long, None, token)
    assert "duration_fallback" in caught.value.hint
    assert sts.call(long, None, {**token, "DurationSeconds": 3600}).account_id


def test_what_a_program_calls_is_not_named_twice(sts, alice):
    direct = replace(AUDIT, profile="AssumeRole()")
    with pytest.raises(Refused) as caught:
        sts.call(direct, alice, {})
    assert "profile" not in caught.value.message
    with pytest.raises(Refused, match=r'\(profile "audit"\)'):
        sts.call(AUDIT, alice, {})


# --- Calls that tell something ---


def test_the_account_of_an_access_key_is_told(sts, sandbox, alice):
    bob = sandbox.organisation.user("bob")
    assert sts.access_key_account(bob.access_key_id, alice) == "111111111111"


def test_an_encoded_message_is_decoded(sts, sandbox, alice):
    message = sandbox.encoded_message("ec2:RunInstances")
    assert json.loads(sts.decoded_message(message, alice))["allowed"] is False
    with pytest.raises(Refused, match="InvalidAuthorizationMessage") as caught:
        sts.decoded_message("nonsense", alice)
    assert "whole" in caught.value.hint


def test_a_token_about_us_is_signed_for_others(sts, sandbox, alice):
    arguments = {"Audience": ["vendor"], "SigningAlgorithm": "ES384"}
    found = sts.web_identity_token(arguments, alice)
    assert found.token.reveal().count(".") == 2
    assert found.token.reveal() not in repr(found)
    left = found.expiration - datetime.now(UTC)
    assert timedelta(minutes=4) < left <= timedelta(minutes=5)
    assert found.expiration.tzinfo is UTC
    (call,) = sandbox.journal.calls()
    assert call.arguments == arguments


def test_federation_that_is_switched_off_is_refused_with_what_usually_helps(
    sts, sandbox, alice
):
    sandbox.outbound_federation = False
    try:
        with pytest.raises(Refused, match="OutboundWebIdentity") as caught:
            sts.web_identity_token(
                {"Audience": ["vendor"], "SigningAlgorithm": "ES384"}, alice
            )
    finally:
        sandbox.outbound_federation = True
    assert "switch on" in caught.value.hint


@pytest.mark.parametrize("kind", ["truncated", "html", "empty", "status"])
def test_an_unusable_answer_to_a_question_is_one_error_too(sts, sandbox, alice, kind):
    sandbox.add_fault(Fault(kind, times=None))
    for ask in (
        lambda: sts.caller_identity(alice),
        lambda: sts.access_key_account(alice.access_key_id, alice),
        lambda: sts.decoded_message("message", alice),
        lambda: sts.web_identity_token(
            {"Audience": ["vendor"], "SigningAlgorithm": "ES384"}, alice
        ),
    ):
        with pytest.raises(Unreachable):
            ask()


# --- Well-formed answers that are not whole ---


@pytest.fixture
def canned():
    """Make an STS that answers everything with one XML document."""
    servers = []

    def serve(body):
        class Answer(BaseHTTPRequestHandler):
            def do_POST(self):
                self.rfile.read(int(self.headers["Content-Length"]))
                self.send_response(200)
                self.send_header("Content-Type", "text/xml")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body.encode())

            def log_message(self, *_arguments):
                pass

        server = ThreadingHTTPServer(("127.0.0.1", 0), Answer)
        servers.append(server)
        threading.Thread(target=server.serve_forever, args=(0.01,)).start()
        return Sts(Endpoint("us-east-1", f"http://127.0.0.1:{server.server_port}"))

    yield serve
    for server in servers:
        server.shutdown()
        server.server_close()


def answer(action, inside):
    result = f"<{action}Result>{inside}</{action}Result>"
    return f"<{action}Response>{result}</{action}Response>"


def issued(**changes):
    values = {
        "AccessKeyId": "ASIA1",
        "SecretAccessKey": "canary",
        "SessionToken": "canary",
        "Expiration": "2040-01-01T00:00:00Z",
    } | changes
    inside = "".join(f"<{k}>{v}</{k}>" for k, v in values.items() if v is not None)
    return answer("AssumeRole", f"<Credentials>{inside}</Credentials>")


def test_a_whole_answer_is_taken(canned, alice):
    found = canned(issued()).call(BATCH, alice, {})
    assert found.expiration == datetime(2040, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (answer("AssumeRole", ""), "holds no credentials"),
        (issued(SecretAccessKey=None), "holds no credentials"),
        (issued(SessionToken=""), "holds no credentials"),
        (issued(SessionToken="canary" * 10_000), "the answer is not STS's"),
        (issued(Expiration=None), "does not say when it expires"),
        (issued(Expiration="soon"), "the answer is not STS's"),
        (issued(Expiration="2001-01-01T00:00:00Z"), "expired at 2001-01-01 00:00:00"),
        ("<a><b/></a>", ""),
        ("<a/>", ""),
    ],
)
def test_an_answer_that_is_not_whole_is_no_answer(canned, alice, body, words):
    with pytest.raises(Unreachable) as caught:
        canned(body).call(BATCH, alice, {})
    assert words in caught.value.message
    assert "canary" not in caught.value.line
    assert caught.value.sent


@pytest.mark.parametrize("inside", ["", "<Arn>a</Arn>", "<Other>x</Other>"])
def test_an_answer_to_a_question_that_is_not_whole_is_no_answer(canned, alice, inside):
    with pytest.raises(Unreachable, match="the answer is not STS's"):
        canned(answer("GetCallerIdentity", inside)).caller_identity(alice)
    with pytest.raises(Unreachable, match="the answer is not STS's"):
        canned(answer("GetWebIdentityToken", inside)).web_identity_token(
            {"Audience": ["x"], "SigningAlgorithm": "ES384"}, alice
        )
