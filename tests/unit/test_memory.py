from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta

import pytest

from sts_plugin import settings
from sts_plugin.errors import Busy
from sts_plugin.keys import digest
from sts_plugin.ledger import NO_ANSWER, Failure
from sts_plugin.memory import MemoryStore, UnwrittenStore
from sts_plugin.model import Life
from sts_plugin.store import DiskStore, Entry

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


def test_who_only_reads_leaves_nothing_that_might_hide_what_is_noted_meanwhile(store):
    assert store.used_codes("device") == frozenset()
    assert store.failure("name") is None
    assert dict(store.unanswered("name")) == {}
    assert store._codes == store._ledgers == {}


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


@pytest.fixture
def waiter(monkeypatch):
    """Wait for the lock of a store in another thread; return what came of it."""
    monkeypatch.setattr(settings, "LOCK_NOTICE_SECONDS", 0.01)
    monkeypatch.setattr(settings, "LOCK_POLL_SECONDS", (0.005, 0.005))

    def wait(store, **options):
        told, outcome = [], []

        def work():
            try:
                with store.lock("name", told.append, **options) as held:
                    outcome.append(held)
            except Busy as error:
                outcome.append(error.message)

        thread = threading.Thread(target=work, daemon=True)
        thread.start()
        thread.join(60)
        return told, *outcome

    return wait


def test_whoever_waits_too_long_is_told_once_and_gives_up(waiter):
    store = MemoryStore(wait_seconds=0.1)
    with store.lock("name", print) as held:
        assert held is True
        told, outcome = waiter(store)
    assert told == [None]
    assert "for 0 seconds" in outcome
    assert waiter(store) == ([], True)
    assert MemoryStore()._wait_seconds == settings.LOCK_WAIT_SECONDS


def test_whoever_waits_leaves_as_soon_as_there_is_news_and_lets_nothing_go(waiter):
    store = MemoryStore(wait_seconds=1e6)
    looks = []
    with store.lock("name", print):
        told, held = waiter(store, news=lambda: bool(looks.append(1)) or len(looks) > 9)
        assert held is False
        assert told == [None]
        assert waiter(store, news=lambda: True) == ([], False)  # still held


def test_a_lock_that_is_free_needs_no_news(store):
    with store.lock("name", print, lambda: True) as held:
        assert held is True


def test_a_code_that_was_never_sent_is_forgotten_for_its_device_only(store):
    for device in ("device", "other"):
        store.record_code(device, "123456")
    store.forget_code("device", "123456")
    store.forget_code("device", "123456")
    assert store.used_codes("device") == frozenset()
    assert store.used_codes("other") == {digest("other", "123456")}


def test_a_failure_is_kept_under_its_name_until_another_takes_its_place(store):
    failure = Failure("1", 0.0, "declined", "no")
    assert store.failure("name") is None
    store.record_failure("name", failure)
    assert store.failure("name") == failure
    assert store.failure("other") is MemoryStore().failure("name") is None
    store.record_failure("name", None)
    assert store.failure("name") is None


def test_that_nobody_answered_is_kept_until_all_is_well(store):
    assert store.unanswered("name") == {}
    store.record_failure("name", Failure("1", 5.5, NO_ANSWER, "m", scope="s"))
    store.record_failure("name", Failure("2", 6.5, "refused", "m"))
    assert store.unanswered("name") == {"s": 5.5}
    assert store.unanswered("other") == {}
    store.record_failure("name", None)
    assert store.unanswered("name") == {}


# --- Entries in memory, all else on disk ---


def test_entries_that_cannot_be_sealed_never_reach_the_disk(tmp_path):
    memory, folder = MemoryStore(), tmp_path / "cache"
    store = UnwrittenStore(folder, memory, wait_seconds=1)
    store.publish(OLD)
    store.publish(NEW)
    store.remove(OLD)
    assert store.read("key") == memory.read("key") == NEW
    assert not folder.exists()
    store.remove(NEW)
    assert store.read("key") is None


def test_an_entry_on_disk_is_not_read_where_entries_are_in_memory(tmp_path):
    disk = DiskStore(tmp_path / "cache")
    disk.publish(OLD)
    assert disk.read("key")
    store = UnwrittenStore(disk.path, MemoryStore(), wait_seconds=1)
    assert store.read("key") is None


def test_locks_used_codes_and_failures_are_shared_with_every_other_process(tmp_path):
    disk = DiskStore(tmp_path / "cache")
    store = UnwrittenStore(disk.path, MemoryStore(), wait_seconds=0.1)
    disk.record_code("device", "123456")
    assert store.used_codes("device") == disk.used_codes("device") != frozenset()
    store.record_code("device", "654321")
    assert len(disk.used_codes("device")) == 2
    failure = Failure("1", 0.0, "declined", "no")
    store.record_failure("device", failure)
    assert disk.failure("device") == failure
    with (
        disk.lock("device", lambda _: None),
        pytest.raises(Busy),
        store.lock("device", lambda _: None),
    ):
        pass
