from __future__ import annotations

import botocore.loaders
import pytest

from sts_plugin import settings
from sts_plugin.errors import ConfigurationError
from sts_plugin.settings import Settings


@pytest.fixture(scope="module")
def shapes():
    model = botocore.loaders.Loader().load_service_model("sts", "service-2")
    return model["shapes"]


def limits(shapes, shape):
    return shapes[shape]["min"], shapes[shape]["max"]


def test_the_life_of_a_role_is_that_of_the_service_model(shapes):
    assert limits(shapes, "roleDurationSecondsType") == settings.ROLE_SECONDS


def test_the_session_asked_for_by_default_is_within_the_limits_of_sts(shapes):
    least, most = limits(shapes, "durationSecondsType")
    assert least <= settings.SESSION_SECONDS_DEFAULT <= most


def test_what_is_tried_for_a_role_that_allows_less_goes_down_within_its_limits():
    tried = settings.LOWER_ROLE_SECONDS
    least, most = settings.ROLE_SECONDS
    assert list(tried) == sorted(set(tried), reverse=True)
    assert all(least <= seconds < most for seconds in tried)
    assert tried[-1] == 3600  # the least maximum that a role can have


def test_every_public_name_exists_and_the_list_is_sorted():
    assert all(hasattr(settings, name) for name in settings.__all__)
    numbers = [name for name in settings.__all__ if name.isupper()]
    assert numbers == sorted(numbers)


def test_a_wait_for_the_lock_outlasts_a_prompt_and_a_call():
    call = settings.CONNECT_TIMEOUT_SECONDS + settings.READ_TIMEOUT_SECONDS
    once = settings.PROMPT_SECONDS_DEFAULT + call
    assert once < settings.LOCK_WAIT_SECONDS
    assert settings.RUN_SECONDS_MAX < 25  # bar R31: and the process has to start


def test_a_wait_for_the_lock_outlasts_three_prompts_and_their_calls():
    call = settings.CONNECT_TIMEOUT_SECONDS + settings.READ_TIMEOUT_SECONDS
    others = settings.ANOTHER_PROMPT_SECONDS * (settings.CODE_ATTEMPTS - 1)
    calls = call * settings.CODE_ATTEMPTS
    for prompt in (1.0, settings.PROMPT_SECONDS_DEFAULT, 600.0):
        waits = Settings(prompt_seconds=prompt).lock_wait_seconds
        assert prompt + others + calls <= waits


def test_a_wait_for_the_lock_is_as_much_longer_as_the_prompt_is():
    assert Settings().lock_wait_seconds == settings.LOCK_WAIT_SECONDS
    longer = Settings(prompt_seconds=settings.PROMPT_SECONDS_DEFAULT + 100)
    assert longer.lock_wait_seconds == settings.LOCK_WAIT_SECONDS + 100
    assert Settings(prompt_seconds=1).lock_wait_seconds == settings.LOCK_WAIT_SECONDS


def test_a_prompt_and_a_command_end_before_the_minute_of_the_go_sdks():
    assert settings.PROMPT_SECONDS_DEFAULT < 60
    assert settings.COMMAND_TIMEOUT_SECONDS < settings.PROMPT_SECONDS_DEFAULT


def test_a_wait_for_the_lock_outlasts_a_sign_in_in_a_browser_and_a_call():
    call = settings.CONNECT_TIMEOUT_SECONDS + settings.READ_TIMEOUT_SECONDS
    assert settings.PROOF_COMMAND_SECONDS + call < settings.LOCK_WAIT_SECONDS


def test_an_empty_environment_gives_the_defaults():
    assert Settings.from_environ({}) == Settings(
        None, settings.PROMPT_SECONDS_DEFAULT, settings.QUIET_SECONDS_DEFAULT
    )


def test_the_environment_is_read():
    environ = {
        "STS_PLUGIN_CACHE_DIR": "/c",
        "STS_PLUGIN_PROMPT_SECONDS": "2.5",
        "STS_PLUGIN_QUIET_SECONDS": "7",
    }
    assert Settings.from_environ(environ) == Settings("/c", 2.5, 7)


def test_the_folder_of_the_cache_may_begin_at_home(monkeypatch):
    monkeypatch.setenv("HOME", "/home/me")
    found = Settings.from_environ({"STS_PLUGIN_CACHE_DIR": "~/c"})
    assert found.cache_dir == "/home/me/c"


def test_a_folder_that_depends_on_where_one_stands_is_refused():
    with pytest.raises(ConfigurationError, match="not an absolute path"):
        Settings.from_environ({"STS_PLUGIN_CACHE_DIR": "cache"})


def test_empty_variables_count_as_unset():
    names = ("CACHE_DIR", "PROMPT_SECONDS", "QUIET_SECONDS")
    environ = {f"STS_PLUGIN_{name}": "" for name in names}
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


@pytest.mark.parametrize("text", ["-1", "86401", "inf", "nan", "soon", " "])
def test_a_time_of_quiet_that_is_no_use_is_refused(text):
    with pytest.raises(ConfigurationError, match="STS_PLUGIN_QUIET_SECONDS") as caught:
        Settings.from_environ({"STS_PLUGIN_QUIET_SECONDS": text})
    assert "from 0 to 86400" in caught.value.hint


@pytest.mark.parametrize("text", ["0", "0.5", "86400"])
def test_a_time_of_quiet_within_a_day_is_taken_and_none_as_well(text):
    found = Settings.from_environ({"STS_PLUGIN_QUIET_SECONDS": text})
    assert found.quiet_seconds == float(text)
