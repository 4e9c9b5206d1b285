"""How wide a text is on a terminal, and how it is made to fit."""

from __future__ import annotations

import pytest

from sts_plugin.widths import columns, shortened


@pytest.mark.parametrize(
    ("text", "width", "short"),
    [
        ("abc", 3, "abc"),
        ("abc", 99, "abc"),
        ("", 0, ""),
        ("abcdefghij", 10, "abcdefghij"),
        ("abcdefghij", 9, "ab...ghij"),
        ("abcdefghij", 6, "a...ij"),
        ("abcdefghij", 4, "...j"),
        ("abcdefghij", 3, "..."),
        ("abcdefghij", 2, ".."),
        ("abcdefghij", 1, "."),
        ("abcdefghij", 0, ""),
        ("e\u0301" * 5, 5, "e\u0301" * 5),
        ("\u4f60" * 5, 10, "\u4f60" * 5),
        ("\u4f60" * 5, 9, "\u4f60...\u4f60\u4f60"),
    ],
)
def test_a_long_text_is_cut_in_its_middle(text, width, short):
    assert shortened(text, width) == short


@pytest.mark.parametrize(
    ("text", "width"),
    [("", 0), ("abc", 3), ("e\u0301", 1), ("\u4f60\u597d", 4), ("a\uff01", 3)],
)
def test_a_text_takes_the_columns_of_its_characters(text, width):
    assert columns(text) == width
