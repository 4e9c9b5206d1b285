from __future__ import annotations

import json
from dataclasses import replace

import pytest

from sts_plugin.ledger import NO_ANSWER, Failure, Ledger

FAILURE = Failure(
    number="0123456789abcdef",
    at=1_900_000_000.25,
    kind="refused",
    message="AWS refused it",
    hint="mend it",
    code="AccessDenied",
    scope="digest",
)
LEDGER = Ledger({"a": 10.0, "b": 20.5}, FAILURE, {"": 5.5, "s": 6.5})


def read(data):
    """Read a ledger from what JSON makes of it."""
    return Ledger.from_json(json.loads(json.dumps(data)))


@pytest.mark.parametrize(
    "ledger",
    [Ledger(), LEDGER, Ledger({"a": 1.0}), Ledger(failure=Failure("1", 0.0, "k", "m"))],
    ids=["empty", "full", "codes", "failure"],
)
def test_what_is_written_is_read(ledger):
    assert read(ledger.to_json()) == ledger


def test_a_new_ledger_remembers_nothing():
    assert Ledger() == Ledger({}, None, {})


def test_codes_come_and_go_and_the_failure_stays():
    more = LEDGER.with_code("c", 30.0)
    assert more == replace(LEDGER, codes={"a": 10.0, "b": 20.5, "c": 30.0})
    assert more.without_code("b").codes == {"a": 10.0, "c": 30.0}
    assert more.without_code("b").failure == FAILURE
    assert more.without_code("b").unanswered == LEDGER.unanswered
    assert LEDGER.codes == {"a": 10.0, "b": 20.5}  # a value does not change


def test_a_code_that_is_used_again_has_its_new_time():
    assert LEDGER.with_code("a", 30.0).codes == {"a": 30.0, "b": 20.5}


def test_a_code_that_is_not_there_can_be_taken_out():
    assert LEDGER.without_code("x") == LEDGER


@pytest.mark.parametrize(
    ("moment", "until", "kept"),
    [
        (0, 100, {"a", "b"}),
        (10, 100, {"b"}),
        (9.9, 20.5, {"a"}),
        (9.9, 20.6, {"a", "b"}),
        (21, 100, set()),
    ],
)
def test_only_codes_of_the_time_between_are_kept(moment, until, kept):
    found = LEDGER.since(moment, until)
    assert found.codes.keys() == kept
    assert (found.failure, found.unanswered) == (FAILURE, LEDGER.unanswered)


def test_a_failure_takes_the_place_of_the_one_before_and_the_rest_stays():
    failure = Failure("2", 7.5, "refused", "no", scope="t")
    found = LEDGER.with_failure(failure)
    assert found == replace(LEDGER, failure=failure)


def test_of_an_error_as_long_as_a_page_the_beginning_is_kept():
    # A ledger that is longer than any file of ours is not read.
    text = "".join(map(str, range(20_000)))
    failure = replace(FAILURE, message=text, hint=text, code=text)
    kept = LEDGER.with_failure(failure).failure
    for found in (kept.message, kept.hint, kept.code):
        assert text.startswith(found)
        assert 1000 <= len(found) <= 2000
    assert replace(kept, message="", hint="", code="") == replace(
        failure, message="", hint="", code=""
    )


def test_without_a_failure_all_is_well_and_codes_stay():
    assert LEDGER.with_failure(None) == Ledger(LEDGER.codes)


@pytest.mark.parametrize(
    ("scope", "unanswered"),
    [
        ("", {"": 7.5, "s": 6.5}),
        ("s", {"": 5.5, "s": 7.5}),
        ("t", {"": 5.5, "s": 6.5, "t": 7.5}),
    ],
)
def test_that_nobody_answered_outlives_other_failures(scope, unanswered):
    # A loop that fails in turn of two things must not ask after every second of them.
    silent = Failure("2", 7.5, NO_ANSWER, "nobody typed it", scope=scope)
    found = LEDGER.with_failure(silent)
    assert (found.failure, found.unanswered) == (silent, unanswered)
    assert found.codes == LEDGER.codes
    found = found.with_failure(Failure("3", 8.5, "refused", "no", scope="u"))
    assert found.unanswered == unanswered
    assert LEDGER.unanswered == {"": 5.5, "s": 6.5}


def test_whoever_says_no_is_there():
    found = LEDGER.with_failure(Failure("2", 7.5, "declined", "no"))
    assert found.unanswered == {"s": 6.5}


@pytest.mark.parametrize("data", [None, 1, "x", [], True, [["codes", {}]], 1.5])
def test_what_is_no_object_is_an_empty_ledger(data):
    assert read(data) == Ledger()


@pytest.mark.parametrize("codes", [None, [], "x", 1, {"a": "1"}, {"a": 1}, {"a": None}])
def test_moments_that_are_none_are_left_out_and_the_failure_is_kept(codes):
    data = LEDGER.to_json() | {"codes": codes, "unanswered": codes}
    assert read(data) == Ledger(failure=FAILURE)


def test_sound_codes_beside_damaged_ones_are_kept():
    damaged = {"a": 1.5, "b": "x", "c": [1.5], "d": True}
    assert read({"codes": damaged}) == Ledger({"a": 1.5})
    assert read({"unanswered": damaged}) == Ledger(unanswered={"a": 1.5})


WRONG = [None, 1, [], {}, True]


@pytest.mark.parametrize(
    "change",
    [
        {name: value}
        for name in ("number", "kind", "message", "hint", "code", "scope")
        for value in WRONG
    ]
    + [{"at": value} for value in (*WRONG, "1.5", float("nan"), float("inf"))]
    + [{"secret": "x"}],
    ids=repr,
)
def test_a_failure_that_is_damaged_or_of_a_later_version_is_none(change):
    data = LEDGER.to_json()
    data["failure"] |= change
    assert read(data) == replace(LEDGER, failure=None)


@pytest.mark.parametrize("name", ["number", "at", "kind", "message", "hint", "scope"])
def test_a_failure_that_lacks_a_field_is_none(name):
    data = LEDGER.to_json()
    del data["failure"][name]
    assert read(data).failure is None


@pytest.mark.parametrize("failure", [None, 1, "x", [], {}, [FAILURE.number]])
def test_what_is_no_failure_is_none_and_the_codes_are_kept(failure):
    assert read({"codes": {"a": 1.5}, "failure": failure}) == Ledger({"a": 1.5})


def test_bytes_that_are_no_text_survive_in_a_message():
    ledger = Ledger(failure=replace(FAILURE, message="/home/\udcff/\x1b[2J"))
    assert read(ledger.to_json()) == ledger
