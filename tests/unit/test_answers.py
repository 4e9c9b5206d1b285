from __future__ import annotations

from datetime import UTC, datetime

import pytest

from sts_plugin.answers import judge, path_of, to_answer
from sts_plugin.errors import (
    Busy,
    CannotAsk,
    ConfigurationError,
    NothingHere,
    Refused,
    StsPluginError,
    Unreachable,
)
from sts_plugin.model import Credentials, Secret

TOKEN = "T0ken-of_this"
UNTIL = datetime(2026, 11, 25, 12, 0, 0, 700_000, tzinfo=UTC)


def judged(hosts=("127.0.0.1:80",), tokens=(TOKEN,)):
    found = judge(list(hosts), list(tokens), port=80, token=Secret(TOKEN))
    return found and found[0]


@pytest.mark.parametrize("host", ["127.0.0.1:80", "localhost:80", "[::1]:80"])
def test_the_names_of_this_machine_are_served(host):
    assert judged([host]) is None
    assert judged([host.upper()]) is None


@pytest.mark.parametrize(
    "hosts",
    [
        [],
        [""],
        ["127.0.0.1"],
        ["127.0.0.1:81"],
        ["127.0.0.1:80 "],
        ["evil.example:80"],
        ["localhost.evil.example:80"],
        ["169.254.170.2:80"],
        ["127.0.0.1:80", "evil.example"],
        ["127.0.0.1:80", "127.0.0.1:80"],
    ],
)
@pytest.mark.parametrize("tokens", [[], ["wrong"], [TOKEN]])
def test_any_other_name_is_refused_whatever_the_token_is(hosts, tokens):
    answers = {
        str(judge(hosts, one, port=80, token=Secret(TOKEN)))
        for one in (tokens, [], [TOKEN])
    }
    assert judged(hosts, tokens) == 403
    assert len(answers) == 1  # nothing tells a good token from a bad one


@pytest.mark.parametrize(
    ("tokens", "status"),
    [
        ([], 401),
        ([""], 403),
        (["wrong"], 403),
        ([TOKEN[:-1]], 403),
        ([TOKEN + "x"], 403),
        ([f"Bearer {TOKEN}"], 403),
        ([TOKEN, TOKEN], 403),
        (["t\udc80ken"], 403),
        ([TOKEN], None),
        ([f" {TOKEN} "], None),
    ],
)
def test_the_token_is_the_only_one(tokens, status):
    assert judged(tokens=tokens) == status


def test_an_error_of_the_door_tells_no_token():
    for tokens in ([], ["wrong"], ["127.0.0.1"]):
        _status, document = judge(tokens, tokens, port=80, token=Secret(TOKEN))
        assert TOKEN not in str(document)
        assert document["code"] == document["Code"]
        assert document["message"] == document["Message"]


def test_a_set_is_what_the_container_provider_reads():
    found = Credentials("ASIA", Secret("s"), Secret("t"), UNTIL, "1" * 12)
    assert to_answer("p", found) == (
        200,
        {
            "AccessKeyId": "ASIA",
            "SecretAccessKey": "s",
            "Token": "t",
            "Expiration": "2026-11-25T12:00:00Z",
            "AccountId": "1" * 12,
        },
    )


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (ConfigurationError("x", hint="h"), 400),
        (NothingHere("x", hint="h"), 400),
        (CannotAsk("x", hint="h"), 403),
        (Refused("x", code="AccessDenied", hint="h"), 403),
        (Unreachable("x", sent=True, hint="h"), 502),
        (Busy("x", hint="h"), 503),
        (StsPluginError("x", hint="h"), 500),
    ],
)
def test_an_error_of_ours_is_the_message(error, status):
    code, document = to_answer("p", error)
    assert code == status
    assert document["message"] == "sts-plugin: x (h)"
    assert document["code"] == type(error).__name__


def test_what_takes_its_time_says_where_to_look():
    status, document = to_answer("prod", None)
    assert status == 503
    assert '"prod"' in document["message"]
    assert "terminal" in document["message"]


def test_a_profile_is_one_segment_of_a_path():
    assert path_of("prod-admin") == "/profiles/prod-admin"
    assert path_of("a/b ä?#%") == "/profiles/a%2Fb%20%C3%A4%3F%23%25"
