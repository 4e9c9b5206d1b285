"""A disk that is full, broken, read-only or gone costs the cache, and nothing else.

Real faults in real runs: injected into the executable's system calls, or by a full file
system, a limit, a folder that goes while the run is in the middle.
"""

from __future__ import annotations

import shutil
import subprocess

import pytest
from benches import Bench, left_over, modes
from herd import await_that
from strace import calls_that_touch, injected, needs_strace, traced, was_injected

from sts_plugin.sandbox import Sandbox
from sts_plugin.sandbox.faults import Fault


@pytest.fixture(scope="module")
def bench(tmp_path_factory):
    folder = tmp_path_factory.mktemp("bench")
    with Sandbox(folder / "sandbox", totp_file=True) as sandbox:
        yield Bench(sandbox, folder)


@pytest.fixture(scope="module")
def recorded(bench):
    """The calls of a cold run that touch the cache."""
    cache, log = bench.cache("recorded"), bench.folder / "recorded.log"
    bench.check(bench.run(cache, *traced(log)))
    return calls_that_touch(cache, log)


# --- Faults of single calls ---


def is_write(call):
    return call.name == "write" and ".tmp" in call.text


def makes_temporary(call):
    return call.name == "openat" and ".tmp" in call.text


def closes_temporary(call):
    return call.name == "close" and ".tmp" in call.text


def opens_folder(call):
    return call.name == "openat" and "O_DIRECTORY" in call.text


# What fails, how, and how often the run says that it goes on without the cache.
FAULTS = {
    "mkdir, full": ("mkdir", "ENOSPC", 1),
    "mkdir, read-only": ("mkdir", "EROFS", 1),
    "open, no quota": (makes_temporary, "EDQUOT", 1),
    "open, no right": (makes_temporary, "EACCES", 1),
    "open of the folder": (opens_folder, "EIO", 1),
    "write, full": (is_write, "ENOSPC", 1),
    "write, too large": (is_write, "EFBIG", 1),
    "fsync": ("fsync", "EIO", 1),
    "close": (closes_temporary, "EIO", 1),
    "rename": ("rename,renameat,renameat2", "EIO", 1),
    "flock, missing": ("flock", "ENOSYS", 1),
    "flock, no more locks": ("flock", "ENOLCK", 1),
    "the signature of a lock": ("ftruncate", "EIO", 0),
    "the mode of a file": ("fchmod", "EIO", 1),
}


USUAL = {"mkdir, full", "open, no right", "write, full", "fsync", "rename"}
"""What every run of the tests shows; the others take their time."""


def kinds(cache):
    """The kinds of files in a cache, but for records: whether those are is chance."""
    return {path.suffix for path in cache.iterdir()} - {".warm"}


def rarely(usual, values):
    return [
        value if value in usual else pytest.param(value, marks=pytest.mark.stress)
        for value in values
    ]


@needs_strace
@pytest.mark.parametrize("name", rarely(USUAL, FAULTS))
def test_a_fault_of_the_disk_costs_one_warning_and_leaves_nothing(
    bench, recorded, name
):
    what, error, warnings = FAULTS[name]
    if callable(what):
        what = next(call for call in recorded if what(call))
    cache, log = bench.cache(name), bench.folder / f"{name}.log"
    bench.check(
        bench.run(cache, *injected(log, what, f"error={error}")), warnings=warnings
    )
    assert was_injected(log, cache.parent)
    assert left_over(cache) == []
    bench.check(bench.run(cache))
    assert kinds(cache) == {".json", ".lock"}
    assert modes(cache) == ("0o700", {"0o600"})


@needs_strace
@pytest.mark.parametrize("error", rarely({"ENOSYS"}, ["ENOSYS", "ENOLCK"]))
def test_without_locks_a_crowd_goes_on_and_leaves_no_other_kind_of_lock(bench, error):
    cache = bench.cache(f"crowd {error}")
    started = [
        bench.start(
            cache,
            *injected(bench.folder / f"{error}.{n}.log", "flock", f"error={error}"),
        )
        for n in range(3)
    ]
    warned = []
    for process in started:
        out, err = process.communicate(timeout=180)
        lines = err.splitlines()
        # Who is late may find what another one has published: that takes no lock.
        bench.check((process.returncode, out, lines), warnings=len(lines))
        warned.append(len(lines))
    assert max(warned) == 1
    assert kinds(cache) == {".json", ".lock"}
    bench.check(bench.run(cache))


