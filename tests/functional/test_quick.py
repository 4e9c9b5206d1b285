"""A program whose credentials are in the cache is answered without the engine."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import boto3
import pytest
from botocore.context import get_context, start_as_current_context
from herd import await_that

import sts_plugin
from sts_plugin import profiles
from sts_plugin.plugins import concern, quick
from sts_plugin.sandbox import Sandbox

PROGRAM = """
import json, sys
import boto3
boto3.Session(profile_name="alice").get_credentials()  # what anybody imports
before = set(sys.modules)
import sts_plugin
session = sts_plugin.register(boto3.Session(profile_name=sys.argv[1]))
registered = set(sys.modules)
key = session.get_credentials().get_frozen_credentials().access_key
print(json.dumps([
    key, sorted(registered - before), sorted(set(sys.modules) - registered)
]))
"""

REGISTERING = [
    "sts_plugin",
    "sts_plugin.errors",
    "sts_plugin.plugins",
    "sts_plugin.plugins.ahead",
    "sts_plugin.plugins.botocore",
    "sts_plugin.plugins.bundle",
    "sts_plugin.plugins.concern",
    "sts_plugin.plugins.features",
    "sts_plugin.plugins.fetch",
    "sts_plugin.plugins.forks",
    "sts_plugin.plugins.quick",
    "sts_plugin.warm",
]


@pytest.fixture
def sandbox(tmp_path):
    """A sandbox in which nobody has to be asked."""
    with Sandbox(tmp_path / "sandbox", totp_file=True) as running:
        yield running


@pytest.fixture
def run(environ):
    """Run a program; return the key, and what registering and the key imported."""

    def once(profile):
        done = subprocess.run(
            [sys.executable, "-c", PROGRAM, profile],
            env=environ,
            capture_output=True,
            text=True,
            check=True,
        )
        return json.loads(done.stdout)

    return once


@pytest.mark.parametrize("profile", ["batch", "prod-admin"])
def test_it_imports_twelve_small_modules_and_nothing_else(run, sandbox, profile):
    key, *_ = run(profile)
    calls = sandbox.journal.count()
    # A record is written once the files are older than a moment.
    await_that(lambda: not run(profile)[2])
    assert run(profile) == [key, REGISTERING, []]
    assert sandbox.journal.count() == calls


def test_the_prefix_of_our_keys_is_the_same():
    assert concern.OWN_PREFIX == profiles.OWN_PREFIX
    assert Path(quick.PACKAGE) == Path(sts_plugin.__file__).parent


# --- Whatever is not as it was is a miss ---


@pytest.fixture
def here(sandbox, environ, monkeypatch):
    """The sandbox, as this process sees it."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    return sandbox


@pytest.fixture
def answers(monkeypatch):
    """What the quick way has answered."""
    given = []

    def noted(*asked):
        given.append(answer(*asked))
        return given[-1]

    answer = quick.answer
    monkeypatch.setattr(quick, "answer", noted)
    return given


def session(profile="batch", **said):
    return sts_plugin.register(boto3.Session(profile_name=profile, **said))


def arn_and_key(one):
    key = one.get_credentials().get_frozen_credentials().access_key
    return one.client("sts").get_caller_identity()["Arn"].split("/")[1], key


@pytest.fixture
def known(here, answers):
    """Whose credentials the quick way answers with by now."""

    def hit():
        answers.clear()
        found = arn_and_key(session())
        return found if None not in answers else None

    await_that(hit)
    found = hit()
    assert len(answers) == 2  # whether it is ours, and the credentials themselves
    assert found[0] == "Batch"
    answers.clear()
    return found


def edit(sandbox, monkeypatch):
    file = sandbox.folder / "config"
    file.write_text(file.read_text().replace("role/Batch", "role/Reader"))


