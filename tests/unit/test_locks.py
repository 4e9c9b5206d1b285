from __future__ import annotations

import contextlib
import os
import platform
import select
import signal
import subprocess
import sys
import threading

import pytest

from sts_plugin import settings
from sts_plugin.errors import Busy, CacheUnusable
from sts_plugin.locks import Holder, busy, hold, terminal_session, terminal_turn
from sts_plugin.private import PrivateFolder

HOLD = """\
import sys
from pathlib import Path
from sts_plugin.locks import hold
from sts_plugin.private import PrivateFolder
path = Path(sys.argv[1])
folder = PrivateFolder(path.parent)
with hold(folder, path.name, seconds=60, waiting=print, news=bool) as held:
    print(held, flush=True)
    sys.stdin.read()
"""


def unexpected(holder):
    raise AssertionError(holder)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "name.lock"


@contextlib.contextmanager
def held_elsewhere(path):
    """Hold a lock in another process; ends when its stdin is closed."""
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, path],
        env={"PYTHONPATH": ":".join(sys.path)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as holder:
        try:
            assert select.select([holder.stdout], [], [], 60)[0]
            assert holder.stdout.readline() == "True\n"
            yield holder
        finally:
            holder.kill()


def take(path, *, seconds=0.3, waiting=unexpected, news=bool):
    """Hold a lock as a test does: without news, for a third of a second at most."""
    folder = PrivateFolder(path.parent)
    return hold(folder, path.name, seconds=seconds, waiting=waiting, news=news)


@pytest.fixture(autouse=True)
def soon(monkeypatch):
    """Whoever waits says so at once."""
    monkeypatch.setattr(settings, "LOCK_NOTICE_SECONDS", 0.05)


# --- One at a time ---


def test_a_lock_excludes_other_processes_and_names_its_holder(path):
    told = []
    with held_elsewhere(path) as holder:
        with (
            pytest.raises(Busy, match=f"process {holder.pid} ") as caught,
            take(path, waiting=told.append),
        ):
            pytest.fail("two held one lock")
        assert told == [Holder(holder.pid, os.getsid(holder.pid))]
        assert caught.value.hint


def test_locks_of_other_names_are_not_in_the_way(path, tmp_path):
    with held_elsewhere(path), take(tmp_path / "other.lock") as held:
        assert held is True


def test_a_lock_is_free_again_when_its_holder_is_killed(path):
    with held_elsewhere(path) as holder:
        holder.send_signal(signal.SIGKILL)
        holder.wait(60)
        with take(path) as held:
            assert held is True


def test_whoever_waits_goes_on_when_the_lock_is_let_go(path):
    told = []
    with held_elsewhere(path) as holder:

        def let_go(whom):
            told.append(whom.process)
            holder.stdin.close()

        with take(path, seconds=60, waiting=let_go) as held:
            assert held is True
            assert holder.wait(60) == 0
    assert told == [holder.pid]


def test_a_lock_excludes_other_threads(path):
    outcome = []

    def work():
        try:
            with take(path, waiting=outcome.append):
                outcome.append("held twice")
        except Busy:
            outcome.append("busy")

    with take(path):
        thread = threading.Thread(target=work)
        thread.start()
        thread.join(60)
    assert outcome == [Holder(os.getpid(), os.getsid(0)), "busy"]


@pytest.mark.parametrize("kind", [RuntimeError, KeyboardInterrupt, SystemExit])
def test_a_lock_is_free_again_after_an_error(path, kind):
    with pytest.raises(kind), take(path):
        raise kind
    with take(path) as held:
        assert held is True


# --- The file ---


def test_a_lock_file_stays_and_is_private_and_is_signed(path):
    # Deleting it splits its waiters: two would hold two files of one name.
    for _ in range(2):
        with take(path):
            assert path.read_text() == f"{os.getpid()} {os.getsid(0)}"
        assert path.stat().st_mode & 0o777 == 0o600


def test_the_signature_of_an_earlier_holder_is_replaced_whole(path):
    path.write_text("1" * 100)
    with take(path):
        assert path.read_text() == f"{os.getpid()} {os.getsid(0)}"


def test_a_lock_that_cannot_be_signed_is_held_all_the_same(path, mocker):
    mocker.patch("os.ftruncate", side_effect=OSError(28, "No space left on device"))
    with take(path) as held:
        assert held is True


def test_nothing_is_written_through_a_link_in_place_of_a_lock(path, tmp_path):
    precious, absent = tmp_path / "precious", tmp_path / "absent"
    precious.write_text("precious")
    for target in (precious, absent):
        path.unlink(missing_ok=True)
        path.symlink_to(target)
        with contextlib.suppress(CacheUnusable), take(path):
            pass
    assert precious.read_text() == "precious"
    assert not absent.exists()


def test_a_file_system_without_locks_is_trouble_with_the_cache(path, mocker):
    mocker.patch("fcntl.flock", side_effect=OSError(38, "Function not implemented"))
    with pytest.raises(CacheUnusable, match="not implemented"), take(path):
        pass


def test_a_lock_that_cannot_be_let_go_does_not_cost_the_result(path, mocker):
    # ESTALE, EIO: the network file system went away while we asked. What was got
    # is got, and the end of the process lets the lock go.
    import fcntl  # noqa: PLC0415 - the real one is called

    real = fcntl.flock

    def flock(descriptor, operation):
        if operation == fcntl.LOCK_UN:
            raise OSError(116, "Stale file handle")
        real(descriptor, operation)

    mocker.patch("fcntl.flock", flock)
    with take(path) as held:
        assert held is True


# --- Waiting ---


@pytest.mark.parametrize(
    "text", ["", "garbage", "12", "12 x", "1 2 3", "1 2.5", "\udcff 1", " ", "1" * 99]
)
def test_a_lock_whose_holder_is_unknown_is_told_without_one(path, text):
    told = []
    with held_elsewhere(path):
        path.write_bytes(text.encode(errors="surrogateescape"))
        with (
            pytest.raises(Busy, match="somebody else"),
            take(path, waiting=told.append),
        ):
            pass
    assert told == [None]


def test_a_lock_that_is_free_is_not_waited_for(path):
    with take(path, seconds=0, waiting=unexpected, news=lambda: True) as held:
        assert held is True


def test_who_waits_is_told_once_however_long_it_takes(path):
    told = []
    with (
        held_elsewhere(path),
        pytest.raises(Busy),
        take(path, seconds=0.6, waiting=told.append),
    ):
        pass
    assert len(told) == 1


def test_a_wait_shorter_than_the_notice_is_as_short(path, monkeypatch):
    monkeypatch.setattr(settings, "LOCK_NOTICE_SECONDS", 1e6)
    told = []
    with (
        held_elsewhere(path),
        pytest.raises(Busy, match="for 0 seconds"),
        take(path, seconds=0.1, waiting=told.append),
    ):
        pass
    assert len(told) == 1


def test_the_time_before_the_notice_is_part_of_the_whole(path, monkeypatch):
    clock = [0.0]

    def sleep(seconds):
        clock[0] += seconds

    monkeypatch.setattr("time.monotonic", lambda: clock[0])
    monkeypatch.setattr("time.sleep", sleep)
    told = []
    with (
        held_elsewhere(path),
        pytest.raises(Busy),
        take(path, waiting=lambda _: told.append(clock[0])),
    ):
        pass
    assert told == [pytest.approx(0.05)]
    assert clock == [pytest.approx(0.3)]


def test_whoever_waits_looks_often_at_first_and_seldom_after_the_notice(
    path, monkeypatch
):
    # Two hundred waiters must leave a machine its breath.
    monkeypatch.setattr(settings, "LOCK_NOTICE_SECONDS", 0.5)
    monkeypatch.setattr(settings, "LOCK_POLL_SECONDS", (0.01, 1000.0))
    looks, at_notice = [], []
    with (
        held_elsewhere(path),
        pytest.raises(Busy),
        take(
            path,
            seconds=1,
            waiting=lambda _: at_notice.append(len(looks)),
            news=lambda: bool(looks.append(1)),
        ),
    ):
        pass
    assert at_notice[0] >= 4
    assert len(looks) - at_notice[0] <= 3


# --- News ---


@pytest.mark.parametrize("notice", [0.01, 1e6], ids=["after notice", "before notice"])
def test_whoever_waits_leaves_as_soon_as_there_is_news(path, monkeypatch, notice):
    monkeypatch.setattr(settings, "LOCK_NOTICE_SECONDS", notice)
    told, looks = [], []

    def news():
        looks.append(1)
        return len(looks) > 3 and (bool(told) or notice > 1)

    with held_elsewhere(path) as holder:
        with take(path, seconds=1e7, waiting=told.append, news=news) as held:
            assert held is False
            assert holder.poll() is None
        with pytest.raises(Busy), take(path, waiting=told.append):
            pytest.fail("the lock of another was let go")
    assert len(told) == (2 if notice < 1 else 1)


def test_news_that_is_there_at_once_needs_no_notice(path):
    with held_elsewhere(path), take(path, news=lambda: True) as held:
        assert held is False


def test_news_is_asked_for_until_it_was_heard_and_no_longer(path):
    # It costs a look at the disk; and what was heard stays heard.
    answers = [False, True]
    with held_elsewhere(path), take(path, news=lambda: answers.pop(0)) as held:
        assert held is False
    assert answers == []


def test_an_error_without_the_lock_goes_through(path):
    with (
        held_elsewhere(path),
        pytest.raises(RuntimeError, match="mine"),
        take(path, news=lambda: True),
    ):
        raise RuntimeError("mine")


@pytest.mark.parametrize("where", ["waiting", "news"])
def test_what_a_listener_raises_is_no_trouble_with_the_cache(path, where):
    def fail(*_):
        raise KeyError(where)

    with (
        held_elsewhere(path),
        pytest.raises(KeyError),
        take(path, **{"waiting": lambda _: None, where: fail}),
    ):
        pass


# --- Words ---


def test_a_lock_that_is_held_too_long_names_who_has_it_and_for_how_long():
    known, unknown = busy(Holder(7, 8), 119.6), busy(None, 1)
    assert "process 7 has been getting these credentials for 120 s" in known.message
    assert "somebody else has been" in unknown.message
    assert "try again" in known.hint


def test_a_terminal_is_told_by_the_session_that_it_controls(monkeypatch):
    assert terminal_session() == os.getsid(0)
    monkeypatch.delattr(os, "getsid")  # Windows
    assert terminal_session() == 0


def test_one_lock_is_for_all_who_ask_on_one_terminal(monkeypatch):
    ours = terminal_turn()
    assert terminal_turn() == ours
    monkeypatch.setattr(os, "getsid", lambda _: 1)
    assert terminal_turn() != ours
    monkeypatch.undo()
    monkeypatch.setattr(platform, "node", lambda: "another")  # and one home folder
    assert terminal_turn() != ours


def test_on_windows_a_terminal_is_told_by_the_window_of_its_console(monkeypatch):
    monkeypatch.delattr(os, "getsid")
    monkeypatch.setattr("sts_plugin.windows_system.window", lambda: 2**40)
    assert terminal_session() == 2**40
    assert terminal_turn().startswith(f"terminal of session {2**40} on ")
