import base64
import json
from datetime import UTC, datetime

import pytest

NAMESPACE = "https://sts.amazonaws.com/"


def ask(**more):
    return {"Audience": ["https://api.example"], "SigningAlgorithm": "RS256", **more}


def parts(answer):
    """Header, claims and signature of a token."""
    texts = answer["WebIdentityToken"].split(".")
    header, claims, signature = (
        base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)) for text in texts
    )
    return json.loads(header), json.loads(claims), signature


def test_a_token_speaks_for_the_user_who_asked(client):
    before = datetime.now(UTC).timestamp()
    answer = client(region="eu-west-1").get_web_identity_token(**ask())
    _, claims, _ = parts(answer)
    assert claims["sub"] == "arn:aws:iam::111111111111:user/alice"
    assert claims["aud"] == "https://api.example"
    assert claims["iss"].endswith(".tokens.sts.global.api.aws")
    assert claims[NAMESPACE]["aws_account"] == "111111111111"
    assert claims[NAMESPACE]["source_region"] == "eu-west-1"
    assert claims["exp"] == answer["Expiration"].timestamp()
    assert abs(claims["iat"] - before) < 20


def test_a_token_speaks_for_the_role_behind_a_session(client, role):
    tags = [{"Key": "Team", "Value": "blue"}]
    session = client(client().assume_role(**role("Tagged", Tags=tags)))
    _, claims, _ = parts(session.get_web_identity_token(**ask()))
    assert claims["sub"] == "arn:aws:iam::222222222222:role/Tagged"
    assert claims[NAMESPACE]["principal_tags"] == {"Team": "blue"}


def test_an_account_has_one_issuer_and_each_token_an_id_of_its_own(client, role):
    first = parts(client().get_web_identity_token(**ask()))[1]
    second = parts(client("bob").get_web_identity_token(**ask()))[1]
    assert first["iss"] == second["iss"]
    assert first["jti"] != second["jti"]
    batch = client(client().assume_role(**role("Batch")))
    assert parts(batch.get_web_identity_token(**ask()))[1]["iss"] != first["iss"]


@pytest.mark.parametrize(("algorithm", "size"), [("RS256", 256), ("ES384", 96)])
def test_the_algorithm_is_the_callers_choice(client, algorithm, size):
    answer = client().get_web_identity_token(**ask(SigningAlgorithm=algorithm))
    header, _, signature = parts(answer)
    assert (header["alg"], header["typ"]) == (algorithm, "JWT")
    assert len(signature) == size


@pytest.mark.parametrize("algorithm", ["HS256", "RS384", "rs256", "RSA256", ""])
def test_there_are_two_algorithms(client, refused, algorithm):
    with refused("ValidationError", 400, "'signingAlgorithm'"):
        client().get_web_identity_token(**ask(SigningAlgorithm=algorithm))


def test_an_algorithm_is_required(client, refused):
    with refused("ValidationError", 400, "Value null at 'signingAlgorithm'"):
        client().get_web_identity_token(Audience=["a"])


@pytest.mark.parametrize("count", [1, 10])
def test_a_token_has_up_to_ten_audiences(client, count):
    audience = [f"https://{number}.example" for number in range(count)]
    _, claims, _ = parts(client().get_web_identity_token(**ask(Audience=audience)))
    assert claims["aud"] == (audience if count > 1 else audience[0])


@pytest.mark.parametrize(
    "audience",
    [[], [""], ["a"] * 11, ["a" * 1001]],
    ids=["none", "empty", "11", "1001"],
)
def test_the_audience_has_limits(client, refused, audience):
    with refused("ValidationError", 400, "'audience"):
        client().get_web_identity_token(**ask(Audience=audience))


@pytest.mark.parametrize(
    ("asked", "seconds"),
    [({}, 300), ({"DurationSeconds": 60}, 60), ({"DurationSeconds": 3600}, 3600)],
)
def test_a_token_lives_as_long_as_was_asked(client, asked, seconds):
    answer = client().get_web_identity_token(**ask(**asked))
    _, claims, _ = parts(answer)
    assert claims["exp"] - claims["iat"] == seconds
    left = (answer["Expiration"] - datetime.now(UTC)).total_seconds()
    assert abs(left - seconds) < 20


@pytest.mark.parametrize("seconds", [59, 3601])
def test_the_lifetime_has_limits(client, refused, seconds):
    with refused("ValidationError", 400, "'durationSeconds'"):
        client().get_web_identity_token(**ask(DurationSeconds=seconds))


def test_a_token_does_not_outlive_the_session_that_asked(client, refused, role):
    session = client(client().assume_role(**role("Batch", DurationSeconds=900)))
    assert session.get_web_identity_token(**ask(DurationSeconds=840))
    with refused("SessionDurationEscalationException", 403):
        session.get_web_identity_token(**ask(DurationSeconds=960))


def test_the_default_lifetime_may_be_too_long_too(sandbox, client, refused, role):
    sandbox.lifetime_seconds = 200
    session = client(client().assume_role(**role("Batch")))
    with refused("SessionDurationEscalationException", 403):
        session.get_web_identity_token(**ask())


def test_tags_become_claims(client):
    tags = [{"Key": "job", "Value": "4711"}, {"Key": "Priority", "Value": ""}]
    _, claims, _ = parts(client().get_web_identity_token(**ask(Tags=tags)))
    assert claims[NAMESPACE]["request_tags"] == {"job": "4711", "Priority": ""}


@pytest.mark.parametrize("names", [("a", "A"), ("aws:a",), ("a!",)])
def test_tags_follow_the_rules_of_all_tags(client, refused, names):
    tags = [{"Key": name, "Value": "v"} for name in names]
    with refused("ValidationError", 400):
        client().get_web_identity_token(**ask(Tags=tags))


def test_a_session_of_a_user_cannot_ask(client, refused, mfa):
    session = client(client().get_session_token(**mfa()))
    with refused("AccessDenied", 403, "perform: sts:GetWebIdentityToken"):
        session.get_web_identity_token(**ask())


def test_a_federated_user_cannot_ask(client, refused):
    session = client(client().get_federation_token(Name="worker"))
    with refused("AccessDenied", 403, "perform: sts:GetWebIdentityToken"):
        session.get_web_identity_token(**ask())


def test_an_account_may_have_it_disabled(sandbox, client, refused):
    sandbox.outbound_federation = False
    with refused("OutboundWebIdentityFederationDisabledException", 403):
        client().get_web_identity_token(**ask())
    sandbox.outbound_federation = True
    assert client().get_web_identity_token(**ask())
