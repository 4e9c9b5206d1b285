import json
import re
from datetime import UTC, datetime

import pytest


def test_a_trade_in_token_gets_the_session_of_a_role(sandbox, client):
    arn = sandbox.organisation.role("Batch").arn
    token = sandbox.trade_in_token(principal=arn)
    answer = client().get_delegated_access_token(TradeInToken=token)
    assert answer["AssumedPrincipal"] == arn
    assert answer["PackedPolicySize"] == 0
    identity = client(answer).get_caller_identity()
    assert identity["Arn"].startswith("arn:aws:sts::222222222222:assumed-role/Batch/")


def test_a_trade_in_token_gets_the_session_of_a_user(sandbox, client):
    arn = sandbox.organisation.user("bob").arn
    token = sandbox.trade_in_token(principal="bob")
    answer = client().get_delegated_access_token(TradeInToken=token)
    assert answer["AssumedPrincipal"] == arn
    assert client(answer).get_caller_identity()["Arn"] == arn


def test_a_delegated_session_has_no_long_term_keys(sandbox, client, refused, role):
    token = sandbox.trade_in_token("bob")
    bob = client(client().get_delegated_access_token(TradeInToken=token))
    with refused("AccessDenied", 403, "with session credentials"):
        bob.get_session_token()
    assert bob.assume_role(**role("Batch"))
    with refused("ValidationError", 400, "1 hour session limit"):
        bob.assume_role(**role("Batch", DurationSeconds=3601))


@pytest.mark.parametrize("seconds", [3600, 900])
def test_the_token_says_how_long_the_session_is(sandbox, client, seconds):
    token = sandbox.trade_in_token("Batch", session_seconds=seconds)
    answer = client().get_delegated_access_token(TradeInToken=token)
    left = answer["Credentials"]["Expiration"] - datetime.now(UTC)
    assert abs(left.total_seconds() - seconds) < 20


def test_an_expired_trade_in_token_is_refused(sandbox, client, refused):
    token = sandbox.trade_in_token("Batch", lifetime_seconds=60)
    sandbox.clock_offset_seconds = 61
    with refused("ExpiredTradeInTokenException", 400):
        client().get_delegated_access_token(TradeInToken=token)


@pytest.mark.parametrize("change", [lambda t: t[:-1], lambda t: t + "x", lambda _: "x"])
def test_a_forged_trade_in_token_is_refused(sandbox, client, refused, change):
    token = change(sandbox.trade_in_token("Batch"))
    with refused("AccessDenied", 403, "trade-in token is invalid"):
        client().get_delegated_access_token(TradeInToken=token)


def test_a_trade_in_token_is_required_and_never_printed(sandbox, client, refused):
    with refused("ValidationError", 400, "Value null at 'tradeInToken'"):
        client().get_delegated_access_token()
    token = sandbox.trade_in_token("Batch")
    client().get_delegated_access_token(TradeInToken=token)
    assert token not in repr(sandbox.journal.calls())


def test_a_trade_in_token_is_for_somebody_who_exists(sandbox):
    with pytest.raises(KeyError):
        sandbox.trade_in_token("nobody")


@pytest.mark.parametrize("kind", ["session", "federated"])
def test_a_users_session_cannot_trade_in(sandbox, client, refused, kind):
    made = {
        "session": lambda: client().get_session_token(),
        "federated": lambda: client().get_federation_token(Name="worker"),
    }
    sts = client(made[kind]())
    with refused("AccessDenied", 403, "perform: sts:GetDelegatedAccessToken"):
        sts.get_delegated_access_token(TradeInToken=sandbox.trade_in_token("Batch"))


def test_an_encoded_message_is_decoded_to_json_as_aws_writes_it(sandbox, client):
    message = sandbox.encoded_message(
        "ec2:RunInstances",
        "arn:aws:ec2:us-east-1:111111111111:instance/*",
        conditions={"aws:Region": "us-east-1"},
    )
    assert "RunInstances" not in message
    assert re.fullmatch(r"[\w-]{100,10240}", message)
    answer = client().decode_authorization_message(EncodedMessage=message)
    alice = sandbox.organisation.user("alice")
    assert json.loads(answer["DecodedMessage"]) == {
        "allowed": False,
        "explicitDeny": False,
        "matchedStatements": {"items": []},
        "failures": {"items": []},
        "context": {
            "principal": {"id": alice.user_id, "name": "alice", "arn": alice.arn},
            "action": "ec2:RunInstances",
            "resource": "arn:aws:ec2:us-east-1:111111111111:instance/*",
            "conditions": {
                "items": [
                    {
                        "key": "aws:Region",
                        "values": {"items": [{"value": "us-east-1"}]},
                    }
                ]
            },
        },
    }


def test_a_message_says_whether_somebody_denied_it(sandbox, client):
    message = sandbox.encoded_message(user="bob", explicit_deny=True)
    answer = client().decode_authorization_message(EncodedMessage=message)
    decoded = json.loads(answer["DecodedMessage"])
    assert decoded["explicitDeny"] is True
    assert decoded["context"]["principal"]["name"] == "bob"


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text[:-1],
        lambda text: text + "\n",
        lambda text: f"{text[:80]}\n{text[80:]}",
        lambda _: "made up",
    ],
)
def test_anything_else_is_no_message(sandbox, client, refused, change):
    message = change(sandbox.encoded_message())
    with refused("InvalidAuthorizationMessageException", 400):
        client().decode_authorization_message(EncodedMessage=message)


def test_a_message_expires(sandbox, client, refused):
    message = sandbox.encoded_message(lifetime_seconds=60)
    sandbox.clock_offset_seconds = 61
    with refused("InvalidAuthorizationMessageException", 400):
        client().decode_authorization_message(EncodedMessage=message)


def test_a_message_has_at_most_10240_characters(client, refused):
    with refused("ValidationError", 400, "less than or equal to 10240"):
        client().decode_authorization_message(EncodedMessage="x" * 10241)


def test_a_users_session_cannot_decode(sandbox, client, refused):
    session = client(client().get_session_token())
    with refused("AccessDenied", 403, "perform: sts:DecodeAuthorizationMessage"):
        session.decode_authorization_message(EncodedMessage=sandbox.encoded_message())
