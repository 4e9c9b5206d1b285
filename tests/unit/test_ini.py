"""What the reader makes of any text, beside Python's configparser, with which botocore
reads; ``test_profiles`` compares whole files with botocore itself."""

from __future__ import annotations

import configparser
import io
import sys
from pathlib import Path

import hypothesis
import pytest
from hypothesis import strategies as st

from sts_plugin import ini
from sts_plugin.errors import ConfigurationError
from sts_plugin.ini import parse_nested, sections_of
from sts_plugin.plan import make_plan
from sts_plugin.profiles import load_profiles

THOROUGH = hypothesis.settings(
    max_examples=1500, deadline=None, database=None, derandomize=True
)

# --- configparser's verdict ---


def reason(error):
    match error:
        case configparser.DuplicateSectionError():
            return f"section [{error.section}] is there twice"
        case configparser.DuplicateOptionError():
            return f'key "{error.option}" is there twice in [{error.section}]'
        case configparser.MissingSectionHeaderError():
            return "there is text before the first [section]"
    return "this line is neither a [section] nor key = value"


def nested(value):
    """What botocore makes of a block (``configloader._parse_nested``)."""
    pairs = [line.split("=", 1) for line in value.splitlines() if line.strip()]
    return {key.strip(): one.strip() for key, one in pairs}


def theirs(text):
    parser = configparser.RawConfigParser()
    try:
        parser.read_file(io.StringIO(text, newline=None))
        return {
            header: [
                (key, nested(value) if value.startswith("\n") else value)
                for key in parser.options(header)
                for value in [parser.get(header, key)]
            ]
            for header in parser.sections()
        }
    except configparser.Error as error:
        lines = getattr(error, "errors", None)
        line = lines[0][0] if lines else error.lineno
        # The error tree takes control characters out.
        text = f"f:{line} cannot be parsed: {reason(error)}"
        return ConfigurationError(text).message
    except ValueError:
        return "a bad block"


def plain(setting):
    block = setting.value.startswith("\n")
    return parse_nested(setting) if block else setting.value


def ours(text):
    try:
        return {
            section.header: [
                (key, plain(one)) for key, one in section.settings("").items()
            ]
            for section in sections_of(text, "f")
        }
    except ConfigurationError as error:
        block = "the block under" in error.message
        return "a bad block" if block else error.message


# --- Texts ---

# Whatever Python counts as blank, and what it lower-cases to something longer.
BLANKS = ["", "", "", "", " ", "\t", "   ", "\x0b", "\x0c", "\x1c", "\x85", "\xa0"]
BLANKS += ["\u2028", "\u3000"]
WORDS = ["a", "B", "İ", "ß", "k", "\ufeff", "\x00", "#", ";", "]", "[", "=", ":"]
HEADERS = ["[a]", "[b]", "[c]", "[DEFAULT]", "[d] x]", "[]", "[e", "[ f ]", "[]]"]
KEYS = ["k = v", "K: w", "l=m:n", "m:n=o", "s3 =", "n =", "= v", "o", "p = # q", "q=;"]
ends = st.sampled_from(["\n", "\n", "\n", "\r\n", "\r"])
blanks = st.sampled_from(BLANKS)
words = st.lists(st.sampled_from(WORDS + BLANKS), max_size=4).map("".join)
own_keys = st.integers(0, 999).map(lambda number: f"key{number} = {number}")
contents = st.one_of(
    st.sampled_from(HEADERS + KEYS), own_keys, own_keys, own_keys, words, blanks
)
line = st.tuples(blanks, contents, blanks, ends).map("".join)
lined = st.lists(line, max_size=12).map("".join)
texts = st.one_of(
    lined,
    lined.map("[z]\n".__add__),
    lined.map("[z]\nfirst = 1\n".__add__),
    st.lists(st.sampled_from(WORDS + BLANKS + ["\n", "\r", "[a]"]), max_size=14).map(
        "".join
    ),
    st.text(max_size=20).map("[z]\n".__add__),
)


@THOROUGH
@hypothesis.given(text=texts)
def test_any_text_is_read_or_refused_as_configparser_does_it(text):
    assert ours(text) == theirs(text)


@THOROUGH
@hypothesis.given(text=texts)
def test_every_key_and_header_is_in_the_line_that_is_told(text):
    try:
        sections = sections_of(text, "f")
    except ConfigurationError:
        return
    lines = io.StringIO(text, newline=None).read().split("\n")
    for section in sections:
        assert f"[{section.header}]" in lines[section.line - 1]
        for key, one in section.settings("").items():
            assert lines[one.origin.line - 1].strip().lower().startswith(key)


