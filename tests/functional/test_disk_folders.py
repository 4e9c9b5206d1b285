"""Where the cache is, whose that is, and what somebody may have put there."""

from __future__ import annotations

import ctypes
import json
import os
import shutil
import subprocess
import sys

import pytest
from benches import Bench, left_over, modes, snapshot

from sts_plugin.sandbox import Sandbox


@pytest.fixture(scope="module")
def bench(tmp_path_factory):
    folder = tmp_path_factory.mktemp("bench")
    with Sandbox(folder / "sandbox", totp_file=True) as sandbox:
        yield Bench(sandbox, folder)


def as_ordinary_user():
    """Words before a command that take root's power over file modes away."""
    if os.geteuid() != 0:
        return ()
    if not (setpriv := shutil.which("setpriv")):
        pytest.skip("setpriv is needed to give up root's power over file modes")
    return (setpriv, "--bounding-set", "-dac_override,-dac_read_search")


def as_nobody_known():
    """Words before a command: a user id without a passwd entry, our files its own."""
    words = ("unshare", "--user", "--map-user=54321", "--map-group=54321")
    if not shutil.which("unshare"):
        pytest.skip("unshare is needed for a user id that nobody has")
    if subprocess.run([*words, "true"], capture_output=True, check=False).returncode:
        pytest.skip("leave to make a user namespace is needed")
    return words


# --- umask ---


@pytest.mark.parametrize(
    "umask",
    [
        "0777",
        *(pytest.param(m, marks=pytest.mark.stress) for m in ("000", "022", "077")),
    ],
)
def test_everything_is_private_whatever_the_umask(bench, umask):
    cache = bench.cache(f"umask {umask}") / "below"
    words = ("sh", "-c", f'umask {umask}; exec "$@"', "sh")
    first = bench.check(bench.run(cache, *as_ordinary_user(), *words))
    assert modes(cache) == ("0o700", {"0o600"})
    assert cache.parent.stat().st_mode & 0o777 == 0o700
    assert bench.check(bench.run(cache, *as_ordinary_user(), *words)) == first


# --- Links ---


def test_nothing_is_read_or_written_through_links(bench, tmp_path):
    # A code was used and a session is there: what is planted is roles, locks, ledgers.
    cache = bench.cache("links")
    bench.check(bench.run(cache, profile="prod-admin"))
    outside = tmp_path / "outside"
    outside.mkdir()
    planted = []
    for path in sorted(cache.iterdir()):
        if path.suffix == ".json":
            entry = json.loads(path.read_text())
            if entry["label"]["action"] == "GetSessionToken":
                continue
            twin = outside / path.name  # sound, but for where it is
            path.rename(twin)
            path.symlink_to(twin)
        else:
            path.unlink()
            path.symlink_to(outside / path.name)  # to nowhere
        planted.append(path)
    kinds = {path.suffix for path in planted} - {
        ".warm"
    }  # if the files were old enough
    assert kinds == {".json", ".lock", ".ledger"}
    before = snapshot(outside)
    sandbox = bench.sandbox
    sandbox.journal.clear()
    bench.check(bench.run(cache, profile="prod-admin"))
    assert sandbox.journal.count("AssumeRole") == sandbox.journal.count() == 2
    assert snapshot(outside) == before
    # The lock of the session was not needed, and no ledger had to be written.
    links = sorted(path.suffix for path in planted if path.is_symlink())
    assert links == [".ledger", ".lock"]
    bench.check(bench.run(cache, profile="prod-admin"))
    assert sandbox.journal.count() == 2


# --- Whose folder, and is there one ---


@pytest.mark.skipif(os.geteuid() != 0, reason="root is needed to be root")
@pytest.mark.parametrize("there", [".", ".cache", ".cache/sts-plugin"])
def test_root_leaves_nothing_in_the_home_of_somebody_else(bench, tmp_path, there):
    home = tmp_path / "home"
    (home / there).mkdir(parents=True)
    for folder in (home, home / ".cache", home / ".cache/sts-plugin"):
        if folder.exists():
            os.chown(folder, 1000, 1000)
            folder.chmod(0o700)
    before = snapshot(home)
    bench.environ.pop("STS_PLUGIN_CACHE_DIR", None)
    done = bench.run(tmp_path / "unused", STS_PLUGIN_CACHE_DIR="", HOME=str(home))
    bench.check(done, warnings=1)
    assert "another user" in done[2][0]
    assert snapshot(home) == before


