import pytest

SERIAL = "arn:aws:iam::111111111111:mfa/alice"


def test_a_call_keeps_its_arguments_as_an_sdk_takes_them(sandbox, client, role):
    arguments = role(
        "Batch",
        DurationSeconds=900,
        PolicyArns=[{"arn": "arn:aws:iam::aws:policy/ReadOnlyAccess"}],
    )
    client().assume_role(**arguments)
    assert sandbox.journal[-1].arguments == arguments


def test_a_code_is_left_out_of_the_arguments(sandbox, client, mfa):
    client().get_session_token(DurationSeconds=1800, **mfa())
    assert sandbox.journal[-1].arguments == {
        "DurationSeconds": 1800,
        "SerialNumber": SERIAL,
    }


@pytest.mark.parametrize(
    ("action", "secret", "kept"),
    [
        (
            "assume_role_with_web_identity",
            {"WebIdentityToken": "s3cret-token"},
            {"RoleArn": "arn:aws:iam::222222222222:role/Deploy"},
        ),
        (
            "assume_role_with_saml",
            {"SAMLAssertion": "s3cret-assertion"},
            {"PrincipalArn": "arn:aws:iam::222222222222:saml-provider/sandbox"},
        ),
        ("get_delegated_access_token", {"TradeInToken": "s3cret-token"}, {}),
        ("decode_authorization_message", {"EncodedMessage": "s3cret-message"}, {}),
    ],
)
def test_a_secret_is_left_out_of_the_arguments_of_a_refused_call(
    sandbox, client, action, secret, kept
):
    sts = client(None if "_with_" in action else "alice")
    with pytest.raises(sts.exceptions.ClientError):
        getattr(sts, action)(**secret, **kept)
    call = sandbox.journal[-1]
    assert call.arguments == kept
    assert call.outcome != "ok"
    assert "s3cret" not in repr(call)


def test_a_context_assertion_is_left_out_of_its_context(sandbox, client, role):
    arn = "arn:aws:iam::aws:contextProvider/IdentityCenter"
    sts = client()
    with pytest.raises(sts.exceptions.ClientError):
        sts.assume_role(
            **role(
                "Admin",
                ProvidedContexts=[{"ProviderArn": arn, "ContextAssertion": "s3cret"}],
            )
        )
    kept = sandbox.journal[-1].arguments["ProvidedContexts"]
    assert kept == [{"ProviderArn": arn}]


def test_a_secret_that_breaks_a_limit_is_not_printed(client, refused, role):
    context = {
        "ProviderArn": "arn:aws:iam::aws:contextProvider/IdentityCenter",
        "ContextAssertion": "qqq",
    }
    with refused("ValidationError", 400, "contextAssertion' failed") as seen:
        client().assume_role(**role("Batch", ProvidedContexts=[context]))
    assert "qqq" not in seen.message


def test_what_cannot_be_read_is_left_out_and_the_rest_is_kept(sandbox, client, role):
    sts = client()
    with pytest.raises(sts.exceptions.ClientError):
        sts.assume_role(**role("Batch", DurationSeconds="an hour"))
    assert sandbox.journal[-1].arguments == role("Batch")


def test_a_call_without_arguments_has_none(sandbox, client, send):
    client().get_caller_identity()
    send(body=b"Action=Nothing&Version=2011-06-15&RoleArn=x")
    send(body=b"\xff")
    assert [call.arguments for call in sandbox.journal] == [{}, {}, {}]
