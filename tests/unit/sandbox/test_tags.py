import pytest

from sts_plugin.sandbox.errors import StsError
from sts_plugin.sandbox.identities import Caller, Kind
from sts_plugin.sandbox.tags import check_source_identity


def tags(*keys):
    return [{"Key": key, "Value": "value"} for key in keys]


@pytest.mark.parametrize(
    ("names", "transitive", "message"),
    [
        (("Team", "team"), (), "Duplicate tag keys found"),
        (("Team", "Team"), (), "Duplicate tag keys found"),
        (("aws:team",), (), "reserved prefix aws:"),
        (("AWS:team",), (), "reserved prefix aws:"),
        (("Team",), ("Project",), "must be included in the requested tags"),
        ((), ("Project",), "must be included in the requested tags"),
    ],
)
def test_tags_that_sts_refuses(client, refused, role, names, transitive, message):
    arguments = role("Tagged", Tags=tags(*names))
    if transitive:
        arguments["TransitiveTagKeys"] = list(transitive)
    with refused("ValidationError", 400, message):
        client().assume_role(**arguments)


def test_tags_of_a_federated_user_follow_the_same_rules(client, refused):
    with refused("ValidationError", 400, "Duplicate"):
        client().get_federation_token(Name="worker", Tags=tags("a", "A"))
    assert client().get_federation_token(Name="worker", Tags=tags("a"))


def test_a_role_takes_tags_only_if_its_trust_policy_says_so(client, refused, role):
    with refused("AccessDenied", 403) as seen:
        client().assume_role(**role("Batch", Tags=tags("Team")))
    assert seen.message == (
        "User: arn:aws:iam::111111111111:user/alice is not authorized to perform:"
        " sts:TagSession on resource: arn:aws:iam::222222222222:role/Batch"
    )
    assert client().assume_role(**role("Batch", Tags=[]))
    assert client().assume_role(**role("Tagged", Tags=tags("Team")))


def test_a_role_that_does_not_trust_the_caller_is_refused_for_that_first(
    client, refused, role
):
    with refused("AccessDenied", 403, "perform: sts:AssumeRole on"):
        client("bob").assume_role(**role("Admin", Tags=tags("Team")))


def test_a_transitive_tag_is_inherited_along_the_chain(client, refused, role):
    first = client().assume_role(
        **role("Tagged", Tags=tags("Team", "Local"), TransitiveTagKeys=["team"])
    )
    tagged = client(first)
    with refused("ValidationError", 400, "conflicts with a transitive tag key"):
        tagged.assume_role(**role("TaggedNext", Tags=tags("TEAM")))
    # Local was not transitive; Team need not be passed again to be named.
    assert tagged.assume_role(
        **role("TaggedNext", Tags=tags("Local"), TransitiveTagKeys=["Team"])
    )


def test_an_inherited_tag_stays_transitive_for_the_whole_chain(client, refused, role):
    first = client().assume_role(
        **role("Tagged", Tags=tags("Team"), TransitiveTagKeys=["Team"])
    )
    second = client(first).assume_role(**role("TaggedNext"))
    with refused("ValidationError", 400, "conflicts with a transitive tag key"):
        client(second).assume_role(**role("TaggedLast", Tags=tags("Team")))


def test_a_role_behind_a_transitive_tag_must_allow_tags(client, refused, role):
    for transitive, allowed in ([], True), (["Team"], False):
        first = client().assume_role(
            **role("Tagged", Tags=tags("Team"), TransitiveTagKeys=transitive)
        )
        sts = client(first)
        if allowed:
            assert sts.assume_role(**role("Plain"))
            continue
        with refused("AccessDenied", 403, "sts:TagSession on resource: "):
            sts.assume_role(**role("Plain"))


def test_a_source_identity_stays_along_the_chain(client, refused, role):
    first = client().assume_role(**role("Tagged", SourceIdentity="alice"))
    assert first["SourceIdentity"] == "alice"
    tagged = client(first)
    assert tagged.assume_role(**role("TaggedNext"))["SourceIdentity"] == "alice"
    assert tagged.assume_role(**role("TaggedNext", SourceIdentity="alice"))
    with refused("AccessDenied", 403, "sts:SetSourceIdentity on resource: "):
        tagged.assume_role(**role("TaggedNext", SourceIdentity="mallory"))


def test_a_source_identity_may_be_set_later_in_the_chain(client, role):
    first = client().assume_role(**role("Tagged"))
    assert "SourceIdentity" not in first
    second = client(first).assume_role(**role("TaggedNext", SourceIdentity="alice"))
    assert second["SourceIdentity"] == "alice"


def test_a_role_takes_a_source_identity_only_if_its_trust_policy_says_so(
    client, refused, role
):
    with refused("AccessDenied", 403) as seen:
        client().assume_role(**role("Batch", SourceIdentity="alice"))
    assert seen.message == (
        "User: arn:aws:iam::111111111111:user/alice is not authorized to perform:"
        " sts:SetSourceIdentity on resource: arn:aws:iam::222222222222:role/Batch"
    )


def test_a_role_behind_a_source_identity_must_allow_it_too(client, refused, role):
    first = client().assume_role(**role("Tagged", SourceIdentity="alice"))
    with refused("AccessDenied", 403, "sts:SetSourceIdentity on resource: "):
        client(first).assume_role(**role("Plain"))


@pytest.mark.parametrize("identity", ["aws:alice", "AWS:alice"])
def test_a_source_identity_does_not_begin_with_aws(client, refused, role, identity):
    with refused("ValidationError", 400):
        client().assume_role(**role("Tagged", SourceIdentity=identity))
    # The model's pattern has no colon, so the rule itself is never reached today.
    caller = Caller(Kind.USER, "arn", "AIDA", "111111111111")
    with pytest.raises(StsError, match="cannot start with"):
        check_source_identity(identity, caller, "arn")
