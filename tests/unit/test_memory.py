from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta

import pytest

from sts_plugin import settings
from sts_plugin.errors import Busy
from sts_plugin.keys import digest
from sts_plugin.memory import MemoryStore
from sts_plugin.model import Life
from sts_plugin.store import Entry

NOW = datetime(2030, 1, 1, tzinfo=UTC)
OLD, NEW = (
    Entry("key", Life(NOW, NOW + timedelta(hours=1)), {"x": x}, {}) for x in (1, 2)
)


@pytest.fixture
def store():
    return MemoryStore()


def test_what_is_published_is_read_until_it_is_removed(store):
    assert store.read("key") is None
    store.publish(OLD)
    assert store.read("key") == OLD
    assert store.read("other") is None
    store.remove(OLD)
    assert store.read("key") is None
    store.remove(OLD)


def test_a_newer_entry_takes_the_place_of_an_older_one_and_is_not_removed_for_it(store):
    store.publish(OLD)
    store.publish(NEW)
    store.remove(OLD)
    assert store.read("key") == NEW


def test_stores_share_nothing(store):
    store.publish(OLD)
    store.record_code("device", "123456")
    assert MemoryStore().read("key") is None
    assert MemoryStore().used_codes("device") == frozenset()


def test_a_recorded_code_is_used_for_its_device_only(store):
    before = store.used_codes("device")
    store.record_code("device", "123456")
    assert store.used_codes("device") == {digest("device", "123456")}
    assert before == store.used_codes("other") == frozenset()


def test_a_lock_excludes_other_threads_and_is_free_after_an_error(store):
    order = []

    def work():
        with store.lock("name", order.append):
            order.append("second")

    thread = threading.Thread(target=work, daemon=True)
    lock = store.lock("name", order.append)
    lock.__enter__()
    thread.start()
    with store.lock("other", order.append):
        order.append("first")
    assert not lock.__exit__(RuntimeError, RuntimeError(), None)
    thread.join(60)
    assert order == ["first", "second"]


def test_whoever_waits_too_long_is_told_and_gives_up(store, monkeypatch):
    monkeypatch.setattr(settings, "LOCK_NOTICE_SECONDS", 0.01)
    monkeypatch.setattr(settings, "LOCK_WAIT_SECONDS", 0.02)
    told, ended = [], threading.Event()

    def work():
        try:
            with store.lock("name", told.append):
                told.append("held twice")
        except Busy:
            told.append("busy")
        ended.set()

    with store.lock("name", told.append):
        threading.Thread(target=work, daemon=True).start()
        ended.wait(3)
        assert told[-1:] == ["busy"]