# --- Crashes ---


@needs_strace
@pytest.mark.parametrize("where", ["write", "rename"])
def test_a_run_that_is_killed_needs_nobody_to_clean_up(bench, recorded, where):
    call = next(
        call for call in recorded if call.name.startswith(where) and ".tmp" in call.text
    )
    cache, log = bench.cache(f"killed {call}"), bench.folder / f"killed {call}.log"
    code, out, _ = bench.run(cache, *injected(log, call, "signal=SIGKILL"))
    assert (code, out) == (-9, "")
    assert len(left_over(cache)) == 1
    bench.check_healed(cache)


# --- File systems ---


@pytest.fixture
def mounted(bench, tmp_path):
    """Mount a small file system, of 64 kB, that is gone after the test."""
    where = tmp_path / "mounted"
    where.mkdir()

    def mount(*options):
        command = ["mount", "-t", "tmpfs", "-o", "size=64k,mode=0700", "none", where]
        if not shutil.which("mount"):
            pytest.skip("mount is needed")
        done = subprocess.run(command, capture_output=True, check=False)
        if done.returncode:
            pytest.skip("leave to mount a file system is needed")
        return where

    yield mount
    subprocess.run(["umount", where], capture_output=True, check=False)


def fill(path):
    """Write to a file until there is no room left."""
    with path.open("wb", buffering=0) as file:
        try:
            while True:
                file.write(b"x" * 4096)
        except OSError:
            pass


def test_a_full_file_system_costs_one_warning_and_leaves_nothing(bench, mounted):
    where = mounted()
    cache = where / "cache"
    cache.mkdir(mode=0o700)
    fill(where / "full")
    bench.check(bench.run(cache), warnings=1)
    # Its lock is there, of no length; there was room for no more.
    assert left_over(cache) == []
    assert {path.suffix for path in cache.iterdir()} <= {".lock"}


def test_a_read_only_file_system_costs_one_warning(bench, mounted):
    where = mounted()
    cache = where / "cache"
    first = bench.check(bench.run(cache))
    subprocess.run(["mount", "-o", "remount,ro", where], check=True)
    # What is there can be read, and nobody needs to be told.
    assert bench.check(bench.run(cache)) == first
    bench.check(bench.run(where / "new"), warnings=1)


def test_a_limit_of_file_sizes_costs_one_warning_and_leaves_nothing(bench, tmp_path):
    cache = bench.cache("limit")
    limited = ("sh", "-c", 'ulimit -f 0; exec "$@"', "sh")
    # A code, a session and two roles that cannot be kept are one piece of news.
    bench.check(bench.run(cache, *limited, profile="prod-admin"), warnings=1)
    assert {path.suffix for path in cache.iterdir()} == {".lock"}


# --- A folder that goes while the run is in the middle ---


def gone(cache, _other):
    shutil.rmtree(cache)


def gone_with_its_parents(cache, _other):
    shutil.rmtree(cache.parent)


def a_link(cache, other):
    shutil.rmtree(cache)
    cache.symlink_to(other)


def a_file(cache, _other):
    shutil.rmtree(cache)
    cache.touch()


def open_to_others(cache, _other):
    cache.chmod(0o755)


@pytest.mark.parametrize(
    ("change", "warnings"),
    [
        (gone, 0),
        (a_link, 1),
        pytest.param(gone_with_its_parents, 0, marks=pytest.mark.stress),
        pytest.param(a_file, 1, marks=pytest.mark.stress),
        pytest.param(open_to_others, 1, marks=pytest.mark.stress),
    ],
)
def test_a_cache_that_changes_while_a_run_waits_for_aws(
    bench, tmp_path, change, warnings
):
    other = tmp_path / "other"
    other.mkdir(mode=0o755)
    cache = bench.cache(change.__name__)
    bench.sandbox.add_fault(Fault("latency", seconds=0.7))
    process = bench.start(cache)
    await_that(lambda: any(cache.glob("*.lock")))
    change(cache, other)
    out, err = process.communicate(timeout=60)
    bench.check((process.returncode, out, err.splitlines()), warnings=warnings)
    assert list(other.iterdir()) == []
    assert len(list(cache.parent.rglob("*.json"))) == (0 if warnings else 1)
