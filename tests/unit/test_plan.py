from __future__ import annotations

import socket
import subprocess
import sys

import pytest

from sts_plugin.errors import ConfigurationError
from sts_plugin.model import RoleHop, SessionHop
from sts_plugin.plan import Placement, make_plan, place_mfa

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
        ("session" if isinstance(hop, SessionHop) else hop.role_arn, hop.mfa_serial)
        for hop in made.calls
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
    assert made.calls[-1].duration_seconds == asked
    assert len(made.notes) == notes
    assert all("3600" in note for note in made.notes)


def test_a_role_behind_a_role_is_chained(aws):
    config = CHAIN.format(
        p="duration_seconds = 7200", q="duration_seconds = 7200", b=""
    )
    made = plan(aws, config)
    assert [hop.duration_seconds for hop in made.calls] == [7200, 3600]
    assert len(made.notes) == 1


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
    assert plan(aws, config).calls[0].duration_seconds == seconds


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
def test_a_change_in_an_earlier_hop_makes_another_key_of_the_later_one(aws, change):
    before = plan(aws, CHAIN.format(p="", q="", b=""))
    after = plan(aws, CHAIN.format(**{"p": "", "q": "", "b": ""} | change))
    assert before.calls[-1].key != after.calls[-1].key


def test_a_change_in_a_later_hop_leaves_the_key_of_the_earlier_one(aws):
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
    assert [hop.key for hop in one.calls] == [hop.key for hop in other.calls]


@pytest.mark.parametrize("name", CHANGES)
def test_the_same_plan_made_twice_compares_and_hashes_equal(aws, name):
    one, other = plan(aws, *CHANGES[name]), plan(aws, *CHANGES[name])
    assert one == other
    assert hash(one) == hash(other)
    assert one != plan(aws, MFA)


# --- What a hop is made of ---


def test_a_role_hop_holds_what_the_profile_says(aws):
    text = (
        "external_id = xx\nrole_session_name = me\nduration_seconds = 900\n"
        "sts_plugin_external_id = ours\n"
    )
    made = plan(aws, PLAIN.replace("source_profile", f"{text}source_profile"))
    (hop,) = made.calls
    assert isinstance(hop, RoleHop)
    assert (hop.profile, hop.role_arn, hop.external_id) == ("p", ARN, "ours")
    assert (hop.role_session_name, hop.duration_seconds) == ("me", 900)
    assert str(hop.origin) == f"{aws.config}:3"
    assert {it.key for it in hop.settings} == {
        "role_arn",
        "source_profile",
        "role_session_name",
        "sts_plugin_external_id",
        "duration_seconds",
    }
    assert (made.profile, made.endpoint.region) == ("p", "eu-west-1")


def test_an_empty_session_name_counts_as_none(aws):
    config = PLAIN.replace("region", "role_session_name =\nregion")
    assert plan(aws, config).calls[0].role_session_name is None


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
        "services = nothing",
    ],
)
def test_a_bad_value_is_told_with_its_file_and_line_before_anything_is_done(aws, text):
    config = PLAIN.replace("region = eu-west-1", text)
    line = 1 + len(text.splitlines())
    with pytest.raises(ConfigurationError) as caught:
        plan(aws, config)
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
        plan(aws, config)
    assert caught.value.line.startswith(f"{aws.config}:3: role_arn")
    assert "arn:aws:iam::123456789012:role/" in caught.value.hint


def test_a_bad_value_in_an_earlier_hop_is_told_too(aws):
    config = CHAIN.format(p="", q="duration_seconds = 1", b="")
    with pytest.raises(ConfigurationError, match='of profile "q"'):
        plan(aws, config)


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
