from __future__ import annotations

import socket
import threading
import traceback
from datetime import UTC, datetime, timedelta

import botocore.exceptions
import pytest

from sts_plugin.errors import (
    CallerRejected,
    CodeRefused,
    ConfigurationError,
    Refused,
    StsPluginError,
    Unreachable,
)
from sts_plugin.model import (
    Credentials,
    Endpoint,
    Origin,
    RoleHop,
    Secret,
    SessionHop,
)
from sts_plugin.sandbox import Fault, Sandbox
from sts_plugin.sts import Sts, call_of

SERIAL = "arn:aws:iam::111111111111:mfa/alice"
HERE = Origin("config", 1)
SESSION = SessionHop("alice", SERIAL, 3600, "key", HERE)
BATCH = RoleHop("batch", "arn:aws:iam::222222222222:role/Batch", "key", HERE)
AUDIT = RoleHop("audit", "arn:aws:iam::222222222222:role/Audit", "key", HERE)


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
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
    found = sts.call(SESSION, alice, Secret(sandbox.code()))
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
        sts.call(SESSION, alice, Secret(sandbox.code()))
    assert caught.value.code == "AccessDenied"
    assert sandbox.journal.count("GetSessionToken") == 2


def test_a_role_comes_with_the_account_of_the_role(sts, sandbox, alice):
    found = sts.call(BATCH, alice, None)
    assert found.account_id == "222222222222"
    (call,) = sandbox.journal.calls()
    assert call.duration_seconds is None
    assert call.session_name.startswith("sts-plugin-")


def test_everything_a_role_profile_says_is_sent(sts, sandbox, alice):
    partner = RoleHop(
        "partner",
        "arn:aws:iam::222222222222:role/Batch",
        "key",
        HERE,
        role_session_name="me@example.com",
        external_id="partner-7341",
        duration_seconds=7200,
    )
    sts.call(partner, alice, None)
    (call,) = sandbox.journal.calls()
    assert (call.session_name, call.duration_seconds) == ("me@example.com", 7200)


def test_a_role_that_does_not_trust_us_is_refused_with_what_usually_helps(sts, alice):
    with pytest.raises(Refused, match=r"AssumeRole of .*role/Audit") as caught:
        sts.call(AUDIT, alice, None)
    assert caught.value.code == "AccessDenied"
    assert "trust policy" in caught.value.hint


def test_a_device_that_is_not_the_users_is_no_wrong_code(sts, sandbox, alice):
    other = SessionHop(
        "alice", "arn:aws:iam::111111111111:mfa/other", 3600, "key", HERE
    )
    with pytest.raises(Refused, match="MultiFactorAuthentication") as caught:
        sts.call(other, alice, Secret("123456"))
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
        sts.call(BATCH, caller, None)
    assert caller.access_key_id in caught.value.hint


def test_a_wrong_secret_and_a_wrong_clock_have_one_hint(sts, sandbox, alice):
    with pytest.raises(Refused, match="SignatureDoesNotMatch") as caught:
        sts.call(BATCH, Credentials(alice.access_key_id, Secret("wrong")), None)
    assert "clock" in caught.value.hint
    sandbox.clock_offset_seconds = 1200
    with pytest.raises(Refused, match="Signature expired"):
        sts.call(BATCH, alice, None)


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
        sts.call(SESSION, alice, Secret("123456"))
    assert caught.value.sent
    assert sandbox.journal.count() == 1
    with pytest.raises(Unreachable):
        sts.call(BATCH, alice, None)
    assert sandbox.journal.count() == 1 + 3


def test_a_silent_sts_does_not_hold_us_up(sts, sandbox, alice, monkeypatch):
    monkeypatch.setattr("sts_plugin.settings.READ_TIMEOUT_SECONDS", 0.2)
    sandbox.add_fault(Fault("silence", times=None))
    with pytest.raises(Unreachable, match="timeout") as caught:
        sts.call(SESSION, alice, Secret("123456"))
    assert caught.value.sent


def test_an_sts_that_sends_a_byte_now_and_then_does_not_hold_us_up(alice, monkeypatch):
    monkeypatch.setattr("sts_plugin.settings.CALL_SECONDS_MAX", 0.3)
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
            Sts(Endpoint("us-east-1", url)).call(SESSION, alice, Secret("123456"))
        assert caught.value.sent
        over.set()
        thread.join()


def test_the_time_limits_add_up_to_less_than_25_seconds():
    from sts_plugin import settings  # noqa: PLC0415

    a_try = settings.CONNECT_TIMEOUT_SECONDS + settings.READ_TIMEOUT_SECONDS
    backoff = 1 + 2  # botocore's standard mode waits up to 1, then up to 2 seconds
    assert settings.ATTEMPTS_WITHOUT_CODE * settings.READ_TIMEOUT_SECONDS + backoff < 25
    assert a_try < 25


def test_a_port_where_nobody_listens_has_seen_no_code(alice):
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{nobody.getsockname()[1]}"
        with pytest.raises(Unreachable) as caught:
            Sts(Endpoint("us-east-1", url)).call(SESSION, alice, Secret("123456"))
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
        sts.call(BATCH, alice, None)


def test_an_endpoint_that_is_no_url_is_a_mistake_in_the_configuration(alice):
    with pytest.raises(ConfigurationError, match="endpoint"):
        Sts(Endpoint("us-east-1", "no url at all")).call(BATCH, alice, None)


def test_a_url_without_a_region_is_signed_for_us_east_1(sandbox, alice):
    Sts(Endpoint(None, sandbox.endpoint_url)).call(BATCH, alice, None)
    assert sandbox.journal.calls()[0].region == "us-east-1"


def test_the_caller_is_who_aws_says_it_is(sts, alice):
    identity = sts.caller_identity(alice)
    assert identity.arn == "arn:aws:iam::111111111111:user/alice"
    assert identity.account_id == "111111111111"
    assert identity.user_id


@pytest.mark.parametrize("kind", ["truncated", "html", "past_expiration"])
def test_no_traceback_reaches_what_was_sent_or_answered(sts, sandbox, alice, kind):
    sandbox.add_fault(Fault(kind, times=None))
    with pytest.raises(StsPluginError) as caught:
        sts.call(SESSION if kind == "html" else BATCH, alice, None)
    error = caught.value
    assert error.__context__ is None
    shown = traceback.TracebackException.from_exception(error, capture_locals=True)
    text = "".join(shown.format())
    assert alice.secret_access_key.reveal() not in text
    assert "SecretAccessKey" not in text
    frames = [frame for frame, _ in traceback.walk_tb(error.__traceback__)]
    ours = [frame for frame in frames if frame.f_code.co_filename.endswith("sts.py")]
    for frame in ours:
        for value in frame.f_locals.values():
            assert not isinstance(value, (dict, botocore.exceptions.BotoCoreError))


def test_calls_are_named_as_aws_names_them():
    assert call_of(SESSION) == f"GetSessionToken with MFA device {SERIAL}"
    assert call_of(BATCH) == "AssumeRole of arn:aws:iam::222222222222:role/Batch"
