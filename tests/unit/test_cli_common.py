"""What several commands have: arguments, what they print, how they end elsewhere."""

from __future__ import annotations

import argparse
import io
import os
import signal
import sys
import threading

import pytest

from sts_plugin.cli import _ending_on_signals, common, credentials
from sts_plugin.cli.common import add_output, show
from sts_plugin.settings import BACKGROUND_SECONDS_MAX


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


@pytest.mark.parametrize(
    ("name", "end"), [("nt", b"\n"), ("posix", b"\r\n")], ids=["Windows", "as it was"]
)
def test_lines_end_as_shells_read_them_whatever_windows_has_for_an_end(
    monkeypatch, on_windows, name, end
):
    written = io.BytesIO()
    stream = io.TextIOWrapper(written, encoding="utf-8", newline="\r\n")
    monkeypatch.setattr(sys, "stdout", stream)
    if name == "nt":
        on_windows(common)
    show("export A=1\nexport B=2")
    assert written.getvalue() == b"export A=1%bexport B=2%b" % (end, end)


def test_a_console_that_is_closed_unwinds_a_command(monkeypatch):
    monkeypatch.setattr(signal, "SIGBREAK", signal.SIGUSR1, raising=False)
    before = signal.getsignal(signal.SIGUSR1)
    with pytest.raises(SystemExit) as caught, _ending_on_signals():
        signal.raise_signal(signal.SIGUSR1)
    assert caught.value.code == 128 + signal.SIGUSR1
    assert signal.getsignal(signal.SIGUSR1) == before


def test_a_renewal_ends_in_time_where_there_is_no_alarm(monkeypatch, mocker):
    monkeypatch.delattr(signal, "alarm")
    timer = mocker.patch.object(threading, "Timer")
    credentials._end_in_time()
    timer.assert_called_once_with(BACKGROUND_SECONDS_MAX, os._exit, (1,))
    assert timer.return_value.daemon is True  # it keeps nobody who has done
    timer.return_value.start.assert_called_once_with()
