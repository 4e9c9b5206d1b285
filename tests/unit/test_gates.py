from __future__ import annotations

import gc
import os
import threading
from pathlib import Path

from sts_plugin import gates, locks, settings
from sts_plugin.gates import gate_of
from sts_plugin.private import PrivateFolder

HERE = Path("/x/lock")


def test_one_is_through_and_the_next_one_after_it():
    gate = gate_of(HERE)
    assert gate.enter(0)
    assert not gate_of(HERE).enter(0)
    gate.leave()
    assert gate_of(HERE).enter(0)
    gate.leave()


def test_another_lock_has_a_gate_of_its_own():
    gate = gate_of(HERE)
    assert gate.enter(0)
    other = gate_of(Path("/x/other"))
    assert other.enter(0)
    other.leave()
    gate.leave()


def test_a_gate_that_nobody_needs_is_gone():
    gate = gate_of(HERE)
    assert (os.getpid(), HERE) in gates._gates
    del gate
    gc.collect()
    assert (os.getpid(), HERE) not in gates._gates


def test_a_child_finds_the_gates_open():
    gate = gate_of(HERE)
    assert gate.enter(0)
    child = os.fork()
    if child == 0:
        os._exit(0 if gate_of(HERE).enter(0) else 1)
    assert os.waitpid(child, 0)[1] == 0
    gate.leave()


def test_of_many_threads_one_looks_at_the_file(tmp_path, mocker, monkeypatch):
    monkeypatch.setattr(settings, "LOCK_CROWD_SECONDS", 60.0)
    looked, waiting = set(), threading.Semaphore(0)
    taken = locks.LockFile.taken

    def look(self, signature):
        looked.add(threading.get_ident())
        waiting.release()
        return taken(self, signature)

    def hold():
        folder = PrivateFolder(tmp_path / "cache")
        with locks.hold(
            folder, "a.lock", seconds=60, waiting=print, news=lambda: False
        ) as held:
            assert held

    folder = PrivateFolder(tmp_path / "cache")
    holder = locks.LockFile(folder, "a.lock")  # as another process has it
    assert holder.taken("1 1")
    mocker.patch.object(locks.LockFile, "taken", look)
    threads = [threading.Thread(target=hold) for _ in range(10)]
    for thread in threads:
        thread.start()
    for _ in range(20):  # it looks again and again
        assert waiting.acquire(timeout=60)
    assert len(looked) == 1
    holder.close()
    for thread in threads:
        thread.join(60)
        assert not thread.is_alive()
    assert len(looked) == 10
