from __future__ import annotations

import base64
import json
import socket
import subprocess
import sys

import pytest

from sts_plugin.actions import ACTIONS
from sts_plugin.chain import Link
from sts_plugin.errors import ConfigurationError
from sts_plugin.limits import check
from sts_plugin.model import Origin, Setting
from sts_plugin.plan import Placement, make_plan, place_mfa
from sts_plugin.profiles import Profile

KEYS = "aws_access_key_id = AKIA1\naws_secret_access_key = s\n"
ARN = "arn:aws:iam::111111111111:role/R"
ONE = "arn:aws:iam::111111111111:mfa/one"
TWO = "arn:aws:iam::111111111111:mfa/two"
TOKEN = "aws_session_token = t\n"
PLAIN = f"""\
[profile p]
region = eu-west-1
role_arn = {ARN}
source_profile = b
[profile b]
{KEYS}"""
MFA = PLAIN.replace("source_profile", f"mfa_serial = {ONE}\nsource_profile")
CHAIN = f"""\
[profile p]
role_arn = {ARN}1
source_profile = q
{{p}}
[profile q]
role_arn = {ARN}2
source_profile = b
{{q}}
[profile b]
{KEYS}{{b}}
"""


def plan(aws, config, environ=None, name="p", **options):
    return make_plan(aws(config), name, environ or {}, **options)


def judged(aws, config):
    """Make a plan and hold it against the limits of STS, as before the first call."""
    made = plan(aws, config)
    for call in made.calls:
        check(call)
    return made


def durations(made):
    return [call.arguments.get("DurationSeconds") for call in made.calls]


# --- Where MFA happens ---


@pytest.mark.parametrize(
    ("serials", "long_term", "mode", "session", "roles"),
    [
        # no serial: no MFA, whatever the source and the mode
        ((None,), True, "session", None, (None,)),
        ((None, None), True, "direct", None, (None, None)),
        ((None,), False, "session", None, (None,)),
        # long-term keys, session: one session of the first serial
        ((ONE,), True, "session", ONE, (None,)),
        ((None, ONE), True, "session", ONE, (None, None)),
        ((ONE, None), True, "session", ONE, (None, None)),
        ((TWO, ONE), True, "session", TWO, (None, None)),
        # long-term keys, direct: each role carries its own
        ((ONE,), True, "direct", None, (ONE,)),
        ((None, ONE), True, "direct", None, (None, ONE)),
        ((TWO, ONE), True, "direct", None, (TWO, ONE)),
        # temporary keys: GetSessionToken is not possible
        ((ONE,), False, "session", None, (ONE,)),
        ((None, ONE), False, "session", None, (None, ONE)),
        ((ONE,), False, "direct", None, (ONE,)),
    ],
)
@pytest.mark.parametrize("user", [None, "arn:of:a:user:profile"])
def test_mfa_is_placed_by_the_table(serials, long_term, mode, session, roles, user):
    placed = place_mfa(serials, long_term=long_term, mode=mode, user=user)
    assert placed == Placement(session, roles)


@pytest.mark.parametrize(
    ("long_term", "mode", "session"),
    [
        (True, "session", ONE),
        (True, "direct", None),
        (False, "session", None),
        (False, "direct", None),
    ],
)
def test_mfa_of_a_user_profile_is_one_session_or_none(long_term, mode, session):
    assert place_mfa((), long_term=long_term, mode=mode, user=ONE) == Placement(
        session, ()
    )
    assert place_mfa((), long_term=long_term, mode=mode, user=None).session is None


def kinds(made):
    return [
        (call.arguments.get("RoleArn", "session"), call.mfa_serial)
        for call in made.calls
    ]


@pytest.mark.parametrize(
    ("p", "q", "b", "calls"),
    [
        ("", "", "", [(ARN + "2", None), (ARN + "1", None)]),
        (
            f"mfa_serial = {ONE}",
            "",
            "",
            [("session", ONE), (ARN + "2", None), (ARN + "1", None)],
        ),
        (
            f"mfa_serial = {ONE}",
            f"mfa_serial = {TWO}",
            "",
            [("session", TWO), (ARN + "2", None), (ARN + "1", None)],
        ),
        ("", "", f"mfa_serial = {ONE}", [(ARN + "2", None), (ARN + "1", None)]),
        (
            f"mfa_serial = {ONE}\nsts_plugin_mfa_mode = direct",
            f"mfa_serial = {TWO}",
            "",
            [(ARN + "2", TWO), (ARN + "1", ONE)],
        ),
        (
            f"mfa_serial = {ONE}",
            "sts_plugin_mfa_mode = direct",
            "",
            [(ARN + "2", None), (ARN + "1", ONE)],
        ),
        (
            f"mfa_serial = {ONE}\nmfa_mode = session",
            "mfa_mode = direct",
            "mfa_mode = direct",
            [("session", ONE), (ARN + "2", None), (ARN + "1", None)],
        ),
        (
            f"mfa_serial = {ONE}",
            "",
            "mfa_mode = direct",
            [(ARN + "2", None), (ARN + "1", ONE)],
        ),
        (
            f"mfa_serial = {ONE}",
            "",
            TOKEN,
            [(ARN + "2", None), (ARN + "1", ONE)],
        ),
    ],
)
def test_the_calls_of_a_chain_carry_mfa_where_it_was_placed(aws, p, q, b, calls):
    assert kinds(plan(aws, CHAIN.format(p=p, q=q, b=b))) == calls


