"""Refreshing again and again leaves nothing behind (bar R40, at a small size)."""

from __future__ import annotations

import pytest
from soak import soak

from sts_plugin.sandbox import Sandbox

ROUNDS = 300


@pytest.fixture
def sandbox(tmp_path):
    # So little life that botocore asks for new credentials each time.
    with Sandbox(tmp_path / "sandbox", lifetime_seconds=600) as running:
        yield running


def test_three_hundred_refreshes_in_one_process_leave_nothing_behind(sandbox, environ):
    soaked = soak(environ, ROUNDS)
    soaked.check()
    assert sandbox.journal.count("AssumeRole", outcome="ok") == ROUNDS
    assert soaked.kilobytes < 4_000
    # A thread, a client or a session that stayed would be tens of thousands.
    assert soaked.bytes_each < 5_000


def test_runs_one_after_the_other_leave_nothing_behind(sandbox, program):
    program.document("batch")
    cache = sandbox.folder / "cache"
    while not list(cache.glob("*.warm")):  # one is left once the files are old enough
        program.document("batch")
    names = sorted(file.name for file in cache.iterdir())
    for number in range(6):
        if number % 2:  # some of them publish, some do not
            (entry,) = cache.glob("*.json")
            entry.unlink()
        program.document("batch")
    assert sandbox.journal.count() == 4
    assert sorted(file.name for file in cache.iterdir()) == names