def test_without_a_home_and_a_name_it_works_without_a_cache(bench, tmp_path):
    words = (*as_nobody_known(), "env", "-u", "HOME", "-u", "XDG_CACHE_HOME")
    before = snapshot(tmp_path)
    done = bench.run(tmp_path / "unused", *words, STS_PLUGIN_CACHE_DIR="")
    bench.check(done, warnings=1)
    assert "no home folder" in done[2][0]
    assert snapshot(tmp_path) == before


def test_with_a_read_only_home_it_works_without_a_cache(bench, tmp_path):
    home = tmp_path / "home"
    home.mkdir(mode=0o555)
    done = bench.run(
        tmp_path / "unused",
        *as_ordinary_user(),
        STS_PLUGIN_CACHE_DIR="",
        XDG_CACHE_HOME="",
        HOME=str(home),
    )
    bench.check(done, warnings=1)
    assert "Permission denied" in done[2][0]
    assert list(home.iterdir()) == []


# --- Swapped between two system calls ---

SWAP = """\
import ctypes, os, sys, time
cache, link = map(os.fsencode, sys.argv[1:])
swap, here, exchange = ctypes.CDLL(None, use_errno=True).renameat2, -100, 2
print("begun", flush=True)
while swap(here, cache, here, link, exchange) == 0:
    time.sleep(0.00005)  # of all times, it is to happen between two calls
"""

USE = """\
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from sts_plugin.errors import CacheUnusable
from sts_plugin.keys import digest
from sts_plugin.model import Life
from sts_plugin.store import DiskStore, Entry

store, now, done = DiskStore(Path(sys.argv[1])), datetime.now(UTC), 0
entry = Entry(digest("one"), Life(now, now + timedelta(hours=1)), {"a": "mine"}, {})
for _ in range(int(sys.argv[2])):
    for work in (
        lambda: store.publish(entry),
        lambda: store.read(entry.key),
        lambda: store.record_code("device", "123456"),
        lambda: store.lock("name", print).__enter__() and None,
        lambda: store.remove(entry),
    ):
        try:
            found = work()
        except CacheUnusable:
            continue
        done += 1
        assert found is None or found == entry, found
print(done)
"""


class Swapper:
    """Puts a link to a folder that all can read in the place of a cache, and back."""

    def __init__(self, folder):
        if not hasattr(ctypes.CDLL(None), "renameat2"):
            pytest.skip("renameat2 is needed to swap two names")
        self.cache, self.link = folder / "cache", folder / "link"
        self.other = folder / "other"

    def __enter__(self):
        self.cache.mkdir(mode=0o700)
        self.other.mkdir(mode=0o755)
        self.link.symlink_to(self.other)
        self.process = subprocess.Popen(
            [sys.executable, "-c", SWAP, self.cache, self.link],
            stdout=subprocess.PIPE,
        )
        self.process.stdout.readline()
        return self

    def __exit__(self, *_):
        swapped_to_the_end = self.process.poll() is None
        self.process.kill()
        self.process.communicate()
        assert swapped_to_the_end


def race(folder, rounds):
    with Swapper(folder) as swapper:
        done = subprocess.run(
            [sys.executable, "-c", USE, swapper.cache, str(rounds)],
            env={"PYTHONPATH": ":".join(sys.path)},
            capture_output=True,
            text=True,
            timeout=600,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        assert list(swapper.other.iterdir()) == []
    return int(done.stdout)


def test_nothing_gets_out_of_a_cache_that_is_swapped_for_a_link(tmp_path):
    # The link leads to a folder that the check of the cache would refuse.
    assert race(tmp_path, 800) > 20  # some of it was done, too


@pytest.mark.stress
def test_nothing_gets_out_of_a_cache_that_is_swapped_fifty_thousand_times(tmp_path):
    assert race(tmp_path, 10_000) > 1000


@pytest.mark.stress
def test_no_run_writes_into_what_is_put_in_the_place_of_its_cache(bench, tmp_path):
    with Swapper(tmp_path) as swapper:
        for _ in range(50):
            code, out, _ = bench.run(swapper.cache)
            assert (code, json.loads(out)["Version"]) == (0, 1)
        assert list(swapper.other.iterdir()) == []
    assert left_over(swapper.cache) == []
