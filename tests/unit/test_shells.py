"""Lines for shells, read by the real ones where they are here."""

from __future__ import annotations

import json
import os
import shutil
import string
import subprocess

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sts_plugin import shells

# Everything that is printable, and what each shell makes something of.
PRINTABLE = (
    "".join(chr(n) for n in range(0x20, 0x7F)) + "äß漢😀\u2018\u2019\u201a\u201b"
)
VALUES = {
    "printable": PRINTABLE,
    "empty": "",
    "quote": "'",
    "quotes": "''a'b''",
    "expansion": "$HOME ${HOME} $(id) `id` %PATH% !PATH! ~ * \\n",
    "backslashes": "\\ \\\\ \\' \\",
    "operators": "a;b&c|d>e<f(g)#h",
    "blanks": "  a\tb  ",
    "token": "IQoJb3JpZ2luX2VjEJ//////wEa+/==",
}
READERS = {
    "sh": (["sh", "-c"], "sh"),
    "bash": (["bash", "-c"], "sh"),
    "dash": (["dash", "-c"], "sh"),
    "zsh": (["zsh", "-fc"], "sh"),
    "fish": (["fish", "--no-config", "-c"], "fish"),
}
PROGRAM = "import json,os,sys;json.dump(dict(os.environ),sys.stdout)"


def environment_in(shell, text, environ):
    """The environment of a program in a shell that has evaluated a text."""
    words, kind = READERS[shell]
    if shutil.which(words[0]) is None:
        pytest.skip(f"there is no {shell}")
    python = shutil.which("python3")
    read = 'eval "$LINES_"' if kind == "sh" else "printenv LINES_ | source"
    done = subprocess.run(
        [*words, f"{read}; {python} -c '{PROGRAM}'"],
        env={"PATH": os.environ["PATH"], "HOME": "/", "LC_ALL": "C.UTF-8"}
        | environ
        | {"LINES_": text},
        capture_output=True,
        check=True,
        timeout=60,
    )
    assert done.stderr == b""
    return json.loads(done.stdout)


@pytest.mark.parametrize("shell", READERS)
@pytest.mark.parametrize("name", VALUES)
def test_a_shell_reads_every_value_as_it_is(shell, name):
    text = shells.lines(READERS[shell][1], {"A": VALUES[name], "B": "b"}, ["C", "D"])
    found = environment_in(shell, text, {"A": "before", "C": "c"})
    assert (found["A"], found["B"]) == (VALUES[name], "b")
    assert {"C", "D"} & found.keys() == set()


@pytest.mark.parametrize("shell", READERS)
def test_nothing_but_names_to_take_away_is_read_as_well(shell):
    text = shells.lines(READERS[shell][1], {}, ["A", "B", "A"])
    found = environment_in(shell, text, {"A": "a", "E": "e"})
    assert "A" not in found
    assert found["E"] == "e"


@given(value=st.text(st.characters(codec="utf-8", exclude_characters="\0")))
@settings(
    max_examples=15,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@pytest.mark.parametrize("shell", ["sh", "fish"])
def test_a_shell_reads_any_text(shell, value):
    found = environment_in(shell, shells.lines(READERS[shell][1], {"A": value}), {})
    assert found["A"] == value


def test_powershell():
    variables = {"A": 'it\'s $x `n "q" \u2019curly\u2018', "B": "b"}
    assert shells.lines("powershell", variables, ["C", "A"]) == (
        "Remove-Item Env:C -ErrorAction Ignore\n"
        "$Env:A = 'it''s $x `n \"q\" \u2019\u2019curly\u2018\u2018'\n"
        "$Env:B = 'b'"
    )


def test_cmd():
    assert shells.lines("cmd", {"A": "a%b&c^d", "B": ""}, ["C"]) == (
        'set "C="\nset "A=a%b&c^d"\nset "B="'
    )


@pytest.mark.parametrize("value", ['a"b', "a\nb", "a\r"])
def test_what_cmd_cannot_set_is_refused_without_a_word_of_it(value):
    with pytest.raises(ValueError, match="A has a quote") as caught:
        shells.lines("cmd", {"A": value})
    assert value not in str(caught.value)


def test_a_dotenv_file_quotes_only_what_needs_it():
    variables = {"A": VALUES["token"], "B": "two words # no remark", "C": "$x"}
    assert shells.lines("dotenv", variables, ["D"]) == (
        f"A={VALUES['token']}\nB='two words # no remark'\nC='$x'"
    )


@pytest.mark.parametrize("value", ["it's", "a\nb", "a\\b"])
def test_what_readers_of_dotenv_files_disagree_about_is_refused(value):
    with pytest.raises(ValueError, match="A has"):
        shells.lines("dotenv", {"A": value})


def test_json_holds_null_for_what_is_taken_away():
    text = shells.lines("json", {"A": PRINTABLE}, ["B"])
    assert json.loads(text) == {"A": PRINTABLE, "B": None}


def test_a_name_that_is_set_is_not_taken_away():
    for kind in shells.FORMATS:
        assert "unset" not in shells.lines(kind, {"A": "a"}, ["A"])
        assert shells.lines(kind, {"A": "a"}, ["A"]) == shells.lines(kind, {"A": "a"})


def test_a_remark_is_none_of_the_commands():
    for shell in ("sh", "fish"):
        text = shells.lines(shell, {"A": "a"})
        text += "\n" + shells.remark(shell, "name: it's $(id)\nB=2")
        assert "B" not in environment_in(shell, text, {})
    assert shells.remark("cmd", "a") == "rem a"
    assert shells.remark("json", "a") == ""


def test_what_is_printed_is_printable():
    for kind in ("sh", "fish", "powershell"):
        text = shells.lines(kind, {"A": VALUES["printable"]}, ["B"])
        assert set(text) <= set(PRINTABLE + "\n" + string.printable)
