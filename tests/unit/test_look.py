"""How things look: colours, tables, trees and bars, on terminals and in pipes."""

from __future__ import annotations

import io
import os
import re

import pytest
from ptys import Pty

from sts_plugin.cli.look import Branch, Cell, Look
from sts_plugin.widths import columns

ABLE = {"TERM": "xterm"}


@pytest.fixture
def seen():
    """A stream on a terminal of 40 columns."""
    screen = Pty(40)
    with open(screen.there, "w", encoding="utf-8", closefd=False) as stream:
        yield stream
    screen.close()


@pytest.mark.parametrize(
    ("environ", "colours"),
    [
        (ABLE, True),
        (ABLE | {"NO_COLOR": "1"}, False),
        (ABLE | {"NO_COLOR": ""}, True),  # no-color.org: not when it is empty
        (ABLE | {"NO_COLOR": "1", "FORCE_COLOR": "1"}, False),
        ({"TERM": "dumb"}, False),
        ({"TERM": "dumb", "FORCE_COLOR": "1"}, True),
        ({}, False),
    ],
)
def test_colours_on_a_terminal_are_where_it_has_some_and_nobody_minds(
    seen, environ, colours
):
    assert Look.of(seen, environ).colours == colours


def test_a_pipe_gets_no_colours_and_nothing_of_it_is_cut():
    look = Look.of(io.StringIO(), ABLE)
    assert (look.colours, look.width) == (False, None)
    long = "x" * 500
    assert list(look.table(["A"], [[Cell(long, "bad")]])) == ["A", long]


def test_a_pipe_gets_colours_from_whoever_insists():
    assert Look.of(io.StringIO(), {"FORCE_COLOR": "1"}).colours


def test_a_terminal_says_how_wide_it_is(seen):
    assert Look.of(seen, ABLE).width == 40


def test_stdout_that_is_closed_looks_like_a_pipe(monkeypatch):
    monkeypatch.setattr("sys.stdout", None)
    assert Look.of(environ=ABLE).width is None


def test_a_stream_without_the_letters_for_lines_gets_others():
    stream = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    look = Look.of(stream, ABLE)
    branch = Branch(("a",), (Branch(("b",), (Branch(("c",)),)), Branch(("d",))))
    lines = [*look.tree(branch), look.bar(0.5).text]
    assert "\n".join(lines).isascii()
    assert lines == ["a", "|- b", "|  `- c", "`- d", "#####....."]


def test_a_tree_aligns_its_columns_at_any_depth():
    look = Look()
    leaves = (Branch(("role", "x")), Branch(("session", "y"), (Branch(("z" * 30,)),)))
    assert list(look.tree(Branch(("top",), leaves))) == [
        "top",
        "├─ role     x",
        "└─ session  y",
        "   └─ " + "z" * 30,
    ]


def test_a_table_is_aligned_by_what_a_terminal_shows():
    rows = [["日本", "1"], ["e\u0301", "2"], ["abcde", "3"]]
    lines = list(Look().table(["N", "V"], rows))
    assert {columns(line) for line in lines} == {8}


@pytest.mark.parametrize("width", [20, 30, 40, 60])
def test_a_table_fits_the_terminal(width):
    rows = [["prod", "arn:aws:iam::333333333333:role/Admin", "12 min", "a, b, c"]]
    lines = list(Look(width=max(width, 38)).table(["A", "B", "C", "D"], rows))
    assert all(columns(line) <= max(width, 38) for line in lines)
    # What is short stays whole.
    assert "12 min" in lines[1]
    assert "prod" in lines[1]


def test_what_fits_is_not_cut():
    rows = [["a" * 10, "b" * 10]]
    assert list(Look(width=22).table(["A", "B"], rows))[1] == "a" * 10 + "  " + "b" * 10
    assert "..." in list(Look(width=21).table(["A", "B"], rows))[1]


def test_colours_take_no_room():
    rows = [[Cell("a", "good"), Cell("b", "bad")], [Cell("aaa"), Cell("bbb")]]
    plain = list(Look().table(["X", "Y"], rows))
    bright = list(Look(colours=True).table(["X", "Y"], rows))
    assert [re.sub(r"\x1b\[\d*m", "", line) for line in bright] == plain
    assert bright[1] == "\x1b[32ma\x1b[0m    \x1b[31mb\x1b[0m"


def test_no_text_moves_the_cursor():
    evil = "a\x1b]0;x\x07\r\nb\u202e"
    look = Look(colours=True)
    text = "".join(
        (
            *look.table(["A"], [[evil]]),
            *look.tree(Branch((evil,), (Branch((Cell(evil, "dim"),)),))),
            look.styled(evil, "bad"),
        )
    )
    shown = re.sub(r"\x1b\[\d*m", "", text)
    assert not set(evil) & set(shown) - set("a0;x]b")


@pytest.mark.parametrize(
    ("part", "full", "style"),
    [
        (1.0, 10, "good"),
        (0.51, 5, "good"),
        (0.5, 5, "soon"),
        (0.2, 2, "bad"),
        (0.001, 1, "bad"),
        (0.0, 0, "bad"),
        (-3.0, 0, "bad"),
        (7.0, 10, "good"),
    ],
)
def test_a_bar_shows_how_much_is_left(part, full, style):
    bar = Look().bar(part)
    assert (bar.text, bar.style) == ("█" * full + "░" * (10 - full), style)


def test_an_empty_table_has_its_head():
    assert list(Look().table(["A", "B"], [])) == ["A  B"]


def test_a_terminal_that_does_not_say_how_wide_it_is_cuts_nothing(seen, monkeypatch):
    def refuse(_):
        raise OSError

    monkeypatch.setattr(os, "get_terminal_size", refuse)
    assert Look.of(seen, ABLE).width is None
