"""What the package does where Python has only what it has on Windows.

In processes of their own, whose ``os`` and ``sys`` are those of ``windows_world``. What
Windows itself does is not in it: nothing here has run there.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import sts_plugin

ENVIRON = {"PYTHONPATH": os.pathsep.join(sys.path), "PATH": os.environ["PATH"]}

PRELUDE = "import windows_world; windows_world.enter()\n"

ROOT = Path(sts_plugin.__file__).parent
MODULES = sorted(
    ".".join(("sts_plugin", *path.relative_to(ROOT).with_suffix("").parts))
    for path in ROOT.rglob("*.py")
)


@pytest.fixture
def environ(tmp_path):
    return ENVIRON | {
        "HOME": str(tmp_path),
        "USERPROFILE": str(tmp_path),
        "LOCALAPPDATA": str(tmp_path / "AppData" / "Local"),
    }


@pytest.fixture
def world(environ):
    """Run a program in such a world; return what it prints."""

    def run(program, *arguments, **variables):
        done = subprocess.run(
            [sys.executable, "-c", PRELUDE + program, *arguments],
            env=environ | variables,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert (done.returncode, done.stderr) == (0, "")
        return done.stdout

    return run


# --- The world itself ---

ABSENT = """\
import os, select, signal, sys
for name in sys.argv[1].split():
    try:
        __import__(name)
    except ImportError:
        continue
    raise SystemExit(f"there is {name}")
for module, name in ((os, "fork"), (os, "getuid"), (os, "fchmod"), (os, "O_NOFOLLOW"),
                     (signal, "SIGHUP"), (signal, "alarm"), (select, "poll")):
    assert not hasattr(module, name), name
assert not os.supports_dir_fd
try:
    os.stat("x", dir_fd=3)
except NotImplementedError:
    print("none")
"""


def test_what_only_posix_has_is_not_there(world):
    names = "fcntl termios pwd grp resource tty pty posix"
    assert world(ABSENT, names) == "none\n"


# --- Every module ---

IMPORT = """\
import importlib, sys
for name in sys.argv[1:]:
    try:
        importlib.import_module(name)
    except ModuleNotFoundError as error:  # an extra that is not installed
        if error.name.partition(".")[0] not in {"aiobotocore", "smithy_aws_core"}:
            raise
print("all")
"""


def test_every_module_can_be_imported(world):
    names = [name for name in MODULES if not name.endswith("__main__")]
    assert len(names) > 150
    assert world(IMPORT, *names) == "all\n"


# --- The cache ---

PLAN = """\
import os
from pathlib import Path
from sts_plugin.engine import Engine
from sts_plugin.watcher import Watcher
engine = Engine(dict(os.environ), watcher=Watcher(print))
plan = engine.plan("p")
print(*(call.action for call in plan.calls))
print(engine.store.path)
"""
CONFIG = """\
[profile p]
role_arn = arn:aws:iam::222222222222:role/R
source_profile = alice
mfa_serial = arn:aws:iam::111111111111:mfa/alice
[profile alice]
aws_access_key_id = AKIAEXAMPLEEXAMPLE00
aws_secret_access_key = s
"""


def test_a_plan_is_made_and_the_cache_is_in_the_profile_folder(world, tmp_path):
    (tmp_path / ".aws").mkdir()
    (tmp_path / ".aws" / "config").write_text(CONFIG)
    calls, path = world(PLAN).splitlines()
    assert calls == "GetSessionToken AssumeRole"
    local = tmp_path / "AppData" / "Local"
    assert Path(path.replace("\\", "/")).is_relative_to(local)


STORE = """\
import os, sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from sts_plugin.model import Life
from sts_plugin.store import DiskStore, Entry
store, now = DiskStore(Path(sys.argv[1])), datetime.now(UTC)
entry = Entry("a" * 64, Life(now, now + timedelta(hours=1)), {"x": "y"}, {})
for _ in range(2):
    store.publish(entry)
    assert store.read("a" * 64) == entry
store.record_code("device", "123456")
assert len(store.used_codes("device")) == 1
assert not store.read("b" * 64)
store.remove(entry)
assert not store.read("a" * 64)
store.publish(entry)
print(store.clear())
"""


def test_entries_are_published_read_and_removed(world, tmp_path):
    assert world(STORE, str(tmp_path / "cache")) == "1\n"
    names = {path.suffix for path in (tmp_path / "cache").iterdir()}
    assert names == {".ledger"}


def test_a_folder_that_others_can_enter_is_not_used(world, tmp_path):
    program = """\
import sys
from pathlib import Path
from sts_plugin.errors import CacheUnusable
from sts_plugin.store import DiskStore
try:
    DiskStore(Path(sys.argv[1])).prepare()
except CacheUnusable as error:
    print(error.message)
else:
    print("used")
"""
    ours = "D:P(A;OICI;FA;;;SY)(A;OICI;FA;;;BA)(A;OICI;FA;;;OW)"
    everybodys = f"{ours}(A;OICIID;0x1200a9;;;BU)"
    folder = str(tmp_path / "cache")
    assert world(program, folder, WINDOWS_WORLD_LIST=ours) == "used\n"
    refused = world(program, folder, WINDOWS_WORLD_LIST=everybodys)
    assert refused == f"{folder} can be entered by others (Users)\n"


# --- Locks ---

HOLD = """\
import sys
from pathlib import Path
from sts_plugin.store import DiskStore
with DiskStore(Path(sys.argv[1])).lock("name", print) as held:
    print(held, flush=True)
    sys.stdin.readline()
"""
WAIT = """\
import os, sys
from pathlib import Path
from sts_plugin import settings
from sts_plugin.errors import Busy
from sts_plugin.store import DiskStore
settings.LOCK_NOTICE_SECONDS = 0.01
store = DiskStore(Path(sys.argv[1]), wait_seconds=0.1)
try:
    with store.lock("name", print):
        print("free")
except Busy as error:
    print(error.message)
"""


def test_a_lock_is_held_by_one_process_and_says_by_whom(world, environ, tmp_path):
    folder = str(tmp_path / "cache")
    with subprocess.Popen(
        [sys.executable, "-c", PRELUDE + HOLD, folder],
        env=environ | {"WINDOWS_WORLD_CONSOLE": str(2**40)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as holder:
        assert holder.stdout.readline() == "True\n"
        told, busy = world(WAIT, folder).splitlines()
        assert told == f"Holder(process={holder.pid}, session={2**40})"
        assert busy.startswith(f"process {holder.pid} has been getting")
        # What LockFileEx keeps from others: a byte, and nothing that is said.
        (lock,) = Path(folder).glob("*.lock")
        assert lock.read_bytes() == f" {holder.pid} {2**40}".encode()
        holder.communicate("\n", timeout=60)
    assert world(WAIT, folder) == "free\n"


def test_a_lock_is_free_when_its_holder_is_killed(world, environ, tmp_path):
    folder = str(tmp_path / "cache")
    with subprocess.Popen(
        [sys.executable, "-c", PRELUDE + HOLD, folder],
        env=environ,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as holder:
        holder.stdout.readline()
        holder.kill()
    assert world(WAIT, folder) == "free\n"


# --- Without a terminal ---


def test_there_is_no_terminal_where_there_is_no_console(world):
    program = """\
from sts_plugin.terminal import NoTerminal, open_terminal
try:
    with open_terminal():
        pass
except NoTerminal as error:
    print(error)
"""
    assert world(program) == "there is no terminal\n"
