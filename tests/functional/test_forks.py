"""A host that forks while one of its threads gets credentials (bar R7)."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from herd import await_that

from sts_plugin.sandbox import Sandbox
from sts_plugin.sandbox.faults import Fault

BEGINNING = """
import contextlib, json, logging, multiprocessing, os, signal, sys
import threading, time, warnings
import botocore.session, sts_plugin

warnings.simplefilter("ignore", DeprecationWarning)  # fork beside threads: on purpose
logging.getLogger("sts_plugin").setLevel(logging.CRITICAL)
children, way, profile = int(sys.argv[1]), sys.argv[2], sys.argv[3]
session = sts_plugin.register(botocore.session.Session(profile=profile))
credentials = session.get_credentials()

def child():
    signal.alarm(60)  # the end of a child that waits for ever
    os._exit(0 if credentials.get_frozen_credentials().token else 1)

def fork_os():
    pid = os.fork()
    if pid == 0:
        child()
    return lambda: os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])

def fork_multiprocessing():
    process = multiprocessing.get_context("fork").Process(target=child)
    process.start()
    return lambda: (process.join(), process.exitcode)[1]

fork = {"os": fork_os, "multiprocessing": fork_multiprocessing}[way]
"""

# A thread is in the middle of its refresh, by botocore's lock, while others fork.
REFRESHING = (
    BEGINNING
    + """
inside, go_on = threading.Event(), threading.Event()
fetch = credentials._refresh_using

def slow():
    inside.set()
    go_on.wait()
    return fetch()

credentials._refresh_using = slow
thread = threading.Thread(target=credentials.get_frozen_credentials)
thread.start()
inside.wait()
assert credentials._refresh_lock.locked()
credentials._refresh_using = fetch
codes = [end() for end in [fork() for _ in range(children)]]
go_on.set()
thread.join()
print(json.dumps([codes, bool(credentials.token)]))
"""
)

# A thread makes its first call, which takes a while: it holds the lock of the role, and
# another thread waits for the answer. The test says when it is there.
CALLING = (
    BEGINNING
    + """
thread = threading.Thread(target=credentials.get_frozen_credentials)
thread.start()
sys.stdin.readline()
assert [one for one in threading.enumerate() if one.name == "sts-plugin call"]
ends = [fork() for _ in range(children)]
assert credentials._refresh_lock.locked()
codes = [end() for end in ends]
thread.join()
print(json.dumps([codes, bool(credentials.token)]))
"""
)

# Forks all through a first refresh: whatever a thread holds at one moment of it.
ANY_MOMENT = (
    BEGINNING
    + """
thread = threading.Thread(target=credentials.get_frozen_credentials)
thread.start()
ends = []
while len(ends) < children or thread.is_alive():
    ends.append(fork())
    time.sleep(0.002)
codes = [end() for end in ends]
print(json.dumps([codes, bool(credentials.token)]))
"""
)

# The cache has what is asked for, so that nothing of the engine is imported; then it
# has it no more, and a thread has to import all of that.
EMPTIED = """
import pathlib
assert "sts_plugin.engine" not in sys.modules
for file in pathlib.Path(os.environ["STS_PLUGIN_CACHE_DIR"]).iterdir():
    # Without its session, prod-admin would wait for the next code.
    if file.suffix == ".warm" or (file.suffix, profile) == (".json", "batch"):
        file.unlink()
"""

# What that imports while a fork would not wait for it.
UNGUARDED = """
from sts_plugin.plugins import forks

found = []

class Finder:
    def find_spec(name, path=None, target=None):
        if not forks._imports.lock._is_owned():
            found.append(name)

sys.meta_path.insert(0, Finder)
credentials.get_frozen_credentials()
assert "sts_plugin.engine" in sys.modules
print(json.dumps(found))
"""

# A fork of one thread, in the middle of what another one imports.
WAITING = """
import json, os, sys, threading
from sts_plugin.plugins import forks

