from __future__ import annotations

import pytest

from sts_plugin.errors import ConfigurationError
from sts_plugin.mfa_settings import codes_of, first, session_duration
from sts_plugin.model import MFA_WAYS, Origin, Setting
from sts_plugin.profiles import Profile

PROCESS = {"mfa_process": "totp alice"}
FILE = {"sts_plugin_totp_file": "/seed"}
NO_COMMAND = tuple(way for way in MFA_WAYS if way != "command")


def profile(name="p", **keys):
    """A profile with these keys, each in a line of its own."""
    config = {
        key.removeprefix("sts_plugin_"): Setting(key, value, Origin("f", line), name)
        for line, (key, value) in enumerate(keys.items(), start=2)
    }
    return Profile(name, Origin("f", 1), config=config)


def codes(*speakers, **environ):
    return codes_of(speakers, environ)


# --- Which key speaks ---


def test_the_first_profile_that_has_a_key_speaks():
    one, two = profile("one", a="1"), profile("two", a="2", b="3")
    assert first([one, two], "a").value == "1"
    assert first([one, two], "b").value == "3"
    assert first([one, two], "c") is None
    assert first([], "a") is None


# --- Where codes come from ---


def test_where_nobody_says_anything_everything_but_a_command_is_tried():
    found = codes(profile())
    assert (found.process, found.totp_file, found.prompt) == (None, None, None)
    assert found.ways == NO_COMMAND == ("totp", "terminal", "dialog", "pinentry")
    assert codes() == found


def test_a_command_is_tried_first():
    found = codes(profile(**PROCESS))
    assert found.process.value == "totp alice"
    assert found.totp_file is None
    assert found.ways == MFA_WAYS


def test_a_file_is_tried_before_anybody_is_asked():
    found = codes(profile(**FILE))
    assert found.totp_file.value == "/seed"
    assert found.process is None
    assert found.ways == NO_COMMAND


def test_the_first_profile_that_names_a_source_speaks():
    found = codes(profile("one"), profile("two", **FILE), profile("three", **PROCESS))
    assert (found.process, found.totp_file.profile) == (None, "two")
    assert found.ways == NO_COMMAND


def test_a_profile_with_both_sources_must_say_in_which_order():
    both = {**PROCESS, **FILE}
    with pytest.raises(ConfigurationError, match='"p" has both mfa_process') as caught:
        codes(profile(**both))
    assert "(f:2)" in caught.value.message
    assert "sts_plugin_totp_file (f:3)" in caught.value.message
    assert "mfa_prompt" in caught.value.hint
    found = codes(profile(**both, mfa_prompt="totp, command"))
    assert found.process
    assert found.totp_file
    assert found.ways == ("totp", "command")


def test_the_order_of_another_profile_or_of_the_environment_settles_it_too():
    both = profile("two", **PROCESS, **FILE)
    assert codes(profile("one", mfa_prompt="command"), both).ways == ("command",)
    assert codes(both, STS_PLUGIN_MFA_PROMPT="totp").ways == ("totp",)


def test_a_later_profile_with_both_does_no_harm():
    both = profile("two", **PROCESS, **FILE)
    assert codes(profile("one", **FILE), both).process is None


# --- In what order ---


def test_the_order_that_a_profile_asks_for_is_the_whole_of_it():
    found = codes(profile(mfa_prompt="pinentry,terminal"), profile("q", **PROCESS))
    assert found.ways == ("pinentry", "terminal")
    assert found.prompt.value == "pinentry,terminal"
    assert found.process  # told by explain, though it is not asked


def test_the_environment_wins_and_says_so():
    found = codes(profile(mfa_prompt="dialog"), STS_PLUGIN_MFA_PROMPT="terminal")
    assert found.ways == ("terminal",)
    assert found.prompt.key == "STS_PLUGIN_MFA_PROMPT"
    assert str(found.prompt.origin) == "environment"
    assert found.prompt.owner == ""


def test_an_empty_variable_counts_as_unset():
    found = codes(profile(mfa_prompt="dialog"), STS_PLUGIN_MFA_PROMPT="")
    assert found.ways == ("dialog",)


@pytest.mark.parametrize(
    ("speakers", "environ", "place"),
    [
        ([profile(mfa_prompt="email")], {}, "f:2: mfa_prompt"),
        ([], {"STS_PLUGIN_MFA_PROMPT": "email"}, "environment: STS_PLUGIN_MFA_PROMPT"),
    ],
    ids=["profile", "environment"],
)
def test_a_way_that_there_is_not_is_told_with_its_place(speakers, environ, place):
    with pytest.raises(ConfigurationError, match="names email, which is no") as caught:
        codes_of(speakers, environ)
    assert place in caught.value.message
    assert all(way in caught.value.hint for way in MFA_WAYS)


# --- For how long ---


def test_the_environment_says_how_long_a_session_lasts_else_the_first_profile():
    speakers = [
        profile("one"),
        profile("two", session_duration_seconds="900"),
        profile("three", session_duration_seconds="1800"),
    ]
    assert session_duration(speakers, {}).value == "900"
    environ = {"STS_PLUGIN_SESSION_DURATION_SECONDS": "3600"}
    found = session_duration(speakers, environ)
    assert (found.value, str(found.origin)) == ("3600", "environment")
    assert session_duration(speakers, dict.fromkeys(environ, "")).value == "900"
    assert session_duration(speakers[:1], {}) is None
