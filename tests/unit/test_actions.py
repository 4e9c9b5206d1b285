from __future__ import annotations

import pytest
from botocore.loaders import Loader

from sts_plugin.actions import (
    ACTIONS,
    LEADING,
    PROOFS,
    action_of,
    arguments_of,
    is_native,
    proof_of,
    unused_of,
)
from sts_plugin.errors import ConfigurationError
from sts_plugin.limits import GIVEN_LATER, IN_ASSERTION, STRICTER, check
from sts_plugin.model import Call, Origin, Proof, Secret

ROLE = "arn:aws:iam::111111111111:role/R"
WEB, SAML = "AssumeRoleWithWebIdentity", "AssumeRoleWithSAML"
TRADE = "GetDelegatedAccessToken"


@pytest.fixture
def profile(aws):
    return lambda text: aws(f"[profile p]\n\n{text}\n")["p"]


# --- What a profile asks for ---


@pytest.mark.parametrize(
    ("text", "action"),
    [
        ("", None),
        ("region = r\naws_access_key_id = A", None),
        (f"role_arn = {ROLE}", "AssumeRole"),
        ("role_arn =", "AssumeRole"),
        (f"sts_plugin_role_arn = {ROLE}", "AssumeRole"),
        ("federation_name = carol", "GetFederationToken"),
        ("sts_plugin_federation_name = carol", "GetFederationToken"),
        ("target_principal = 111111111111", "AssumeRoot"),
        ("web_identity_token_file = /t", WEB),
        (f"role_arn = {ROLE}\nweb_identity_token_file = /t", WEB),
        (f"role_arn = {ROLE}\nweb_identity_token_process = x", WEB),
        (f"role_arn = {ROLE}\nsts_plugin_web_identity_token_file = /t", WEB),
        (f"sts_plugin_role_arn = {ROLE}\nweb_identity_token_process = x", WEB),
        (f"sts_plugin_role_arn = {ROLE}\nsts_plugin_web_identity_token_file = /", WEB),
        # the SDKs take the token, and the role that they do not see is for us
        (f"sts_plugin_role_arn = {ROLE}\nweb_identity_token_file = /t", "AssumeRole"),
        # botocore looks whether the key is there, and not whether it has a value
        (f"role_arn = {ROLE}\nweb_identity_token_file =", None),
        (f"sts_plugin_role_arn = {ROLE}\nweb_identity_token_file =", "AssumeRole"),
        ("web_identity_token_process =", None),
        ("saml_process = x", SAML),
        ("saml_file = /a", SAML),
        (f"role_arn = {ROLE}\nsaml_process = x", SAML),
        ("trade_in_token_file = /t", TRADE),
        ("trade_in_token_process = x", TRADE),
        ("mfa_serial = device", None),
        # what a program gives has no key that a file could hold
        ("web_identity_token = canary", None),
        ("saml = canary", None),
        ("trade_in_token = canary", None),
        ("saml:given = canary", None),
        ("sts_plugin_saml:given = canary", None),
    ],
)
def test_the_keys_of_a_profile_say_what_it_asks_for(profile, text, action):
    assert action_of(profile(text)) == action


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("federation_name = carol", "target_principal = 111111111111"),
        (f"role_arn = {ROLE}", "federation_name = carol"),
        (f"sts_plugin_role_arn = {ROLE}", "target_principal = 111111111111"),
        (f"role_arn = {ROLE}", "trade_in_token_process = x"),
        ("saml_process = x", "web_identity_token_process = x"),
        ("saml_file = /a", "federation_name = carol"),
        ("trade_in_token_file = /t", "target_principal = 111111111111"),
        ("web_identity_token_file = /t", "sts_plugin_saml_file = /t"),
        ("web_identity_token_file = /t", "web_identity_token_process = x"),
        ("saml_file = /a", "saml_process = x"),
        ("trade_in_token_file = /a", "sts_plugin_trade_in_token_process = x"),
    ],
)
def test_a_profile_that_asks_for_two_is_told_with_both_lines(aws, profile, one, other):
    for text in (f"{one}\n{other}", f"{other}\n{one}"):
        with pytest.raises(ConfigurationError) as caught:
            action_of(profile(text))
        message = caught.value.message
        assert 'profile "p" has both' in message
        assert f"({aws.config}:3)" in message
        assert f"({aws.config}:4)" in message
        for key in (one.split()[0], other.split()[0]):
            assert key in message
        assert caught.value.hint


@pytest.mark.parametrize(
    ("text", "native"),
    [
        ("web_identity_token_file = /t", True),
        (f"role_arn = {ROLE}\nweb_identity_token_file = /t", True),
        ("sts_plugin_web_identity_token_file = /t", False),
        ("web_identity_token_process = x", False),
        ("saml_file = /t", False),
        ("", False),
    ],
)
def test_a_web_identity_is_native_where_the_sdks_see_it_too(profile, text, native):
    assert is_native(profile(text)) is native


# --- What proves it ---


