from __future__ import annotations

import json
import os
from datetime import timedelta
from pathlib import Path

import pytest

from sts_plugin import forms
from sts_plugin.errors import ConfigurationError
from sts_plugin.model import MFA_WAYS, Origin, Secret, Setting

HERE = Origin("/config", 7)
POLICY = '{"Version": "2012-10-17", "Statement": [{"Effect": "Allow"}]}'
PROVIDER = "arn:aws:iam::aws:contextProvider/IdentityCenter"


def setting(value, key="the_key", profile="p"):
    return Setting(key, value, HERE, profile)


def told(read, value, **options):
    """What is said of a bad value; it names file, line, key and profile."""
    with pytest.raises(ConfigurationError) as caught:
        read(setting(value, **options))
    error = caught.value
    key = options.get("key", "the_key")
    assert error.message.startswith(f"/config:7: {key}")
    assert 'of profile "p"' in error.message
    assert error.hint
    assert error.__cause__ is None
    assert error.__suppress_context__ or error.__context__ is None
    return error.line


# --- Numbers, yes and no ---


@pytest.mark.parametrize(
    ("text", "given"),
    [("900", 900), ("43200", 43_200), ("3_600", 3600), (" 3600 ", 3600), ("+900", 900)],
)
def test_seconds_are_read_as_botocore_reads_them(text, given):
    assert int(text) == given
    assert forms.seconds(setting(text)) == given


@pytest.mark.parametrize(
    "text", ["", "soon", "900.0", "9e2", "900s", "1 h", "0x384", "9" * 5000]
)
def test_seconds_that_are_no_number_are_told(text):
    assert "is not a number of seconds" in told(forms.seconds, text)


@pytest.mark.parametrize("text", ["true", "yes", "on", "1", "True", "YES", " yes "])
def test_yes_is_said_in_some_ways(text):
    assert forms.yes(setting(text)) is True


@pytest.mark.parametrize("text", ["false", "no", "off", "0", "False", " No "])
def test_no_is_said_in_some_ways(text):
    assert forms.yes(setting(text)) is False


@pytest.mark.parametrize("text", ["", "maybe", "y", "2", "yes no"])
def test_neither_yes_nor_no_is_told(text):
    assert "neither yes nor no" in told(forms.yes, text)


@pytest.mark.parametrize("text", ["", " a b ", "x\ny", "ä"])
def test_a_text_is_taken_as_it_is(text):
    assert forms.text(setting(text)) == text


# --- Lists ---


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a", ["a"]),
        ("a,b", ["a", "b"]),
        (" a , b ,, c, ", ["a", "b", "c"]),
        ("a b, c", ["a b", "c"]),
        ("\na\nb,\n  c", ["a", "b", "c"]),
        ('["a", "b, c"]', ["a", "b, c"]),
        (' ["a"]', ["a"]),
        ("a, [b]", ["a", "[b]"]),
    ],
)
def test_a_list_is_written_with_commas_lines_or_in_json(text, words):
    assert forms.words(setting(text)) == words


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "names nothing"),
        (" , ,", "names nothing"),
        ("[]", "names nothing"),
        ("[1, 2]", "is not a list of strings"),
        ('["a", null]', "is not a list of strings"),
        ('["a"', "is not JSON"),
        ('["a"] b', "is not JSON"),
        ("[" * 100_000, "is not JSON"),
    ],
)
def test_a_list_that_is_none_is_told(text, words):
    assert words in told(forms.words, text)


@pytest.mark.parametrize(
    ("text", "ways"),
    [
        ("terminal", ("terminal",)),
        ("Dialog, TERMINAL", ("dialog", "terminal")),
        ("command\ntotp", ("command", "totp")),
        ('["pinentry", "dialog"]', ("pinentry", "dialog")),
        ("terminal, dialog, terminal", ("terminal", "dialog")),
        (", ".join(MFA_WAYS), MFA_WAYS),
    ],
)
def test_ways_to_a_code_are_tried_in_the_order_in_which_they_are_written(text, ways):
    assert forms.ways(setting(text)) == ways


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("terminal, email", "names email, which is no way to get an MFA code"),
        ("fax, email", "names fax"),
        ("variable", "names variable"),
        ("terminal dialog", "names terminal dialog"),
        ("", "names nothing"),
        ("[1]", "is not a list of strings"),
    ],
)
def test_ways_that_there_are_not_are_told(text, words):
    assert words in told(forms.ways, text)


def test_arns_of_policies_have_the_shape_that_sts_wants():
    assert forms.policy_arns(setting("a, b")) == [{"arn": "a"}, {"arn": "b"}]


# --- Tags ---


