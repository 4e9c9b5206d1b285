"""Arguments that several commands have."""

from __future__ import annotations

import argparse

import pytest

from sts_plugin.cli.common import add_output


@pytest.fixture
def parser():
    parser = argparse.ArgumentParser()
    add_output(parser)
    return parser


@pytest.mark.parametrize(
    ("words", "output"),
    [
        ("", "table"),
        ("--json", "json"),
        ("--output json", "json"),
        ("--output=json", "json"),
        ("--output table", "table"),
        ("--output json --output table", "table"),
        ("--output table --json", "json"),
        ("--json --output table", "table"),
    ],
)
def test_output_and_json_are_one_option_and_the_last_one_counts(parser, words, output):
    assert vars(parser.parse_args(words.split())) == {"output": output}


@pytest.mark.parametrize("words", ["--output", "--output yaml", "--output JSON"])
def test_a_format_that_there_is_not_is_a_wrong_command_line(parser, words, capsys):
    with pytest.raises(SystemExit) as ended:
        parser.parse_args(words.split())
    assert ended.value.code == 2
    assert "--output" in capsys.readouterr().err
