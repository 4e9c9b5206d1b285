import pytest

from sts_plugin.sandbox.validation import Limits

PATTERN = "Member must satisfy regular expression pattern: "


def problem(path, value, constraint):
    return (
        f"1 validation error detected: Value '{value}' at '{path}' failed to satisfy"
        f" constraint: Member must {constraint}"
    )


NAME, TAG = r"[\w+=,.@-]*", r"[\p{L}\p{Z}\p{N}_.:/=+\-@]+"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            {"RoleSessionName": "a b"},
            problem(
                "roleSessionName",
                "a b",
                f"satisfy regular expression pattern: {NAME}",
            ),
        ),
        (
            {"RoleSessionName": "x" * 65},
            problem(
                "roleSessionName", "x" * 65, "have length less than or equal to 64"
            ),
        ),
        (
            {"RoleSessionName": "x"},
            problem("roleSessionName", "x", "have length greater than or equal to 2"),
        ),
        (
            {"RoleSessionName": "größe"},
            problem(
                "roleSessionName",
                "größe",
                f"satisfy regular expression pattern: {NAME}",
            ),
        ),
        (
            {"DurationSeconds": 899},
            problem("durationSeconds", 899, "have value greater than or equal to 900"),
        ),
        (
            {"DurationSeconds": 43201},
            problem("durationSeconds", 43201, "have value less than or equal to 43200"),
        ),
        (
            {"ExternalId": "x"},
            problem("externalId", "x", "have length greater than or equal to 2"),
        ),
        (
            {"SourceIdentity": "a b"},
            problem(
                "sourceIdentity", "a b", f"satisfy regular expression pattern: {NAME}"
            ),
        ),
        (
            {"Tags": [{"Key": "ok", "Value": "v"}, {"Key": "k!", "Value": "v"}]},
            problem(
                "tags.2.member.key", "k!", f"satisfy regular expression pattern: {TAG}"
            ),
        ),
        (
            {"Tags": [{"Key": "k", "Value": "v" * 257}]},
            problem(
                "tags.1.member.value",
                "v" * 257,
                "have length less than or equal to 256",
            ),
        ),
        (
            {"PolicyArns": [{"arn": "arn:aws"}]},
            problem(
                "policyArns.1.member.arn",
                "arn:aws",
                "have length greater than or equal to 20",
            ),
        ),
    ],
)
def test_a_limit_of_the_model_is_refused_in_stss_words(
    client, refused, role, arguments, message
):
    with refused("ValidationError", 400) as seen:
        client().assume_role(**role("Batch", **arguments))
    assert seen.message == message


@pytest.mark.parametrize("missing", ["RoleArn", "RoleSessionName"])
def test_what_is_required_is_required(client, refused, role, missing):
    arguments = role("Batch")
    del arguments[missing]
    path = missing[0].lower() + missing[1:]
    with refused("ValidationError", 400) as seen:
        client().assume_role(**arguments)
    assert seen.message == (
        f"1 validation error detected: Value null at '{path}' failed to satisfy"
        " constraint: Member must not be null"
    )


def test_a_member_of_a_list_is_required_too(client, refused, role):
    with refused("ValidationError", 400, "Value null at 'tags.1.member.value'"):
        client().assume_role(**role("Batch", Tags=[{"Key": "k"}]))


def test_more_than_fifty_tags_are_refused(client, refused, role):
    tags = [{"Key": f"k{number}", "Value": "v"} for number in range(51)]
    with refused("ValidationError", 400, "less than or equal to 50"):
        client().assume_role(**role("Batch", Tags=tags))


def test_all_broken_limits_are_named(client, refused):
    with refused("ValidationError", 400, "3 validation errors detected: ") as seen:
        client().assume_role(RoleArn="x", RoleSessionName="a b", DurationSeconds=1)
    assert seen.message.count("; Value") == 2


@pytest.mark.parametrize(("seconds", "limit"), [(899, 900), (129601, 129600)])
def test_each_action_has_its_own_limits(client, refused, seconds, limit):
    with refused("ValidationError", 400, f"or equal to {limit}"):
        client().get_session_token(DurationSeconds=seconds)