@pytest.mark.parametrize(
    ("text", "pairs"),
    [
        ("a=b", [("a", "b")]),
        (" a = b , c = d ", [("a", "b"), ("c", "d")]),
        ("a=b=c", [("a", "b=c")]),
        ("a=", [("a", "")]),
        ("a=\nb=c", [("a", ""), ("b", "c")]),
        ("=b", [("", "b")]),
        ('{"a": "b, c", "d e": ""}', [("a", "b, c"), ("d e", "")]),
        ('["a=b", "c=d,e"]', [("a", "b"), ("c", "d,e")]),
        ("ä=ö", [("ä", "ö")]),
    ],
)
def test_tags_are_written_as_pairs_or_as_a_json_object(text, pairs):
    expected = [{"Key": key, "Value": value} for key, value in pairs]
    assert forms.tags(setting(text)) == expected


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "names nothing"),
        ("a", 'without "="'),
        ("a=b, c", 'without "="'),
        ("a=b, a=c", "the same tag twice"),
        ("Team=b, team=c", "the same tag twice"),
        ('{"Team": "b", "team": "c"}', "the same tag twice"),
        ('{"a": "b", "a": "c"}', "is not JSON: a key is there twice"),
        ('{"a": 1}', "is not an object of strings"),
        ('{"a": null}', "is not an object of strings"),
        ('{"a": {"b": "c"}}', "is not an object of strings"),
        ('{"a": "b"', "is not JSON"),
    ],
)
def test_tags_that_are_none_are_told(text, words):
    assert words in told(forms.tags, text)


# --- Policies ---


@pytest.mark.parametrize(
    "text", [POLICY, f"\n  {POLICY}\n", POLICY.replace(" ", "\n  "), "{}"]
)
def test_a_policy_is_sent_without_the_blanks_that_sts_counts(text):
    sent = forms.policy(setting(text))
    assert json.loads(sent) == json.loads(text)
    assert sent == json.dumps(json.loads(text), separators=(",", ":"))


def test_a_policy_keeps_what_is_in_its_strings():
    document = {"Sid": "a  b\nü", "Resource": "arn:aws:s3:::x/*"}
    sent = forms.policy(setting(json.dumps(document)))
    assert json.loads(sent) == document
    assert "ü" in sent  # escaped it would count as six characters


@pytest.mark.parametrize("text", [r'{"Sid":"\u65e5"}', '{"Sid":"\u65e5"}'])
def test_a_character_that_sts_does_not_take_is_escaped(text):
    sent = forms.policy(setting(text))
    assert json.loads(sent) == {"Sid": "\u65e5"}
    assert max(sent) <= "\xff"


@pytest.mark.parametrize("written", ["policy.json", "my policy.json", "ö.json"])
def test_a_policy_may_stand_in_a_file(tmp_path, written):
    (tmp_path / written).write_text(POLICY, encoding="utf-8")
    assert forms.policy(setting(f"file://{tmp_path / written}")) == POLICY.replace(
        " ", ""
    )


def test_the_file_of_a_policy_may_begin_at_home(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "policy.json").write_text("{}")
    assert forms.policy(setting("file://~/policy.json")) == "{}"


def test_a_policy_is_read_anew_each_time(tmp_path):
    said = setting(f"file://{tmp_path}/policy.json")
    for sid in ("one", "two"):
        (tmp_path / "policy.json").write_text(json.dumps({"Sid": sid}))
        assert json.loads(forms.policy(said)) == {"Sid": sid}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "is not JSON"),
        ("ReadOnlyAccess", "is not JSON"),
        ("arn:aws:iam::aws:policy/ReadOnlyAccess", "is not JSON"),
        ("[]", "is not a policy"),
        ('"text"', "is not a policy"),
        ("null", "is not a policy"),
        ('{"a": 1, "a": 2}', "a key is there twice"),
        ('{"a": {"b": 1, "b": 2}}', "a key is there twice"),
        ('{"a": 1,}', "line 1"),
        ('{\n"a": 1\n"b": 2}', "line 3"),
        ("file://policy.json", "is not an absolute path"),
        ("file://", "is not an absolute path"),
    ],
)
def test_a_policy_that_is_none_is_told(text, words):
    # A key that is there twice is a condition that json would drop.
    assert words in told(forms.policy, text)


def test_a_policy_that_nests_without_an_end_is_told():
    assert "is not JSON" in told(forms.policy, '{"a":' * 100_000)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda _path: None, "No such file"),
        (os.mkfifo, "it is not a regular file"),
        (lambda path: path.write_bytes(b"\xff\xfe"), "it is not UTF-8 text"),
        (lambda path: path.write_bytes(b" " * 1_048_577), "more than 1048576 bytes"),
    ],
    ids=["missing", "pipe", "not UTF-8", "too large"],
)
def test_the_file_of_a_policy_that_cannot_be_read_is_told(tmp_path, make, words):
    path = tmp_path / "policy"
    make(path)
    line = told(forms.policy, f"file://{path}")
    assert f"{path} cannot be read: " in line
    assert words in line


def test_the_text_of_a_file_that_is_no_policy_is_not_told(tmp_path):
    (tmp_path / "id_rsa").write_text("canary-of-a-private-key")
    line = told(forms.policy, f"file://{tmp_path / 'id_rsa'}")
    assert "is not JSON" in line
    assert "canary" not in line


# --- Provided contexts ---