@pytest.mark.parametrize(
    "text",
    [
        # The worst comes first, and a line that is nothing last.
        "[a]\nx\nk = 1\nk = 2\n",
        "[a]\nx\n[a]\n",
        "[a]\n= 1\n= 2\n",
        "[a]\n= 1\n  2\nx\n",
        "[a]\nk = 1\n   l = 2\n  m = 3\n l = 4\nk = 5\n",
        "[a]\n  k = 1\n l = 2\n  3\n",
        "[DEFAULT]\nk = 1\n[DEFAULT]\nk = 2\n[a]\n",
        # Nobody has the block, or not everybody.
        "[DEFAULT]\nk =\n  x\n",
        "[DEFAULT]\nk =\n  x\n[a]\nk = 1\n",
        "[DEFAULT]\nk =\n  x\n[a]\nk = 1\n[b]\n",
        "[DEFAULT]\nk =\n  x\n[a]\nk =\n  y\n",
    ],
)
def test_an_odd_text_is_read_or_refused_as_configparser_does_it(text):
    assert ours(text) == theirs(text)


# --- What large files cost: counted, not timed ---


def large(number, first="team"):
    """The two files with so many profiles each; the one asked for comes last."""
    config = [
        f"[profile {first}-{one}]\nregion = eu-west-1\nsource_profile = keys\n"
        f"role_arn = arn:aws:iam::222222222222:role/R\ns3 =\n  a = {one}\n\n"
        for one in range(number)
    ]
    credentials = [
        f"[user-{one}]\naws_access_key_id = A{one}\naws_secret_access_key = s\n\n"
        for one in range(number)
    ]
    keys = "[keys]\naws_access_key_id = A\naws_secret_access_key = s\n"
    return "".join(config), "".join(credentials) + keys


def calls_of(work):
    """How many functions of Python's work calls."""
    calls = 0

    def count(_frame, event, _argument):
        nonlocal calls
        calls += event == "call"

    before = sys.getprofile()
    sys.setprofile(count)
    try:
        work()
    finally:
        sys.setprofile(before)
    return calls


@pytest.mark.parametrize(
    "make",
    [
        large,
        lambda number: large(number, first="a\\ team"),
        lambda number: (large(number)[0].replace("\n", "\r\n"), large(number)[1]),
        lambda number: ("[DEFAULT]\n" + keys_of(number) + large(number)[0], ""),
        lambda number: (large(1)[0] + keys_of(number), large(1)[1]),
        lambda number: (
            large(1)[0] + f"include_profile = i\n[profile i]\n{keys_of(number)}",
            "",
        ),
    ],
    ids=["plain", "quoted", "CRLF", "DEFAULT", "keys", "included"],
)
def test_ten_times_as_much_text_takes_ten_times_as_many_calls(aws, make):
    def spent(number):
        config, credentials = make(number)
        aws.write(config, credentials)
        return calls_of(lambda: plan_of_the_first(aws))

    plan_of_the_first(aws)  # what is imported or compiled once
    assert spent(2000) < 11 * spent(200)


def keys_of(number):
    return "".join(
        f"key{one} = {one}\nblock{one} =\n  a = 1\n" for one in range(number)
    )


def plan_of_the_first(aws):
    profiles = load_profiles(aws.environ)
    name = next(iter(profiles.profiles), None)
    if name in profiles and "keys" in profiles:
        make_plan(profiles, name, aws.environ)
    return profiles.get(name)


def test_a_plan_makes_settings_of_the_profiles_it_is_about_alone(aws, monkeypatch):
    made = []

    def counted(*said):
        made.append(said)
        return setting(*said)

    setting = ini.Setting
    aws.write(*large(300))
    # One for each block, which botocore looks into: none of them is kept.
    monkeypatch.setattr(ini, "Setting", counted)
    profiles = load_profiles(aws.environ)
    assert len(made) == 300
    made.clear()
    make_plan(profiles, "team-299", aws.environ)
    assert {owner for *_, owner in made} == {"team-299", "keys"}
    assert len(made) == 4 + 2


def test_each_file_is_read_once_for_a_plan(aws, mocker):
    aws.write(*large(3))
    read = mocker.spy(Path, "read_bytes")
    make_plan(load_profiles(aws.environ), "team-2", aws.environ)
    assert [call.args[0].name for call in read.call_args_list] == [
        "config",
        "credentials",
    ]


@pytest.mark.parametrize(
    "line",
    [
        "x" + " " * 1_000_000 + "y",
        "[" * 1_000_000 + "]" * 1_000_000,
        "x" * 1_000_000 + " = " + "=" * 1_000_000,
        "x = 1\n" + "  more\n" * 200_000,
        "\n" * 1_000_000,
    ],
    ids=["blanks", "brackets", "delimiters", "continued", "empty"],
)
def test_a_line_of_a_million_characters_is_read_at_once(line):
    # configparser takes hours for the first one: this test would not end.
    text = f"[a]\n{line}\n"
    if line.startswith("x  "):
        with pytest.raises(ConfigurationError, match="f:2 cannot be parsed: this line"):
            sections_of(text, "f")
    else:
        assert sections_of(text, "f")[0].header == "a"
