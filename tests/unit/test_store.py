from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta, timezone

import pytest

from sts_plugin import settings
from sts_plugin.document import timestamp
from sts_plugin.errors import Busy, CacheUnusable
from sts_plugin.keys import digest
from sts_plugin.ledger import NO_ANSWER, Failure
from sts_plugin.locks import Holder
from sts_plugin.model import Life
from sts_plugin.store import DiskStore, Entry

KEY, OTHER = digest("one"), digest("other")
NOW = datetime.now(UTC)
HOUR = timedelta(hours=1)


def make_entry(key=KEY, secret="s", life=Life(NOW, NOW + HOUR)):  # noqa: B008
    return Entry(key, life, {"SecretAccessKey": secret}, {"kind": "role"})


ENTRY = make_entry()


@pytest.fixture
def store(tmp_path):
    return DiskStore(tmp_path / "cache")


@pytest.fixture
def file(store):
    """The file of an entry that is in order."""
    store.publish(ENTRY)
    return store.path / f"{KEY}.json"


def unexpected(holder):
    raise AssertionError(holder)


def run_python(code, *arguments, **options):
    """Start a Python that can import what we can."""
    return subprocess.Popen(
        [sys.executable, "-c", code, *arguments],
        env={"PYTHONPATH": ":".join(sys.path)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        **options,
    )


# --- Entries ---


def test_what_is_published_is_read(store):
    store.publish(ENTRY)
    assert store.read(KEY) == ENTRY
    assert store.read(OTHER) is None


def test_a_newer_entry_takes_the_place_of_an_older_one(store, file):
    store.publish(make_entry(secret="new"))
    assert store.read(KEY).document == {"SecretAccessKey": "new"}
    assert list(store.entries()) == [make_entry(secret="new")]


def test_an_entry_does_not_show_its_document():
    entry = make_entry(secret="canary")
    assert "canary" not in f"{entry} {entry!r}"
    assert KEY in repr(entry)


def test_the_name_of_a_file_tells_nothing_and_its_mode_is_private(file):
    assert file.name == f"{KEY}.json"
    assert file.stat().st_mode & 0o777 == 0o600


def test_entries_yields_each_sound_entry_and_nothing_else(store, file):
    store.publish(make_entry(OTHER))
    (store.path / f"{digest('third')}.json").write_text("damaged")
    store.record_code("device", "123456")
    with store.lock("name", unexpected):
        assert {entry.key for entry in store.entries()} == {KEY, OTHER}


def test_a_cache_that_is_not_there_is_empty(store):
    assert store.read(KEY) is None
    assert list(store.entries()) == []
    assert store.used_codes("device") == frozenset()
    assert store.failure("device") is None
    assert store.unanswered("device") == {}
    assert not store.path.exists()


def test_times_keep_their_microseconds_and_become_utc(store):
    issued = NOW.astimezone(timezone(timedelta(hours=5))).replace(microsecond=123_456)
    store.publish(make_entry(life=Life(issued, issued + HOUR)))
    life = store.read(KEY).life
    assert life == Life(issued, issued + HOUR)
    assert life.issued.tzinfo is UTC


# --- What cannot be trusted ---


def test_an_entry_cut_at_any_byte_reads_as_absent(store, file):
    whole = file.read_bytes()
    for length in range(len(whole)):
        file.write_bytes(whole[:length])
        assert store.read(KEY) is None, length


def rewrite(file, data):
    """Write an entry whose digest is right, whatever else is wrong with it."""
    kept = data.keys() - {"digest", "stamp"}
    data = {field: value for field, value in data.items() if field in kept}
    file.write_text(json.dumps({**data, "digest": digest(data)}))


def test_an_entry_that_is_rewritten_whole_is_read(store, file):
    rewrite(file, json.loads(file.read_text()))
    assert store.read(KEY) == ENTRY


def test_flipped_bits_never_crash_and_never_hand_out_garbage(store, file):
    whole = file.read_bytes()
    chance = random.Random(1)  # noqa: S311
    for _ in range(2000):
        damaged = bytearray(whole)
        damaged[chance.randrange(len(whole))] ^= 1 << chance.randrange(8)
        file.write_bytes(damaged)
        assert store.read(KEY) in (None, ENTRY)


WRONG = [None, 1, "x", [], {}, True, 1e308, "9" * 30]


@pytest.mark.parametrize(
    "change",
    [
        {field: value}
        for field in ("version", "key", "issued", "expires", "label", "document")
        for value in WRONG
        if not (field == "version" and value == 1)
        and not (field in {"label", "document"} and value == {})
    ]
    + [{"label": {"kind": 1}}, {"key": OTHER}, {"version": 2}],
    ids=repr,
)
def test_an_entry_with_a_wrong_field_reads_as_absent(store, file, change):
    rewrite(file, json.loads(file.read_text()) | change)
    assert store.read(KEY) is None
    assert list(store.entries()) == []


@pytest.mark.parametrize(
    "field", ["version", "key", "issued", "expires", "label", "document"]
)
def test_an_entry_without_a_field_reads_as_absent(store, file, field):
    data = json.loads(file.read_text())
    del data[field]
    rewrite(file, data)
    assert store.read(KEY) is None


@pytest.mark.parametrize("text", ["", "null", "[]", "1", '"x"', "{}", "NaN", "\x00"])
def test_a_file_that_is_no_entry_reads_as_absent(store, file, text):
    file.write_text(text)
    assert store.read(KEY) is None


@pytest.mark.parametrize(
    ("issued", "expires"),
    [
        (NOW, NOW),
        (NOW, NOW - HOUR),
        (NOW, NOW + timedelta(hours=37, seconds=1)),
        (NOW, datetime.max.replace(tzinfo=UTC)),
        (datetime.min.replace(tzinfo=UTC), NOW),
        (NOW.replace(tzinfo=None), NOW + HOUR),
        (NOW, (NOW + HOUR).replace(tzinfo=None)),
        (NOW, datetime.max.replace(tzinfo=timezone(timedelta(hours=-14)))),
        (datetime.min.replace(tzinfo=timezone(timedelta(hours=14))), NOW),
    ],
)
def test_an_entry_with_an_absurd_life_reads_as_absent(store, file, issued, expires):
    life = {"issued": issued.isoformat(), "expires": expires.isoformat()}
    rewrite(file, json.loads(file.read_text()) | life)
    assert store.read(KEY) is None


@pytest.mark.parametrize("ends", [NOW, NOW + 2 * HOUR, NOW + HOUR + HOUR / 3600])
def test_an_entry_that_disagrees_with_its_document_reads_as_absent(store, ends):
    # We would go by one time, and SDKs by the other.
    life = Life(NOW, NOW + HOUR)
    document = {"SecretAccessKey": "s", "Expiration": timestamp(life.expires)}
    entry = Entry(KEY, life, document, {})
    store.publish(entry)
    assert store.read(KEY) == entry
    for wrong in (timestamp(ends), ends.isoformat(), 1, None, ""):
        store.publish(Entry(KEY, life, document | {"Expiration": wrong}, {}))
        assert store.read(KEY) is None


def test_a_nesting_of_any_depth_never_crashes(store, file):
    # json reads a little deeper than it writes.
    whole = json.loads(file.read_text())
    fields = {k: v for k, v in whole.items() if k != "document"}
    for depth in (*range(100, 900, 100), *range(900, 1010)):
        nested = "[" * depth + "]" * depth
        text = json.dumps(fields)[:-1] + f', "document": {{"a": {nested}}}}}'
        file.write_text(text)
        assert store.read(KEY) is None
        file.write_text(text.replace(whole["digest"], "x"))
        assert list(store.entries()) == []


def test_the_entry_of_another_key_reads_as_absent(store, file):
    file.rename(store.path / f"{OTHER}.json")
    assert store.read(OTHER) is None


def test_a_fifo_a_folder_and_a_link_read_as_absent_without_a_wait(store, file):
    twin = store.path / "twin"
    file.rename(twin)
    for make in (os.mkfifo, os.mkdir, lambda path: path.symlink_to(twin)):
        make(file)
        assert store.read(KEY) is None
        if file.is_dir() and not file.is_symlink():
            file.rmdir()
        else:
            file.unlink()


def test_a_damaged_entry_is_healed_by_the_next_publish(store, file):
    file.write_text("{")
    store.publish(make_entry(secret="new"))
    assert store.read(KEY) == make_entry(secret="new")


# --- Publishing that fails ---


@pytest.mark.parametrize("step", ["os.fsync", "os.open", "os.replace"])
def test_a_publish_that_fails_leaves_the_old_entry(store, file, snapshot, mocker, step):
    before = snapshot(store.path)
    mocker.patch(step, side_effect=OSError(28, "No space left on device"))
    with pytest.raises(CacheUnusable, match="No space left"):
        store.publish(make_entry(secret="new"))
    mocker.stopall()
    assert snapshot(store.path) == before
    assert store.read(KEY) == ENTRY


def test_a_loose_folder_is_neither_read_nor_written(store, file):
    store.path.chmod(0o755)
    for work in (
        store.prepare,
        lambda: store.read(KEY),
        lambda: store.publish(ENTRY),
        lambda: store.used_codes("device"),
        lambda: store.record_code("device", "123456"),
        lambda: store.forget_code("device", "123456"),
        lambda: store.failure("name"),
        lambda: store.unanswered("name"),
        lambda: store.record_failure("name", None),
        lambda: list(store.entries()),
        lambda: store.lock("name", unexpected).__enter__(),
    ):
        with pytest.raises(CacheUnusable):
            work()


def test_prepare_makes_the_folder(store):
    store.prepare()
    assert store.path.stat().st_mode & 0o777 == 0o700


# --- Sweeping ---


def age(path, seconds):
    then = time.time() - seconds
    os.utime(path, (then, then))


def test_left_over_temporary_files_are_swept(store, file):
    mine = store.path / f".{KEY}.json.0123456789abcdef.tmp"
    young = store.path / f".{OTHER}.json.0123456789abcdef.tmp"
    old = store.path / f".{OTHER}.json.fedcba9876543210.tmp"
    for path in (mine, young, old):
        path.write_text("secret")
    age(old, settings.TEMPORARY_AGE_SECONDS_MAX + 60)
    store.publish(ENTRY)
    assert not mine.exists()  # we hold its lock: nobody is writing it
    assert young.exists()  # its writer may be at work
    assert not old.exists()


def test_dead_entries_are_swept_and_living_ones_stay(store, file):
    store.publish(make_entry(OTHER))
    dead = store.path / f"{digest('dead')}.json"
    dead.write_text("{}")
    age(dead, settings.ENTRY_AGE_SECONDS_MAX + 60)
    age(file, settings.ENTRY_AGE_SECONDS_MAX - 600)
    store.publish(make_entry(OTHER))
    assert not dead.exists()
    assert file.exists()


@pytest.mark.parametrize(
    "name",
    [
        "notes.json",
        "work.tmp",
        ".draft.tmp",
        "package-lock.json",
        "x.lock",
        "2030.ledger",
        f"{'0' * 64}.ledger.bak",
    ],
)
def test_files_that_are_not_ours_are_left_alone(store, file, name):
    # STS_PLUGIN_CACHE_DIR may be a folder that somebody keeps other things in.
    precious = store.path / name
    precious.write_text("precious")
    age(precious, 365 * 24 * 3600)
    store.publish(ENTRY)
    assert precious.read_text() == "precious"


def test_what_cannot_be_swept_does_not_stop_a_publish(store, file):
    planted = store.path / f"{OTHER}.json"
    planted.mkdir()
    age(planted, settings.ENTRY_AGE_SECONDS_MAX + 60)
    store.publish(make_entry(secret="new"))
    assert store.read(KEY) == make_entry(secret="new")


def test_lock_files_are_never_swept(store, file):
    # Deleting one splits its waiters: two would hold two files of one name.
    with store.lock("name", unexpected):
        (path,) = store.path.glob("*.lock")
    age(path, 365 * 24 * 3600)
    store.publish(ENTRY)
    assert path.exists()


def test_old_ledgers_are_swept_and_newer_ones_stay(store, file):
    store.record_code("old", "123456")
    (old,) = store.path.glob("*.ledger")
    store.record_code("new", "123456")
    (new,) = set(store.path.glob("*.ledger")) - {old}
    age(old, settings.ENTRY_AGE_SECONDS_MAX + 60)
    age(new, settings.ENTRY_AGE_SECONDS_MAX - 600)
    store.publish(ENTRY)
    assert not old.exists()
    assert new.exists()


def test_left_over_temporary_files_of_ledgers_are_swept(store, file):
    young = store.path / f".{OTHER}.ledger.0123456789abcdef.tmp"
    old = store.path / f".{OTHER}.ledger.fedcba9876543210.tmp"
    mine = store.path / f".{digest('ledger', 'name')}.ledger.0123456789abcdef.tmp"
    for path in (young, old, mine):
        path.write_text("{}")
    age(old, settings.TEMPORARY_AGE_SECONDS_MAX + 60)
    store.publish(ENTRY)
    assert young.exists()
    assert mine.exists()
    assert not old.exists()
    store.record_failure("name", None)
    assert young.exists()
    assert not mine.exists()  # we hold its lock: nobody is writing it


# --- Removing ---


def test_an_entry_is_removed(store, file):
    store.remove(ENTRY)
    assert store.read(KEY) is None
    store.remove(ENTRY)


def test_a_newer_entry_is_not_removed_for_an_older_one(store, file):
    newer = make_entry(secret="new")
    store.publish(newer)
    store.remove(ENTRY)
    assert store.read(KEY) == newer


# --- Locks ---


def test_a_lock_is_a_private_file_whose_name_tells_nothing(store):
    with store.lock("arn:of:a:device", unexpected) as held:
        assert held is True
        (path,) = store.path.iterdir()
        assert path.name == f"{digest('lock', 'arn:of:a:device')}.lock"
        assert path.stat().st_mode & 0o777 == 0o600
        assert store.path.stat().st_mode & 0o777 == 0o700


def test_locks_of_other_names_are_not_in_the_way(store):
    with store.lock("name", unexpected), store.lock("other", unexpected) as held:
        assert held is True


def test_a_lock_is_waited_for_as_long_as_the_store_was_told(store, monkeypatch):
    monkeypatch.setattr(settings, "LOCK_NOTICE_SECONDS", 0.05)
    other, told = DiskStore(store.path, wait_seconds=0.2), []
    with (
        store.lock("name", unexpected),
        pytest.raises(Busy),
        other.lock("name", told.append),
    ):
        pass
    assert told == [Holder(os.getpid(), os.getsid(0))]
    assert DiskStore(store.path)._wait_seconds == settings.LOCK_WAIT_SECONDS


def test_whoever_waits_leaves_without_the_lock_when_there_is_news(store):
    with (
        store.lock("name", unexpected),
        store.lock("name", unexpected, lambda: True) as held,
    ):
        assert held is False


# --- Ledgers: codes ---


def ledger_of(store):
    (path,) = store.path.glob("*.ledger")
    return path


def test_a_recorded_code_is_used_for_its_device_only(store):
    store.record_code("one", "123456")
    store.record_code("one", "654321")
    assert store.used_codes("one") == {
        digest("one", "123456"),
        digest("one", "654321"),
    }
    assert store.used_codes("other") == frozenset()


def test_codes_are_not_kept_in_clear(store):
    store.record_code("arn:of:device", "123456")
    path = ledger_of(store)
    assert "123456" not in path.read_text()
    assert "device" not in f"{path.name} {path.read_text()}"
    assert path.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    ("seconds", "known"),
    [(0, True), (179, True), (181, False), (-179, True), (-181, False)],
)
def test_codes_expire(store, mocker, seconds, known):
    store.record_code("device", "123456")
    now = time.time() + seconds
    mocker.patch("time.time", return_value=now)
    assert bool(store.used_codes("device")) is known


