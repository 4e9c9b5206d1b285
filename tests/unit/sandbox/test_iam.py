"""The sandbox's ListMFADevices, asked by a stock botocore."""

import pytest
from botocore.config import Config
from botocore.exceptions import ClientError


@pytest.fixture
def iam(sandbox, session, keys):
    made = []

    def client(who="alice", *, secret=None):
        key_id, real, token = keys(who)
        made.append(
            session.create_client(
                "iam",
                region_name="us-east-1",
                endpoint_url=sandbox.endpoint_url,
                aws_access_key_id=key_id,
                aws_secret_access_key=secret or real,
                aws_session_token=token,
                config=Config(retries={"total_max_attempts": 1}, proxies={}),
            )
        )
        return made[-1]

    yield client
    for one in made:
        one.close()


def code(call, *arguments, **options):
    with pytest.raises(ClientError) as caught:
        call(*arguments, **options)
    return caught.value.response["Error"]["Code"]


def test_a_user_finds_their_device(sandbox, iam):
    serial = sandbox.organisation.user("alice").mfa_serial
    for arguments in ({}, {"UserName": "alice"}):
        found = iam().list_mfa_devices(**arguments)
        assert [one["SerialNumber"] for one in found["MFADevices"]] == [serial]
        assert found["MFADevices"][0]["UserName"] == "alice"
        assert found["IsTruncated"] is False
    call = sandbox.journal[-1]
    assert (call.action, call.outcome) == ("ListMFADevices", "ok")


def test_a_session_finds_it_only_with_mfa(sandbox, iam, client):
    plain = client().get_session_token()
    assert code(iam(plain).list_mfa_devices) == "InvalidClientTokenId"
    serial = sandbox.organisation.user("alice").mfa_serial
    session = client().get_session_token(
        SerialNumber=serial, TokenCode=sandbox.code("alice")
    )
    assert iam(session).list_mfa_devices()["MFADevices"]


def test_another_users_device_is_nobodys_business(iam):
    assert code(iam().list_mfa_devices, UserName="bob") == "AccessDenied"


def test_bob_is_not_allowed_to_look(iam):
    assert code(iam("bob").list_mfa_devices) == "AccessDenied"


def test_a_role_is_no_user(iam, client, sandbox):
    arn = sandbox.organisation.role("Batch").arn
    role = client("bob").assume_role(RoleArn=arn, RoleSessionName="me")
    assert code(iam(role).list_mfa_devices) == "ValidationError"
    assert code(iam(role).list_mfa_devices, UserName="alice") == "AccessDenied"


def test_a_wrong_secret_is_noticed(iam):
    wrong = iam("alice", secret="x" * 40)
    assert code(wrong.list_mfa_devices) == "SignatureDoesNotMatch"


def test_a_signature_for_another_service_is_none(iam):
    client = iam()
    client._request_signer._signing_name = "sts"
    assert code(client.list_mfa_devices) == "SignatureDoesNotMatch"


def test_there_is_no_more_of_iam(iam):
    assert code(iam().list_access_keys) == "InvalidAction"


def test_there_is_one_page(iam):
    assert code(iam().list_mfa_devices, Marker="m") == "ValidationError"