@pytest.mark.parametrize(
    ("text", "calls"),
    [
        (f"{KEYS}mfa_serial = {ONE}\n", [("session", ONE)]),
        (f"{KEYS}mfa_serial = {ONE}\nmfa_mode = direct\n", []),
        (f"{KEYS}{TOKEN}mfa_serial = {ONE}\n", []),
        (f"credential_process = x\nmfa_serial = {ONE}\n", []),
        (KEYS, []),
    ],
)
def test_a_user_profile_with_a_device_gets_a_session(aws, text, calls):
    assert kinds(plan(aws, f"[profile p]\n{text}")) == calls


def test_keys_of_the_environment_do_not_ask_for_the_device_of_a_profile(aws):
    environ = {"AWS_ACCESS_KEY_ID": "AKIA2", "AWS_SECRET_ACCESS_KEY": "s"}
    config = f"[profile p]\n{KEYS}mfa_serial = {ONE}\n"
    made = plan(aws, config, environ, explicit=False)
    assert (made.source.identity, made.calls) == ("AKIA2", ())


def test_two_devices_in_one_chain_are_noted(aws):
    config = CHAIN.format(p=f"mfa_serial = {ONE}", q=f"mfa_serial = {TWO}", b="")
    (note,) = plan(aws, config).notes
    assert TWO in note
    same = CHAIN.format(p=f"mfa_serial = {ONE}", q=f"mfa_serial = {ONE}", b="")
    assert plan(aws, same).notes == ()


# --- Durations ---


@pytest.mark.parametrize(
    ("text", "source", "asked", "notes"),
    [
        ("", "", None, 0),
        ("duration_seconds = 900", "", 900, 0),
        ("duration_seconds = 3_600", "", 3600, 0),
        ("duration_seconds = 43200", "", 43200, 0),
        (f"duration_seconds = 43200\nmfa_serial = {ONE}", "", 3600, 1),
        (f"duration_seconds = 3601\nmfa_serial = {ONE}", "", 3600, 1),
        (f"duration_seconds = 3600\nmfa_serial = {ONE}", "", 3600, 0),
        (f"duration_seconds = 900\nmfa_serial = {ONE}", "", 900, 0),
        (
            f"duration_seconds = 43200\nmfa_serial = {ONE}\nmfa_mode = direct",
            "",
            43200,
            0,
        ),
        ("duration_seconds = 43200", TOKEN, 3600, 1),
        ("", TOKEN, None, 0),
    ],
)
def test_a_duration_is_clamped_to_an_hour_only_where_the_role_is_chained(
    aws, text, source, asked, notes
):
    config = PLAIN.replace("source_profile", f"{text}\nsource_profile") + source
    made = plan(aws, config)
    assert durations(made)[-1] == asked
    assert len(made.notes) == notes
    assert all("3600" in note for note in made.notes)


def test_a_role_behind_a_role_is_chained(aws):
    config = CHAIN.format(
        p="duration_seconds = 7200", q="duration_seconds = 7200", b=""
    )
    made = plan(aws, config)
    assert durations(made) == [7200, 3600]
    assert len(made.notes) == 1


def test_a_duration_that_sts_takes_from_nobody_is_told_and_not_clamped(aws):
    config = PLAIN.replace("region", "duration_seconds = 43201\nregion") + TOKEN
    with pytest.raises(ConfigurationError, match="from 900 to 43200"):
        judged(aws, config)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("", 43_200),
        ("sts_plugin_session_duration_seconds = 129600", 129_600),
        ("session_duration_seconds = 900", 900),
    ],
)
def test_a_session_lasts_as_long_as_the_profile_says_or_a_working_day(
    aws, text, seconds
):
    config = MFA.replace("source_profile", f"{text}\nsource_profile")
    assert durations(plan(aws, config))[0] == seconds


def test_the_environment_says_how_long_a_session_lasts_before_the_profile(aws):
    config = MFA.replace(
        "source_profile", "session_duration_seconds = 900\nsource_profile"
    )
    environ = {"STS_PLUGIN_SESSION_DURATION_SECONDS": "7200"}
    made = make_plan(aws(config), "p", environ)
    assert durations(made)[0] == 7200
    setting = made.calls[0].settings["DurationSeconds"]
    assert str(setting.origin) == "environment"
    assert made.calls[0].key == plan(aws, config).calls[0].key  # one session for both
    environ = dict.fromkeys(environ, "soon")
    with pytest.raises(ConfigurationError, match="STS_PLUGIN_SESSION_DURATION_SECONDS"):
        make_plan(aws(config), "p", environ)


# --- Keys ---

CHANGES = {
    "source key": (MFA.replace("AKIA1", "AKIA2"), {}),
    "role": (MFA.replace(ARN, ARN + "x"), {}),
    "partition": (
        MFA.replace(
            "arn:aws:iam::111111111111:role", "arn:aws-cn:iam::111111111111:role"
        ),
        {},
    ),
    "external id": (MFA.replace("region", "external_id = xx\nregion"), {}),
    "another external id": (MFA.replace("region", "external_id = yy\nregion"), {}),
    "session name": (MFA.replace("region", "role_session_name = xx\nregion"), {}),
    "session name for external id": (
        MFA.replace("region", "role_session_name = yy\nregion"),
        {},
    ),
    "duration": (MFA.replace("region", "duration_seconds = 900\nregion"), {}),
    "serial": (MFA.replace(ONE, TWO), {}),
    "no serial": (PLAIN, {}),
    "direct": (MFA.replace("region", "mfa_mode = direct\nregion"), {}),
    "region": (MFA.replace("eu-west-1", "eu-west-2"), {}),
    "region of the environment": (MFA, {"AWS_DEFAULT_REGION": "us-west-2"}),
    "no region": (MFA.replace("region = eu-west-1", ""), {}),
    "URL": (MFA, {"AWS_ENDPOINT_URL_STS": "http://x"}),
    "another URL": (MFA, {"AWS_ENDPOINT_URL_STS": "http://y"}),
    "legacy": (MFA, {"AWS_STS_REGIONAL_ENDPOINTS": "legacy"}),
    "temporary source": (MFA.replace("AKIA1", "ASIA1") + TOKEN, {}),
}