def test_expired_codes_leave_the_ledger(store, mocker):
    store.record_code("device", "111111")
    mocker.patch("time.time", return_value=time.time() + 3600)
    store.record_code("device", "222222")
    assert len(json.loads(ledger_of(store).read_text())["codes"]) == 1


def test_codes_survive_their_process(store):
    code = (
        "import sys; from pathlib import Path; from sts_plugin.store import DiskStore;"
        "DiskStore(Path(sys.argv[1])).record_code('device', '123456')"
    )
    with run_python(code, store.path) as process:
        assert process.wait(60) == 0
    assert store.used_codes("device") == {digest("device", "123456")}


def test_a_code_that_was_never_sent_is_forgotten_for_its_device_only(store):
    for device in ("one", "other"):
        store.record_code(device, "123456")
    store.record_code("one", "654321")
    store.forget_code("one", "123456")
    store.forget_code("one", "000000")  # nobody recorded it
    assert store.used_codes("one") == {digest("one", "654321")}
    assert store.used_codes("other") == {digest("other", "123456")}


# --- Ledgers: failures ---

FAILURE = Failure("1f", time.time(), "refused", "AWS refused it", "mend it", "X", "s")


def test_a_failure_is_read_under_its_name_until_another_takes_its_place(store):
    assert store.failure("name") is None
    store.record_failure("name", FAILURE)
    assert store.failure("name") == FAILURE
    assert store.failure("other") is None
    newer = Failure("2f", time.time(), "declined", "no")
    store.record_failure("name", newer)
    assert store.failure("name") == newer
    store.record_failure("name", None)
    assert store.failure("name") is None