begun, go_on, coming, order = (*(threading.Event() for _ in range(3)), [])
os.register_at_fork(before=coming.set)

def imports():
    with forks._imports.lock:
        begun.set()
        go_on.wait()
        order.append("imported")

def forking():
    if os.fork() == 0:
        forks.import_late()  # its own lock is open
        os._exit(0)
    order.append("forked")

importer, forker = (threading.Thread(target=one) for one in (imports, forking))
importer.start()
begun.wait()
forker.start()
coming.wait()
forker.join(0.3)
go_on.set()
for thread in (importer, forker):
    thread.join()
order.append(os.waitstatus_to_exitcode(os.wait()[1]))
with forks._imports.lock:  # it is open again in the parent
    if os.fork() == 0:  # and whoever imports may fork
        os._exit(0)
order.append(os.waitstatus_to_exitcode(os.wait()[1]))
print(json.dumps(order))
"""

# A fork in the middle of the import of filelock, which knows of forks itself by then.
IN_FILELOCK = """
import json, os, sys, threading, warnings
from sts_plugin.plugins import forks

warnings.simplefilter("ignore", DeprecationWarning)  # fork beside threads: on purpose
inside, coming, closed = threading.Event(), threading.Event(), []
forks.IMPORT_SECONDS_MAX = 5.0  # how long it takes to give up

def before():  # what is registered later comes before it
    coming.set()
    # Where filelock keeps it differs from release to release.
    state = next(
        one._FORK_STATE
        for name, one in list(sys.modules.items())
        if name.startswith("filelock.") and hasattr(one, "_FORK_STATE")
    )
    closed.append(state.admission_closed)

os.register_at_fork(before=before)

class Finder:
    def find_spec(name, path=None, target=None):
        if name in {"filelock._unix", "filelock._native._unix"}:
            inside.set()
            coming.wait()

sys.meta_path.insert(0, Finder)
importer = threading.Thread(target=forks.import_late)
importer.start()
inside.wait()
if os.fork() == 0:
    forks.import_late()
    os._exit(0)
held = forks._imports._forking.held
importer.join()
if os.fork() == 0:
    os._exit(0)
codes = [os.waitstatus_to_exitcode(os.wait()[1]) for _ in range(2)]
print(json.dumps([held, closed, codes]))
"""

# What a refresh imports, beyond what registering has.
IMPORTING = (
    BEGINNING
    + """
before = set(sys.modules)
with contextlib.suppress(botocore.exceptions.CredentialRetrievalError):
    credentials.get_frozen_credentials()