def test_every_single_change_makes_another_role_key(aws):
    keys = {
        name: plan(aws, config, environ).calls[-1].key
        for name, (config, environ) in CHANGES.items()
    }
    keys["nothing changed"] = plan(aws, MFA).calls[-1].key
    assert len(set(keys.values())) == len(keys)


@pytest.mark.parametrize(
    "change",
    [
        {"q": "external_id = xx"},
        {"q": "role_session_name = xx"},
        {"q": "duration_seconds = 900"},
        {"q": f"mfa_serial = {ONE}"},
    ],
)
def test_a_change_in_an_earlier_call_makes_another_key_of_the_later_one(aws, change):
    before = plan(aws, CHAIN.format(p="", q="", b=""))
    after = plan(aws, CHAIN.format(**{"p": "", "q": "", "b": ""} | change))
    assert before.calls[-1].key != after.calls[-1].key


def test_a_change_in_a_later_call_leaves_the_key_of_the_earlier_one(aws):
    before = plan(aws, CHAIN.format(p="", q="", b=""))
    after = plan(aws, CHAIN.format(p="external_id = xx", q="", b=""))
    assert before.calls[0].key == after.calls[0].key
    assert before.calls[1].key != after.calls[1].key


@pytest.mark.parametrize(
    "change",
    [
        ("eu-west-1", "eu-west-2"),
        ("region", "duration_seconds = 900\nregion"),
        ("region", "session_duration_seconds = 900\nregion"),
        ("region", "external_id = xx\nregion"),
        (ARN, ARN + "x"),
    ],
)
def test_profiles_behind_one_device_share_its_session(aws, change):
    before, after = plan(aws, MFA), plan(aws, MFA.replace(*change))
    assert before.calls[0].key == after.calls[0].key


def test_a_user_profile_shares_the_session_of_the_roles(aws):
    profiles = aws(f"{MFA}mfa_serial = {ONE}\nregion = us-west-2\n")
    role, user = (make_plan(profiles, name, {}) for name in ("p", "b"))
    assert role.calls[0].key == user.calls[0].key


@pytest.mark.parametrize(
    "name",
    ["source key", "serial", "URL", "legacy", "no region"],
)
def test_another_user_device_or_kind_of_endpoint_is_another_session(aws, name):
    assert plan(aws, *CHANGES[name]).calls[0].key != plan(aws, MFA).calls[0].key


def test_keys_do_not_depend_on_the_name_or_the_place_of_a_profile(aws):
    renamed = "\n# moved\n" + MFA.replace("profile p]", "profile x]").replace(
        "profile b]", "profile y]"
    ).replace("source_profile = b", "source_profile = y")
    one, other = plan(aws, MFA), plan(aws, renamed, name="x")
    assert [call.key for call in one.calls] == [call.key for call in other.calls]


@pytest.mark.parametrize("name", CHANGES)
def test_the_same_plan_made_twice_compares_and_hashes_equal(aws, name):
    one, other = plan(aws, *CHANGES[name]), plan(aws, *CHANGES[name])
    assert one == other
    assert hash(one) == hash(other)
    assert one != plan(aws, MFA)


# --- What a call is made of ---


def test_a_role_call_holds_what_the_profile_says(aws):
    text = (
        "external_id = xx\nrole_session_name = me\nduration_seconds = 900\n"
        "sts_plugin_external_id = ours\n"
    )
    made = plan(aws, PLAIN.replace("source_profile", f"{text}source_profile"))
    (call,) = made.calls
    assert (call.action, call.profile) == ("AssumeRole", "p")
    assert call.arguments == {
        "RoleArn": ARN,
        "RoleSessionName": "me",
        "ExternalId": "ours",
        "DurationSeconds": 900,
    }
    assert str(call.origin) == f"{aws.config}:3"
    assert {name: setting.key for name, setting in call.settings.items()} == {
        "RoleArn": "role_arn",
        "RoleSessionName": "role_session_name",
        "ExternalId": "sts_plugin_external_id",
        "DurationSeconds": "duration_seconds",
        "source_profile": "source_profile",
    }
    assert (made.profile, made.endpoint.region) == ("p", "eu-west-1")


def test_an_empty_session_name_counts_as_none(aws):
    config = PLAIN.replace("region", "role_session_name =\nregion")
    assert "RoleSessionName" not in plan(aws, config).calls[0].arguments


def test_the_region_is_that_of_the_profile_that_was_asked_for(aws):
    config = CHAIN.format(p="region = r1", q="region = r2", b="region = r3")
    assert plan(aws, config).endpoint.region == "r1"
    assert plan(aws, config, region="r4").endpoint.region == "r4"


# --- Where codes come from ---


@pytest.mark.parametrize(
    ("p", "q", "b", "process"),
    [
        ("mfa_process = one", "mfa_process = two", "mfa_process = three", "one"),
        ("", "mfa_process = two", "mfa_process = three", "two"),
        ("", "", "mfa_process = three", "three"),
        ("sts_plugin_mfa_process = ours\nmfa_process = theirs", "", "", "ours"),
    ],
)
def test_the_code_source_is_that_of_the_first_profile_that_names_one(
    aws, p, q, b, process
):
    codes = plan(aws, CHAIN.format(p=p, q=q, b=b)).codes
    assert (codes.process.value, codes.totp_file) == (process, None)


def test_a_seed_file_is_a_code_source(aws):
    config = CHAIN.format(p="", q="", b="sts_plugin_totp_file = /seed")
    codes = plan(aws, config).codes
    assert (codes.process, codes.totp_file.value) == (None, "/seed")


