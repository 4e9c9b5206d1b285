"""The federation endpoint: who gets a sign-in token, and whom that signs in."""

import json
from urllib.parse import urlencode

import pytest

HOME = "https://us-east-1.console.aws.amazon.com/console/home"


@pytest.fixture
def federation(send):
    """Send a form, or a query; returns status, body and type."""

    def federation(method="POST", **parameters):
        text = urlencode(parameters)
        path, body = "/federation", text.encode()
        if method == "GET":
            path, body = f"{path}?{text}", b""
        status, headers, body = send(method, path, body=body)
        return status, body, headers["Content-Type"]

    return federation


@pytest.fixture
def token(federation, keys):
    """Ask for a token for a user's name, or for an answer's credentials."""

    def token(who, method="POST", **more):
        names = ("sessionId", "sessionKey", "sessionToken")
        session = dict(zip(names, keys(who), strict=True))
        asked = {"Action": "getSigninToken", "Session": json.dumps(session), **more}
        return federation(method, **asked)

    return token


@pytest.fixture
def login(federation):
    def login(answer, method="GET", **more):
        found = json.loads(answer[1])
        assert found.keys() == {"SigninToken"}
        asked = {"Action": "login", "Issuer": "x", "Destination": HOME, **found, **more}
        return federation(method, **asked)

    return login


@pytest.fixture
def batch(client, role):
    return client("bob").assume_role(**role("Batch"))


@pytest.fixture
def chained(client, role):
    session = client("bob").get_session_token()
    return client(session).assume_role(**role("Batch"))


POLICY = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}],
    }
)


@pytest.mark.parametrize("first", ["GET", "POST"])
@pytest.mark.parametrize("second", ["GET", "POST"])
def test_a_role_is_signed_in(token, login, batch, first, second):
    answer = token(batch, first)
    assert (answer[0], answer[2]) == (200, "application/json")
    status, page, kind = login(answer, second)
    assert (status, kind) == (200, "text/html; charset=utf-8")
    assert "assumed-role/Batch/test" in page
    assert "Account 222222222222" in page
    assert HOME in page


def test_a_federated_user_is_signed_in(token, login, client):
    federated = client("bob").get_federation_token(Name="me", Policy=POLICY)
    assert "federated-user/me" in login(token(federated))[1]


def test_a_session_of_a_user_gets_a_token_that_signs_nobody_in(token, login, client):
    answer = token(client("bob").get_session_token())
    assert answer[0] == 200
    status, page, _ = login(answer)
    assert status == 400
    assert "Only federation tokens or assume role tokens may be used" in page


def test_long_term_keys_get_no_token(federation, sandbox):
    user = sandbox.organisation.user("bob")
    for more in ({}, {"sessionToken": ""}, {"sessionToken": None}):
        session = {
            "sessionId": user.access_key_id,
            "sessionKey": user.secret_access_key,
            **more,
        }
        status, page, kind = federation(
            Action="getSigninToken", Session=json.dumps(session)
        )
        assert (status, kind) == (400, "text/html; charset=utf-8")
        assert "SigninToken" not in page


@pytest.mark.parametrize("part", [0, 1, 2])
def test_another_key_secret_or_token_is_refused(token, keys, batch, part):
    changed = list(keys(batch))
    changed[part] = "x" + changed[part][1:]
    names = ("AccessKeyId", "SecretAccessKey", "SessionToken")
    status, page, _ = token(dict(zip(names, changed, strict=True)))
    assert status == 400
    assert "Invalid credentials parameter" in page


@pytest.mark.parametrize(
    "session", ["", "{", "null", "[]", '"x"', "{}", '{"sessionId": 1}', "[" * 9999]
)
def test_what_is_no_session_is_refused(federation, session):
    status, page, _ = federation(Action="getSigninToken", Session=session)
    assert status == 400
    assert "Invalid session parameter" in page


@pytest.mark.parametrize("action", ["", "getsignintoken", "AssumeRole", "logout"])
def test_there_are_two_actions(federation, action):
    assert federation(Action=action)[0] == 400


def test_sts_is_not_there_and_sign_in_is_not_elsewhere(send, token, batch, keys):
    body = urlencode({"Action": "getSigninToken", "Version": "2011-06-15"}).encode()
    status, _, text = send(body=body)
    assert (status, "InvalidAction" in text) == (400, True)
    assert send(path="/federation/", body=body)[0] == 404


@pytest.mark.parametrize("seconds", ["900", "43200"])
def test_a_role_that_long_term_keys_assumed_may_last(token, login, batch, seconds):
    assert token(batch, SessionDuration=seconds)[0] == 200


@pytest.mark.parametrize("seconds", ["", "899", "43201", "1h", "-1", "900.0", "9" * 99])
def test_a_time_that_no_session_lasts_is_refused(token, batch, seconds):
    assert token(batch, SessionDuration=seconds)[0] == 400


def test_temporary_callers_and_federated_users_have_no_duration(token, client, chained):
    assert token(chained)[0] == 200
    assert token(chained, SessionDuration="900")[0] == 400
    federated = client("bob").get_federation_token(Name="me", Policy=POLICY)
    assert token(federated, SessionDuration="900")[0] == 400


def test_a_web_identity_has_one(sandbox, client, role, token):
    proof = sandbox.web_identity_token()
    deploy = client(None).assume_role_with_web_identity(
        **role("Deploy"), WebIdentityToken=proof
    )
    assert token(deploy, SessionDuration="43200")[0] == 200


def test_credentials_that_have_expired_get_no_token(sandbox, token, batch):
    sandbox.clock_offset_seconds = 3600
    assert token(batch)[0] == 400


def test_credentials_that_were_revoked_get_no_token(sandbox, token, batch):
    sandbox.revoke(batch["Credentials"]["AccessKeyId"])
    assert token(batch)[0] == 400


def test_a_token_is_good_for_fifteen_minutes(sandbox, token, login, batch):
    answer = token(batch)
    sandbox.clock_offset_seconds = 890
    assert login(answer)[0] == 200
    sandbox.clock_offset_seconds = 900
    assert login(answer)[0] == 400


@pytest.mark.parametrize(
    "where",
    [
        "",
        "https://evil.example/",
        "http://console.aws.amazon.com/",
        "https://console.aws.amazon.com.evil.example/",
        "https://x@console.aws.amazon.com/",
        "https://[::1",
    ],
)
def test_nobody_is_led_out_of_the_console(token, login, batch, where):
    assert login(token(batch), Destination=where)[0] == 400


def test_a_token_of_somebody_else_is_none(federation):
    asked = {"Action": "login", "Destination": HOME}
    assert federation(**asked)[0] == 400
    assert federation(**asked, SigninToken="A" * 400)[0] == 400


def test_the_journal_says_who_it_was_and_holds_no_secret(sandbox, token, login, batch):
    answer = token(batch, SessionDuration="900")
    login(answer)
    asked, signed = sandbox.journal[-2:]
    assert (asked.action, asked.outcome) == ("getSigninToken", "ok")
    assert asked.access_key_id == batch["Credentials"]["AccessKeyId"]
    assert (signed.action, signed.outcome) == ("login", "ok")
    assert signed.caller_arn == asked.caller_arn == batch["AssumedRoleUser"]["Arn"]
    told = repr(sandbox.journal.calls())
    assert batch["Credentials"]["SecretAccessKey"] not in told
    assert batch["Credentials"]["SessionToken"] not in told
    assert json.loads(answer[1])["SigninToken"] not in told