@pytest.mark.parametrize("prefix", ["", "sts_plugin_"])
@pytest.mark.parametrize(
    ("key", "action", "argument", "how"),
    [
        ("web_identity_token_file", WEB, "WebIdentityToken", "file"),
        ("web_identity_token_process", WEB, "WebIdentityToken", "process"),
        ("saml_file", SAML, "SAMLAssertion", "file"),
        ("saml_process", SAML, "SAMLAssertion", "process"),
        ("trade_in_token_file", TRADE, "TradeInToken", "file"),
        ("trade_in_token_process", TRADE, "TradeInToken", "process"),
    ],
)
def test_a_proof_is_in_a_file_or_comes_from_a_command(
    profile, prefix, key, action, argument, how
):
    one = profile(f"{prefix}{key} = /x")
    setting = one.get(key)
    assert setting.key == prefix + key
    assert proof_of(one, action) == Proof(argument, setting, how)
    others = ACTIONS.keys() - {action}
    assert [proof_of(one, other) for other in others] == [None] * len(others)


def test_our_own_key_wins_over_that_of_the_sdks(profile):
    text = (
        f"role_arn = {ROLE}\nweb_identity_token_file = /theirs\n"
        "sts_plugin_web_identity_token_file = /ours"
    )
    assert proof_of(profile(text), WEB).setting.value == "/ours"


# --- The table ---


@pytest.fixture(scope="module")
def model():
    return Loader().load_service_model("sts", "service-2")


@pytest.fixture(scope="module")
def members(model):
    """The input of each action: what it takes, and what it must be given."""

    def find(action):
        shape = model["operations"][action]["input"]["shape"]
        found = model["shapes"][shape]
        return found["members"].keys(), set(found.get("required", ()))

    return find


PROVEN = dict(PROOFS.values())
ELSEWHERE = {"MinimumSessionTokenSize"}  # it pads the token: there is no key for it


@pytest.mark.parametrize("name", ACTIONS)
def test_each_argument_of_an_action_is_one_of_stss_and_none_is_left_out(members, name):
    ours = {argument for argument, _ in ACTIONS[name].keys.values()}
    ours |= {PROVEN[name]} if name in PROVEN else set()
    if name in {"AssumeRole", "GetSessionToken"}:
        ours |= {"SerialNumber", "TokenCode"}  # MFA is placed by the plan
    taken, required = members(name)
    assert ours == taken - ELSEWHERE
    assert required <= ours


def test_all_actions_that_issue_credentials_are_in_the_table(model):
    issuing = {
        name
        for name, operation in model["operations"].items()
        if "Credentials" in model["shapes"][operation["output"]["shape"]]["members"]
    }
    # Not all: AWS adds some (GetScopedCredentials with botocore 1.44.8).
    assert ACTIONS.keys() <= issuing


def test_each_argument_becomes_of_one_key(model):
    for action in ACTIONS.values():
        arguments = [argument for argument, _ in action.keys.values()]
        assert len(set(arguments)) == len(arguments)


def test_what_makes_a_profile_ask_for_an_action_is_among_its_keys():
    for key, name in LEADING.items():
        assert key in ACTIONS[name].keys


def test_what_is_known_later_and_what_an_assertion_says_is_required(members):
    required = set().union(*(members(name)[1] for name in ACTIONS))
    assert required >= GIVEN_LATER
    assert members(SAML)[1] >= IN_ASSERTION


def test_what_is_held_stricter_than_in_the_model_is_there(members):
    every = set().union(*(members(name)[0] for name in ACTIONS))
    every |= members("GetWebIdentityToken")[0]
    assert STRICTER.keys() <= every


# --- Keys and arguments ---

POLICY = '{"Version":"2012-10-17"}'
TASK = {"arn": "arn:aws:iam::aws:policy/root-task/X"}
REQUIRED = {
    "AssumeRole": {"RoleArn": ROLE},
    WEB: {"RoleArn": ROLE},
    SAML: {},
    "GetSessionToken": {},
    "GetFederationToken": {"Name": "carol"},
    "AssumeRoot": {"TargetPrincipal": "1" * 12, "TaskPolicyArn": TASK},
}
VALUES = {
    "role_arn": (ROLE, ROLE),
    "role_session_name": ("me", "me"),
    "external_id": ("xx", "xx"),
    "duration_seconds": ("900", 900),
    "source_identity": ("alice", "alice"),
    "session_tags": ("a=b", [{"Key": "a", "Value": "b"}]),
    "transitive_session_tags": ("a, b", ["a", "b"]),
    "provided_contexts": (
        '{"arn": "text"}',
        [{"ProviderArn": "arn", "ContextAssertion": Secret("text")}],
    ),
    "policy": (POLICY, POLICY),
    "policy_arns": ("a, b", [{"arn": "a"}, {"arn": "b"}]),
    "provider_id": ("www.amazon.com", "www.amazon.com"),
    "principal_arn": ("arn:p", "arn:p"),
    "mfa_serial": ("device", "device"),
    "session_duration_seconds": ("900", 900),
    "federation_name": ("carol", "carol"),
    "target_principal": ("111111111111", "111111111111"),
    "task_policy_arn": ("arn:t", {"arn": "arn:t"}),
}
EACH = [(name, key) for name, action in ACTIONS.items() for key in action.keys]