def test_without_a_code_source_a_person_is_asked(aws):
    codes = plan(aws, MFA).codes
    assert (codes.process, codes.totp_file) == (None, None)
    assert codes.ways == ("totp", "terminal", "dialog", "pinentry")


def test_the_way_to_a_code_is_what_environment_or_the_first_profile_says(aws):
    config = CHAIN.format(
        p="", q="sts_plugin_mfa_prompt = dialog", b="mfa_prompt = terminal"
    )
    assert plan(aws, config).codes.ways == ("dialog",)
    environ = {"STS_PLUGIN_MFA_PROMPT": "pinentry, terminal"}
    made = make_plan(aws(config), "p", environ)
    assert made.codes.ways == ("pinentry", "terminal")
    assert [call.key for call in made.calls] == [
        call.key for call in plan(aws, config).calls
    ]


# --- Bad values ---


@pytest.mark.parametrize(
    "text",
    [
        "duration_seconds = 899",
        "duration_seconds = 43201",
        "duration_seconds = soon",
        "duration_seconds = 3600.0",
        "duration_seconds =",
        f"mfa_serial = {ONE}\nsession_duration_seconds = 129601",
        f"mfa_serial = {ONE}\nsts_plugin_session_duration_seconds = 899",
        "mfa_serial =",
        "mfa_serial = short",
        "mfa_serial = arn:aws:iam::111111111111:mfa/one two",
        "external_id =",
        "external_id = x",
        "external_id = has blank",
        "role_session_name = x",
        "role_session_name = has blank",
        f"role_session_name = {'x' * 65}",
        "sts_plugin_mfa_mode = sometimes",
        "mfa_process = x\ntotp_file = y",
        "mfa_prompt = terminal\nsts_plugin_mfa_prompt = email",
        "mfa_prompt =",
        "services = nothing",
    ],
)
def test_a_bad_value_is_told_with_its_file_and_line_before_anything_is_done(aws, text):
    config = PLAIN.replace("region = eu-west-1", text)
    line = 1 + len(text.splitlines())
    with pytest.raises(ConfigurationError) as caught:
        judged(aws, config)
    error = caught.value
    assert f"{aws.config}:{line}" in error.line
    assert error.hint
    assert text.splitlines()[-1].split(" =")[0] in error.message


@pytest.mark.parametrize(
    "arn",
    [
        "",
        "R",
        "arn:aws:iam::111111111111:user/R",
        "arn:aws:iam::1:role/R",
        f"{ARN} # x",
    ],
)
def test_a_bad_role_arn_is_told_with_an_example(aws, arn):
    config = PLAIN.replace(f"role_arn = {ARN}", f"role_arn = {arn}")
    with pytest.raises(ConfigurationError) as caught:
        judged(aws, config)
    assert caught.value.line.startswith(f"{aws.config}:3: role_arn")
    assert "arn:aws:iam::123456789012:role/" in caught.value.hint


def test_a_bad_value_in_an_earlier_call_is_told_too(aws):
    config = CHAIN.format(p="", q="duration_seconds = 1", b="")
    with pytest.raises(ConfigurationError, match='of profile "q"'):
        judged(aws, config)


# --- A plan is a value ---


def test_a_plan_needs_no_network(aws, mocker):
    mocker.patch.object(socket, "socket", side_effect=AssertionError)
    mocker.patch.object(socket, "getaddrinfo", side_effect=AssertionError)
    mocker.patch.object(subprocess, "Popen", side_effect=AssertionError)
    config = CHAIN.format(p=f"mfa_serial = {ONE}", q="", b="credential_process = x")
    assert len(plan(aws, config).calls) == 2


def test_a_plan_imports_nothing_heavy(aws):
    aws.write(MFA)
    code = (
        "import os, sys; from sts_plugin.profiles import load_profiles;"
        "from sts_plugin.plan import make_plan;"
        "make_plan(load_profiles(os.environ), 'p', os.environ);"
        "print([name for name in sys.modules if name.partition('.')[0] in"
        " {'botocore', 'boto3', 'filelock', 'platformdirs', 'pyotp', 'urllib3'}])"
    )
    environ = {"PYTHONPATH": ":".join(sys.path), **aws.environ}
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=environ,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert done.stdout.strip() == "[]"


# --- Each argument makes another key ---

READ_ONLY = "arn:aws:iam::aws:policy/ReadOnlyAccess"
ALL = "arn:aws:iam::aws:policy/AdministratorAccess"
USER = f"[profile p]\nregion = r\n{KEYS}"
BASES = {
    "AssumeRole": PLAIN,
    "AssumeRoleWithWebIdentity": (
        f"[profile p]\nregion = r\nrole_arn = {ARN}\nweb_identity_token_process = x\n"
    ),
    "AssumeRoleWithSAML": "[profile p]\nregion = r\nsaml_process = x\n",
    "GetFederationToken": (
        f"{USER}federation_name = carol\npolicy_arns = {READ_ONLY}\n"
    ),
    "AssumeRoot": (
        f"{USER}target_principal = 222222222222\n"
        "task_policy_arn = arn:aws:iam::aws:policy/root-task/S3UnlockBucketPolicy\n"
    ),
    "GetDelegatedAccessToken": f"{USER}trade_in_token_process = x\n",
}
CONTEXT = "arn:aws:iam::aws:contextProvider/IdentityCenter"
ONE_AND_OTHER = {
    "role_arn": (f"{ARN}1", f"{ARN}2"),
    "role_session_name": ("me", "you"),
    "external_id": ("xx", "yy"),
    "duration_seconds": ("900", "901"),
    "source_identity": ("alice", "bob"),
    "session_tags": ("a=b", "a=c"),
    "transitive_session_tags": ("a", "b"),
    "provided_contexts": (
        f'{{"{CONTEXT}": "assertion-1"}}',
        f'{{"{CONTEXT}": "assertion-2"}}',
    ),
    "policy": ('{"Sid": "1"}', '{"Sid": "2"}'),
    "policy_arns": (ALL, f"{READ_ONLY}, {ALL}"),
    "provider_id": ("www.amazon.com", "graph.facebook.com"),
    "principal_arn": (
        "arn:aws:iam::111111111111:saml-provider/one",
        "arn:aws:iam::111111111111:saml-provider/two",
    ),
    "federation_name": ("dave", "erin"),
    "target_principal": ("333333333333", "444444444444"),
    "task_policy_arn": (
        "arn:aws:iam::aws:policy/root-task/IAMAuditRootUserCredentials",
        "arn:aws:iam::aws:policy/root-task/SQSUnlockQueuePolicy",
    ),
}
NEEDS = {"transitive_session_tags": "session_tags = a=1, b=2\n"}