def test_codes_and_failures_leave_each_other_alone(store):
    used = {digest("name", "123456")}
    store.record_code("name", "123456")
    store.record_failure("name", FAILURE)
    assert store.used_codes("name") == used
    store.record_code("name", "654321")
    store.forget_code("name", "654321")
    assert store.failure("name") == FAILURE
    store.record_failure("name", None)
    assert store.used_codes("name") == used


def test_a_failure_outlives_the_codes_beside_it(store, mocker):
    # The quiet after a prompt that nobody answered is longer than a code is known.
    store.record_code("name", "123456")
    store.record_failure("name", FAILURE)
    mocker.patch("time.time", return_value=time.time() + 800)
    assert store.used_codes("name") == frozenset()
    assert store.failure("name") == FAILURE


def test_the_ledger_of_a_failure_is_private_and_tells_no_name(store):
    store.record_failure("arn:of:device", FAILURE)
    path = ledger_of(store)
    assert path.stat().st_mode & 0o777 == 0o600
    assert "device" not in f"{path.name} {path.read_text()}"


def test_that_nobody_answered_is_kept_until_all_is_well(store):
    assert store.unanswered("name") == {}
    silent = Failure("1f", 5.5, NO_ANSWER, "nobody typed it", scope="s")
    store.record_failure("name", silent)
    store.record_failure("name", FAILURE)
    store.record_code("name", "123456")
    assert store.unanswered("name") == {"s": 5.5}
    assert store.unanswered("other") == {}
    store.record_failure("name", None)
    assert store.unanswered("name") == {}


