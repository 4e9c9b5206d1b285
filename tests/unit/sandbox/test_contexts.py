import pytest

PROVIDER = "arn:aws:iam::aws:contextProvider/IdentityCenter"


@pytest.fixture
def given(sandbox):
    """The ProvidedContexts of a good assertion, with changes."""

    def given(arn=PROVIDER, **more):
        assertion = more.pop("assertion", None) or sandbox.context_assertion(**more)
        return [{"ProviderArn": arn, "ContextAssertion": assertion}]

    return given


def test_a_context_goes_into_the_session_of_a_role_that_allows_it(
    client, refused, role, given
):
    assert client().assume_role(**role("Tagged", ProvidedContexts=given()))
    with refused("AccessDenied", 403, "sts:SetContext on resource: "):
        client().assume_role(**role("Batch", ProvidedContexts=given()))


@pytest.mark.parametrize("assertion", ["made up", None])
def test_an_assertion_that_nobody_made_is_refused(
    sandbox, client, refused, role, given, assertion
):
    forged = given(assertion=assertion or sandbox.context_assertion()[:-1])
    with refused("ValidationError", 400, "context assertion is invalid"):
        client().assume_role(**role("Tagged", ProvidedContexts=forged))


def test_a_trade_in_token_is_no_context_assertion(
    sandbox, client, refused, role, given
):
    other = given(assertion=sandbox.trade_in_token("Batch"))
    with refused("ValidationError", 400, "context assertion is invalid"):
        client().assume_role(**role("Tagged", ProvidedContexts=other))


def test_an_expired_assertion_is_refused(sandbox, client, refused, role, given):
    contexts = given(lifetime_seconds=60)
    sandbox.clock_offset_seconds = 61
    with refused("ExpiredTokenException", 400, "has expired"):
        client().assume_role(**role("Tagged", ProvidedContexts=contexts))


@pytest.mark.parametrize(
    "arn",
    [
        "arn:aws:iam::222222222222:contextProvider/IdentityCenter",
        "arn:aws:iam:aws::contextProvider/IdentityCenter",
        "arn:aws:iam::aws:policy/IdentityCenter",
        "",
    ],
)
def test_a_provider_is_one_of_awss(client, refused, role, given, arn):
    contexts = given(arn, provider_arn=arn)
    with refused("ValidationError", 400):
        client().assume_role(**role("Tagged", ProvidedContexts=contexts))


def test_an_assertion_is_good_with_its_own_provider_only(client, refused, role, given):
    with refused("ValidationError", 400, "context assertion is invalid"):
        client().assume_role(**role("Tagged", ProvidedContexts=given(PROVIDER + "2")))


@pytest.mark.parametrize("left_out", ["ProviderArn", "ContextAssertion"])
def test_provider_and_assertion_come_together(client, refused, role, given, left_out):
    (context,) = given()
    del context[left_out]
    with refused("ValidationError", 400, "invalid"):
        client().assume_role(**role("Tagged", ProvidedContexts=[context]))


def test_a_context_does_not_travel(client, role, given):
    first = client().assume_role(**role("Tagged", ProvidedContexts=given()))
    assert client(first).assume_role(**role("Plain"))