def with_key(config, key, value):
    """Return the config with a key of profile p in the place of the one it has."""
    lines = [line for line in config.splitlines() if not line.startswith(f"{key} =")]
    lines[1:1] = [f"{key} = {value}", *NEEDS.get(key, "").splitlines()]
    return "\n".join(lines) + "\n"


def last_key(aws, config, environ=None):
    return plan(aws, config, environ).calls[-1].key


@pytest.mark.parametrize("name", BASES)
def test_each_argument_of_an_action_makes_another_key(aws, name):
    base = BASES[name]
    assert plan(aws, base).calls[-1].action == name
    keys = {"": last_key(aws, base)}
    for key in ACTIONS[name].keys:
        for value in ONE_AND_OTHER[key]:
            keys[key, value] = last_key(aws, with_key(base, key, value))
    assert len(set(keys.values())) == len(keys) == 1 + 2 * len(ACTIONS[name].keys)


def test_no_two_actions_share_a_key(aws):
    keys = {name: last_key(aws, base) for name, base in BASES.items()}
    assert len(set(keys.values())) == len(BASES)


@pytest.mark.parametrize("name", BASES)
@pytest.mark.parametrize(
    ("old", "new"), [("region = r", "region = s"), ("AKIA1", "AKIA2"), ("= x", "= y")]
)
def test_region_signer_and_proof_make_another_key(aws, name, old, new):
    base = BASES[name].replace("eu-west-1", "r")
    changed = base.replace(old, new)
    assert (last_key(aws, base) == last_key(aws, changed)) is (base == changed)


@pytest.mark.parametrize(
    ("key", "one", "other"),
    [
        ("policy", '{"Sid": "1"}', '{\n  "Sid":"1"\n  }'),
        ("session_tags", "a=b, c=d", '{"a": "b", "c": "d"}'),
        ("policy_arns", f"{READ_ONLY},{ALL}", f'["{READ_ONLY}", "{ALL}"]'),
        ("duration_seconds", "3600", "3_600"),
        ("duration_fallback", "yes", "no"),
        ("role_session_name", "", ""),
    ],
)
def test_how_a_value_is_written_does_not_make_another_key(aws, key, one, other):
    one, other = (with_key(PLAIN, key, value) for value in (one, other))
    assert last_key(aws, one) == last_key(aws, other)


def test_a_policy_in_a_file_goes_by_what_is_in_it(aws, tmp_path):
    config = with_key(PLAIN, "policy", f"file://{tmp_path}/policy.json")
    keys = []
    for text in ('{"Sid": "1"}', '{"Sid": "2"}', '{"Sid":  "1"}'):
        (tmp_path / "policy.json").write_text(text)
        keys.append(last_key(aws, config))
    assert keys[0] == keys[2] != keys[1]
    assert keys[0] == last_key(aws, with_key(PLAIN, "policy", '{"Sid": "1"}'))


def test_a_context_goes_by_what_is_in_its_file(aws, tmp_path):
    config = with_key(PLAIN, "provided_contexts", f"{CONTEXT}=file://{tmp_path}/a")
    keys = set()
    for text in ("assertion-1", "assertion-2"):
        (tmp_path / "a").write_text(text)
        keys.add(last_key(aws, config))
    assert len(keys) == 2


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("external_id = xx", "role_session_name = xx"),
        ("source_identity = xx", "external_id = xx"),
        ("session_tags = a=b", "session_tags = a=b,c=d"),
        ("session_tags = a=b,c=d", "session_tags = a=b%2Cc=d"),
    ],
)
def test_no_value_can_stand_for_that_of_another_key(aws, one, other):
    keys = [
        last_key(aws, PLAIN.replace("region", f"{text}\nregion", 1))
        for text in (one, other)
    ]
    assert keys[0] != keys[1]


# --- Whose token it is ---


def token(signature="sig", **claims):
    part = base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip("=")
    return f"e30.{part}.{signature}"


ME = {"iss": "https://issuer", "sub": "repo:a/b", "aud": "sts.amazonaws.com"}


@pytest.fixture
def web_key(aws, tmp_path):
    """Write a token and return the keys of a plan: of its source, of its call."""

    def make(text, *, name="p", key="web_identity_token_file", environ=None):
        (tmp_path / "token").write_text(text)
        config = f"[profile {name}]\nregion = r\n"
        if environ is None:
            config += f"role_arn = {ARN}\n{key} = {tmp_path}/token\n"
        made = make_plan(aws(config), name, environ or {}, explicit=environ is None)
        (call,) = made.calls
        return made.source.key, call.key

    return make


