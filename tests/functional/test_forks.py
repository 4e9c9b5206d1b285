"""A host that forks while one of its threads gets new credentials (bar R7)."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

CHILDREN = 10

HOST = """
import json, os, signal, sys, threading, warnings
import botocore.session, sts_plugin

warnings.simplefilter("ignore", DeprecationWarning)  # fork beside threads: on purpose
session = sts_plugin.register(botocore.session.Session(profile="batch"))
credentials = session.get_credentials()
# As a thread leaves it that is in the middle of its refresh while others fork.
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
pids = []
for _ in range(int(sys.argv[1])):
    pid = os.fork()
    if pid == 0:
        signal.alarm(60)
        credentials._refresh_using = fetch
        os._exit(0 if credentials.get_frozen_credentials().token else 1)
    pids.append(pid)
codes = [os.waitpid(pid, 0)[1] for pid in pids]
go_on.set()
thread.join()
print(json.dumps([codes, bool(credentials.token)]))
"""


def run_host(environ, children):
    done = subprocess.run(
        [sys.executable, "-c", HOST, str(children)],
        env=environ,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_children_of_a_host_in_the_middle_of_a_refresh_get_credentials(
    sandbox, environ
):
    codes, parent = run_host(environ, CHILDREN)
    assert codes == [0] * CHILDREN
    assert parent
    assert sandbox.journal.count("AssumeRole") == 1


@pytest.mark.stress
def test_two_hundred_children_get_credentials(sandbox, environ):
    codes, parent = run_host(environ, 200)
    assert codes == [0] * 200
    assert parent
