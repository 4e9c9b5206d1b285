"""Command lines are split as botocore splits them, on each platform."""

from __future__ import annotations

import argparse

import pytest
from botocore.compat import compat_shell_split
from hypothesis import given
from hypothesis import strategies as st

from sts_plugin.words import join, profile_option, split


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


WORD = st.text(alphabet="ab\\'\" \t-=$", max_size=8)


@pytest.mark.parametrize("platform", ["linux", "darwin", "win32"])
@given(words=st.lists(WORD, max_size=4))
def test_what_is_joined_is_split_into_the_same_words(platform, words):
    assert split(join(words, platform), platform) == words


@pytest.mark.parametrize("platform", ["linux", "win32"])
@given(name=WORD)
def test_an_option_names_any_profile(platform, name):
    parser = argparse.ArgumentParser()
    parser.add_argument("--profile")
    words = split(profile_option(name, platform), platform)
    assert parser.parse_args(words).profile == name


def test_a_name_as_most_are_is_typed_as_it_is():
    assert profile_option("prod-admin", "linux") == "--profile prod-admin"
    assert profile_option("my one", "linux") == "--profile 'my one'"
    assert profile_option("my one", "win32") == '--profile "my one"'
    assert profile_option("-x", "linux") == "--profile=-x"