def test_a_number_that_is_none_is_malformed(client, refused, role):
    with refused("MalformedInput", 400):
        client().assume_role(**role("Batch", DurationSeconds="an hour"))


@pytest.mark.parametrize("code", ["12345", "1234567", "12345a"])
def test_a_wrong_token_code_is_refused_without_printing_it(
    client, refused, role, mfa, code
):
    with refused("ValidationError", 400, "Value at 'tokenCode' failed") as seen:
        client().assume_role(**role("Jump", **mfa() | {"TokenCode": code}))
    assert code not in seen.message


def test_a_secret_marked_in_the_model_is_not_printed(client, refused, role):
    with refused("ValidationError", 400, "Value at 'webIdentityToken'") as seen:
        client(None).assume_role_with_web_identity(
            **role("Deploy", WebIdentityToken="qqq")
        )
    assert "qqq" not in seen.message


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("Größe", "naïve ٣"),
        ("部署", "本番"),
        ("a.b:/=+-@", ""),
        ("\U0001d49c", "\u2003"),
    ],
)
def test_letters_numbers_and_spaces_of_any_script_are_good_in_tags(
    client, role, key, value
):
    assert client().assume_role(**role("Tagged", Tags=[{"Key": key, "Value": value}]))


@pytest.mark.parametrize(("letter", "good"), [("ÿ", True), ("Ā", False)])
def test_a_policy_may_hold_latin_1_only(client, refused, role, letter, good):
    statement = f'{{"Effect":"Deny","Action":"*","Resource":"{letter}"}}'
    arguments = role("Batch", Policy=f'{{"Statement":{statement}}}')
    if good:
        assert client().assume_role(**arguments)
    else:
        with refused("ValidationError", 400, "regular expression pattern"):
            client().assume_role(**arguments)


def test_every_pattern_of_the_model_can_be_matched():
    limits = Limits()
    arguments = {
        "RoleArn": "arn:aws:iam::222222222222:role/Ünï𐀀",
        "RoleSessionName": "name",
        "SAMLAssertion": "AAAA",
        "PrincipalArn": "arn:aws:iam::222222222222:saml-provider/x",
    }
    assert limits.read("AssumeRoleWithSAML", arguments)["RoleArn"]


def test_a_parameter_that_the_model_does_not_have_is_ignored(send, sign, whoami):
    body = whoami + b"&Colour=blue"
    assert send(body=body, headers=sign(body=body))[0] == 200


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("Action=GetCaller&Version=2011-06-15", "InvalidAction"),
        ("Action=GetCallerIdentity&Version=2010-01-01", "InvalidAction"),
        ("Action=GetCallerIdentity", "InvalidAction"),
        ("Version=2011-06-15", "MissingAction"),
        ("", "MissingAction"),
    ],
)
def test_an_action_that_does_not_exist_is_refused(send, sign, query, code):
    body = query.encode()
    status, _, answer = send(body=body, headers=sign(body=body))
    assert status == 400
    assert f"<Code>{code}</Code>" in answer


def test_an_action_that_only_the_model_has_is_refused(sandbox, client, refused):
    service = sandbox._server.service
    service._signed = {k: v for k, v in service._signed.items() if k != "AssumeRoot"}
    with refused("InvalidAction", 400, "Could not find operation AssumeRoot"):
        client().assume_root(TargetPrincipal="222222222222")


@pytest.mark.parametrize(
    "arn",
    [
        "arn:aws:iam:us-east-1:222222222222:role/Batch",
        "arn:aws:iam::22222222222:role/Batch",
        "222222222222:role/Batch-and-more",
        "arn:aws:sts::222222222222:role/Batch",
        "arn:aws:iam::222222222222:role/Ba tch",
    ],
)
def test_a_role_arn_is_an_arn_of_iam(client, refused, role, arn):
    with refused("ValidationError", 400) as seen:
        client().assume_role(**role("Batch") | {"RoleArn": arn})
    assert seen.message == "Request ARN is invalid"


def test_an_arn_of_a_user_is_no_role_and_refused_like_one(client, refused, role):
    arn = "arn:aws:iam::111111111111:user/bob"
    with refused("AccessDenied", 403, f"sts:AssumeRole on resource: {arn}"):
        client().assume_role(**role("Batch") | {"RoleArn": arn})
