import contextlib
import threading
import time

import pytest
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectionClosedError,
    ReadTimeoutError,
)
from botocore.parsers import ResponseParserError

from sts_plugin.sandbox import Fault

# Whether the call was carried out. botocore reads each as broken XML: it takes
# no notice of a body that is shorter than announced.
DAMAGED = [
    ("html", False),
    ("redirect", False),
    ("truncated", True),
    ("bad_charset", True),
]


@pytest.fixture
def spent(client):
    """Whether the code was taken by an earlier call."""

    def spent(arguments):
        try:
            client().get_session_token(**arguments)
        except ClientError as error:
            return "invalid MFA one time pass code" in str(error)
        return False

    return spent


@pytest.mark.parametrize(("kind", "carried_out"), DAMAGED)
def test_a_damaged_answer(sandbox, client, mfa, spent, kind, carried_out):
    sandbox.add_fault(Fault(kind))
    with pytest.raises(ResponseParserError):
        client().get_session_token(**mfa())
    assert sandbox.journal[0].outcome == f"fault:{kind}"
    assert spent(mfa()) is carried_out


def test_an_empty_answer(sandbox, send, sign, whoami):
    sandbox.add_fault(Fault("empty"))
    assert send(body=whoami, headers=sign(body=whoami))[::2] == (200, "")
    assert sandbox.journal[0].outcome == "fault:empty"


@pytest.mark.parametrize("kind", ["no_expiration", "past_expiration", "huge"])
def test_damaged_credentials(sandbox, client, kind):
    sandbox.add_fault(Fault(kind))
    issued = client().get_session_token()["Credentials"]
    if kind == "no_expiration":
        assert "Expiration" not in issued
    elif kind == "past_expiration":
        assert issued["Expiration"].year == 2001
    else:
        assert len(issued["SessionToken"]) == 8 * 1024 * 1024
    assert sandbox.journal[0].outcome == f"fault:{kind}"
    assert client().get_session_token()["Credentials"]["Expiration"].year > 2001


@pytest.mark.parametrize("kind", ["no_expiration", "past_expiration", "huge"])
def test_a_damaged_web_identity_token(sandbox, client, kind):
    sandbox.add_fault(Fault(kind))
    answer = client().get_web_identity_token(Audience=["a"], SigningAlgorithm="RS256")
    if kind == "no_expiration":
        assert "Expiration" not in answer
    elif kind == "past_expiration":
        assert answer["Expiration"].year == 2001
    else:
        assert len(answer["WebIdentityToken"]) == 8 * 1024 * 1024


def test_what_has_no_expiration_is_not_damaged(sandbox, client):
    sandbox.add_fault(Fault("no_expiration"))
    assert client().get_caller_identity()["Account"] == "111111111111"


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize(
    ("fault", "code"),
    [
        ({"kind": "throttle"}, "Throttling"),
        ({"kind": "status"}, "InternalFailure"),
        ({"kind": "status", "status": 503}, "ServiceUnavailable"),
        ({"kind": "reset"}, None),
        ({"kind": "silence"}, None),
    ],
)
def test_a_call_is_lost_before_or_after_it_was_carried_out(
    sandbox, client, mfa, spent, fault, code, after
):
    sandbox.add_fault(Fault(**fault, after=after))
    error = ClientError
    if code is None:
        error = {"reset": ConnectionClosedError, "silence": ReadTimeoutError}[
            fault["kind"]
        ]
    with pytest.raises(error) as caught:
        client(timeout_seconds=0.2).get_session_token(**mfa())
    if code is not None:
        response = caught.value.response
        status = fault.get("status", 500 if fault["kind"] == "status" else 400)
        assert response["Error"]["Code"] == code
        assert response["ResponseMetadata"]["HTTPStatusCode"] == status
    assert sandbox.journal[0].outcome == f"fault:{fault['kind']}"
    assert spent(mfa()) is after


def test_a_reset_is_a_reset_and_no_orderly_end(sandbox, send, sign, whoami):
    sandbox.add_fault(Fault("reset"))
    with pytest.raises(ConnectionResetError) as caught:
        send(body=whoami, headers=sign(body=whoami))
    # Not http.client's RemoteDisconnected, which is derived from it.
    assert caught.type is ConnectionResetError


@pytest.mark.parametrize("after", [False, True])
def test_latency_delays_the_answer_and_nothing_else(sandbox, client, after):
    sandbox.add_fault(Fault("latency", seconds=0.2, after=after))
    started = time.monotonic()
    assert client().get_caller_identity()
    assert time.monotonic() - started >= 0.2
    assert sandbox.journal[0].outcome == "ok"
    assert sandbox.journal[0].elapsed_seconds >= 0.2


def test_a_fault_waits_for_its_action(sandbox, client, refused):
    sandbox.add_fault(Fault("throttle", action="GetSessionToken"))
    assert client().get_caller_identity()
    with refused("Throttling", 400):
        client().get_session_token()
    assert client().get_session_token()


def test_a_fault_is_met_as_often_as_it_was_ordered(sandbox, client, refused):
    sandbox.add_fault(Fault("throttle", times=2))
    sandbox.add_fault(Fault("status", times=None, status=503))
    for _ in range(2):
        with refused("Throttling", 400):
            client().get_caller_identity()
    for _ in range(3):
        with refused("ServiceUnavailable", 503):
            client().get_caller_identity()
    sandbox.clear_faults()
    assert client().get_caller_identity()


def test_a_refusal_behind_a_fault_is_still_a_refusal(sandbox, client, refused):
    sandbox.add_fault(Fault("no_expiration"))
    with refused("ValidationError", 400):
        client().get_session_token(DurationSeconds=1)


@pytest.mark.parametrize(
    "fault", [Fault("silence"), Fault("latency", seconds=600)], ids=["silence", "slow"]
)
def test_stopping_ends_every_wait(sandbox, client, fault):
    sandbox.add_fault(fault)
    sts, before = client(), set(threading.enumerate())

    def call():
        with contextlib.suppress(BotoCoreError):
            sts.get_session_token()

    caller = threading.Thread(target=call)
    caller.start()
    deadline = time.monotonic() + 10
    while sandbox._faults._faults and time.monotonic() < deadline:
        time.sleep(0.001)
    sandbox.__exit__(None, None, None)
    caller.join(10)
    assert not caller.is_alive()
    assert set(threading.enumerate()) < before
