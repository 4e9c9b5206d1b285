"""Threads of one program: one resolution, and never half of one set (bars R3, R4).

These tests ask nothing of the interpreter: they are as true without its global lock.
"""

from __future__ import annotations

import sys
import threading
from collections import Counter
from dataclasses import dataclass

import botocore.session
import pytest

import sts_plugin
from sts_plugin.engine import Engine
from sts_plugin.sandbox import Sandbox
from sts_plugin.watcher import Watcher

FIFTY = 50


@pytest.fixture(autouse=True)
def restless():
    """Let threads take turns a thousand times as often as they would."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(5e-6)
    yield
    sys.setswitchinterval(before)


@pytest.fixture
def sandbox(tmp_path, monkeypatch):
    """A sandbox that needs no one to ask, as the environment of this process."""
    with Sandbox(tmp_path / "sandbox", totp_file=True) as running:
        environ = running.environ()
        for name in ("AWS_PROFILE", "AWS_DEFAULT_PROFILE", "AWS_ACCESS_KEY_ID"):
            monkeypatch.delenv(name, raising=False)
        for name, value in environ.items():
            monkeypatch.setenv(name, value)
        yield running


@pytest.fixture
def no_cache(monkeypatch, tmp_path):
    """A place where there can be no cache."""
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("STS_PLUGIN_CACHE_DIR", str(tmp_path / "file" / "cache"))


def at_once(*works):
    """Run each work in a thread, all released together; return what they return."""
    barrier = threading.Barrier(len(works))
    found, errors = [], []

    def run(work):
        barrier.wait()
        try:
            found.append(work())
        except Exception as error:  # noqa: BLE001 - shown by the assertion
            errors.append(error)

    threads = [threading.Thread(target=run, args=(work,)) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    return found


def new_session(profile="prod-admin"):
    return sts_plugin.register(botocore.session.Session(profile=profile))


def triple(session):
    return tuple(session.get_credentials().get_frozen_credentials()[:3])


ONE_OF_EACH = {"GetSessionToken": 1, "AssumeRole": 2}


def actions(sandbox):
    return Counter(call.action for call in sandbox.journal.calls())


def test_fifty_threads_on_one_session_are_one_resolution(sandbox):
    session = new_session()
    found = at_once(*[lambda: triple(session)] * FIFTY)
    assert len(found) == FIFTY
    assert len(set(found)) == 1
    assert actions(sandbox) == ONE_OF_EACH


def test_fifty_sessions_of_one_process_are_one_resolution(sandbox):
    sessions = [new_session() for _ in range(FIFTY)]
    found = at_once(*[lambda one=one: triple(one) for one in sessions])
    assert len(found) == FIFTY
    assert len(set(found)) == 1
    assert actions(sandbox) == ONE_OF_EACH


def test_fifty_threads_of_one_engine_are_one_resolution_without_a_cache(
    sandbox, no_cache
):
    told = []
    engine = Engine(watcher=Watcher(told.append))
    plan = engine.plan("prod-admin")
    found = at_once(*[lambda: engine.credentials(plan)] * FIFTY)
    assert len({one.access_key_id for one in found}) == 1
    assert actions(sandbox) == ONE_OF_EACH
    # On a slow machine some also say that they wait.
    assert len({line for line in told if "without the cache" in line}) == 1


def test_fifty_threads_on_the_credentials_of_a_session_without_a_cache(
    sandbox, no_cache
):
    credentials = new_session().get_credentials()
    found = at_once(*[credentials.get_frozen_credentials] * FIFTY)
    assert len(set(found)) == 1
    assert actions(sandbox) == ONE_OF_EACH


def test_fifty_threads_on_one_session_without_a_cache(sandbox, no_cache):
    # botocore lets each of them load the credentials.
    session = new_session()
    found = at_once(*[lambda: triple(session)] * FIFTY)
    assert len(found) == FIFTY
    assert len(set(found)) == 1
    assert actions(sandbox) == ONE_OF_EACH


def test_sessions_without_a_cache_stand_each_for_itself(sandbox, no_cache):
    sessions = [new_session("batch") for _ in range(3)]
    found = at_once(*[lambda one=one: triple(one) for one in sessions])
    assert len(set(found)) == 3
    assert actions(sandbox) == {"AssumeRole": 3}


def test_a_session_whose_environment_changes_shares_nothing_with_what_was(
    sandbox, no_cache
):
    session = new_session("batch")
    before = triple(session)
    other = sandbox.folder / "other-config"
    other.write_text((sandbox.folder / "config").read_text())
    session.set_config_variable("config_file", str(other))
    session._credentials = None
    assert triple(session) != before


@dataclass
class Reads:
    """Threads that read while sets of a few seconds' life come and go (bar R4)."""

    sandbox: Sandbox
    threads: int
    reads: int

    def check(self, least_sets):
        self.sandbox.lifetime_seconds = 4  # renewed after three quarters of it
        credentials = new_session("batch").get_credentials()
        told = []
        engine = Engine(watcher=Watcher(told.append))
        plan = engine.plan("batch")

        def through_botocore():
            return tuple(credentials.get_frozen_credentials()[:3])

        def from_the_cache():
            one = engine.credentials(plan)
            secrets = (one.secret_access_key, one.session_token)
            return (one.access_key_id, *(secret.reveal() for secret in secrets))

        def many(read):
            seen = [read() for _ in range(self.reads)]
            while len(self.sandbox.journal) < least_sets:
                seen.append(read())
            return seen

        ways = [through_botocore, from_the_cache] * (self.threads // 2)
        found = at_once(*[lambda read=read: many(read) for read in ways])
        assert all(line.startswith("waiting for") for line in told)  # it may be slow
        triples = Counter(triple for seen in found for triple in seen)
        assert triples.total() >= self.threads * self.reads
        for key, secret, token in triples:
            issued = self.sandbox._estate.registry.find(key)
            assert (issued.secret_access_key, issued.session_token) == (secret, token)
        assert len(triples) >= least_sets - 1  # the last may have been for nobody
        return triples


def test_no_set_is_ever_read_half(sandbox):
    Reads(sandbox, threads=4, reads=100).check(least_sets=2)


@pytest.mark.stress
def test_no_set_is_ever_read_half_of_eighty_thousand(sandbox):
    triples = Reads(sandbox, threads=20, reads=4_000).check(least_sets=3)
    print(f"R4: {triples.total()} reads met {len(triples)} sets")  # noqa: T201
