"""Who can be signed in to the console, and for how long."""

from __future__ import annotations

import json

import pytest

from sts_plugin.actions import ACTIONS, arguments_of
from sts_plugin.cli.console import as_new_as_can_be
from sts_plugin.console_session import as_user, ends_in_a_user, session_seconds
from sts_plugin.errors import CannotAsk, ConfigurationError
from sts_plugin.plan import make_plan

ROLE = "role_arn = arn:aws:iam::222222222222:role/R\n"
DEVICE = "mfa_serial = arn:aws:iam::111111111111:mfa/alice\n"
CONFIG = f"""\
[profile user]
region = eu-west-1
[profile mfa]
{DEVICE}source_profile = user
[profile keys]
aws_access_key_id = AKIAUSER
aws_secret_access_key = s
[profile device]
aws_access_key_id = AKIAUSER
aws_secret_access_key = s
{DEVICE}
[profile role]
{ROLE}source_profile = keys
[profile behind]
{ROLE}{DEVICE}source_profile = keys
[profile direct]
{ROLE}{DEVICE}source_profile = keys
sts_plugin_mfa_mode = direct
[profile chained]
{ROLE}source_profile = role
[profile federated]
aws_access_key_id = AKIAUSER
aws_secret_access_key = s
sts_plugin_federation_name = me
policy_arns = arn:aws:iam::aws:policy/ReadOnlyAccess
[profile temporary]
aws_access_key_id = ASIAUSER
aws_secret_access_key = s
aws_session_token = t
[profile hop]
{ROLE}source_profile = temporary
[profile printed]
credential_process = print-keys
[profile assumed]
{ROLE}source_profile = printed
[profile token]
role_arn = arn:aws:iam::222222222222:role/R
web_identity_token_file = /no/such/file
"""


@pytest.fixture
def plan(aws):
    profiles = aws(CONFIG)
    return lambda name: make_plan(profiles, name, {})


@pytest.mark.parametrize(
    ("name", "user"),
    [
        ("keys", True),
        ("device", True),
        ("temporary", True),  # nobody knows before they are there
        ("printed", True),
        ("role", False),
        ("behind", False),
        ("federated", False),
        ("assumed", False),
    ],
)
def test_a_plan_ends_in_a_user_or_in_what_a_call_gives(plan, name, user):
    assert ends_in_a_user(plan(name)) is user


@pytest.mark.parametrize(
    "name", ["role", "direct", "token", "assumed", "printed", "temporary"]
)
def test_a_role_that_nothing_temporary_assumed_may_last_up_to_twelve_hours(plan, name):
    assert session_seconds(plan(name), 900) == 900
    assert session_seconds(plan(name), 43_200) == 43_200
    with pytest.raises(ConfigurationError, match="lasts 12 h at most"):
        session_seconds(plan(name), 43_201)


@pytest.mark.parametrize("name", ["behind", "chained", "hop"])
def test_a_role_that_temporary_credentials_assumed_lasts_as_they_say(plan, name):
    with pytest.raises(
        ConfigurationError, match="with temporary credentials"
    ) as caught:
        session_seconds(plan(name), 900)
    assert f'profile "{name}"' in caught.value.message
    assert "leave --duration out" in caught.value.hint


def test_a_federated_user_lasts_as_the_profile_says(plan):
    with pytest.raises(ConfigurationError, match="GetFederationToken") as caught:
        session_seconds(plan("federated"), 900)
    assert "duration_seconds" in caught.value.hint


@pytest.mark.parametrize("name", ["role", "behind", "federated", "keys"])
def test_who_asks_for_no_time_is_never_wrong(plan, name):
    assert session_seconds(plan(name), None) is None


def call(arn="arn:aws:iam::111111111111:user/alice", **given):
    given = {"seconds": None, "policy": None, "policy_arns": [], **given}
    link = as_user(arn, **given)
    assert link.action == "GetFederationToken"
    return arguments_of(link.profile, ACTIONS[link.action])[0]


def test_a_user_may_do_all_that_the_user_may():
    arguments = call()
    policy = json.loads(arguments.pop("Policy"))
    assert policy["Statement"] == [{"Effect": "Allow", "Action": "*", "Resource": "*"}]
    assert arguments == {"Name": "alice"}


def test_a_policy_takes_the_place_of_everything(tmp_path):
    narrow = {"Version": "2012-10-17", "Statement": []}
    file = tmp_path / "policy.json"
    file.write_text(json.dumps(narrow))
    assert json.loads(call(policy=file)["Policy"]) == narrow
    arn = "arn:aws:iam::aws:policy/ReadOnlyAccess"
    arguments = call(policy_arns=[arn])
    assert "Policy" not in arguments
    assert arguments["PolicyArns"] == [{"arn": arn}]


def test_a_policy_that_cannot_be_read_is_an_error_and_not_everything(tmp_path):
    with pytest.raises(ConfigurationError, match="--policy"):
        call(policy=tmp_path / "missing.json")


def test_a_time_is_that_of_the_call():
    assert call(seconds=129_600)["DurationSeconds"] == 129_600


@pytest.mark.parametrize(
    ("arn", "name"),
    [
        ("arn:aws:iam::111111111111:user/alice", "alice"),
        ("arn:aws:iam::111111111111:user/team/of/alice", "alice"),
        ("arn:aws:iam::111111111111:user/a.b+c=d,e@f-g_h", "a.b+c=d,e@f-g_h"),
        ("arn:aws:iam::111111111111:root", "root"),
        ("arn:aws:iam::111111111111:user/x", "x-"),
        ("arn:aws:iam::111111111111:user/" + "n" * 64, "n" * 32),
        ("arn:aws:iam::111111111111:user/\u00e4b", "-b"),
    ],
)
def test_the_name_is_the_users_own_as_far_as_sts_takes_it(arn, name):
    assert call(arn)["Name"] == name


class Engine:
    """Has credentials, and no newer ones."""

    def __init__(self, trouble=None):
        self.trouble, self.renewals = trouble, 0

    def credentials(self, _plan):
        return "good"

    def renew(self, _plan):
        self.renewals += 1
        if self.trouble:
            raise self.trouble
        return "better"


def test_newer_credentials_are_taken_where_there_are_some_and_nobody_is_asked(plan):
    assert as_new_as_can_be(Engine(), plan("role")) == "better"
    # What was in the cache a moment ago may have been forgotten since.
    assert as_new_as_can_be(Engine(CannotAsk("no")), plan("role")) == "good"
    for name in ("assumed", "printed", "keys"):
        engine = Engine()
        assert as_new_as_can_be(engine, plan(name)) == "good"
        assert engine.renewals == 0
