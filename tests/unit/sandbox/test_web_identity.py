import base64
import json

import pytest

from sts_plugin.sandbox.jwt import mac

SOURCE_IDENTITY = "https://aws.amazon.com/source_identity"
TAGS = "https://aws.amazon.com/tags"
TRUST = "arn:aws:iam::222222222222:oidc-provider/oidc.sandbox.example"


@pytest.fixture
def deploy(client, role):
    def deploy(token, name="Deploy", **more):
        return client(None).assume_role_with_web_identity(
            **role(name, WebIdentityToken=token, **more)
        )

    return deploy


def test_a_web_identity_token_gets_its_role(sandbox, client, deploy):
    answer = deploy(sandbox.web_identity_token())
    arn = "arn:aws:sts::222222222222:assumed-role/Deploy/test"
    assert answer["AssumedRoleUser"]["Arn"] == arn
    assert answer["SubjectFromWebIdentityToken"] == "repo:example/app"
    assert answer["Audience"] == "sts.amazonaws.com"
    assert answer["Provider"].endswith(":oidc-provider/oidc.sandbox.example")
    assert client(answer).get_caller_identity()["Arn"] == arn
    call = sandbox.journal[0]
    assert (call.access_key_id, call.caller_arn, call.region) == (None, None, None)


def test_the_token_file_of_the_folder_is_good(sandbox, deploy):
    assert deploy((sandbox.folder / "web-identity-token").read_text())


def part(value):
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


def changed(token, *, header=None, **claims):
    """Change a token's claims, and keep its signature."""
    first, middle, signature = token.split(".")
    if claims:
        padded = middle + "=" * (-len(middle) % 4)
        middle = part(json.loads(base64.urlsafe_b64decode(padded)) | claims)
    return ".".join((part(header) if header else first, middle, signature))


@pytest.mark.parametrize(
    "change",
    [
        lambda _: "not a token",
        lambda token: token + ".more",
        lambda _: "....",
        lambda _: "W10.W10.xx",
        lambda _: "größe.x.y",
        lambda token: token[:-3] + "AAA",
        lambda token: changed(token, sub="repo:example/other"),
        lambda token: changed(token, header={"alg": "none"}),
        lambda token: changed(token, header={"alg": "none"}).rpartition(".")[0] + ".",
    ],
)
def test_a_token_that_the_provider_did_not_sign_is_refused(
    sandbox, deploy, refused, change
):
    with refused("InvalidIdentityToken", 400):
        deploy(change(sandbox.web_identity_token()))


def signed(sandbox, *, header=None, **claims):
    """Make a token of the provider's with other claims (None takes one out)."""
    provider = sandbox._estate.web_identities
    token = changed(sandbox.web_identity_token(), header=header, **claims).rpartition(
        "."
    )[0]
    head, middle = token.split(".")
    padded = middle + "=" * (-len(middle) % 4)
    kept = json.loads(base64.urlsafe_b64decode(padded))
    body = f"{head}.{part({k: v for k, v in kept.items() if v is not None})}".encode()
    digest = base64.urlsafe_b64encode(mac(provider._secret, body)).rstrip(b"=")
    return f"{body.decode()}.{digest.decode()}"


@pytest.mark.parametrize(
    ("claims", "error"),
    [
        ({"iss": "https://elsewhere.example"}, ("InvalidIdentityToken", 400)),
        ({"header": {"alg": "none"}}, ("InvalidIdentityToken", 400)),
        ({"exp": None}, ("InvalidIdentityToken", 400)),
        ({"iat": None}, ("InvalidIdentityToken", 400)),
        ({"sub": "short"}, ("IDPRejectedClaim", 403)),
        ({"sub": "x" * 256}, ("IDPRejectedClaim", 403)),
        ({"sub": None}, ("IDPRejectedClaim", 403)),
        ({"aud": ["sts.amazonaws.com"]}, ("IDPRejectedClaim", 403)),
        ({SOURCE_IDENTITY: ["alice"]}, ("IDPRejectedClaim", 403)),
        ({TAGS: ["Team"]}, ("IDPRejectedClaim", 403)),
        ({TAGS: {"principal_tags": ["Team"]}}, ("IDPRejectedClaim", 403)),
        ({TAGS: {"principal_tags": {"Team": "x"}}}, ("IDPRejectedClaim", 403)),
        ({TAGS: {"principal_tags": {"Team": ["a", "b"]}}}, ("IDPRejectedClaim", 403)),
        ({TAGS: {"principal_tags": {"Team": [1]}}}, ("IDPRejectedClaim", 403)),
        ({TAGS: {"transitive_tag_keys": "Team"}}, ("IDPRejectedClaim", 403)),
        ({TAGS: {"transitive_tag_keys": [1]}}, ("IDPRejectedClaim", 403)),
    ],
)
def test_a_signed_token_must_say_what_sts_needs(
    sandbox, deploy, refused, claims, error
):
    assert deploy(signed(sandbox))
    with refused(*error):
        deploy(signed(sandbox, **claims))


