from __future__ import annotations

import contextlib
from datetime import UTC, datetime, timedelta

import pytest

from sts_plugin.cache import Cache
from sts_plugin.errors import Busy, CacheUnusable
from sts_plugin.keys import digest
from sts_plugin.ledger import NO_ANSWER, Failure
from sts_plugin.memory import MemoryStore
from sts_plugin.model import Life, Secret
from sts_plugin.store import Entry

NOW = datetime(2030, 1, 1, tzinfo=UTC)
OLD, NEW = (
    Entry("key", Life(NOW, NOW + timedelta(hours=1)), {"x": x}, {}) for x in (1, 2)
)
CODE = Secret("123456")
USED = digest("device", "123456")
FAILURE = Failure("1", 0.0, "declined", "no")


class Store(MemoryStore):
    """A store of which some methods do not work, while they are named in broken."""

    def __init__(self):
        super().__init__()
        self.broken = set()
        self.asked = []

    def __getattribute__(self, name):
        broken = object.__getattribute__(self, "__dict__").get("broken", ())
        return self._fail if name in broken else super().__getattribute__(name)

    def _fail(self, *arguments):
        self.asked.append(arguments)
        raise CacheUnusable("/cache: No space left on device", hint="clean up")

    @contextlib.contextmanager
    def lock(self, name, waiting, news=lambda: False):
        self.asked.append((name, waiting, news))
        if "enter" in self.broken:
            self._fail()
        with super().lock(name, waiting, news) as held:
            yield held


ALL = {
    "read",
    "publish",
    "remove",
    "enter",
    "used_codes",
    "record_code",
    "forget_code",
    "failure",
    "unanswered",
    "record_failure",
}


@pytest.fixture
def store():
    return Store()


@pytest.fixture
def told():
    return []


@pytest.fixture
def cache(store, told):
    return Cache(store, tell=told.append)


# --- A store that works ---


def test_what_works_is_the_stores(cache, store, told):
    assert cache.read("key") is None
    cache.publish(OLD)
    assert cache.read("key") == store.read("key") == OLD
    cache.publish(NEW)
    cache.remove(OLD)
    assert cache.read("key") == NEW
    cache.remove(NEW)
    assert cache.read("key") is store.read("key") is None
    assert told == []


def test_what_others_publish_is_read(cache, store):
    cache.publish(OLD)
    store.publish(NEW)
    assert cache.read("key") == NEW


def test_codes_and_failures_are_the_stores(cache, store):
    store.record_code("device", "654321")
    cache.record_code("device", CODE)
    assert cache.used_codes("device") == store.used_codes("device")
    assert USED in store.used_codes("device")
    cache.forget_code("device", CODE)
    assert cache.used_codes("device") == {digest("device", "654321")}
    assert store.used_codes("device") == {digest("device", "654321")}
    cache.record_failure("name", FAILURE)
    assert cache.failure("name") == store.failure("name") == FAILURE
    cache.record_failure("name", Failure("2", 5.5, NO_ANSWER, "m"))
    assert cache.unanswered("name") == store.unanswered("name") == {"": 5.5}
    cache.record_failure("name", None)
    assert cache.failure("name") is store.failure("name") is None


def test_the_lock_is_the_stores(cache, store):
    told = []

    def news():
        return True

    with cache.lock("name", told.append, news) as held:
        assert held is True
        assert store.asked == [("name", told.append, news)]
        with cache.lock("name", told.append, news) as again:
            assert again is False
    with cache.lock("name") as held:  # it was let go, and needs no listeners
        assert held is True
    _, waiting, news = store.asked[-1]
    assert waiting(None) is None
    assert not news()


def test_a_lock_is_let_go_after_an_error(cache):
    with pytest.raises(RuntimeError), cache.lock("name"):
        raise RuntimeError
    with cache.lock("name") as held:
        assert held is True


# --- A store that does not ---


def test_trouble_is_told_once_with_what_helps_and_is_never_fatal(cache, store, told):
    store.broken = ALL
    for _ in range(2):
        assert cache.read("key") is None
        cache.publish(OLD)
        cache.remove(OLD)
        cache.record_code("device", CODE)
        cache.forget_code("device", CODE)
        assert cache.used_codes("device") == frozenset()
        assert cache.failure("name") is None
        assert cache.unanswered("name") == {}
        cache.record_failure("name", FAILURE)
        with cache.lock("name") as held:
            assert held is True
    line = "going on without the cache: /cache: No space left on device (clean up)"
    assert told == [line]


def test_what_the_store_does_not_take_is_kept_for_this_run(cache, store):
    store.broken = {"publish"}
    cache.publish(OLD)
    assert cache.read("key") == OLD
    assert cache.read("other") is None
    cache.publish(NEW)
    assert cache.read("key") == NEW
    cache.remove(NEW)
    assert cache.read("key") is None


def test_what_the_store_did_not_take_is_newer_than_what_it_has(cache, store):
    store.publish(OLD)
    store.broken = {"publish"}
    cache.publish(NEW)
    assert cache.read("key") == NEW


def test_what_the_store_takes_again_is_read_from_it(cache, store):
    store.broken = {"publish"}
    cache.publish(OLD)
    store.broken = set()
    cache.publish(NEW)
    assert cache.read("key") == store.read("key") == NEW
    store.remove(NEW)
    assert cache.read("key") is None


def test_used_codes_are_remembered_though_the_ledger_is_out_of_reach(cache, store):
    store.broken = {"used_codes", "record_code"}
    cache.record_code("device", CODE)
    assert cache.used_codes("device") == {USED}
    cache.forget_code("device", CODE)
    assert cache.used_codes("device") == frozenset()


def test_a_code_that_could_not_be_forgotten_stays_used(cache, store):
    store.broken = {"forget_code"}
    cache.record_code("device", CODE)
    cache.forget_code("device", CODE)
    assert cache.used_codes("device") == {USED}


def test_what_another_run_could_not_record_it_alone_remembers(cache, store):
    store.broken = {"record_code"}
    cache.record_code("device", CODE)
    assert Cache(store, tell=print).used_codes("device") == frozenset()


def test_without_locks_the_work_is_done_all_the_same(cache, store, told):
    store.broken = {"enter"}
    with cache.lock("name") as held, cache.lock("name") as again:
        assert held is again is True
    assert len(told) == 1


def test_trouble_of_the_work_itself_is_not_the_locks(cache, told):
    with pytest.raises(CacheUnusable, match="mine"), cache.lock("name"):
        raise CacheUnusable("mine")
    assert told == []


def test_a_lock_that_is_held_too_long_is_no_trouble_with_the_store(cache, store, told):
    store.lock = fails_with_busy
    with pytest.raises(Busy), cache.lock("name"):
        pytest.fail("nobody held it")
    assert told == []


@contextlib.contextmanager
def fails_with_busy(*_):
    raise Busy("held")
    yield


def test_other_errors_of_the_store_are_defects(cache, store):
    store.read = {}.__getitem__
    with pytest.raises(KeyError):
        cache.read("key")
