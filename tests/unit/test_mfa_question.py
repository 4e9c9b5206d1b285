from __future__ import annotations

import time
from dataclasses import replace

import pytest

from sts_plugin.mfa import Question, printable

DEVICE = "arn:aws:iam::111111111111:mfa/alice"
QUESTION = Question("prod-admin", DEVICE, 100.0)


def test_a_question_tells_for_whom_and_for_which_account():
    assert QUESTION.purpose == "Profile prod-admin"
    account = replace(QUESTION, account="333333333333")
    assert account.purpose == "Profile prod-admin, account 333333333333"


def test_a_question_tells_what_was_wrong_with_the_answer_before():
    assert QUESTION.trouble == ""
    assert QUESTION.heading == QUESTION.purpose == "Profile prod-admin"
    again = replace(QUESTION, reason="that was not six digits")
    assert again.trouble == "That was not six digits."
    assert again.heading == "Profile prod-admin. That was not six digits."
    assert replace(QUESTION, reason="AWS refused it").trouble == "AWS refused it."


def test_a_question_tells_what_is_wanted():
    assert QUESTION.request == f"MFA code of {DEVICE}"


def test_what_is_left_for_an_answer_ends_at_nothing(mocker):
    mocker.patch("time.monotonic", return_value=58.0)
    assert QUESTION.seconds_left == 42.0
    mocker.patch("time.monotonic", return_value=100.5)
    assert QUESTION.seconds_left == 0.0


def test_time_passes():
    now = time.monotonic()
    question = replace(QUESTION, deadline=now + 3600)
    assert 0 < question.seconds_left <= 3600


ODD = [
    "\x1b[2J",
    "a\r\nb",
    "\x07",
    "\x9b31m",
    "\x00",
    "\u202egpj.exe",
    "\u200b",
    "\x7f",
    "\udcff",
    "\u2028",
    "\t",
]


@pytest.mark.parametrize("odd", ODD, ids=ascii)
def test_nothing_that_moves_a_cursor_is_in_what_is_shown(odd):
    question = Question(odd, odd, 0.0, account=odd, reason=odd)
    for text in (
        question.purpose,
        question.trouble,
        question.heading,
        question.request,
        printable(odd),
    ):
        assert text.isprintable()
        assert "?" in text
        assert len(text.splitlines()) == 1


@pytest.mark.parametrize("text", ["", " ", "abc", "\u00e4\u00f6\u00fc \u4f60", "a b"])
def test_what_is_printable_stays(text):
    assert printable(text) == text


def test_a_question_is_a_value():
    assert Question("prod-admin", DEVICE, 100.0, "", "") == QUESTION
    assert not hasattr(QUESTION, "__dict__")