@pytest.mark.parametrize("change", [{"sub": "repo:a/c"}, {"aud": "x"}, {"iss": "x"}])
def test_tokens_of_others_at_one_path_are_others(web_key, change):
    one, other = web_key(token(**ME)), web_key(token(**ME | change))
    assert one[0] != other[0]
    assert one[1] != other[1]


def test_a_rotated_token_is_still_the_same_identity(web_key):
    one = web_key(token(**ME, exp=1_900_000_000))
    assert one == web_key(token("other", **ME, exp=2_000_000_000, jti="x"))
    assert one == web_key(f"{token(**ME)}\n")


def test_opaque_tokens_at_one_path_are_others(web_key):
    assert web_key("opaque-one") != web_key("opaque-two")


def test_profiles_with_one_token_and_one_role_share_an_entry(web_key, tmp_path):
    one = web_key(token(**ME), name="one")
    assert one == web_key(token(**ME), name="two")
    assert one == web_key(token(**ME), key="sts_plugin_web_identity_token_file")
    environ = {"AWS_WEB_IDENTITY_TOKEN_FILE": f"{tmp_path}/token"}
    environ |= {"AWS_ROLE_ARN": ARN}
    assert one == web_key(token(**ME), environ=environ)


def test_assertions_at_one_path_are_others(aws, tmp_path):
    keys = set()
    for text in ("<one/>", "<other/>"):
        (tmp_path / "a").write_text(text)
        config = f"[profile p]\nregion = r\nsaml_file = {tmp_path}/a\n"
        keys.add(last_key(aws, config))
    assert len(keys) == 2


def test_trade_in_tokens_at_one_path_are_others(aws, tmp_path):
    keys = set()
    for text in ("one", "other"):
        (tmp_path / "t").write_text(text)
        keys.add(last_key(aws, f"{USER}trade_in_token_file = {tmp_path}/t\n"))
    assert len(keys) == 2


def test_a_plan_shows_nothing_of_a_token(aws, tmp_path):
    (tmp_path / "t").write_text("canary-token")
    config = f"[profile p]\nrole_arn = {ARN}\nweb_identity_token_file = {tmp_path}/t\n"
    assert "canary" not in repr(plan(aws, config))


def test_a_token_that_cannot_be_read_is_for_the_call_to_find_out(aws):
    config = f"[profile p]\nrole_arn = {ARN}\nweb_identity_token_file = /nowhere/t\n"
    assert plan(aws, config).calls[0].proof.setting.value == "/nowhere/t"


# --- What else can be asked for ---


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        (
            "GetFederationToken",
            {"Name": "carol", "PolicyArns": [{"arn": READ_ONLY}]},
        ),
        (
            "AssumeRoot",
            {
                "TargetPrincipal": "222222222222",
                "TaskPolicyArn": {
                    "arn": "arn:aws:iam::aws:policy/root-task/S3UnlockBucketPolicy"
                },
            },
        ),
        ("GetDelegatedAccessToken", {}),
        ("AssumeRoleWithWebIdentity", {"RoleArn": ARN}),
        ("AssumeRoleWithSAML", {}),
    ],
)
def test_a_plan_holds_whatever_a_profile_asks_for(aws, name, arguments):
    made = judged(aws, BASES[name])
    (call,) = made.calls
    assert (call.action, call.profile, call.arguments) == (name, "p", arguments)
    assert made.device is None
    assert made.notes == ()


@pytest.mark.parametrize("name", ["AssumeRoleWithWebIdentity", "AssumeRoleWithSAML"])
def test_a_role_behind_a_token_is_chained(aws, name):
    config = (
        BASES[name].replace("[profile p]", "[profile b]")
        + f"[profile p]\nrole_arn = {ARN}2\nsource_profile = b\n"
        "duration_seconds = 7200\n"
    )
    made = plan(aws, config)
    assert durations(made) == [None, 3600]
    assert len(made.notes) == 1


@pytest.mark.parametrize(
    "name", ["AssumeRoleWithWebIdentity", "AssumeRoleWithSAML", "GetFederationToken"]
)
def test_a_long_session_of_another_kind_is_not_lowered(aws, name):
    made = judged(aws, with_key(BASES[name], "duration_seconds", "43200"))
    assert (durations(made), made.notes) == ([43_200], ())


@pytest.mark.parametrize("name", [name for name in BASES if name != "AssumeRole"])
def test_a_device_where_no_code_is_taken_is_noted_and_asks_nobody(aws, name):
    made = plan(aws, with_key(BASES[name], "mfa_serial", ONE))
    assert made.device is None
    (note,) = made.notes
    for words in ("mfa_serial", '"p"', name):
        assert words in note


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("AssumeRole", "provider_id"),
        ("AssumeRole", "principal_arn"),
        ("AssumeRoleWithWebIdentity", "external_id"),
        ("AssumeRoleWithWebIdentity", "session_tags"),
        ("AssumeRoleWithSAML", "role_session_name"),
        ("AssumeRoleWithSAML", "source_identity"),
        ("GetFederationToken", "source_identity"),
        ("AssumeRoot", "session_tags"),
        ("GetDelegatedAccessToken", "duration_seconds"),
    ],
)
def test_a_key_that_has_no_effect_is_noted_and_makes_no_other_key(aws, name, key):
    before = plan(aws, BASES[name])
    made = plan(aws, with_key(BASES[name], key, ONE_AND_OTHER[key][0]))
    assert made.calls[-1].key == before.calls[-1].key
    (note,) = set(made.notes) - set(before.notes)
    for words in (key, 'of profile "p"', "is not used", name):
        assert words in note


def test_a_variable_that_has_no_effect_is_noted(aws):
    config = BASES["AssumeRoleWithWebIdentity"]
    (note,) = plan(aws, config, {"AWS_SOURCE_IDENTITY": "alice"}).notes
    assert note.startswith("AWS_SOURCE_IDENTITY is not used")


