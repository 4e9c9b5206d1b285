import json

import pytest

NOT_JSON = ["{", "[]", '"text"', "null", "{'Version': 1}", "[" * 2000]
READ_ONLY = "arn:aws:iam::aws:policy/ReadOnlyAccess"


def statement(**changes):
    whole = {"Effect": "Allow", "Action": "s3:*", "Resource": "*"} | changes
    return {name: value for name, value in whole.items() if value is not None}


def document(*statements, **changes):
    whole = {"Version": "2012-10-17", "Statement": list(statements or [statement()])}
    whole |= changes
    return json.dumps({k: v for k, v in whole.items() if v is not None})


@pytest.mark.parametrize("policy", NOT_JSON)
@pytest.mark.parametrize(
    "action",
    [
        "assume_role",
        "get_federation_token",
        "assume_role_with_saml",
        "assume_role_with_web_identity",
    ],
)
def test_a_session_policy_is_a_json_object(
    sandbox, client, refused, role, action, policy
):
    arn = "arn:aws:iam::222222222222:saml-provider/sandbox"
    deploy, federated = role("Deploy"), role("Federated")["RoleArn"]
    arguments = {
        "assume_role": role("Batch"),
        "get_federation_token": {"Name": "worker"},
        "assume_role_with_saml": {
            "RoleArn": federated,
            "PrincipalArn": arn,
            "SAMLAssertion": sandbox.saml_assertion(federated, arn),
        },
        "assume_role_with_web_identity": {
            **deploy,
            "WebIdentityToken": sandbox.web_identity_token(),
        },
    }[action]
    sts = client(None if "_with_" in action else "alice")
    with refused("MalformedPolicyDocument", 400, "not in the valid JSON format"):
        getattr(sts, action)(**arguments, Policy=policy)
    answer = getattr(sts, action)(**arguments, Policy=document())
    assert 0 < answer["PackedPolicySize"] <= 100


@pytest.mark.parametrize(
    ("policy", "message"),
    [
        ("{}", "Syntax errors"),
        (document(Statement=None), "Syntax errors"),
        (document(Statement=[]), "Syntax errors"),
        (document(Statement="Allow"), "Syntax errors"),
        (document(Statement=["Allow"]), "Syntax errors"),
        (document(Version="2024-01-01"), "Syntax errors"),
        (document(Version=2012), "Syntax errors"),
        (document(Colour="blue"), "Syntax errors"),
        (document(statement(Effect=None)), "Syntax errors"),
        (document(statement(Effect="allow")), "Syntax errors"),
        (document(statement(Action=None)), "must contain actions"),
        (document(statement(Action=[])), "must contain actions"),
        (document(statement(Action=[1])), "must contain actions"),
        (document(statement(NotAction="s3:*")), "must contain actions"),
        (document(statement(Resource=None)), "must contain resources"),
        (document(statement(), statement(Resource="")), "must contain resources"),
        (document(statement(Principal="*")), "should not specify a principal"),
    ],
)
def test_a_session_policy_keeps_the_grammar(client, refused, role, policy, message):
    with refused("MalformedPolicyDocument", 400, message):
        client().assume_role(**role("Batch", Policy=policy))


@pytest.mark.parametrize(
    "policy",
    [
        document(Statement=statement()),
        document(Version=None),
        document(Version="2008-10-17", Id="mine"),
        document(statement(Action=None, NotAction=["iam:*", "sts:*"])),
        document(statement(Resource=None, NotResource=["*"], Sid="1", Condition={})),
    ],
)
def test_the_grammar_has_options(client, role, policy):
    assert client().assume_role(**role("Batch", Policy=policy))


def test_inline_and_managed_policies_share_a_limit(client, refused, role):
    arns = [{"arn": READ_ONLY}]
    short = document(statement(Sid=""))
    sid = "x" * (2048 - len(short) - len(READ_ONLY))
    fits = document(statement(Sid=sid))
    assert client().assume_role(**role("Batch", Policy=fits, PolicyArns=arns))
    with refused("PackedPolicyTooLarge", 400, "exceed 2048 characters"):
        client().assume_role(**role("Batch", Policy=fits + " ", PolicyArns=arns))


