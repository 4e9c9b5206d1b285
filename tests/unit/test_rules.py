from __future__ import annotations

import pytest

from sts_plugin.errors import ConfigurationError
from sts_plugin.model import Call, Endpoint, Origin, Setting
from sts_plugin.plan import make_plan
from sts_plugin.rules import check_order, check_regional, lowered

HERE = Origin("/config", 7)
REGIONAL = Endpoint("eu-west-1")
TEMPORARY_ONLY = ("AssumeRoot", "GetFederationToken")


def call(action, profile="p", **arguments):
    settings = {
        name: Setting(name, str(value), Origin("/config", 9), profile)
        for name, value in arguments.items()
    }
    return Call(action, profile, "k", HERE, arguments, settings)


def wrong(it, *before, endpoint=REGIONAL, long_term=False):
    """What is said of a call after others, or None."""
    try:
        check_order(it, before, endpoint, long_term=long_term)
    except ConfigurationError as error:
        return error
    return None


# --- One hour ---


@pytest.mark.parametrize(
    ("action", "duration", "asked"),
    [
        ("AssumeRole", None, None),
        ("AssumeRole", 900, 900),
        ("AssumeRole", 3600, 3600),
        ("AssumeRole", 3601, 3600),
        ("AssumeRole", 43_200, 3600),
        # what STS takes from nobody is for the limits to tell
        ("AssumeRole", 43_201, 43_201),
        ("AssumeRole", 0, 0),
        # other calls are no role chaining
        ("GetFederationToken", 43_200, 43_200),
        ("GetSessionToken", 129_600, 129_600),
        ("AssumeRoleWithWebIdentity", 43_200, 43_200),
    ],
)
def test_only_a_role_is_lowered_and_to_an_hour(action, duration, asked):
    arguments = {} if duration is None else {"DurationSeconds": duration}
    notes = []
    it = call(action, RoleArn="arn", **arguments)
    found = lowered(it, notes)
    assert found.arguments.get("DurationSeconds") == asked
    assert (found is it) is (duration == asked)
    assert len(notes) == (duration != asked)
    assert found.arguments["RoleArn"] == "arn"


def test_what_was_lowered_is_noted_with_both_durations_and_the_profile():
    notes = []
    lowered(call("AssumeRole", "jump", DurationSeconds=7200), notes)
    (note,) = notes
    for words in ("7200", "3600", '"jump"', "renewed without asking"):
        assert words in note


# --- Who may sign what ---

ROLE = call("AssumeRole", "role")
SESSION = call("GetSessionToken", "session", SerialNumber="device")
WEB = call("AssumeRoleWithWebIdentity", "web")
FEDERATION = call("GetFederationToken", "fed", Name="carol", Policy="{}")
ROOT = call("AssumeRoot", "root", TargetPrincipal="1" * 12)
TRADE = call("GetDelegatedAccessToken", "trade")


@pytest.mark.parametrize("before", [(), (SESSION,), (WEB,), (ROLE,), (WEB, ROLE)])
def test_a_role_may_follow_sessions_tokens_and_roles(before):
    assert wrong(ROLE, *before) is None


@pytest.mark.parametrize("last", [FEDERATION, ROOT], ids=lambda it: it.action)
@pytest.mark.parametrize("it", [ROLE, ROOT, TRADE], ids=lambda it: it.action)
def test_nothing_is_signed_with_a_federated_users_or_a_roots_credentials(it, last):
    error = wrong(it, last)
    assert error.message.startswith(f'/config:7: {it.action} of profile "{it.profile}"')
    assert f"what {last.action} gives" in error.message
    assert last.profile in error.hint


@pytest.mark.parametrize("it", [FEDERATION, SESSION], ids=lambda it: it.action)
def test_what_only_a_user_may_ask_for_is_signed_with_long_term_keys(it):
    assert wrong(it, long_term=True) is None
    for before in ((), (SESSION,), (ROLE,), (WEB,)):
        error = wrong(it, *before)
        assert "long-term keys" in error.message
        assert "aws_access_key_id" in error.hint


