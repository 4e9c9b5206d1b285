from __future__ import annotations

import pytest

from sts_plugin.cache_settings import cache_encryption
from sts_plugin.errors import ConfigurationError
from sts_plugin.model import Origin, Setting
from sts_plugin.profiles import Profile

VARIABLE = "STS_PLUGIN_CACHE_ENCRYPTION"


def profile(name="p", **keys):
    config = {
        key: Setting(key, value, Origin("f", 2), name) for key, value in keys.items()
    }
    return Profile(name, Origin("f", 1), config=config)


def test_where_nobody_says_anything_nothing_is_said():
    assert cache_encryption([profile()], {}) is None
    assert cache_encryption([], {VARIABLE: ""}) is None


@pytest.mark.parametrize("key", ["cache_encryption", "sts_plugin_cache_encryption"])
@pytest.mark.parametrize("value", ["keychain", "none"])
def test_the_first_profile_that_says_something_speaks(key, value):
    speakers = [
        profile("one"),
        profile("two", **{key: value}),
        profile("three", cache_encryption="keychain"),
    ]
    said = cache_encryption(speakers, {})
    assert (said.key, said.value, said.profile) == (key, value, "two")


def test_the_environment_wins_and_says_so():
    said = cache_encryption([profile(cache_encryption="none")], {VARIABLE: "keychain"})
    assert (said.key, said.value, str(said.origin)) == (
        VARIABLE,
        "keychain",
        "environment",
    )


@pytest.mark.parametrize("value", ["Keychain", "yes", "aes", "", " none"])
def test_anything_else_is_an_error_that_names_its_place(value):
    with pytest.raises(ConfigurationError, match="is not known") as caught:
        cache_encryption([profile(sts_plugin_cache_encryption=value)], {})
    assert caught.value.message.startswith("f:2: sts_plugin_cache_encryption")
    assert 'of profile "p"' in caught.value.message
    assert caught.value.hint == "use keychain or none"


def test_a_wrong_variable_is_an_error_that_names_it():
    with pytest.raises(ConfigurationError, match=f"environment: {VARIABLE} = on"):
        cache_encryption([], {VARIABLE: "on"})