def test_another_audience_is_refused(sandbox, deploy, refused):
    with refused("InvalidIdentityToken", 400, "Incorrect token audience"):
        deploy(sandbox.web_identity_token(audience="somebody.else"))


def test_an_expired_token_is_refused(sandbox, deploy, refused):
    token = sandbox.web_identity_token(lifetime_seconds=60)
    sandbox.clock_offset_seconds = 61
    with refused("ExpiredTokenException", 400, "Token expired: current date/time"):
        deploy(token)


@pytest.mark.parametrize("name", ["Jump", "Federated", "Admin"])
def test_a_role_that_does_not_trust_the_provider_is_refused(
    sandbox, deploy, refused, name
):
    with refused("AccessDenied", 403, "Not authorized to perform sts:AssumeRoleWith"):
        deploy(sandbox.web_identity_token(), name)


def test_the_roles_maximum_counts_for_web_identities(sandbox, deploy, refused):
    with refused("ValidationError", 400, "MaxSessionDuration"):
        deploy(sandbox.web_identity_token(), DurationSeconds=3601)


@pytest.mark.parametrize(
    ("provider_id", "code"),
    [
        ("www.amazon.com", "InvalidIdentityToken"),
        ("graph.facebook.com", "InvalidIdentityToken"),
        ("oidc.sandbox.example", "ValidationError"),
        ("https://www.amazon.com", "ValidationError"),
    ],
)
def test_a_provider_id_does_not_go_with_an_openid_token(
    sandbox, deploy, refused, provider_id, code
):
    with refused(code, 400, "OAuth 2.0"):
        deploy(sandbox.web_identity_token(), ProviderId=provider_id)


def test_a_token_carries_tags_and_a_source_identity(sandbox, client, deploy, refused):
    token = sandbox.web_identity_token(
        source_identity="alice", tags={"Team": "blue"}, transitive_tags=["Team"]
    )
    answer = deploy(token, "DeployTagged")
    assert answer["SourceIdentity"] == "alice"
    assert answer["PackedPolicySize"] > 0
    with refused("ValidationError", 400, "conflicts with a transitive tag key"):
        client(answer).assume_role(
            RoleArn="arn:aws:iam::222222222222:role/Relay",
            RoleSessionName="test",
            Tags=[{"Key": "team", "Value": "red"}],
        )


@pytest.mark.parametrize(
    "claims", [{"source_identity": "alice"}, {"tags": {"Team": "blue"}}]
)
def test_a_role_may_not_take_what_a_token_carries(sandbox, deploy, refused, claims):
    with refused("AccessDenied", 403, "Not authorized to perform sts:AssumeRoleWith"):
        deploy(sandbox.web_identity_token(**claims))


@pytest.mark.parametrize(
    "claims",
    [
        {"source_identity": "a"},
        {"source_identity": "alice smith"},
        {"tags": {"Team!": "blue"}},
        {"tags": {"Team": "x" * 257}},
        {"tags": {"Team": "a", "team": "b"}},
        {"tags": {"aws:Team": "a"}},
        {"tags": {f"k{number}": "v" for number in range(51)}},
        {"transitive_tags": ["Team"]},
    ],
)
def test_what_a_token_carries_keeps_the_limits(sandbox, deploy, refused, claims):
    with refused("ValidationError", 400):
        deploy(sandbox.web_identity_token(**claims), "DeployTagged")


def test_a_token_is_for_one_audience_and_one_subject(sandbox, deploy):
    token = sandbox.web_identity_token("system:serviceaccount:app", "sts.amazonaws.com")
    answer = deploy(token)
    assert answer["SubjectFromWebIdentityToken"] == "system:serviceaccount:app"


def test_a_token_that_sts_issued_itself_is_refused(client, deploy, refused):
    issued = client().get_web_identity_token(
        Audience=["sts.amazonaws.com"], SigningAlgorithm="RS256"
    )
    with refused("InvalidIdentityToken", 400):
        deploy(issued["WebIdentityToken"])