@pytest.mark.parametrize(
    ("arguments", "good"),
    [
        ({"Policy": "{}"}, True),
        ({"PolicyArns": [{"arn": "a"}]}, True),
        ({"Policy": "{}", "PolicyArns": [{"arn": "a"}]}, True),
        ({}, False),
        ({"Tags": [{"Key": "a", "Value": ""}]}, False),
    ],
)
def test_a_federated_user_without_a_policy_could_do_nothing(arguments, good):
    error = wrong(call("GetFederationToken", Name="carol", **arguments), long_term=True)
    assert (error is None) is good
    assert good or "policy_arns" in error.hint


# --- Regional endpoints ---


@pytest.mark.parametrize(
    ("endpoint", "good"),
    [
        (Endpoint("eu-west-1"), True),
        (Endpoint("us-east-1"), True),
        (Endpoint(), False),
        (Endpoint("us-east-1", legacy=True), False),
        (Endpoint(None, "http://127.0.0.1"), True),
        (Endpoint("us-east-1", "http://127.0.0.1", legacy=True), True),
    ],
)
def test_a_root_session_is_asked_of_a_regional_endpoint(endpoint, good):
    error = wrong(ROOT, endpoint=endpoint, long_term=True)
    assert (error is None) is good
    assert good or "region" in error.line
    assert wrong(ROLE, endpoint=endpoint, long_term=True) is None


def test_why_an_endpoint_is_not_regional_is_told():
    with pytest.raises(ConfigurationError, match=r"X is answered by .* no region is"):
        check_regional("X", Endpoint())
    with pytest.raises(ConfigurationError, match="legacy") as caught:
        check_regional("X", Endpoint("us-east-1", legacy=True))
    assert "sts_regional_endpoints = regional" in caught.value.hint


# --- What persists through a chain ---


def named(profile, name=None):
    arguments = {"SourceIdentity": name} if name else {}
    return call("AssumeRole", profile, **arguments)


@pytest.mark.parametrize(
    ("before", "name", "good"),
    [
        ((), "alice", True),
        ((named("a"),), "alice", True),
        ((named("a", "alice"),), "alice", True),
        ((named("a", "alice"), named("b")), "alice", True),
        ((named("a", "alice"), named("b")), None, True),
        ((named("a", "alice"),), "bob", False),
        ((named("a", "alice"), named("b")), "bob", False),
        ((named("a", "alice"),), "Alice", False),
    ],
)
def test_a_source_identity_stays_the_same_through_a_chain(before, name, good):
    error = wrong(named("p", name), *before)
    assert (error is None) is good
    if not good:
        for words in (name, "alice", '"a"', '"p"'):
            assert words in error.message
        assert error.hint


def tagged(transitive, **tags):
    given = [{"Key": key, "Value": value} for key, value in tags.items()]
    return call("AssumeRole", TransitiveTagKeys=transitive, Tags=given)


@pytest.mark.parametrize(
    ("it", "good"),
    [
        (tagged(["team"], team="a"), True),
        (tagged(["Team"], team="a"), True),
        (tagged(["team"], team="a", other="b"), True),
        (tagged(["team"]), False),
        (tagged(["team", "other"], team="a"), False),
        (call("AssumeRole", TransitiveTagKeys=["team"]), False),
    ],
)
@pytest.mark.parametrize("before", [(), (SESSION,)], ids=["keys", "session"])
def test_a_tag_of_a_user_is_transitive_only_if_it_is_there(it, good, before):
    error = wrong(it, *before, long_term=not before)
    assert (error is None) is good
    if not good:
        assert error.message.startswith("/config:9: TransitiveTagKeys = [")
        assert "session_tags" in error.hint


@pytest.mark.parametrize("before", [(WEB,), (ROLE,), (SESSION, ROLE)])
def test_a_transitive_tag_may_have_been_inherited(before):
    assert wrong(tagged(["team"]), *before) is None


def test_a_temporary_source_may_bring_transitive_tags_along(aws):
    profiles = aws(
        "[profile p]\nrole_arn = arn:aws:iam::111111111111:role/R\n"
        "transitive_session_tags = team\nsource_profile = b\n"
        "[profile b]\naws_access_key_id = AKIA1\naws_secret_access_key = s\n"
        "aws_session_token = t\n"
    )
    (call,) = make_plan(profiles, "p", {}).calls
    assert call.arguments["TransitiveTagKeys"] == ["team"]
