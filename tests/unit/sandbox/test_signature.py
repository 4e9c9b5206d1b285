import re

import pytest

SIGNATURE = "The request signature we calculated does not match"


def code_of(body):
    found = re.search("<Code>(.*)</Code>", body)
    return found and found[1]


@pytest.mark.parametrize("region", ["us-east-1", "eu-central-1", "us-gov-west-1"])
def test_a_request_signed_by_botocore_is_accepted_and_its_region_noted(
    sandbox, client, region
):
    answer = client("alice", region=region).get_caller_identity()
    assert answer["Arn"] == "arn:aws:iam::111111111111:user/alice"
    assert answer["Account"] == "111111111111"
    assert answer["UserId"] == sandbox.organisation.user("alice").user_id
    assert sandbox.journal[0].region == region


def test_a_get_request_is_signed_with_its_query(send, sign, whoami):
    url = f"/?{whoami.decode()}&Extra=a%20b&Empty="
    headers = sign("GET", url)
    status, _, body = send("GET", url, headers=headers)
    assert status == 200, body
    assert send("GET", url.replace("a%20b", "a%20c"), headers=headers)[0] == 403


@pytest.mark.parametrize("change", ["secret", "body", "header", "signature"])
def test_whatever_was_changed_after_signing_is_refused(
    sandbox, send, sign, whoami, keys, change
):
    who = "alice"
    body = whoami
    if change == "secret":
        key_id, secret, _ = keys("alice")
        who = {
            "AccessKeyId": key_id,
            "SecretAccessKey": secret[::-1],
            "SessionToken": None,
        }
    headers = sign(body=body, who=who, headers={"X-Amz-Note": "one"})
    if change == "body":
        body += b"&DurationSeconds=900"
    elif change == "header":
        headers["X-Amz-Note"] = "two"
    elif change == "signature":
        headers["Authorization"] = headers["Authorization"][:-4] + "0000"
    status, _, answer = send(body=body, headers=headers)
    assert (status, code_of(answer)) == (403, "SignatureDoesNotMatch")
    assert SIGNATURE in answer
    assert sandbox.journal[0].outcome == "SignatureDoesNotMatch"
    assert sandbox.journal[0].access_key_id == keys("alice")[0]
    assert sandbox.journal[0].caller_arn is None


def test_a_space_more_or_less_in_a_header_does_not_matter(send, sign, whoami):
    headers = sign(body=whoami, headers={"X-Amz-Note": "one two"})
    headers["X-Amz-Note"] = " one   two "
    assert send(body=whoami, headers=headers)[0] == 200


def test_a_header_of_amazons_that_was_not_signed_is_refused(send, sign, whoami):
    headers = sign(body=whoami) | {"X-Amz-Note": "smuggled"}
    status, _, body = send(body=whoami, headers=headers)
    assert (status, code_of(body)) == (403, "SignatureDoesNotMatch")
    assert "'x-amz-note' must be a 'SignedHeader'" in body


def test_a_signed_header_that_is_missing_is_refused(send, sign, whoami):
    headers = sign(body=whoami, headers={"X-Amz-Note": "one"})
    del headers["X-Amz-Note"]
    assert send(body=whoami, headers=headers)[0] == 403


@pytest.mark.parametrize(
    ("scope", "message"),
    [
        ({"service": "s3"}, "correct service: 'sts'"),
        ({"region": "nowhere"}, "valid region"),
    ],
)
def test_a_scope_for_something_else_is_refused(send, sign, whoami, scope, message):
    status, _, body = send(body=whoami, headers=sign(body=whoami, **scope))
    assert (status, code_of(body)) == (403, "SignatureDoesNotMatch")
    assert message in body


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("aws4_request", "aws5_request", "valid terminator"),
        (r"/\d{8}/", "/20010101/", "Date in Credential scope"),
    ],
)
def test_a_scope_that_was_tampered_with_is_refused(
    send, sign, whoami, old, new, message
):
    headers = sign(body=whoami)
    headers["Authorization"] = re.sub(old, new, headers["Authorization"])
    status, _, body = send(body=whoami, headers=headers)
    assert (status, code_of(body)) == (403, "SignatureDoesNotMatch")
    assert message in body


