from __future__ import annotations

import re

import botocore.loaders
import pytest

from sts_plugin import settings
from sts_plugin.errors import ConfigurationError
from sts_plugin.settings import Settings


@pytest.fixture(scope="module")
def shapes():
    model = botocore.loaders.Loader().load_service_model("sts", "service-2")
    return model["shapes"]


@pytest.mark.parametrize(
    ("limits", "shape"),
    [
        (settings.ROLE_SECONDS, "roleDurationSecondsType"),
        (settings.SESSION_SECONDS, "durationSecondsType"),
    ],
)
def test_durations_are_those_of_the_service_model(shapes, limits, shape):
    assert limits == (shapes[shape]["min"], shapes[shape]["max"])


def test_the_session_asked_for_by_default_is_within_the_limits_of_sts():
    least, most = settings.SESSION_SECONDS
    assert least <= settings.SESSION_SECONDS_DEFAULT <= most


@pytest.mark.parametrize(
    ("pattern", "shape"),
    [
        (settings.EXTERNAL_ID, "externalIdType"),
        (settings.ROLE_SESSION_NAME, "roleSessionNameType"),
        (settings.MFA_SERIAL, "serialNumberType"),
    ],
)
def test_lengths_are_those_of_the_service_model(shapes, pattern, shape):
    least, most = shapes[shape]["min"], shapes[shape]["max"]
    taken = [n for n in range(most + 2) if pattern.fullmatch("a" * n)]
    assert (taken[0], taken[-1]) == (least, most)


@pytest.mark.parametrize(
    ("pattern", "shape"),
    [
        (settings.EXTERNAL_ID, "externalIdType"),
        (settings.ROLE_SESSION_NAME, "roleSessionNameType"),
        (settings.MFA_SERIAL, "serialNumberType"),
    ],
)
def test_characters_are_those_of_the_service_model(shapes, pattern, shape):

    allowed = re.compile(shapes[shape]["pattern"], re.ASCII)
    for character in map(chr, range(0x180)):
        text = "aaaa" + character + "aaaa"
        assert bool(pattern.fullmatch(text)) == bool(allowed.fullmatch(text)), text


@pytest.mark.parametrize(
    ("arn", "good"),
    [
        ("arn:aws:iam::123456789012:role/Name", True),
        ("arn:aws-us-gov:iam::123456789012:role/path/to/Name", True),
        ("arn:aws-cn:iam::123456789012:role/a+=,.@-_b", True),
        ("", False),
        ("Name", False),
        ("arn:aws:iam::12345678901:role/Name", False),
        ("arn:aws:iam::123456789012:user/Name", False),
        ("arn:aws:sts::123456789012:assumed-role/Name/x", False),
        ("arn:aws:iam::123456789012:role/", False),
        ("arn:aws:iam::123456789012:role/Name # comment", False),
        ("arn:aws:iam::123456789012:role/Name\n", False),
        ("arn:aws:iam::\u0661\u0662\u0663456789012:role/Name", False),
    ],
)
def test_a_role_arn_is_told_from_what_is_none(arn, good):
    assert bool(settings.ROLE_ARN.fullmatch(arn)) is good


def test_every_public_name_exists_and_the_list_is_sorted():
    assert all(hasattr(settings, name) for name in settings.__all__)
    numbers = [name for name in settings.__all__ if name.isupper()]
    assert numbers == sorted(numbers)


def test_a_wait_for_the_lock_outlasts_a_prompt_and_a_call():
    call = settings.CONNECT_TIMEOUT_SECONDS + settings.READ_TIMEOUT_SECONDS
    once = settings.PROMPT_SECONDS_DEFAULT + call
    assert once < settings.LOCK_WAIT_SECONDS
    assert call * settings.ATTEMPTS_WITHOUT_CODE < 30


def test_an_empty_environment_gives_the_defaults():
    assert Settings.from_environ({}) == Settings(None, settings.PROMPT_SECONDS_DEFAULT)


def test_the_environment_is_read():
    environ = {"STS_PLUGIN_CACHE_DIR": "/c", "STS_PLUGIN_PROMPT_SECONDS": "2.5"}
    assert Settings.from_environ(environ) == Settings("/c", 2.5)


def test_the_folder_of_the_cache_may_begin_at_home(monkeypatch):
    monkeypatch.setenv("HOME", "/home/me")
    found = Settings.from_environ({"STS_PLUGIN_CACHE_DIR": "~/c"})
    assert found.cache_dir == "/home/me/c"


def test_a_folder_that_depends_on_where_one_stands_is_refused():
    with pytest.raises(ConfigurationError, match="not an absolute path"):
        Settings.from_environ({"STS_PLUGIN_CACHE_DIR": "cache"})


def test_empty_variables_count_as_unset():
    environ = {"STS_PLUGIN_CACHE_DIR": "", "STS_PLUGIN_PROMPT_SECONDS": ""}
    assert Settings.from_environ(environ) == Settings()


@pytest.mark.parametrize("text", ["0", "-1", "3601", "inf", "nan", "soon", "1e9", " "])
def test_a_prompt_time_that_is_no_use_is_refused(text):
    with pytest.raises(ConfigurationError, match="STS_PLUGIN_PROMPT_SECONDS") as caught:
        Settings.from_environ({"STS_PLUGIN_PROMPT_SECONDS": text})
    assert caught.value.hint


@pytest.mark.parametrize("text", ["0.1", "3600", "1e2"])
def test_a_prompt_time_within_an_hour_is_taken(text):
    found = Settings.from_environ({"STS_PLUGIN_PROMPT_SECONDS": text})
    assert found.prompt_seconds == float(text)
