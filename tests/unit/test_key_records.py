from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone

import pytest

from sts_plugin.key_records import (
    KEY_ID,
    NAME,
    KeyRecord,
    Rotating,
    file_name,
    from_item,
    item_name,
    to_item,
)
from sts_plugin.model import Credentials, Secret

NOW = datetime(2026, 3, 1, 12, 30, tzinfo=UTC)
ID, NEW = "AKIAIOSFODNN7EXAMPLE", "AKIAANOTHERONEEEEEEE"
RECORD = KeyRecord("alice", ID, NOW)
NAME_OF = file_name("alice")


def through_json(record):
    return KeyRecord.from_json(json.loads(json.dumps(record.to_json())), NAME_OF)


@pytest.mark.parametrize(
    "rotating",
    [None, Rotating(NOW), Rotating(NOW, new=NEW), Rotating(NOW, old=NEW)],
)
def test_a_record_says_the_same_when_it_is_read_back(rotating):
    record = KeyRecord("alice", ID, NOW, rotating)
    assert through_json(record) == record
    assert NAME.fullmatch(NAME_OF)
    assert "alice" not in NAME_OF


def test_times_are_those_of_utc():
    there = timezone(timedelta(hours=2))
    assert through_json(KeyRecord("alice", ID, NOW.astimezone(there))) == RECORD


@pytest.mark.parametrize(
    "change",
    [
        {"version": 2},
        {"profile": "bob"},
        {"profile": ["alice"]},
        {"access_key_id": ""},
        {"access_key_id": None},
        {"access_key_id": f"{ID} of"},
        {"added": "2026-03-01T12:30:00"},
        {"added": 1},
        {"rotating": {"began": "2026-03-01T12:30:00+00:00", "new": ""}},
        {"rotating": {"began": "x", "new": "", "old": ""}},
        {"rotating": {"began": "2026-03-01T12:30:00+00:00", "new": "x", "old": ""}},
        {"rotating": "yes"},
        {"rotating": ["yes"]},
    ],
)
def test_a_record_that_is_not_sound_is_none(change):
    assert KeyRecord.from_json({**RECORD.to_json(), **change}, NAME_OF) is None


@pytest.mark.parametrize("data", [None, [], "text", 1, {}, {"version": 1}])
def test_what_is_no_record_is_none(data):
    assert KeyRecord.from_json(data, NAME_OF) is None


def test_every_key_that_may_be_in_the_keychain_is_told_that_in_use_first():
    assert RECORD.key_ids == (ID,)
    assert KeyRecord("a", ID, NOW, Rotating(NOW, new=NEW)).key_ids == (ID, NEW)
    assert KeyRecord("a", ID, NOW, Rotating(NOW, old=NEW)).key_ids == (ID, NEW)


def test_an_item_holds_both_halves_and_shows_neither():
    key = Credentials(ID, Secret("canary"))
    item = to_item(key)
    assert "canary" not in repr(item)
    assert from_item(item) == key


@pytest.mark.parametrize(
    "text",
    [
        *("", "x", "[]", "1", "{}", '{"AccessKeyId": "A"}', "[" * 100_000),
        '{"AccessKeyId": "A", "SecretAccessKey": 1}',
    ],
)
def test_what_is_no_item_of_ours_is_none(text):
    assert from_item(Secret(text)) is None


def test_no_mfa_device_has_the_name_of_an_item():
    assert item_name("alice", ID) == f"access key {ID} of profile alice"


@pytest.mark.parametrize(
    ("text", "sound"),
    [(ID, True), ("ASIA" + "A" * 16, True), ("akia" * 5, False), ("A" * 15, False)],
)
def test_what_an_access_key_id_looks_like(text, sound):
    assert bool(KEY_ID.fullmatch(text)) is sound