# --- Ledgers that are damaged ---


@pytest.mark.parametrize(
    "text",
    [
        "",
        "null",
        "[]",
        "{}",
        "\x00",
        '{"version": 2, "codes": {"x": 1e10}}',
        '{"version": 1, "codes": null}',
        '{"version": 1, "codes": [1], "failure": []}',
        '{"version": 1, "codes": {"x": "y", "z": null, "w": NaN, "v": 1e400}}',
        '{"version": 1, "failure": {"number": "1"}}',
        "[" * 60_000,
    ],
    ids=lambda text: text[:60],
)
def test_a_damaged_ledger_reads_as_empty_and_heals(store, text):
    store.record_code("device", "123456")
    store.record_failure("device", FAILURE)
    ledger_of(store).write_text(text)
    assert store.used_codes("device") == frozenset()
    assert store.failure("device") is None
    assert store.unanswered("device") == {}
    store.record_code("device", "654321")
    store.record_failure("device", FAILURE)
    assert store.used_codes("device") == {digest("device", "654321")}
    assert store.failure("device") == FAILURE


def test_the_ledger_of_another_version_reads_as_empty(store):
    store.record_code("device", "123456")
    store.record_failure("device", FAILURE)
    path = ledger_of(store)
    path.write_text(json.dumps(json.loads(path.read_text()) | {"version": 2}))
    assert store.used_codes("device") == frozenset()
    assert store.failure("device") is None


