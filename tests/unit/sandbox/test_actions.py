from datetime import UTC, datetime

import pytest


def lifetime(answer):
    left = answer["Credentials"]["Expiration"] - datetime.now(UTC)
    return round(left.total_seconds() / 60) * 60


def test_a_federated_user_is_described_as_sts_does(client):
    answer = client().get_federation_token(Name="worker")
    assert answer["FederatedUser"] == {
        "Arn": "arn:aws:sts::111111111111:federated-user/worker",
        "FederatedUserId": "111111111111:worker",
    }
    identity = client(answer).get_caller_identity()
    assert identity["UserId"] == "111111111111:worker"


@pytest.mark.parametrize("name", ["a", "a b", "x" * 33, "größe"])
def test_the_name_of_a_federated_user_has_limits(client, refused, name):
    with refused("ValidationError", 400, "at 'name' failed"):
        client().get_federation_token(Name=name)


def test_a_federated_user_has_a_name(client, refused):
    with refused("ValidationError", 400, "Value null at 'name'"):
        client().get_federation_token()


@pytest.mark.parametrize("seconds", [900, 129600])
def test_a_federated_users_session_lasts_as_long_as_was_asked(client, seconds):
    answer = client().get_federation_token(Name="worker", DurationSeconds=seconds)
    assert lifetime(answer) == seconds


@pytest.mark.parametrize("seconds", [899, 129601])
def test_a_federated_users_session_has_limits(client, refused, seconds):
    with refused("ValidationError", 400, "'durationSeconds'"):
        client().get_federation_token(Name="worker", DurationSeconds=seconds)


def test_tags_of_a_federated_user_count_for_the_packed_size(client):
    tags = [{"Key": "Team", "Value": "blue"}]
    answer = client().get_federation_token(Name="worker", Tags=tags)
    assert 0 < answer["PackedPolicySize"] < 100


@pytest.mark.parametrize(
    "action",
    [
        "assume_role",
        "decode_authorization_message",
        "get_access_key_info",
        "get_federation_token",
        "get_session_token",
    ],
)
def test_a_federated_user_can_ask_sts_who_it_is_and_nothing_else(
    sandbox, client, refused, role, action
):
    worker = client(client().get_federation_token(Name="worker"))
    arguments = {
        "assume_role": role("Tagged"),
        "decode_authorization_message": {"EncodedMessage": sandbox.encoded_message()},
        "get_access_key_info": {"AccessKeyId": "AKIAIOSFODNN7EXAMPLE"},
        "get_federation_token": {"Name": "another"},
        "get_session_token": {},
    }
    with refused("AccessDenied", 403):
        getattr(worker, action)(**arguments[action])
    assert worker.get_caller_identity()


def test_a_temporary_key_has_an_account_too(client, role):
    issued = client().assume_role(**role("Batch"))["Credentials"]
    info = client("bob").get_access_key_info(AccessKeyId=issued["AccessKeyId"])
    assert info["Account"] == "222222222222"


def test_a_key_that_nobody_has_is_refused(client, refused):
    with refused("AccessDenied", 403, "sts:GetAccessKeyInfo"):
        client().get_access_key_info(AccessKeyId="AKIAIOSFODNN7EXAMPLE")


@pytest.mark.parametrize("least", [0, 1000, 4096])
@pytest.mark.parametrize("action", ["assume_role", "get_session_token", "assume_root"])
def test_a_session_token_is_as_long_as_was_asked(client, role, action, least):
    arn = "arn:aws:iam::aws:policy/root-task/S3UnlockBucketPolicy"
    arguments = {
        "assume_role": role("Batch"),
        "get_session_token": {},
        "assume_root": {
            "TargetPrincipal": "222222222222",
            "TaskPolicyArn": {"arn": arn},
        },
    }[action]
    answer = getattr(client(), action)(**arguments, MinimumSessionTokenSize=least)
    size = len(answer["Credentials"]["SessionToken"])
    assert size == answer["SessionTokenSize"] >= least
    assert 0 < answer["SessionTokenUtilization"] <= 100
    assert client(answer).get_caller_identity()


def test_a_session_token_has_4096_characters_at_most(client, refused):
    with refused("ValidationError", 400, "'minimumSessionTokenSize'"):
        client().get_session_token(MinimumSessionTokenSize=4097)
