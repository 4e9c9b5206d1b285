import base64
from datetime import UTC, datetime, timedelta
from xml.etree import ElementTree as ET

import pytest

PROVIDER = "arn:aws:iam::222222222222:saml-provider/sandbox"
SAML = "{urn:oasis:names:tc:SAML:2.0:assertion}"
SAMLP = "{urn:oasis:names:tc:SAML:2.0:protocol}"


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


def parsed(text):
    return ET.fromstring(base64.b64decode(text))  # noqa: S314 (the sandbox's own)


def lifetime(answer):
    left = answer["Credentials"]["Expiration"] - datetime.now(UTC)
    return round(left / timedelta(seconds=60)) * 60


def test_an_assertion_gets_its_role(client, federate, assertion):
    answer = federate(assertion(session_name="alice@example"))
    arn = "arn:aws:sts::222222222222:assumed-role/Federated/alice@example"
    assert answer["AssumedRoleUser"]["Arn"] == arn
    assert answer["Subject"] == "alice@example"
    assert answer["SubjectType"] == "persistent"
    assert answer["Audience"] == "https://signin.aws.amazon.com/saml"
    assert answer["Issuer"] == "https://saml.sandbox.example"
    assert client(answer).get_caller_identity()["Arn"] == arn


def test_the_name_qualifier_is_a_hash_of_issuer_account_and_provider(
    federate, assertion
):
    # By hand: sha1("https://saml.sandbox.example222222222222/sandbox"), in base64.
    assert federate(assertion())["NameQualifier"] == "Vdpk2dR0s2hrPjGc0TzafAXAwos="


def test_a_response_is_written_as_an_identity_provider_writes_it(assertion):
    response = parsed(assertion("Federated", session_name="alice"))
    assert response.tag == f"{SAMLP}Response"
    assert response.find(f"{SAML}Issuer").text == "https://saml.sandbox.example"
    code = response.find(f"{SAMLP}Status/{SAMLP}StatusCode").get("Value")
    assert code == "urn:oasis:names:tc:SAML:2.0:status:Success"
    (one,) = response.findall(f"{SAML}Assertion")
    for path in (
        "Issuer",
        "Subject/NameID",
        "Subject/SubjectConfirmation/SubjectConfirmationData",
        "Conditions/AudienceRestriction/Audience",
        "AuthnStatement/AuthnContext/AuthnContextClassRef",
        "AttributeStatement/Attribute/AttributeValue",
    ):
        where = "/".join(f"{SAML}{name}" for name in path.split("/"))
        assert one.find(where) is not None, path
    conditions = one.find(f"{SAML}Conditions").attrib
    assert conditions["NotBefore"] < conditions["NotOnOrAfter"]


def values(response, name):
    return [
        value.text
        for attribute in response.iter(f"{SAML}Attribute")
        if attribute.get("Name") == f"https://aws.amazon.com/SAML/Attributes/{name}"
        for value in attribute
    ]


def test_a_response_lists_the_roles_to_choose_from(sandbox, role, federate):
    roles = [role(name)["RoleArn"] for name in ("Federated", "FederatedAudit")]
    text = sandbox.saml_assertion(roles=roles)
    assert values(parsed(text), "Role") == [f"{arn},{PROVIDER}" for arn in roles]
    for name in ("Federated", "FederatedAudit"):
        arn = federate(text, name)["AssumedRoleUser"]["Arn"]
        assert arn.split("/")[1] == name


@pytest.mark.parametrize(
    "pair", ["{provider},{role}", "{role},{provider}", "{role} , {provider}"]
)
def test_role_and_provider_may_be_named_in_either_order(sandbox, role, federate, pair):
    arn = role("Federated")["RoleArn"]
    text = sandbox.saml_assertion(roles=[pair.format(role=arn, provider=PROVIDER)])
    assert federate(text)


@pytest.mark.parametrize("pair", ["{role},{role}", "{role}", "{role},{provider},x"])
def test_a_pair_is_a_role_and_a_provider(sandbox, role, federate, refused, pair):
    arn = role("Federated")["RoleArn"]
    named = pair.format(role=arn, provider=PROVIDER)
    text = sandbox.saml_assertion(roles=[named], principal_arn=arn)
    with refused("InvalidIdentityToken", 400, "not in the AuthnResponse"):
        federate(text)


def edited(assertion, old, new):
    document = base64.b64decode(assertion)
    assert old in document
    return base64.b64encode(document.replace(old, new)).decode()