@pytest.mark.parametrize("name", ["AssumeRoot", "GetDelegatedAccessToken"])
@pytest.mark.parametrize("key", ["policy", "policy_arns", "sts_plugin_policy"])
def test_a_policy_that_would_narrow_nothing_is_an_error(aws, name, key):
    # Whoever wrote one counts on it.
    value = ONE_AND_OTHER[key.removeprefix("sts_plugin_")][0]
    with pytest.raises(ConfigurationError) as caught:
        plan(aws, with_key(BASES[name], key, value))
    message = caught.value.message
    assert message.startswith(f"{aws.config}:2: {key} = ")
    assert name in message
    assert caught.value.hint


@pytest.mark.parametrize(
    ("config", "words"),
    [
        (
            BASES["GetFederationToken"] + "aws_session_token = t\n",
            "must be signed with the long-term keys",
        ),
        (
            BASES["GetFederationToken"].replace("policy_arns", "other"),
            "has no policy",
        ),
        (BASES["AssumeRoot"].replace("region = r", ""), "no region is set"),
        (
            BASES["AssumeRoot"].replace("[profile p]", "[profile b]")
            + f"[profile p]\nregion = r\nrole_arn = {ARN}\nsource_profile = b\n",
            "AssumeRole of profile",
        ),
        (
            CHAIN.format(p="source_identity = bob", q="source_identity = alice", b=""),
            "is not the alice",
        ),
    ],
)
def test_what_sts_would_refuse_for_the_order_of_calls_is_told_on_paper(
    aws, config, words
):
    if "AssumeRole of" in words:  # keys of its own would be taken instead
        config = config.replace(KEYS, "source_profile = c\n", 1)
        config += f"[profile c]\n{KEYS}"
    with pytest.raises(ConfigurationError, match=words) as caught:
        plan(aws, config)
    assert f"{aws.config}:" in caught.value.message
    assert caught.value.hint


@pytest.mark.parametrize(
    ("text", "lower"),
    [
        ("", False),
        ("duration_fallback = yes", True),
        ("sts_plugin_duration_fallback = true", True),
        ("duration_fallback = no", False),
    ],
)
def test_a_shorter_session_is_for_a_profile_that_allows_it(aws, text, lower):
    config = PLAIN.replace("region", f"{text}\nregion")
    assert plan(aws, config).calls[0].lower_duration is lower


# --- A process whose keys are long-term ---


def from_process(text):
    return CHAIN.format(p=f"mfa_serial = {ONE}", q="", b=text).replace(
        KEYS, "credential_process = x\n"
    )


@pytest.mark.parametrize(
    ("text", "session"),
    [
        ("", False),
        ("long_term = yes", True),
        ("sts_plugin_long_term = on", True),
        ("long_term = no", False),
    ],
)
def test_a_process_may_be_said_to_give_long_term_keys(aws, text, session):
    made = plan(aws, from_process(text))
    assert made.source.kind == "process"
    assert made.source.long_term is session
    roles = [(ARN + "2", None), (ARN + "1", None if session else ONE)]
    assert kinds(made) == [("session", ONE)] * session + roles


@pytest.mark.parametrize("text", ["", "long_term = yes"])
def test_how_long_a_role_of_a_process_may_last_is_known_when_it_has_run(aws, text):
    config = CHAIN.format(
        p="duration_seconds = 7200", q="duration_seconds = 7200", b=text
    ).replace(KEYS, "credential_process = x\n")
    made = plan(aws, config)
    assert durations(made) == [7200, 3600]
    assert len(made.notes) == 1


def test_a_process_that_says_neither_yes_nor_no_is_told(aws):
    with pytest.raises(ConfigurationError, match=r"long_term = maybe of profile .b."):
        plan(aws, from_process("long_term = maybe"))


def test_keys_with_a_token_are_temporary_whatever_is_said(aws):
    config = CHAIN.format(p=f"mfa_serial = {ONE}", q="", b=f"{TOKEN}long_term = yes")
    assert not plan(aws, config).source.long_term


# --- What is inherited, what is said by variables ---


def test_what_a_profile_includes_is_in_its_plan(aws):
    config = (
        "[profile p]\ninclude_profile = common\n"
        f"role_arn = {ARN}\nsource_profile = b\n"
        "[profile b]\ninclude_profile = common\n"
        f"{KEYS}[profile common]\nregion = r9\nmfa_serial = {ONE}\n"
        "session_duration_seconds = 900\nmfa_process = code\nexternal_id = xx\n"
    )
    made = judged(aws, config)
    assert made.endpoint.region == "r9"
    assert kinds(made) == [("session", ONE), (ARN, None)]
    assert durations(made)[0] == 900
    assert made.codes.process.value == "code"
    assert made.calls[-1].arguments["ExternalId"] == "xx"
    assert made.calls[-1].settings["ExternalId"].profile == "common"


def test_variables_win_over_the_keys_of_the_profile_asked_for(aws):
    config = PLAIN.replace("region", "source_identity = bob\nregion")
    environ = {
        "AWS_SOURCE_IDENTITY": "alice",
        "AWS_SESSION_TAGS": "team=a,other=b",
        "AWS_TRANSITIVE_TAGS": "team",
    }
    (call,) = plan(aws, config, environ).calls
    assert call.arguments["SourceIdentity"] == "alice"
    assert call.arguments["Tags"] == [
        {"Key": "team", "Value": "a"},
        {"Key": "other", "Value": "b"},
    ]
    assert call.arguments["TransitiveTagKeys"] == ["team"]
    assert call.key != last_key(aws, config)