@pytest.mark.parametrize(
    ("offset", "message"),
    [
        (310, r"Signature expired: \d{8}T\d{6}Z is now earlier than .* - 5 min.\)"),
        (
            -310,
            r"Signature not yet current: \d{8}T\d{6}Z is still later than .* \+ 5 min",
        ),
    ],
)
def test_a_clock_more_than_five_minutes_off_is_refused_with_the_reason(
    sandbox, client, refused, offset, message
):
    alice = client()
    sandbox.clock_offset_seconds = offset
    with refused("SignatureDoesNotMatch", 403) as seen:
        alice.get_caller_identity()
    assert re.match(message, seen.message)


@pytest.mark.parametrize("offset", [-290, 290])
def test_a_clock_less_than_five_minutes_off_is_accepted(sandbox, client, offset):
    sandbox.clock_offset_seconds = offset
    assert client().get_caller_identity()["Arn"]


@pytest.mark.parametrize(
    ("change", "status", "code"),
    [
        (lambda _: "", 403, "MissingAuthenticationToken"),
        (lambda header: header.replace("AWS4", "AWS5"), 400, "IncompleteSignature"),
        (lambda header: header.split(",")[0], 400, "IncompleteSignature"),
        (lambda header: header.split("Signature=")[0], 400, "IncompleteSignature"),
        (lambda header: header.replace("/sts/", "/"), 400, "IncompleteSignature"),
        (lambda _: "Basic YWxpY2U6c2VjcmV0", 400, "IncompleteSignature"),
    ],
)
def test_an_authorization_header_that_lacks_a_part_is_refused(
    send, sign, whoami, change, status, code
):
    headers = sign(body=whoami)
    headers["Authorization"] = change(headers["Authorization"])
    got, _, body = send(body=whoami, headers=headers)
    assert (got, code_of(body)) == (status, code)


@pytest.mark.parametrize("date", [None, "yesterday"])
def test_a_date_that_is_missing_or_no_date_is_refused(send, sign, whoami, date):
    headers = sign(body=whoami)
    del headers["X-Amz-Date"]
    if date is not None:
        headers["X-Amz-Date"] = date
    status, _, body = send(body=whoami, headers=headers)
    assert (status, code_of(body)) == (400, "IncompleteSignature")


INVALID = (
    "InvalidClientTokenId",
    403,
    "The security token included in the request is invalid.",
)


def test_an_unknown_key_is_refused(client, refused):
    stranger = {
        "AccessKeyId": "AKIAABCDEFGHIJKLMNOP",
        "SecretAccessKey": "x" * 40,
        "SessionToken": None,
    }
    with refused(*INVALID):
        client(stranger).get_caller_identity()


@pytest.mark.parametrize("token", [None, "another", "of another key", "cut"])
def test_a_session_token_belongs_to_its_key(client, refused, token):
    first = client().get_session_token()["Credentials"]
    other = client().get_session_token()["Credentials"]["SessionToken"]
    tokens = {"of another key": other, "cut": first["SessionToken"][:-1]}
    with refused(*INVALID):
        wrong = tokens.get(token, token)
        client({**first, "SessionToken": wrong}).get_caller_identity()


def test_a_long_term_key_has_no_session_token(client, keys, refused):
    key_id, secret, _ = keys("alice")
    wrong = {"AccessKeyId": key_id, "SecretAccessKey": secret, "SessionToken": "x"}
    with refused(*INVALID):
        client(wrong).get_caller_identity()


@pytest.mark.parametrize("kind", ["user", "session"])
def test_a_revoked_key_is_unknown_from_then_on(sandbox, client, refused, keys, kind):
    who = "bob" if kind == "user" else client("bob").get_session_token()
    bob = client(who)
    bob.get_caller_identity()
    sandbox.revoke(keys(who)[0])
    with refused(*INVALID):
        bob.get_caller_identity()


def test_an_expired_set_is_refused_by_the_servers_clock(sandbox, client, refused):
    issued = client().get_session_token(DurationSeconds=900)
    session = client(issued)
    sandbox.clock_offset_seconds = 290
    assert session.get_caller_identity()
    sandbox.clock_offset_seconds = 0
    sandbox.lifetime_seconds = 60
    session = client(client().get_session_token())
    sandbox.clock_offset_seconds = 61
    with refused(
        "ExpiredToken", 403, "The security token included in the request is expired"
    ):
        session.get_caller_identity()


def test_who_does_not_know_the_secret_does_not_learn_that_a_set_expired(
    sandbox, client, refused
):
    sandbox.lifetime_seconds = 60
    issued = client().get_session_token()["Credentials"]
    sandbox.clock_offset_seconds = 61
    with refused("SignatureDoesNotMatch", 403):
        client({**issued, "SecretAccessKey": "x" * 40}).get_caller_identity()
