from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from sts_plugin.skew import skew, words

NOW = datetime(2030, 1, 1, 12, tzinfo=UTC)


def answer(date):
    return {"ResponseMetadata": {"HTTPHeaders": {"date": date}}}


@pytest.mark.parametrize(
    ("date", "off"),
    [
        ("Tue, 01 Jan 2030 12:00:00 GMT", None),
        ("Tue, 01 Jan 2030 12:05:00 GMT", None),
        ("Tue, 01 Jan 2030 12:05:01 GMT", timedelta(seconds=-301)),
        ("Tue, 01 Jan 2030 11:40:00 GMT", timedelta(minutes=20)),
        ("Tue, 01 Jan 2030 11:40:00 -0000", timedelta(minutes=20)),
        ("Tue, 01 Jan 2030 13:40:00 +0200", timedelta(minutes=20)),
    ],
)
def test_the_difference_counts_from_five_minutes_on(date, off):
    assert skew(answer(date), NOW) == off


@pytest.mark.parametrize("date", ["", "yesterday", None, 5, "Tue, 99 Jan 2030"])
def test_a_date_that_is_none_says_nothing(date):
    assert skew(answer(date), NOW) is None


@pytest.mark.parametrize("response", [{}, {"ResponseMetadata": {}}])
def test_an_answer_without_a_date_says_nothing(response):
    assert skew(response, NOW) is None


@pytest.mark.parametrize(
    ("off", "text"),
    [
        (timedelta(minutes=20), "20 minutes ahead of"),
        (timedelta(minutes=-6, seconds=-10), "6 minutes behind"),
        (timedelta(hours=2), "2 h 00 min ahead of"),
        (timedelta(days=-2), "48 h 00 min behind"),
    ],
)
def test_a_difference_in_words(off, text):
    assert words(off) == f"this machine's clock is {text} AWS's"
