from __future__ import annotations

import pytest

from sts_plugin import errors

TREE = {
    "NothingHere": ("StsPluginError", 3),
    "ConfigurationError": ("StsPluginError", 3),
    "HumanNeeded": ("StsPluginError", 4),
    "CannotAsk": ("HumanNeeded", 4),
    "Declined": ("HumanNeeded", 4),
    "NoAnswer": ("HumanNeeded", 4),
    "Refused": ("StsPluginError", 5),
    "CodeRefused": ("Refused", 5),
    "CallerRejected": ("Refused", 5),
    "DurationRefused": ("Refused", 5),
    "Unreachable": ("StsPluginError", 6),
    "Throttled": ("Unreachable", 6),
    "Busy": ("StsPluginError", 7),
    "CacheUnusable": ("StsPluginError", 1),
}
EXTRA = {"Refused": {"code": "X"}, "Unreachable": {"sent": True}}


def make(name, message, **options):
    kind = getattr(errors, name)
    for root, extra in EXTRA.items():
        if issubclass(kind, getattr(errors, root)):
            options |= extra
    return kind(message, **options)


def test_the_tree_is_complete_and_each_module_name_is_public():
    assert sorted([*TREE, "StsPluginError"]) == errors.__all__


@pytest.mark.parametrize(("name", "place"), TREE.items())
def test_each_error_has_its_parent_and_its_exit_code(name, place):
    error = make(name, "text")
    assert (type(error).__base__.__name__, error.exit_code) == place


@pytest.mark.parametrize("name", TREE)
def test_message_and_hint_are_folded_to_one_line(name):
    error = make(name, "one\n two\t\r\nthree ", hint="mend\nit")
    assert error.message == str(error) == "one two three"
    assert error.hint == "mend it"
    assert error.line == "one two three (mend it)"


def test_an_error_without_a_hint_has_no_empty_brackets():
    assert errors.Busy("held").line == "held"


def test_a_refusal_keeps_the_code_of_sts():
    assert errors.CodeRefused("no", code="AccessDenied").code == "AccessDenied"


@pytest.mark.parametrize("sent", [True, False])
def test_unreachable_says_whether_the_request_may_have_arrived(sent):
    assert errors.Unreachable("no", sent=sent).sent is sent


def test_another_attempt_does_no_better_unless_that_is_said():
    assert errors.Unreachable("no", sent=True).passing is False
    assert errors.Throttled("no", sent=True, passing=True).passing is True


def test_no_answer_is_a_persons_unless_it_is_said_to_be_a_commands():
    assert errors.NoAnswer("silence").person is True
    assert errors.NoAnswer("silence", person=False).person is False