@pytest.mark.parametrize(("name", "key"), EACH)
@pytest.mark.parametrize("prefix", ["", "sts_plugin_"])
def test_each_key_becomes_its_argument_and_keeps_its_place(profile, name, key, prefix):
    action = ACTIONS[name]
    text, value = VALUES[key]
    arguments, settings = arguments_of(profile(f"{prefix}{key} = {text}"), action)
    argument, _ = action.keys[key]
    assert arguments == {argument: value}
    assert settings.keys() == {argument}
    setting = settings[argument]
    assert (setting.key, setting.value, setting.profile) == (prefix + key, text, "p")
    assert setting.origin.line == 3


@pytest.mark.parametrize("name", ACTIONS)
def test_a_key_that_is_not_there_is_no_argument(profile, name):
    assert arguments_of(profile("region = r"), ACTIONS[name]) == ({}, {})


OPTIONAL = {
    "role_session_name",
    "session_tags",
    "source_identity",
    "transitive_session_tags",
}
READ = {key for _, key in EACH if isinstance(VALUES[key][1], (int, list))} | {"policy"}


@pytest.mark.parametrize("prefix", ["", "sts_plugin_"])
@pytest.mark.parametrize(("name", "key"), [it for it in EACH if it[1] in OPTIONAL])
def test_what_may_be_empty_is_none(profile, name, key, prefix):
    assert arguments_of(profile(f"{prefix}{key} ="), ACTIONS[name]) == ({}, {})


@pytest.mark.parametrize(
    ("name", "key"), [it for it in EACH if it[1] in READ - OPTIONAL]
)
def test_another_empty_value_is_told(profile, name, key):
    # An empty policy that counted as none would be an open door.
    with pytest.raises(ConfigurationError, match=f":3: {key}"):
        arguments_of(profile(f"{key} ="), ACTIONS[name])


@pytest.mark.parametrize(
    ("name", "key"), [it for it in EACH if it[1] not in READ | OPTIONAL]
)
def test_another_empty_text_is_an_argument_that_the_limits_will_refuse(
    profile, name, key
):
    arguments, settings = arguments_of(profile(f"{key} ="), ACTIONS[name])
    with pytest.raises(ConfigurationError, match=f":3: {key}.* is empty"):
        check(Call(name, "p", "k", Origin("f"), REQUIRED[name] | arguments, settings))


@pytest.mark.parametrize(
    ("text", "duration"),
    [
        ("web_identity_token_file = /t", None),
        ("sts_plugin_web_identity_token_file = /t", 900),
        ("web_identity_token_process = x", 900),
    ],
)
def test_a_duration_that_botocore_passes_over_has_no_effect_here(
    profile, text, duration
):
    one = profile(f"role_arn = {ROLE}\nduration_seconds = 900\n{text}")
    arguments, _ = arguments_of(one, ACTIONS[WEB])
    assert arguments.get("DurationSeconds") == duration


def test_a_duration_of_our_own_counts_beside_the_token_of_the_sdks(profile):
    text = (
        f"role_arn = {ROLE}\nsts_plugin_duration_seconds = 900\n"
        "web_identity_token_file = /t"
    )
    arguments, _ = arguments_of(profile(text), ACTIONS[WEB])
    assert arguments["DurationSeconds"] == 900


# --- Keys that have no effect ---


@pytest.mark.parametrize("name", ACTIONS)
@pytest.mark.parametrize("prefix", ["", "sts_plugin_"])
def test_a_key_counts_for_an_action_or_is_told_to_be_unused(profile, name, prefix):
    written = {key: text for key, (text, _) in VALUES.items()}
    one = profile("\n".join(f"{prefix}{key} = {text}" for key, text in written.items()))
    arguments, settings = arguments_of(one, ACTIONS[name])
    used = {setting.key for setting in settings.values()}
    unused = {setting.key for setting in unused_of(one, ACTIONS[name])}
    assert used.isdisjoint(unused)
    # What belongs to the session of a chain is never of one call alone.
    session = {f"{prefix}mfa_serial", f"{prefix}session_duration_seconds"}
    assert used | unused | session == {prefix + key for key in written}
    assert len(arguments) == len(used)


def test_a_duration_beside_the_token_of_the_sdks_is_unused(profile):
    text = f"role_arn = {ROLE}\nduration_seconds = 900\nweb_identity_token_file = /t"
    (setting,) = unused_of(profile(text), ACTIONS[WEB])
    assert setting.key == "duration_seconds"


def test_an_empty_key_is_not_unused(profile):
    assert unused_of(profile("external_id ="), ACTIONS[WEB]) == []
