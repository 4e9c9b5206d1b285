from __future__ import annotations

import base64
import json
import os

import pytest

from sts_plugin.keys import digest
from sts_plugin.model import Origin, Proof, Setting
from sts_plugin.tokens import claims, identified, identity_of, whose


def encode(data):
    data = data if isinstance(data, bytes) else json.dumps(data).encode()
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def token(data, header="e30", signature="sig"):
    return f"{header}.{encode(data)}.{signature}"


@pytest.mark.parametrize("length", range(8))
def test_claims_are_read_whatever_their_length_asks_for_as_padding(length):
    said = {"sub": "x" * length}
    assert claims(token(said)) == said


def test_claims_with_the_characters_of_urls_are_read():
    said = {"sub": "\u07ff\u07ff>>>???"}
    data = json.dumps(said, ensure_ascii=False).encode()
    assert {"-", "_"} & set(encode(data))
    assert claims(token(data)) == said


@pytest.mark.parametrize("text", ["{}\n", "\n {}\t", "{}"])
def test_blanks_around_a_token_do_not_count(text):
    assert claims(text.format(token({"sub": "a"}))) == {"sub": "a"}


@pytest.mark.parametrize(
    "text",
    [
        "",
        "opaque",
        "a.b",
        "a.b.c.d",
        "..",
        "a.!!!.c",
        "a.ä.c",
        "a.b.c",
        token(b"\xff\xfe"),
        token(b"not JSON"),
        token([1]),
        token("text"),
        token(None),
        token(b"1" * 5000),
        token(b"[" * 100_000),
    ],
)
def test_what_is_no_json_web_token_has_no_claims_and_is_its_own_identity(text):
    assert claims(text) == {}
    assert whose(text) == digest(text)
    assert whose(text) != whose(f"{text}x")


@pytest.mark.parametrize(
    "change",
    [
        {"iss": "x"},
        {"sub": "x"},
        {"aud": "x"},
        {"aud": ["a"]},
        {"aud": None},
        {"azp": "x"},
        {"amr": ["mfa"]},
        {"https://aws.amazon.com/source_identity": "x"},
        {"https://aws.amazon.com/tags": {"principal_tags": {"team": ["x"]}}},
    ],
)
def test_whatever_else_a_token_says_makes_another_session(change):
    said = {"iss": "i", "sub": "s", "aud": "a"}
    assert whose(token(said)) != whose(token(said | change))


def test_a_token_that_was_rotated_is_for_the_same():
    said = {"iss": "i", "sub": "s", "aud": "a"}
    later = said | {"exp": 2e9, "iat": 1, "nbf": 1, "jti": "x", "auth_time": 2}
    assert whose(token(said)) == whose(token(later, "other", "signature"))


@pytest.mark.parametrize("missing", [{"sub": None}, {"sub": ""}, {}])
def test_a_token_that_names_nobody_is_its_own_identity(missing):
    said = {"iss": "i", "aud": "a"} | missing
    one, other = token(said | {"user": 1}), token(said | {"user": 2})
    assert whose(one) != whose(other)
    assert whose(one) == whose(one)


def test_an_identity_shows_nothing_of_what_is_secret_in_a_token():
    opaque = "canary-opaque-token"
    assert "canary" not in str(whose(opaque))
    assert "canary" not in str(whose(token({"sub": "me"}, signature="canary")))


def proof(path, argument="WebIdentityToken", how="file"):
    return Proof(argument, Setting("key", str(path), Origin("f")), how)


def test_whose_a_file_is_is_told_by_what_is_in_it(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    said = {"iss": "i", "sub": "s", "aud": "a"}
    for text in (f"{token(said)}\n", "opaque", "<Response>...</Response>"):
        (tmp_path / "token").write_text(text)
        assert identified(proof(tmp_path / "token")).whose == whose(text)
        assert identified(proof("~/token")).whose == whose(text)


@pytest.mark.parametrize("argument", ["TradeInToken", "SAMLAssertion"])
def test_each_trade_in_token_and_assertion_is_its_own_identity(argument):
    one, other = token({"sub": "s", "jti": "1"}), token({"sub": "s", "jti": "2"})
    assert whose(one) == whose(other)
    assert identity_of(proof("", argument), one) != identity_of(
        proof("", argument), other
    )


def test_what_a_command_would_print_is_not_known():
    assert not identified(proof("/bin/true", how="process")).whose


@pytest.mark.parametrize(
    "make",
    [
        lambda _path: None,
        lambda path: path.mkdir(),
        lambda path: path.write_bytes(b"\xff"),
        lambda path: path.write_bytes(b"x" * 2_000_000),
        os.mkfifo,
    ],
    ids=["missing", "folder", "not UTF-8", "too large", "pipe"],
)
def test_a_file_that_cannot_be_read_is_for_the_call_to_find_out(tmp_path, make):
    make(tmp_path / "token")
    assert not identified(proof(tmp_path / "token")).whose