def test_a_ledger_cut_at_any_byte_reads_as_empty(store):
    store.record_code("device", "123456")
    store.record_failure("device", FAILURE)
    path = ledger_of(store)
    whole = path.read_bytes()
    for length in range(len(whole)):
        path.write_bytes(whole[:length])
        assert store.used_codes("device") == frozenset()
        assert store.failure("device") is None


def test_flipped_bits_in_a_ledger_never_crash(store):
    store.record_code("device", "123456")
    store.record_failure("device", FAILURE)
    path = ledger_of(store)
    whole = path.read_bytes()
    chance = random.Random(1)  # noqa: S311
    for _ in range(1000):
        damaged = bytearray(whole)
        damaged[chance.randrange(len(whole))] ^= 1 << chance.randrange(8)
        path.write_bytes(damaged)
        assert len(store.used_codes("device")) <= 1
        assert isinstance(store.failure("device"), Failure | None)


def test_a_fifo_a_folder_and_a_link_in_place_of_a_ledger_read_as_empty(store):
    store.record_code("device", "123456")
    path = ledger_of(store)
    twin = store.path / "twin"
    path.rename(twin)
    for make in (os.mkfifo, os.mkdir, lambda path: path.symlink_to(twin)):
        make(path)
        assert store.used_codes("device") == frozenset()
        store.record_code("device", "654321")
        assert len(store.used_codes("device")) == 1
        path.unlink()
    assert "654321" not in twin.read_text()


# --- Clearing ---


def test_clearing_takes_everything_that_holds_secrets_and_nothing_else(store, file):
    store.publish(make_entry(OTHER))
    store.record_code("device", "123456")
    with store.lock("name", unexpected):
        pass
    file.write_text("damaged")
    (store.path / f".{KEY}.json.0123456789abcdef.tmp").write_text("left over")
    (store.path / "notes.json").write_text("somebody's")
    assert store.clear() == 2
    left = {path.suffix for path in store.path.iterdir()}
    assert left == {".ledger", ".lock", ".json"}
    assert (store.path / "notes.json").exists()
    assert store.used_codes("device")
    assert store.clear() == 0
