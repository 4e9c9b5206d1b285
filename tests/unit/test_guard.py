from __future__ import annotations

import json

import pytest

from sts_plugin.errors import ConfigurationError
from sts_plugin.guard import GUARD_VARIABLE, guarded
from sts_plugin.model import Origin

HERE = Origin("/config", 7)


def above(*names):
    return {GUARD_VARIABLE: json.dumps(names)}


def inside(profile, environ):
    """The profiles that the command of a profile is told to run for."""
    found = guarded(profile, "credential_process", HERE, environ)
    assert found.keys() == {GUARD_VARIABLE}
    return json.loads(found[GUARD_VARIABLE])


def test_a_command_is_told_for_which_profiles_it_runs():
    assert inside("p", {}) == ["p"]
    assert inside("p", above("a", "b")) == ["a", "b", "p"]


@pytest.mark.parametrize("name", ["p", "my profile", "a,b", "ä", "p->p", '"', ""])
def test_a_command_that_leads_back_to_its_profile_is_told_with_the_way(name):
    with pytest.raises(ConfigurationError) as caught:
        guarded(name, "saml_process", HERE, above("x", name, "y"))
    message = caught.value.message
    assert message.startswith(f'/config:7: the saml_process of profile "{name}" leads')
    assert " ".join(f"x -> {name} -> y -> {name}".split()) in message
    assert caught.value.hint


@pytest.mark.parametrize("other", ["pp", "P", "p ", "q"])
def test_a_command_of_another_profile_is_no_loop(other):
    assert inside("p", above(other)) == [other, "p"]


@pytest.mark.parametrize(
    "text", ["", "x", "[", "5", "null", "{", "[" * 100_000, "1" * 5000]
)
def test_what_nobody_of_us_wrote_is_passed_over(text):
    assert inside("p", {GUARD_VARIABLE: text}) == ["p"]


@pytest.mark.parametrize("text", ["[1, null]", "[[]]", '{"q": 1}', '"q"'])
def test_what_looks_like_ours_never_crashes(text):
    assert inside("p", {GUARD_VARIABLE: text})[-1] == "p"


def test_the_environment_is_left_as_it_was():
    environ = above("a")
    guarded("p", "credential_process", HERE, environ)
    assert environ == above("a")