@pytest.mark.parametrize(
    "change",
    [
        lambda _: "not base64!",
        lambda _: base64.b64encode(b"not xml").decode(),
        lambda _: base64.b64encode(b"<ds:SignatureValue></ds:SignatureValue>").decode(),
        lambda text: edited(text, b'ID="_', b'ID="x'),
        lambda text: edited(text, b">alice<", b">admin<"),
        lambda text: edited(text, b"status:Success", b"status:Responder"),
        lambda text: edited(text, b"<samlp:Status>", b"<!-- --><samlp:Status>"),
        lambda text: edited(text, b"</ds:SignatureValue>", b"</ds:Nothing>"),
        lambda text: edited(text, b"<ds:SignatureValue>", b"<ds:SignatureValue>0"),
    ],
)
def test_a_response_that_the_provider_did_not_sign_is_refused(
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


def test_a_longer_assertion_is_good_for_five_minutes_too(
    sandbox, federate, assertion, refused
):
    text = assertion(lifetime_seconds=3600)
    sandbox.clock_offset_seconds = 301
    with refused("ExpiredTokenException", 400, "redeemed within 5 minutes"):
        federate(text)


def test_a_shorter_assertion_ends_earlier(sandbox, federate, assertion, refused):
    text = assertion(lifetime_seconds=60)
    sandbox.clock_offset_seconds = 61
    with refused("ExpiredTokenException", 400):
        federate(text)


def test_an_assertion_from_the_future_is_refused(sandbox, federate, assertion, refused):
    text = assertion()
    sandbox.clock_offset_seconds = -60
    with refused("InvalidIdentityToken", 400, "not valid yet"):
        federate(text)


@pytest.mark.parametrize(
    ("audience", "good"),
    [
        ("https://signin.aws.amazon.com/saml", True),
        ("urn:amazon:webservices", True),
        ("https://elsewhere.example", False),
        ("https://signin.aws.amazon.com/saml/", False),
    ],
)
def test_an_assertion_is_for_awss_audience(
    federate, assertion, refused, audience, good
):
    text = assertion(audience=audience)
    if good:
        assert federate(text)
        return
    with refused("InvalidIdentityToken", 400, "audience"):
        federate(text)


def test_an_assertion_is_for_awss_recipient_which_is_the_answers_audience(
    federate, assertion, refused
):
    regional = "https://eu-west-1.signin.aws.amazon.com/saml"
    assert federate(assertion(recipient=regional))["Audience"] == regional
    with refused("InvalidIdentityToken", 400, "recipient"):
        federate(assertion(recipient='https://elsewhere.example/"saml"'))


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


def test_a_session_name_is_required(federate, assertion, refused):
    with refused("InvalidIdentityToken", 400, "RoleSessionName is required"):
        federate(assertion(session_name=None))


def test_an_assertion_of_more_than_100000_characters_is_refused(federate, refused):
    with refused("ValidationError", 400, "less than or equal to 100000"):
        federate("A" * 100_001)


@pytest.mark.parametrize(("ends_in", "seconds"), [(1200, 1200), (7200, 3600)])
def test_the_end_of_the_idps_session_may_shorten_the_roles(
    federate, assertion, ends_in, seconds
):
    answer = federate(assertion(session_duration_seconds=ends_in))
    assert lifetime(answer) == seconds


@pytest.mark.parametrize(("duration", "seconds"), [(900, 900), (43200, 3600)])
def test_the_session_duration_attribute_may_shorten_the_session(
    federate, assertion, duration, seconds
):
    assert lifetime(federate(assertion(session_duration=duration))) == seconds


def test_the_shortest_of_all_durations_counts(federate, assertion):
    text = assertion(session_duration=1800, session_duration_seconds=1200)
    assert lifetime(federate(text, DurationSeconds=3000)) == 1200
    assert lifetime(federate(text, DurationSeconds=900)) == 900


@pytest.mark.parametrize("duration", [899, 43201, "an hour", "", "-1"])
def test_the_session_duration_attribute_has_a_range(
    federate, assertion, refused, duration
):
    with refused("InvalidIdentityToken", 400, "SessionDuration in AuthnResponse"):
        federate(assertion(session_duration=duration))


def test_the_roles_maximum_counts_for_assertions(federate, assertion, refused):
    with refused("ValidationError", 400, "MaxSessionDuration"):
        federate(assertion(session_duration=900), DurationSeconds=3601)


def test_an_assertion_carries_tags_and_a_source_identity(
    client, role, federate, assertion, refused
):
    text = assertion(
        "FederatedAudit",
        source_identity="alice",
        tags={"Cost Center": "4711", "Team": "blue"},
        transitive_tags=["Team"],
    )
    answer = federate(text, "FederatedAudit")
    assert answer["SourceIdentity"] == "alice"
    assert answer["PackedPolicySize"] > 0
    sts = client(answer)
    with refused("ValidationError", 400, "conflicts with a transitive tag key"):
        sts.assume_role(**role("Relay", Tags=[{"Key": "team", "Value": "red"}]))
    with refused("AccessDenied", 403, "sts:TagSession on resource"):
        sts.assume_role(**role("Relay"))


@pytest.mark.parametrize(
    "claims", [{"source_identity": "alice"}, {"tags": {"Team": "blue"}}]
)
def test_a_role_may_not_take_what_an_assertion_carries(
    federate, assertion, refused, claims
):
    with refused("AccessDenied", 403, "Not authorized to perform sts:AssumeRoleWith"):
        federate(assertion(**claims))


@pytest.mark.parametrize(
    "claims",
    [
        {"source_identity": "alice smith"},
        {"tags": {"Team!": "blue"}},
        {"tags": {"Team": '<"blue">'}},
        {"tags": {"Team": "a", "team": "b"}},
        {"tags": {"aws:Team": "a"}},
        {"transitive_tags": ["Team"]},
    ],
)
def test_what_an_assertion_carries_keeps_the_limits(
    federate, assertion, refused, claims
):
    with refused("ValidationError", 400):
        federate(assertion("FederatedAudit", **claims), "FederatedAudit")


def test_an_attribute_with_two_values_is_refused(sandbox, federate, assertion, refused):
    document = base64.b64decode(assertion(source_identity="alice"))
    one = b'<saml:AttributeValue xsi:type="xs:string">alice</saml:AttributeValue>'
    text = sandbox._estate.saml.seal(document.replace(one, one + one))
    with refused("InvalidIdentityToken", 400, "must have one value"):
        federate(text)
