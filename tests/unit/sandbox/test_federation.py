import base64
import json
from datetime import UTC, datetime, timedelta

import pytest

PROVIDER = "arn:aws:iam::222222222222:saml-provider/sandbox"


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
    digest = base64.urlsafe_b64encode(provider._digest(body)).rstrip(b"=")
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


@pytest.fixture
def federate(client, role):
    def federate(assertion, name="Federated", principal=PROVIDER, **more):
        return client(None).assume_role_with_saml(
            RoleArn=role(name)["RoleArn"],
            PrincipalArn=principal,
            SAMLAssertion=assertion,
            **more,
        )

    return federate


@pytest.fixture
def assertion(sandbox, role):
    def assertion(name="Federated", **more):
        return sandbox.saml_assertion(role(name)["RoleArn"], PROVIDER, **more)

    return assertion


def test_an_assertion_gets_its_role(client, federate, assertion):
    answer = federate(assertion(session_name="alice@example"))
    arn = "arn:aws:sts::222222222222:assumed-role/Federated/alice@example"
    assert answer["AssumedRoleUser"]["Arn"] == arn
    assert answer["Subject"] == "alice@example"
    assert answer["Audience"] == "https://signin.aws.amazon.com/saml"
    assert answer["Issuer"]
    assert client(answer).get_caller_identity()["Arn"] == arn


def edited(assertion, old, new):
    document = base64.b64decode(assertion)
    assert old in document
    return base64.b64encode(document.replace(old, new)).decode()


@pytest.mark.parametrize(
    "change",
    [
        lambda _: "not base64!",
        lambda _: base64.b64encode(b"not xml").decode(),
        lambda text: edited(text, b'ID="_', b'ID="x'),
        lambda text: edited(text, b">alice<", b">admin<"),
        lambda text: edited(text, b"</Signature>", b"</Nothing>"),
        lambda text: edited(text, b"<Signature>", b"<Signature>0"),
    ],
)
def test_an_assertion_that_the_provider_did_not_sign_is_refused(
    federate, assertion, refused, change
):
    with refused("InvalidIdentityToken", 400):
        federate(change(assertion()))


def test_an_assertion_is_good_for_five_minutes(sandbox, federate, assertion, refused):
    text = assertion()
    sandbox.clock_offset_seconds = 290
    assert federate(text)
    sandbox.clock_offset_seconds = 301
    with refused("ExpiredTokenException", 400, "redeemed within 5 minutes"):
        federate(text)


def test_an_assertion_for_another_audience_is_refused(sandbox, role, federate, refused):
    text = sandbox._estate.saml.sign(
        role("Federated")["RoleArn"],
        PROVIDER,
        session_name="alice",
        now=datetime.now(UTC),
        lifetime_seconds=300,
        session_duration_seconds=None,
        audience="https://elsewhere.example",
    )
    with refused("InvalidIdentityToken", 400, "audience"):
        federate(text)


def test_an_assertion_names_role_and_provider(federate, assertion, refused):
    with refused("InvalidIdentityToken", 400, "not in the AuthnResponse"):
        federate(assertion("Jump"))
    with refused("InvalidIdentityToken", 400, "not in the AuthnResponse"):
        federate(assertion(), principal=PROVIDER + "2")


def test_the_role_must_trust_the_saml_provider(federate, assertion, refused):
    with refused("AccessDenied", 403, "sts:AssumeRoleWithSAML"):
        federate(assertion("Jump"), "Jump")


@pytest.mark.parametrize("name", ["a b", "x", "x" * 65])
def test_the_session_name_of_an_assertion_has_a_pattern(
    federate, assertion, refused, name
):
    with refused("InvalidIdentityToken", 400, "RoleSessionName in AuthnResponse"):
        federate(assertion(session_name=name))


def test_an_assertion_of_more_than_100000_characters_is_refused(federate, refused):
    with refused("ValidationError", 400, "less than or equal to 100000"):
        federate("A" * 100_001)


@pytest.mark.parametrize(("ends_in", "seconds"), [(1200, 1200), (7200, 3600)])
def test_an_assertion_may_shorten_the_session(federate, assertion, ends_in, seconds):
    answer = federate(assertion(session_duration_seconds=ends_in))
    left = answer["Credentials"]["Expiration"] - datetime.now(UTC)
    assert abs(left - timedelta(seconds=seconds)) < timedelta(seconds=20)


def test_the_roles_maximum_counts_for_assertions(federate, assertion, refused):
    with refused("ValidationError", 400, "MaxSessionDuration"):
        federate(assertion(), DurationSeconds=3601)
