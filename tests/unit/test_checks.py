from __future__ import annotations

import pytest

from sts_plugin import settings
from sts_plugin.checks import checked, seconds
from sts_plugin.errors import ConfigurationError

GOOD = {
    "role_arn": "arn:aws:iam::111111111111:role/R",
    "mfa_serial": "arn:aws:iam::111111111111:mfa/alice",
    "external_id": "x:/y",
    "role_session_name": "me@example.com",
}


@pytest.fixture
def profile(aws):
    return lambda text: aws(f"[profile p]\n\n{text}\n")["p"]


@pytest.mark.parametrize(("key", "value"), GOOD.items())
@pytest.mark.parametrize("prefix", ["", "sts_plugin_"])
def test_a_good_value_is_returned_with_its_place(profile, key, value, prefix):
    setting = checked(profile(f"{prefix}{key} = {value}"), key)
    assert (setting.key, setting.value) == (prefix + key, value)
    assert setting.origin.line == 3


@pytest.mark.parametrize("key", GOOD)
def test_a_key_that_is_not_there_is_none(profile, key):
    assert checked(profile("region = r"), key) is None


@pytest.mark.parametrize("key", GOOD)
@pytest.mark.parametrize("prefix", ["", "sts_plugin_"])
@pytest.mark.parametrize("value", ["", "a b", "ä" * 9, '"quoted-value"', "value-x # c"])
def test_a_bad_value_is_told_with_file_line_key_and_profile(
    aws, profile, key, prefix, value
):
    with pytest.raises(ConfigurationError) as caught:
        checked(profile(f"{prefix}{key} = {value}"), key)
    message = caught.value.message
    assert message.startswith(f"{aws.config}:3: {prefix}{key} ")
    assert value in message
    assert 'profile "p"' in message
    assert caught.value.hint


@pytest.mark.parametrize(
    ("text", "given"),
    [("900", 900), ("43200", 43_200), ("3_600", 3600), (" 3600 ", 3600), ("+900", 900)],
)
def test_seconds_are_read_as_botocore_reads_them(profile, text, given):
    assert int(text) == given
    found = seconds(
        profile(f"duration_seconds = {text}"), "duration_seconds", settings.ROLE_SECONDS
    )
    assert found == given


def test_seconds_that_are_not_there_are_none(profile):
    assert seconds(profile(""), "duration_seconds", (900, 3600)) is None


@pytest.mark.parametrize(
    "text", ["899", "3601", "-900", "0", "", "soon", "900.0", "9e2", "900s", "1 h"]
)
def test_seconds_out_of_range_or_no_number_are_told_with_the_limits(aws, profile, text):
    with pytest.raises(ConfigurationError) as caught:
        seconds(profile(f"duration_seconds = {text}"), "duration_seconds", (900, 3600))
    assert caught.value.message.startswith(f"{aws.config}:3: duration_seconds = {text}")
    assert "from 900 to 3600" in caught.value.message
