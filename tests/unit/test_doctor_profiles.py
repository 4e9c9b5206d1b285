"""What the doctor finds in the two files, and that it finds nothing in sound ones."""

from __future__ import annotations

import os
import textwrap

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sts_plugin.doctor.finding import in_order
from sts_plugin.doctor.processes import process_findings, recursions
from sts_plugin.doctor.profiles import profile_findings
from sts_plugin.doctor.sections import section_findings
from sts_plugin.errors import ConfigurationError
from sts_plugin.ini import read_sections
from sts_plugin.overview import summaries

ALICE = """
    [alice]
    aws_access_key_id = AKIAALICE
    aws_secret_access_key = s
"""
OURS = "credential_process = sts-plugin credential-process --profile"
ROLE = "arn:aws:iam::222222222222:role/A"


@pytest.fixture
def look(aws):
    """Return everything that is found in two files, as (check, level, profile)."""

    def work(config, credentials=ALICE, environ=None, *, runs=("sts-plugin", "tool")):
        profiles = aws(config, credentials)
        found = list(summaries(profiles, environ or {}))
        findings = [*profile_findings(profiles, found)]
        for one in found:
            profile = profiles.profiles[one.name]
            findings += process_findings(
                profile, found=lambda name: name in runs, platform="linux"
            )
        findings += recursions(profiles, found, environ or {})
        files = map(read_sections, (str(aws.config), str(aws.credentials)))
        findings += section_findings(*files)
        return findings

    return work


SOUND = {
    "ours, with the prefix": f"""
        [profile a]
        {OURS} a
        sts_plugin_role_arn = {ROLE}
        sts_plugin_source_profile = alice
        sts_plugin_mfa_serial = arn:aws:iam::111111111111:mfa/alice
    """,
    "ours, by another profile": f"""
        [profile a]
        {OURS} a-role
        [profile a-role]
        role_arn = {ROLE}
        source_profile = alice
    """,
    "a role that the SDKs assume": f"""
        [profile a]
        role_arn = {ROLE}
        source_profile = alice
        external_id = partner
        role_session_name = alice
    """,
    "ours, quoted for a blank": f"""
        [profile a]
        credential_process = '/my tools/sts-plugin' credential-process --profile a
        sts_plugin_role_arn = {ROLE}
        sts_plugin_source_profile = alice
    """,
    "another program": """
        [profile a]
        credential_process = tool --account 1
    """,
    "through a shell, said so": """
        [profile a]
        credential_process = tool -c 'printenv X | cut -c1-9; cat ~/x'
    """,
    "the AWS CLI for another profile": """
        [sso-session s]
        sso_start_url = https://x.example
        sso_region = eu-west-1
        [profile base]
        sso_session = s
        sso_account_id = 222222222222
        sso_role_name = A
        [profile a]
        credential_process = tool aws configure export-credentials --profile base
    """,
    "settings of a user": """
        [profile alice]
        region = eu-west-1
        output = json
        cli_pager =
        s3 =
            max_concurrent_requests = 20
        sts_regional_endpoints = regional
        use_fips_endpoint = false
        mfa_serial = arn:aws:iam::111111111111:mfa/alice
    """,
    "keys of other tools": """
        [profile alice]
        granted_sso_start_url = https://x.example
        granted_sso_account_id = 222222222222
        x_principal_arn = arn:x
        x_security_token_expires = 2030
        aws_expiration = 2030
        azure_tenant_id = x
        okta_username = alice
        color = red
        google_config.ask_role = True
    """,
    "keys that somebody put aside": f"""
        [profile alice]
        xrole_arn = {ROLE}
        role_arn2 = {ROLE}
        mfa_serial_old = x
    """,
    "sections of other programs": """
        [plugins]
        x = y
        [preview]
        cloudfront = true
        [my-tool]
        colour = red
        [services local]
        sts =
            endpoint_url = http://127.0.0.1:1
        [profile a]
        services = local
    """,
    "a role of ours that others lead to": f"""
        [profile role]
        sts_plugin_role_arn = {ROLE}
        sts_plugin_source_profile = alice
        [profile a]
        {OURS} role
        [profile next]
        {OURS} next
        sts_plugin_role_arn = {ROLE}
        sts_plugin_source_profile = role
    """,
    "a role whose source has keys and no role": f"""
        [profile alice]
        region = eu-west-1
        [profile a]
        {OURS} a
        sts_plugin_role_arn = {ROLE}
        sts_plugin_source_profile = alice
    """,
    "a profile that assumes with its own keys": f"""
        [profile a]
        aws_access_key_id = AKIAA
        aws_secret_access_key = s
        role_arn = {ROLE}
        source_profile = a
    """,
    "every key of ours": f"""
        [profile a]
        {OURS} a
        sts_plugin_role_arn = {ROLE}
        sts_plugin_source_profile = alice
        sts_plugin_external_id = partner
        sts_plugin_mfa_mode = direct
        sts_plugin_duration_fallback = yes
        sts_plugin_cache_encryption = none
        region = eu-west-1
        sts_plugin_fallback_region = eu-central-1
        mfa_prompt = dialog, terminal
        sts_plugin_session_duration_seconds = 3600
    """,
}


