from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from sts_plugin import settings
from sts_plugin.backoff import Renewals, some_time
from sts_plugin.cache import Cache
from sts_plugin.errors import Refused
from sts_plugin.store import DiskStore

NO = Refused("AWS said no", code="X")


class Process:
    """One of several that share a cache folder; its clock can be set."""

    def __init__(self, folder):
        self.now = datetime(2030, 1, 1, tzinfo=UTC)
        cache = Cache(DiskStore(folder), tell=print)
        self.renewals = Renewals(cache, now=lambda: self.now)


@pytest.fixture
def process(tmp_path):
    return Process(tmp_path)


@pytest.fixture
def other(tmp_path):
    return Process(tmp_path)


def test_what_did_not_fail_does_not_rest(process):
    assert not process.renewals.rest("key")


def test_a_failed_renewal_rests_for_every_process_and_only_it(process, other):
    process.renewals.failed("key", NO)
    assert process.renewals.rest("key")
    assert other.renewals.rest("key")
    assert not other.renewals.rest("another key")


def test_it_rests_for_half_a_minute_at_least_and_a_minute_at_most(process):
    least, most = settings.RENEWAL_PAUSE_SECONDS
    process.renewals.failed("key", NO)
    process.now += timedelta(seconds=least - 1)
    assert process.renewals.rest("key")
    process.now += timedelta(seconds=most - least + 2)
    assert not process.renewals.rest("key")


def test_a_clock_that_was_set_back_does_not_make_it_rest_for_long(process):
    process.renewals.failed("key", NO)
    process.now -= timedelta(hours=25)
    assert not process.renewals.rest("key")


def test_a_herd_does_not_come_back_at_one_moment():
    moments = {some_time(100.0, (30.0, 60.0)) for _ in range(50)}
    assert len(moments) > 40
    assert all(130 <= moment <= 160 for moment in moments)