def test_contexts_name_a_file_for_each_provider(tmp_path):
    (tmp_path / "one").write_text("assertion-1\n")
    (tmp_path / "two").write_text("assertion-2")
    text = f"{PROVIDER}=file://{tmp_path}/one, other=file://{tmp_path}/two"
    assert forms.contexts(setting(text)) == [
        {"ProviderArn": PROVIDER, "ContextAssertion": Secret("assertion-1")},
        {"ProviderArn": "other", "ContextAssertion": Secret("assertion-2")},
    ]


def test_a_program_gives_the_assertions_themselves():
    text = json.dumps({PROVIDER: "assertion"})
    assert forms.contexts(setting(text)) == [
        {"ProviderArn": PROVIDER, "ContextAssertion": Secret("assertion")}
    ]


@pytest.mark.parametrize(
    "text",
    [
        f"{PROVIDER}=canary-assertion",
        f"{PROVIDER}=/path/of/canary",
        f"{PROVIDER} = canary",
        "canary",
        json.dumps({PROVIDER: None, "canary": "canary"}),
        json.dumps({PROVIDER: {"canary": 1}}),
        json.dumps({PROVIDER: 7, "x": "canary"}),
        json.dumps({PROVIDER: "canary"})[:-1],
    ],
)
def test_contexts_that_are_none_are_told_without_an_assertion(text):
    line = told(forms.contexts, text, key="sts_plugin_provided_contexts")
    assert "canary" not in line


@pytest.mark.parametrize("text", ["", " , "])
def test_empty_contexts_are_told(text):
    assert "names nothing" in told(forms.contexts, text)


def test_the_file_of_a_context_that_cannot_be_read_is_told(tmp_path):
    text = f"{PROVIDER}=file://{tmp_path}/missing"
    assert f"{tmp_path}/missing cannot be read" in told(
        forms.contexts, text, key="provided_contexts"
    )


# --- Paths ---


def test_a_path_is_absolute_or_begins_at_home(monkeypatch):
    monkeypatch.setenv("HOME", "/home/me")
    assert forms.file_path(setting("/a b/c")) == Path("/a b/c")
    assert forms.file_path(setting("~/t")) == Path("/home/me/t")
    assert forms.file_path(setting("x=~/t"), "~/t") == Path("/home/me/t")


@pytest.mark.parametrize("text", ["token", "./token", "$HOME/token", "~nobody-here/t"])
def test_a_path_that_depends_on_where_one_stands_is_told(text):
    assert "is not an absolute path" in told(forms.file_path, text)
    assert forms.file_path(setting(text), relative=True) == Path(text)


# --- The way back: what a program gives ---


@pytest.mark.parametrize(
    ("value", "read", "given"),
    [
        ("text", forms.text, "text"),
        (900, forms.seconds, 900),
        (timedelta(minutes=15), forms.seconds, 900),
        (timedelta(hours=36), forms.seconds, 129_600),
        (["a", "b, c"], forms.words, ["a", "b, c"]),
        (("a",), forms.words, ["a"]),
        ({"a": "b, c=d"}, forms.tags, [{"Key": "a", "Value": "b, c=d"}]),
        ({"Sid": "1"}, forms.policy, '{"Sid":"1"}'),
        ('{"Sid": "1"}', forms.policy, '{"Sid":"1"}'),
        (["a"], forms.policy_arns, [{"arn": "a"}]),
        (
            {PROVIDER: "text"},
            forms.contexts,
            [{"ProviderArn": PROVIDER, "ContextAssertion": Secret("text")}],
        ),
    ],
)
def test_what_a_program_gives_is_read_as_if_a_profile_had_said_it(value, read, given):
    assert read(setting(forms.written(value))) == given


def test_the_path_of_a_policy_may_be_given_from_where_one_stands(tmp_path, monkeypatch):
    (tmp_path / "policy.json").write_text('{"Sid": "1"}')
    monkeypatch.chdir(tmp_path)
    said = forms.written(Path("policy.json"))
    assert said == f"file://{tmp_path}/policy.json"
    assert forms.policy(setting(said)) == '{"Sid":"1"}'


# --- How a value is shown ---


def test_a_value_is_shown_in_one_line():
    assert forms.shown(setting("a\n  b  c")) == "a b c"


def test_an_error_shows_a_long_value_in_part():
    line = forms.wrong(setting(f"{'x' * 60}{'y' * 1000}"), "is long", "").line
    assert line == f'/config:7: the_key = {"x" * 60}... of profile "p" is long'


@pytest.mark.parametrize("key", ["provided_contexts", "sts_plugin_provided_contexts"])
def test_an_assertion_is_not_shown_and_its_file_is(key):
    assert forms.shown(setting('{"a": "canary"}', key)) == "..."
    assert forms.shown(setting("a=file:///x", key)) == "a=file:///x"


def test_an_error_names_the_place_the_key_the_value_and_the_profile():
    error = forms.wrong(setting("v"), "is bad", "mend it")
    assert error.line == '/config:7: the_key = v of profile "p" is bad (mend it)'
    error = forms.wrong(setting(""), "is empty", "mend it")
    assert error.message == '/config:7: the_key of profile "p" is empty'
    variable = Setting("AWS_X", "v", Origin("environment"))
    assert forms.wrong(variable, "is bad", "").message == (
        "environment: AWS_X = v is bad"
    )