@pytest.mark.parametrize("name", SOUND)
def test_nothing_is_found_in_a_sound_config(look, name):
    runs = ("sts-plugin", "tool", "/my tools/sts-plugin")
    assert look(SOUND[name], runs=runs) == []


# config -> (check, level, profile, a part of what, a part of its fix)
WRONG = {
    "a loop": (
        f"""
        [profile a]
        role_arn = {ROLE}
        source_profile = b
        [profile b]
        role_arn = {ROLE}
        source_profile = a
        """,
        ("profile-broken", "error", "a", "closes a loop: a -> b -> a", "own"),
    ),
    "a source that does not exist": (
        f"[profile a]\nrole_arn = {ROLE}\nsource_profile = nobody\n",
        ("profile-broken", "error", "a", "does not exist", "add the profile"),
    ),
    "a role for the SDKs beside our line": (
        f"[profile a]\n{OURS} a\nrole_arn = {ROLE}\nsource_profile = alice\n",
        ("bypassed", "warning", "a", "role_arn stands beside", "sts_plugin_role_arn"),
    ),
    "sso beside our line": (
        f"""
        [profile a]
        {OURS} a
        sts_plugin_role_arn = {ROLE}
        sts_plugin_source_profile = alice
        sso_start_url = https://x.example
        sso_region = eu-west-1
        sso_account_id = 222222222222
        sso_role_name = A
        """,
        ("bypassed", "warning", "a", "sso_account_id stands beside", "own"),
    ),
    "a token file beside our line": (
        f"""
        [profile a]
        {OURS} a
        sts_plugin_role_arn = {ROLE}
        sts_plugin_source_profile = alice
        web_identity_token_file = /token
        """,
        ("bypassed", "warning", "a", "web_identity_token_file stands", "own"),
    ),
    "a role beside another program": (
        f"""
        [profile a]
        credential_process = tool
        role_arn = {ROLE}
        source_profile = alice
        """,
        ("key-shadowed", "warning", "a", "credential_process is never run", "keep"),
    ),
    "keys in the config file beside another program": (
        """
        [profile a]
        credential_process = tool
        aws_access_key_id = AKIAA
        aws_secret_access_key = s
        """,
        ("key-shadowed", "warning", "a", "never used", "keep"),
    ),
    "a slip of the pen": (
        f"[profile a]\nrole_arn = {ROLE}\nsource_profile = alice\nexternalid = x\n",
        ("key-unknown", "warning", "a", "externalid", "external_id"),
    ),
    "a key of ours that is none": (
        "[profile alice]\nsts_plugin_mfa_serials = x\n",
        ("key-unknown", "warning", "alice", "mfa_serials", "sts_plugin_mfa_serial"),
    ),
    "a prefix before what we do not read so": (
        "[profile alice]\nsts_plugin_region = eu-west-1\n",
        ("key-unknown", "warning", "alice", "sts_plugin_region", ""),
    ),
    "a role that is skipped": (
        f"""
        [profile middle]
        aws_access_key_id = AKIAA
        aws_secret_access_key = s
        role_arn = {ROLE}
        source_profile = alice
        [profile a]
        role_arn = {ROLE}
        source_profile = middle
        """,
        ("role-skipped", "warning", "a", "its role is passed over", "two profiles"),
    ),
    "an sso session that does not exist": (
        """
        [profile a]
        sso_session = nobody
        sso_account_id = 222222222222
        sso_role_name = A
        """,
        ("sso-session-missing", "error", "a", '"nobody"', "add [sso-session nobody]"),
    ),
    "no profile in the header": (
        f"[prod]\nrole_arn = {ROLE}\nsource_profile = alice\n",
        ("section-ignored", "warning", "", "[prod]", "[profile prod]"),
    ),
    "two words in a header": (
        "[profile my prod]\nregion = eu-west-1\n",
        ("section-ignored", "warning", "", "[profile my prod]", '[profile "my prod"]'),
    ),
    "default twice": (
        "[default]\nregion = eu-west-1\n[profile default]\nregion = eu-west-2\n",
        ("section-twice", "warning", "default", "only the second", "one of them"),
    ),
    "DEFAULT": (
        "[DEFAULT]\nregion = eu-west-1\n[profile alice]\noutput = json\n",
        ("section-default", "warning", "", "counts in every section", "[default]"),
    ),
    "a role of ours that no SDK gets to": (
        f"""
        [profile a]
        sts_plugin_role_arn = {ROLE}
        sts_plugin_source_profile = alice
        """,
        ("not-for-sdks", "note", "a", "no credential_process", "--profile a"),
    ),
    "a key that does not count": (
        """
        [profile a]
        role_arn = arn:aws:iam::222222222222:role/A
        web_identity_token_file = /token
        external_id = partner
        """,
        ("plan-note", "note", "a", "external_id is not used", ""),
    ),
    "a program that is not there": (
        "[profile a]\ncredential_process = nothing --like it\n",
        ("process-not-found", "error", "a", ": nothing", "install it"),
    ),
    "a relative path": (
        "[profile a]\ncredential_process = bin/tool\n",
        ("process-relative", "warning", "a", "not absolute", "from the root"),
    ),
    "a tilde": (
        "[profile a]\ncredential_process = ~/bin/tool\n",
        ("process-needs-shell", "warning", "a", "for a shell", "absolute path"),
    ),
    "a pipe": (
        "[profile a]\ncredential_process = tool | tool\n",
        ("process-needs-shell", "warning", "a", "for a shell", "sh -c"),
    ),
    "a variable before the program": (
        "[profile a]\ncredential_process = X=secretvalue tool\n",
        ("process-needs-shell", "warning", "a", "for a shell", "sh -c"),
    ),
    "a double quote": (
        '[profile a]\ncredential_process = "tool" x\n',
        ("process-double-quote", "warning", "a", "Go SDKs", "single ones"),
    ),
    "our line for another profile": (
        f"""
        [profile a]
        {OURS} b
        sts_plugin_role_arn = {ROLE}
        sts_plugin_source_profile = alice
        [profile b]
        {OURS} b
        sts_plugin_role_arn = {ROLE}
        sts_plugin_source_profile = alice
        """,
        ("process-other-profile", "error", "a", 'profile "b"', "--profile a"),
    ),
    "our line for no profile": (
        f"""
        [profile a]
        credential_process = sts-plugin credential-process
        sts_plugin_role_arn = {ROLE}
        sts_plugin_source_profile = alice
        """,
        ("process-other-profile", "error", "a", "no profile", "--profile a"),
    ),
    "a wrapper around us for the same profile": (
        """
        [profile a]
        credential_process = tool -c 'sts-plugin credential-process --profile a'
        """,
        ("process-recursion", "error", "a", "(a -> a)", "another profile"),
    ),
    "the AWS CLI for the same profile": (
        """
        [profile a]
        credential_process = tool aws configure export-credentials --profile a
        """,
        ("process-recursion", "error", "a", "(a -> a)", "another profile"),
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_mistake_is_found_and_nothing_beside_it(look, name):
    config, (check, level, profile, what, fix) = WRONG[name]
    found = [one for one in look(config) if one.check == check]
    one = found[0]
    assert (one.level, one.profile) == (level, profile)
    assert what in one.what
    assert fix in one.fix
    # What else is told is the same mistake, seen from the other end.
    others = {"a loop": {"profile-broken"}}.get(name, set())
    assert {other.check for other in look(config)} - {check} <= others
    assert os.sep in one.where


def test_a_value_of_a_command_is_never_told(look):
    config = """
        [profile a]
        credential_process = X=canary1 tool
        [profile b]
        credential_process = canary2=$(x)
        [profile c]
        credential_process = "tool canary3
        [profile d]
        credential_process = pass=canary4; tool --token canary5
        [profile e]
        credential_process = pass%canary6 --token canary7
    """
    found = look(config)
    assert len({one.profile for one in found}) == 5
    assert "canary" not in repr(found)


def test_static_keys_in_the_credentials_file_bypass_us(look):
    config = f"""
        [profile alice]
        {OURS} alice
        sts_plugin_role_arn = {ROLE}
        sts_plugin_source_profile = alice
    """
    (found,) = look(config)
    assert (found.check, found.profile) == ("bypassed", "alice")
    assert found.where.endswith("credentials:3")


def test_a_key_with_two_values_is_told_and_one_with_the_same_is_not(look):
    config = "[profile alice]\nregion = eu-west-1\noutput = json\n"
    credentials = ALICE + "    region = eu-west-2\n    output = json\n"
    (found,) = look(config, credentials)
    assert (found.check, found.profile) == ("key-in-both-files", "alice")
    assert found.where.endswith("config:2")
    assert "credentials:5" in found.fix


def test_a_profile_prefix_in_the_credentials_file_is_told(look):
    credentials = "[profile a]\naws_access_key_id = A\naws_secret_access_key = s\n"
    (found,) = look("", credentials)
    assert (found.check, found.fix) == ("credentials-header", "write [a]")


def test_a_profile_that_is_exported_may_lead_a_command_back(look):
    config = """
        [profile a]
        credential_process = tool -c 'sts-plugin credential-process'
        [profile b]
        credential_process = tool -c 'AWS_PROFILE=c sts-plugin credential-process'
        [profile c]
        credential_process = tool aws configure export-credentials --profile b
        [profile into-it]
        credential_process = tool aws configure export-credentials --profile b
    """
    assert look(config, "", {"AWS_PROFILE": "x"}) != []  # b and c, at any rate
    found = look(config, "", {"AWS_PROFILE": "a"})
    assert [(one.check, one.profile) for one in found] == [
        ("process-recursion", name) for name in "abc"
    ]
    assert "b -> c -> b" in found[1].what


def test_one_cause_of_many_profiles_has_one_text(look):
    text = "[profile base]\nrole_arn =\nsource_profile = alice\n" + "".join(
        f"[profile p{n}]\nrole_arn = {ROLE}\nsource_profile = base\n" for n in range(3)
    )
    found = look(textwrap.dedent(text))
    assert len(found) == 4
    assert len({one.what for one in found if one.profile != "base"}) == 1
    assert {one.where.rpartition(":")[2] for one in found} == {"2"}


NAMES = st.sampled_from(["a", "b", "c", "default", "nobody", ""])
VALUES = st.one_of(
    NAMES,
    st.sampled_from(
        [
            ROLE,
            "tool",
            "AKIAX",
            "yes",
            "'",
            '"',
            "\\",
            "sh -c 'sh -c \"aws configure export-credentials --profile b\"'",
            "sh -c 'sts-plugin credential-process'",
            "env AWS_PROFILE=c aws configure export-credentials",
            f"{OURS.partition(' = ')[2]} a",
            f"{OURS.partition(' = ')[2]} b",
            "sts-plugin credential-process --profile",
        ]
    ),
    st.text(max_size=12),
)
KEYS = st.sampled_from(
    [
        "aws_access_key_id",
        "aws_secret_access_key",
        "credential_process",
        "credential_source",
        "include_profile",
        "login_session",
        "mfa_process",
        "mfa_serial",
        "region",
        "role_arn",
        "rolearn",
        "source_profile",
        "sso_account_id",
        "sso_session",
        "sts_plugin_keychain",
        "sts_plugin_role_arn",
        "sts_plugin_source_profile",
        "sts_plugin_x",
        "web_identity_token_file",
    ]
)
HEADERS = st.one_of(
    NAMES.map("profile {}".format),
    st.sampled_from(["default", "a", "DEFAULT", "plugins", 'profile "a b"', "profile"]),
)
SECTIONS = st.dictionaries(
    HEADERS, st.dictionaries(KEYS, VALUES, max_size=6), max_size=5
)


@settings(
    max_examples=300,
    deadline=None,
    database=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(config=SECTIONS, credentials=SECTIONS, exported=NAMES)
def test_whatever_the_files_say_the_doctor_comes_to_an_end(
    look, config, credentials, exported
):
    def text(sections):
        return "".join(
            f"[{header}]\n"
            + "".join(
                f"{key} = {' '.join(value.split())}\n" for key, value in of.items()
            )
            for header, of in sections.items()
        )

    try:
        found = look(text(config), text(credentials), {"AWS_PROFILE": exported})
    except ConfigurationError as error:  # a file that nobody can read
        assert "cannot be parsed" in error.message  # noqa: PT017 - or it is a defect
        return
    for one in in_order(found):
        assert one.what
        assert "\n" not in one.what + one.fix
