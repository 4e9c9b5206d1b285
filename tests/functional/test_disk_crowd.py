"""Writers and readers of one entry at the same time: nobody meets half of it."""

from __future__ import annotations

import subprocess
import sys

import pytest
from benches import left_over
from disk_work import READER, WORK, WRITER, python


def crowd(cache, writers, readers, seconds):
    """Let them work; return how often each has written or read."""
    assert python(WORK, cache).returncode == 0
    started = [
        subprocess.Popen(
            [sys.executable, "-c", code, cache, str(seconds)],
            env={"PYTHONPATH": ":".join(sys.path)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for code, count in ((WRITER, writers), (READER, readers))
        for _ in range(count)
    ]
    ended = [process.communicate(timeout=300) for process in started]
    assert [err for _, err in ended if err] == []
    assert left_over(cache) == []
    counts = [int(out) for out, _ in ended]
    return counts[:writers], counts[writers:]


def test_no_reader_meets_a_torn_or_a_missing_entry(tmp_path):
    written, read = crowd(tmp_path / "cache", 1, 2, 2)
    assert sum(written) > 20
    assert sum(read) > 50


@pytest.mark.stress
def test_ten_writers_and_fifty_readers_for_a_minute(tmp_path):
    written, read = crowd(tmp_path / "cache", 10, 50, 60)
    assert sum(written) > 50
    assert sum(read) > 5_000
