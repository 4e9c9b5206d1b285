from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import botocore.credentials
import pytest

from sts_plugin.document import from_document, parse_timestamp, timestamp, to_document
from sts_plugin.model import Credentials, Secret

EXPIRES = datetime(2030, 1, 31, 12, 0, 0, tzinfo=UTC)
WHOLE = {
    "Version": 1,
    "AccessKeyId": "ASIAEXAMPLE",
    "SecretAccessKey": "secret",
    "SessionToken": "token",
    "Expiration": "2030-01-31T12:00:00Z",
    "AccountId": "111111111111",
}


@pytest.mark.parametrize(
    ("moment", "text"),
    [
        (EXPIRES, "2030-01-31T12:00:00Z"),
        (EXPIRES + timedelta(microseconds=999_999), "2030-01-31T12:00:00Z"),
        (
            datetime(2030, 1, 31, 14, tzinfo=timezone(timedelta(hours=2))),
            "2030-01-31T12:00:00Z",
        ),
        (datetime(2038, 1, 19, 3, 14, 8, tzinfo=UTC), "2038-01-19T03:14:08Z"),
    ],
)
def test_a_timestamp_is_utc_ends_in_z_and_is_never_rounded_up(moment, text):
    assert timestamp(moment) == text
    assert parse_timestamp(text) == moment.replace(microsecond=0)
    assert parse_timestamp(text).tzinfo is UTC


def test_a_document_survives_the_round_trip():
    assert to_document(from_document(WHOLE)) == WHOLE


def test_credentials_survive_the_round_trip():
    whole = Credentials("A", Secret("s"), Secret("t"), EXPIRES, "1" * 12)
    assert from_document(to_document(whole)) == whole


def test_optional_fields_are_left_out_where_there_is_no_value():
    assert to_document(Credentials("A", Secret("s"))) == {
        "Version": 1,
        "AccessKeyId": "A",
        "SecretAccessKey": "s",
    }


def test_an_offset_is_read_as_well_and_becomes_utc():
    read = from_document(WHOLE | {"Expiration": "2030-01-31T14:00:00+02:00"})
    assert read.expiration == EXPIRES
    assert read.expiration.tzinfo is UTC


@pytest.mark.parametrize(
    "change",
    [
        {name: value}
        for name in ("AccessKeyId", "SecretAccessKey", "SessionToken", "Expiration")
        for value in (None, "", 1, ["x"], {"x": "y"}, True)
    ]
    + [{"Version": value} for value in (None, 0, 2, "1", [1])]
    + [{"AccountId": value} for value in (1, ["1"], True)]
    + [
        {"Expiration": text}
        for text in (
            "soon",
            "2030-01-31T12:00:00",
            "2030-01-31",
            "1893456000",
            "2030-13-01T00:00:00Z",
            "2030-01-31T12:00:00Z and more",
            "0001-01-01T00:00:00+14:00",
            "9999-12-31T23:59:59-14:00",
        )
    ],
    ids=repr,
)
def test_anything_but_a_whole_document_is_a_value_error(change):
    with pytest.raises(ValueError, match=r"."):
        from_document(WHOLE | change)


@pytest.mark.parametrize("name", [name for name in WHOLE if name != "AccountId"])
def test_a_missing_field_is_a_value_error(name):
    with pytest.raises(ValueError, match=r"."):
        from_document({key: value for key, value in WHOLE.items() if key != name})


def test_a_missing_account_is_none():
    document = {key: value for key, value in WHOLE.items() if key != "AccountId"}
    assert from_document(document).account_id is None


def test_botocore_reads_the_document_of_a_process(mocker):
    popen = mocker.Mock()
    popen.return_value.communicate.return_value = (
        str(to_document(from_document(WHOLE))).replace("'", '"').encode(),
        b"",
    )
    popen.return_value.returncode = 0
    provider = botocore.credentials.ProcessProvider(
        "p", lambda: {"profiles": {"p": {"credential_process": "x"}}}, popen=popen
    )
    read = provider.load()
    assert read._expiry_time == EXPIRES
    assert read.get_frozen_credentials() == (
        "ASIAEXAMPLE",
        "secret",
        "token",
        "111111111111",
    )
