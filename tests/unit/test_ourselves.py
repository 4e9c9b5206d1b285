from __future__ import annotations

import pytest

from sts_plugin.errors import ConfigurationError
from sts_plugin.ourselves import named_profile, own_target, without_us

KEYS = "aws_access_key_id = A\naws_secret_access_key = s\n"
OURS = [
    ("sts-plugin credential-process --profile b", "b"),
    ("sts-plugin credential-process --profile=b", "b"),
    ('sts-plugin credential-process --profile "my profile"', "my profile"),
    ('"/opt/my tools/sts-plugin" credential-process --profile b', "b"),
    ("sts-plugin.exe credential-process --profile b", "b"),
    ("/usr/bin/python3 -I -m sts_plugin credential-process --profile b", "b"),
    ("sts-plugin credential-process --profile a --profile=b", "b"),
]
FOREIGN = [
    "other-tool credential-process --profile b",
    "sts-plugin-helper credential-process --profile b",
    "/opt/sts-plugin/helper credential-process --profile b",
    "sts-plugin explain --profile b",
    "sh -c 'sts-plugin credential-process --profile b'",
    "python -m other credential-process --profile b",
]


def with_process(aws, command, text=""):
    return aws(f"[profile p]\n{text}credential_process = {command}\n")["p"]


@pytest.mark.parametrize(("command", "name"), OURS)
def test_our_own_command_line_is_told_and_whom_it_names(aws, command, name):
    profile = with_process(aws, command)
    process = own_target(profile)
    assert process.value == command
    assert named_profile(profile, process) == name


@pytest.mark.parametrize("command", FOREIGN)
def test_another_command_line_is_not_ours(aws, command):
    profile = with_process(aws, command)
    assert own_target(profile) is None
    assert without_us(profile) is profile


@pytest.mark.parametrize(
    ("text", "ours"),
    [
        (KEYS, True),  # botocore runs the process before it looks at these
        ("sso_account_id = 1\n", False),
        ("login_session = x\n", False),
        ("region = r\n", True),
    ],
)
def test_it_counts_only_where_the_credentials_would_come_from_it(aws, text, ours):
    profile = with_process(aws, OURS[0][0], text)
    assert (own_target(profile) is not None) is ours


def test_keys_in_the_credentials_file_come_before_it(aws):
    config = f"[profile p]\ncredential_process = {OURS[0][0]}\n"
    assert own_target(aws(config, f"[p]\n{KEYS}")["p"]) is None


def test_a_profile_without_our_process_keeps_all_else(aws):
    profile = with_process(aws, OURS[0][0], f"region = r\n{KEYS}")
    less = without_us(profile)
    assert less.plain("credential_process") is None
    assert less.settings().keys() == profile.settings().keys() - {"credential_process"}


def test_an_inherited_process_of_ours_is_left_out_too(aws):
    profiles = aws(
        "[profile p]\ninclude_profile = common\n"
        f"[profile common]\ncredential_process = {OURS[0][0]}\nregion = r\n"
    )
    assert own_target(profiles["p"])
    assert without_us(profiles["p"]).plain("credential_process") is None


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ("", "without saying for which profile"),
        ("--profile", "without saying for which profile"),
        ("--profile=", "without saying for which profile"),
        ("--profile p", "for the same profile"),
    ],
)
def test_a_command_line_that_leads_nowhere_is_told(aws, options, words):
    profile = with_process(aws, f"sts-plugin credential-process {options}")
    with pytest.raises(ConfigurationError) as caught:
        named_profile(profile, own_target(profile))
    assert caught.value.message.startswith(f"{aws.config}:2: credential_process of")
    assert words in caught.value.message
    assert caught.value.hint


def test_a_command_line_that_cannot_be_split_is_told(aws):
    profile = with_process(aws, "sts-plugin 'credential-process")
    with pytest.raises(ConfigurationError, match="cannot be split into words"):
        own_target(profile)