def test_ten_managed_policies_are_the_most(client, refused, role):
    arns = [{"arn": f"arn:aws:iam::aws:policy/P{number}"} for number in range(11)]
    assert client().assume_role(**role("Batch", PolicyArns=arns[:10]))
    with refused("ValidationError", 400, "at most 10"):
        client().assume_role(**role("Batch", PolicyArns=arns))


@pytest.mark.parametrize(
    "arn",
    [
        READ_ONLY,
        "arn:aws:iam::aws:policy/job-function/ViewOnlyAccess",
        "arn:aws:iam::222222222222:policy/team/Mine",
    ],
)
def test_a_managed_policy_is_awss_or_the_roles_accounts(client, role, arn):
    answer = client().assume_role(**role("Batch", PolicyArns=[{"arn": arn}]))
    assert answer["PackedPolicySize"] > 0


@pytest.mark.parametrize(
    ("arn", "message"),
    [
        ("arn:aws:iam::111111111111:policy/Mine", "must be in account 222222222222"),
        ("arn:aws:iam::222222222222:role/Batch", "is invalid"),
        ("arn:aws:s3:::aws:policy/ReadOnlyAccess", "is invalid"),
        ("ReadOnlyAccess and twenty more", "is invalid"),
    ],
)
def test_another_managed_policy_is_refused(client, refused, role, arn, message):
    with refused("ValidationError", 400, message):
        client().assume_role(**role("Batch", PolicyArns=[{"arn": arn}]))


def test_a_federated_users_policies_are_in_the_users_account(client, refused):
    mine = {"arn": "arn:aws:iam::111111111111:policy/Mine"}
    assert client().get_federation_token(Name="worker", PolicyArns=[mine])
    theirs = {"arn": "arn:aws:iam::222222222222:policy/Mine"}
    with refused("ValidationError", 400, "must be in account 111111111111"):
        client().get_federation_token(Name="worker", PolicyArns=[theirs])


def test_without_policies_and_tags_there_is_no_packed_size(client, role):
    assert "PackedPolicySize" not in client().assume_role(**role("Batch"))
    assert "PackedPolicySize" not in client().get_federation_token(Name="worker")


def test_a_policy_may_be_too_large_once_it_is_packed(client, refused, role):
    actions = [f"service{n * n}:Action{n * 7919}Name" for n in range(60)]
    policy = document(statement(Action=actions))
    assert len(policy) < 2048
    with refused("PackedPolicyTooLarge", 400, "Packed policy consumes "):
        client().assume_role(**role("Batch", Policy=policy))
    with refused("PackedPolicyTooLarge", 400, "% of allotted space, please use"):
        client().get_federation_token(Name="worker", Policy=policy)


def test_tags_count_for_the_packed_size(client, refused, role):
    def tags(count):
        return [
            {"Key": f"k{n}", "Value": f"{n * n * 7919:x}" * 4} for n in range(count)
        ]

    few = client().assume_role(**role("Tagged", Tags=tags(3)))
    more = client().assume_role(**role("Tagged", Tags=tags(9)))
    assert 0 < few["PackedPolicySize"] < more["PackedPolicySize"] <= 100
    with refused("PackedPolicyTooLarge", 400, "Packed size of session tags consumes"):
        client().assume_role(**role("Tagged", Tags=tags(50)))


def test_inherited_tags_count_for_the_packed_size(client, role):
    first = client().assume_role(
        **role(
            "Tagged",
            Tags=[{"Key": "Team", "Value": "x"}],
            TransitiveTagKeys=["Team"],
        )
    )
    second = client(first).assume_role(**role("TaggedNext"))
    assert second["PackedPolicySize"] == first["PackedPolicySize"]