def another_key(sandbox, monkeypatch):
    file = sandbox.folder / "credentials"
    text = file.read_text()
    alice, bob = (sandbox.organisation.user(one) for one in ("alice", "bob"))
    file.write_text(
        text.replace(alice.access_key_id, "x")
        .replace(bob.access_key_id, "y")
        .replace("[bob]", "[nobody]")
    )


def touch(sandbox, monkeypatch):
    (sandbox.folder / "config").touch()


def another_file(sandbox, monkeypatch):
    text = (sandbox.folder / "config").read_text()
    other = sandbox.folder / "other"
    other.write_text(text.replace("role/Batch", "role/Reader"))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(other))


def a_variable(sandbox, monkeypatch):
    monkeypatch.setenv("AWS_SOURCE_IDENTITY", "alice")


def no_record(sandbox, monkeypatch):
    for file in Path(os.environ["STS_PLUGIN_CACHE_DIR"]).glob("*.warm"):
        file.unlink()


def no_entry(sandbox, monkeypatch):
    for file in Path(os.environ["STS_PLUGIN_CACHE_DIR"]).glob("*.json"):
        file.unlink()


def damaged_entry(sandbox, monkeypatch):
    for file in Path(os.environ["STS_PLUGIN_CACHE_DIR"]).glob("*.json"):
        file.write_bytes(file.read_bytes()[:-20])


def open_folder(sandbox, monkeypatch):
    Path(os.environ["STS_PLUGIN_CACHE_DIR"]).chmod(0o755)


CHANGES = [
    edit,
    another_key,
    touch,
    another_file,
    a_variable,
    no_record,
    no_entry,
    damaged_entry,
    open_folder,
]


@pytest.mark.parametrize("change", CHANGES, ids=lambda one: one.__name__)
def test_any_change_is_a_miss_and_gives_what_the_engine_gives(
    here, known, answers, monkeypatch, change
):
    def outcome():
        try:
            return arn_and_key(session())
        except Exception as error:  # noqa: BLE001 - whatever it is
            return type(error), str(error)

    change(here, monkeypatch)
    found = outcome()
    assert answers[0] is None
    monkeypatch.setattr(quick, "answer", lambda *_: None)
    by_the_engine = outcome()
    if change is not open_folder:  # without a cache each gets a key of its own
        assert found == by_the_engine
    assert found[0] == by_the_engine[0]


@pytest.mark.parametrize(
    ("said", "profile"),
    [({"region_name": "eu-west-1"}, "batch"), ({}, "prod-admin"), ({}, None)],
    ids=["region", "profile", "not explicit"],
)
def test_another_question_is_a_miss(known, answers, monkeypatch, said, profile):
    if profile is None:
        monkeypatch.setenv("AWS_PROFILE", "batch")
    assert session(profile, **said).get_credentials().method == "assume-role"
    assert answers == [None]


def test_each_part_of_a_question_makes_another_one():
    parts = [("a", None, True), ("a", None, False), ("b", None, True), ("a", "r", True)]
    asked = {
        tuple(quick.question(name, region, explicit=explicit))
        for name, region, explicit in parts
    }
    assert len(asked) == len(parts)


def test_the_command_line_cannot_ask_as_a_program_does(known, program):
    # No argument can hold the first word; without it, it is another question.
    done = program("in process", "batch", "", "explicit")
    assert done.returncode != 0
    assert done.stdout == ""


def test_the_user_agent_says_the_same_after_a_hit_and_after_a_miss(
    known, answers, monkeypatch
):
    def used():
        with start_as_current_context():
            session().get_credentials()
            return get_context().features

    quickly = used()
    assert answers[-1]
    monkeypatch.setattr(quick, "answer", lambda *_: None)
    assert quickly == used() != set()


def test_the_answer_is_the_same_after_a_hit_and_after_a_miss(known, monkeypatch):
    def found():
        one = session().get_credentials()
        frozen = one.get_frozen_credentials()
        return type(one), frozen, one._expiry_time, one.account_id

    quickly = found()
    monkeypatch.setattr(quick, "answer", lambda *_: None)
    assert quickly == found()