print(json.dumps(sorted(set(sys.modules) - before)))
"""
)

NOWHERE = {"STS_PLUGIN_CACHE_DIR": "/dev/null/cache"}
CHILDREN = 10


@pytest.fixture
def sandbox(tmp_path):
    """A sandbox in which nobody has to be asked."""
    with Sandbox(tmp_path / "sandbox", totp_file=True) as running:
        yield running


@pytest.fixture
def host(environ):
    """Start a host program; return it, or what it prints when it has ended."""

    def start(script, children=CHILDREN, way="os", profile="batch", **variables):
        return subprocess.Popen(
            [sys.executable, "-c", script, str(children), way, profile],
            env=environ | variables,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    return start


def end(process, line=None):
    out, err = process.communicate(line, timeout=300)
    assert process.returncode == 0, err
    return json.loads(out)


@pytest.mark.parametrize("way", ["os", "multiprocessing"])
def test_children_of_a_host_in_the_middle_of_a_refresh_get_credentials(
    host, sandbox, way
):
    codes, parent = end(host(REFRESHING, way=way))
    assert codes == [0] * CHILDREN
    assert parent
    assert sandbox.journal.count("AssumeRole") == 1


@pytest.mark.parametrize("way", ["os", "multiprocessing"])
@pytest.mark.parametrize("variables", [{}, NOWHERE], ids=["cache", "no cache"])
def test_children_of_a_host_in_the_middle_of_a_call_get_credentials(
    host, sandbox, way, variables
):
    # On disk or in memory, the lock of the role is held.
    sandbox.add_fault(Fault("latency", action="AssumeRole", seconds=1))
    process = host(CALLING, 3, way, **variables)
    await_that(lambda: sandbox.journal._numbers)  # it has begun
    codes, parent = end(process, "\n")
    assert codes == [0] * 3
    assert parent
    # With a cache, they wait for what their parent gets; without, each is alone.
    assert sandbox.journal.count("AssumeRole") == (4 if variables else 1)


@pytest.mark.parametrize("profile", ["batch", "prod-admin"])
def test_children_of_any_moment_of_a_refresh_get_credentials(host, sandbox, profile):
    codes, parent = end(host(ANY_MOMENT, profile=profile))
    assert set(codes) == {0}
    assert parent
    calls = 3 if profile == "prod-admin" else 1
    assert sandbox.journal.count() == sandbox.journal.count(outcome="ok") == calls


@pytest.mark.parametrize(
    "variables", [{}, NOWHERE, {"STS_PLUGIN_CACHE_DIR": ""}], ids=["a", "no", "the"]
)
@pytest.mark.parametrize("profile", ["batch", "prod-admin"])
def test_a_refresh_imports_nothing(host, sandbox, profile, variables, tmp_path):
    # A module that is being imported is locked in the child for ever.
    imported = end(host(IMPORTING, profile=profile, HOME=str(tmp_path), **variables))
    assert imported == []


@pytest.fixture
def warmed(host, environ):
    """Fill the cache, so that a host need not import the engine."""

    def warm(profile):
        folder = Path(environ["STS_PLUGIN_CACHE_DIR"])

        def recorded():
            end(host(IMPORTING, profile=profile))
            return list(folder.glob("*.warm"))

        await_that(recorded)

    return warm


@pytest.mark.parametrize("profile", ["batch", "prod-admin"])
def test_a_fork_waits_for_whatever_a_refresh_imports(host, warmed, profile):
    warmed(profile)
    assert end(host(BEGINNING + EMPTIED + UNGUARDED, profile=profile)) == []


@pytest.mark.parametrize("profile", ["batch", "prod-admin"])
def test_children_of_any_moment_of_an_import_get_credentials(
    host, warmed, sandbox, profile
):
    warmed(profile)
    script = ANY_MOMENT.replace(BEGINNING, BEGINNING + EMPTIED)
    codes, parent = end(host(script, profile=profile))
    assert set(codes) == {0}
    assert parent


def test_a_fork_waits_for_an_import_of_another_thread(host):
    assert end(host(WAITING)) == ["imported", "forked", 0, 0]


def test_a_fork_does_not_wait_for_an_import_that_waits_for_the_fork(host):
    process = host(IN_FILELOCK)
    out, err = process.communicate(timeout=60)
    # Nobody is told of a lock that was not held; afterwards filelock has its say.
    assert (json.loads(out), err) == ([True, [False, True], [0, 0]], "")


@pytest.mark.parametrize("command", ["false", "echo {code}"])
def test_a_refresh_that_runs_a_command_imports_nothing(host, sandbox, command):
    config, seed = sandbox.folder / "config", sandbox.folder / "alice.totp"
    text = config.read_text()
    line = f"sts_plugin_totp_file = {seed}"
    assert line in text
    command = command.format(code=sandbox.code())
    config.write_text(text.replace(line, f"mfa_process = {command}"))
    assert end(host(IMPORTING, profile="prod-admin")) == []


@pytest.mark.stress
@pytest.mark.parametrize("way", ["os", "multiprocessing"])
@pytest.mark.parametrize("script", [REFRESHING, ANY_MOMENT], ids=["inside", "any"])
def test_two_hundred_children_get_credentials(host, sandbox, script, way):
    codes, parent = end(host(script, 200, way))
    assert len(codes) >= 200
    assert set(codes) == {0}
    assert parent
    assert sandbox.journal.count("AssumeRole") == 1
