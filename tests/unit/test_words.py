"""Command lines are split as botocore splits them, on each platform."""

from __future__ import annotations

import pytest
from botocore.compat import compat_shell_split
from hypothesis import given
from hypothesis import strategies as st

from sts_plugin.words import split


@pytest.mark.parametrize("platform", ["linux", "darwin", "win32"])
@given(text=st.text(alphabet='ab\\\\""\' \t', max_size=20))
def test_words_are_those_of_botocore(platform, text):
    def outcome(work):
        try:
            return work(text, platform)
        except ValueError:
            return ValueError

    assert outcome(split) == outcome(compat_shell_split)


def test_a_path_of_windows_keeps_its_backslashes():
    line = r'"C:\Program Files\x.exe" credential-process --profile "my one"'
    words = [r"C:\Program Files\x.exe", "credential-process", "--profile", "my one"]
    assert split(line, "win32") == words
    assert split(r"C:\tools\x.exe -a", "win32") == [r"C:\tools\x.exe", "-a"]


def test_a_quotation_that_is_not_closed_is_an_error():
    with pytest.raises(ValueError, match="No closing quotation"):
        split('"C:\\x', "win32")
