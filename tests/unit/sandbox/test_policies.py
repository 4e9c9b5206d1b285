import pytest

from sts_plugin.sandbox.errors import StsError
from sts_plugin.sandbox.identities import Caller, Kind
from sts_plugin.sandbox.policies import check_source_identity

NOT_JSON = ["{", "[]", '"text"', "null", "{'Version': 1}", "[" * 2000]


def tags(*keys):
    return [{"Key": key, "Value": "value"} for key in keys]


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
    with refused("MalformedPolicyDocument", 400):
        getattr(sts, action)(**arguments, Policy=policy)
    assert getattr(sts, action)(**arguments, Policy='{"Version": "2012-10-17"}')


def test_inline_and_managed_policies_share_a_limit(client, refused, role):
    arns = [{"arn": "arn:aws:iam::aws:policy/ReadOnlyAccess"}]
    fits = '{"a": "%s"}' % ("x" * (2048 - 9 - len(arns[0]["arn"])))
    assert client().assume_role(**role("Batch", Policy=fits, PolicyArns=arns))
    with refused("PackedPolicyTooLarge", 400):
        client().assume_role(**role("Batch", Policy=fits + " ", PolicyArns=arns))


def test_ten_managed_policies_are_the_most(client, refused, role):
    arns = [{"arn": f"arn:aws:iam::aws:policy/P{number}"} for number in range(11)]
    assert client().assume_role(**role("Batch", PolicyArns=arns[:10]))
    with refused("ValidationError", 400, "at most 10"):
        client().assume_role(**role("Batch", PolicyArns=arns))


@pytest.mark.parametrize(
    ("names", "transitive", "message"),
    [
        (("Team", "team"), (), "Duplicate tag keys found"),
        (("aws:team",), (), "reserved prefix aws:"),
        (("AWS:team",), (), "reserved prefix aws:"),
        (("Team",), ("Project",), "must be included in the requested tags"),
    ],
)
def test_tags_that_sts_refuses(client, refused, role, names, transitive, message):
    arguments = role("Batch", Tags=tags(*names))
    if transitive:
        arguments["TransitiveTagKeys"] = list(transitive)
    with refused("ValidationError", 400, message):
        client().assume_role(**arguments)


def test_tags_of_a_federated_user_follow_the_same_rules(client, refused):
    with refused("ValidationError", 400, "Duplicate"):
        client().get_federation_token(Name="worker", Tags=tags("a", "A"))


def test_a_transitive_tag_is_inherited_along_the_chain(client, refused, role):
    first = client().assume_role(
        **role("Batch", Tags=tags("Team", "Local"), TransitiveTagKeys=["team"])
    )
    batch = client(first)
    with refused("ValidationError", 400, "conflicts with a transitive tag key"):
        batch.assume_role(**role("Relay", Tags=tags("TEAM")))
    # Local was not transitive; Team need not be passed again to be named.
    assert batch.assume_role(
        **role("Relay", Tags=tags("Local"), TransitiveTagKeys=["Team"])
    )


def test_a_source_identity_stays_along_the_chain(client, refused, role):
    first = client().assume_role(**role("Batch", SourceIdentity="alice"))
    assert first["SourceIdentity"] == "alice"
    batch = client(first)
    assert batch.assume_role(**role("Relay"))["SourceIdentity"] == "alice"
    with refused("AccessDenied", 403, "sts:SetSourceIdentity"):
        batch.assume_role(**role("Relay", SourceIdentity="mallory"))


def test_a_source_identity_may_be_set_later_in_the_chain(client, role):
    first = client().assume_role(**role("Batch"))
    assert "SourceIdentity" not in first
    second = client(first).assume_role(**role("Relay", SourceIdentity="alice"))
    assert second["SourceIdentity"] == "alice"


@pytest.mark.parametrize("identity", ["aws:alice", "AWS:alice"])
def test_a_source_identity_does_not_begin_with_aws(client, refused, role, identity):
    with refused("ValidationError", 400):
        client().assume_role(**role("Batch", SourceIdentity=identity))
    # The model's pattern has no colon, so the rule itself is never reached today.
    caller = Caller(Kind.USER, "arn", "AIDA", "111111111111")
    with pytest.raises(StsError, match="cannot start with"):
        check_source_identity(identity, caller)