@pytest.mark.parametrize(
    ("environ", "words"),
    [
        ({"AWS_SESSION_TAGS": "team"}, "environment: AWS_SESSION_TAGS = team has a"),
        (
            {"AWS_SOURCE_IDENTITY": "a b"},
            "environment: AWS_SOURCE_IDENTITY = a b is not a source identity",
        ),
        (
            {"AWS_SESSION_TAGS": "a=*"},
            "environment: AWS_SESSION_TAGS = a=* does not have the form",
        ),
    ],
)
def test_a_bad_variable_is_told_by_its_name(aws, environ, words):
    with pytest.raises(ConfigurationError) as caught:
        check(plan(aws, PLAIN, environ).calls[0])
    assert caught.value.message.startswith(words)


# --- A call more, of a program ---


def then(action, **said):
    origin = Origin("X()")
    config = {key: Setting(key, value, origin) for key, value in said.items()}
    return Link(Profile("X()", origin, config=config), action)


def test_a_program_adds_a_call_to_what_its_profile_gives(aws):
    more = then("AssumeRole", role_arn=f"{ARN}3", session_tags="a=b")
    made = plan(aws, PLAIN, then=[more])
    assert kinds(made) == [(ARN, None), (f"{ARN}3", None)]
    assert made.calls[-1].profile == "X()"
    assert made.calls[0].key == last_key(aws, PLAIN)
    assert made.calls[-1].key != last_key(aws, PLAIN)


def test_a_profile_and_a_program_that_ask_the_same_share_an_entry(aws):
    more = then("AssumeRole", role_arn=ARN)
    user = PLAIN.replace("[profile b]\n", "[profile b]\nregion = eu-west-1\n")
    assert (
        plan(aws, user, name="b", then=[more]).calls[-1].key
        == plan(aws, user).calls[-1].key
    )


@pytest.mark.parametrize(
    ("text", "calls"),
    [
        ("", [(ARN, None)]),
        (f"mfa_serial = {ONE}", [("session", ONE), (ARN, None)]),
        (f"mfa_serial = {ONE}\nmfa_mode = direct", [(ARN, ONE)]),
        # Nobody is asked for the profile itself either: these keys get no session.
        (f"mfa_serial = {ONE}\n{TOKEN}", [(ARN, None)]),
    ],
)
def test_a_user_with_a_device_brings_it_to_a_role_of_a_program(aws, text, calls):
    more = then("AssumeRole", role_arn=ARN)
    assert kinds(plan(aws, f"{USER}{text}\n", then=[more])) == calls


def test_what_is_not_signed_needs_no_profile_of_ones_own(aws):
    more = then(
        "AssumeRoleWithWebIdentity", role_arn=ARN, web_identity_token_process="x"
    )
    made = plan(aws, "[profile b]\nregion = r\n", name="b", then=[more])
    assert (made.source.kind, made.source.profile) == ("web-identity", "X()")
    (call,) = made.calls
    assert (call.action, call.signed) == ("AssumeRoleWithWebIdentity", False)


def test_a_session_of_a_program_is_that_of_the_profiles_behind_its_device(aws):
    more = then("GetSessionToken", mfa_serial=ONE)
    made = plan(aws, MFA, name="b", then=[more], region="eu-west-1")
    assert kinds(made) == [("session", ONE)]
    assert made.calls[0].key == plan(aws, MFA).calls[0].key
    without = plan(
        aws, MFA, name="b", then=[then("GetSessionToken")], region="eu-west-1"
    )
    assert without.calls[0].key != made.calls[0].key
    assert without.device is None


# --- Whether what is cached is sealed ---

SAYS = "cache_encryption = {}\n"
BY_SOURCE = MFA + SAYS.format("keychain")


def keys_of(made):
    return [call.key for call in made.calls]


def test_nothing_is_sealed_where_nobody_says_so(aws):
    made = plan(aws, MFA)
    assert made.cache_encryption is None
    assert not made.sealed
    none = plan(aws, MFA + SAYS.format("none"))
    assert none.cache_encryption.value == "none"
    assert not none.sealed
    assert keys_of(none) == keys_of(made)


def test_the_first_profile_of_the_chain_that_speaks_and_then_the_environment(aws):
    assert plan(aws, BY_SOURCE).sealed
    own = BY_SOURCE.replace("region", SAYS.format("none") + "region")
    assert not plan(aws, own).sealed
    assert plan(aws, own, {"STS_PLUGIN_CACHE_ENCRYPTION": "keychain"}).sealed
    assert not plan(aws, BY_SOURCE, {"STS_PLUGIN_CACHE_ENCRYPTION": "none"}).sealed


def test_profiles_that_do_not_agree_share_no_answer(aws):
    sealed, plain = plan(aws, BY_SOURCE), plan(aws, MFA)
    assert len(sealed.calls) == len(plain.calls) == 2
    assert not set(keys_of(sealed)) & set(keys_of(plain))
    # The device is one all the same: it shows one code at a time.
    assert sealed.calls[0].lock == plain.calls[0].lock


def test_profiles_that_agree_share_a_session_whoever_said_it(aws):
    other = MFA.replace("[profile p]", "[profile o]").replace("role/R", "role/O")
    other = other.split("[profile b]")[0]
    own = MFA.replace("region", SAYS.format("keychain") + "region")
    by_variable = {"STS_PLUGIN_CACHE_ENCRYPTION": "keychain"}
    made = [
        plan(aws, BY_SOURCE),
        plan(aws, own),
        plan(aws, MFA, by_variable),
        plan(aws, other + BY_SOURCE, name="o"),
    ]
    assert len({one.calls[0].key for one in made}) == 1


def test_a_wrong_word_is_an_error_before_anything_is_done(aws):
    with pytest.raises(ConfigurationError, match="cache_encryption = on"):
        plan(aws, MFA + SAYS.format("on"))
