"""A warm hit says what the long way would say, or nothing."""

from __future__ import annotations

import contextlib
import os
import sys
import tempfile
from datetime import timedelta
from unittest.mock import patch

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from warm_world import HARMFUL, HARMLESS, PACKAGE, World

from sts_plugin import warm
from sts_plugin.engine import cache_folder
from sts_plugin.errors import ConfigurationError, StsPluginError
from sts_plugin.model import Life
from sts_plugin.settings import ENTRY_BYTES_MAX, Settings

pytestmark = pytest.mark.skipif(os.name != "posix", reason="there is none on Windows")


@pytest.fixture
def world(tmp_path):
    """A world in which the question has been answered once."""
    return remembered(tmp_path)


def remembered(folder):
    world = World(folder)
    world.remember()
    world.entry_path, world.other_entry_path = map(world.entry, ("one", "two"))
    (world.record_path,) = world.records()
    return world


# --- The same as the long way ---


@pytest.mark.parametrize("name", HARMLESS)
def test_what_does_not_matter_leaves_a_hit_a_hit(world, monkeypatch, name):
    HARMLESS[name](world)
    answer = world.the_warm_way(monkeypatch)
    assert answer is not None
    assert answer == world.the_long_way()


@pytest.mark.parametrize("name", HARMFUL)
def test_what_may_matter_makes_a_hit_a_miss(world, monkeypatch, name):
    HARMFUL[name](world)
    assert world.the_warm_way(monkeypatch) is None


@given(
    changes=st.lists(
        st.sampled_from(sorted({**HARMFUL, **HARMLESS})), min_size=1, max_size=4
    ),
    asked_before=st.lists(st.sampled_from(sorted(HARMLESS)), max_size=2),
    minutes=st.integers(-90, 90),
)
@settings(
    max_examples=int(os.environ.get("STS_PLUGIN_TEST_EXAMPLES", "150")),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
def test_no_change_makes_it_say_what_the_long_way_would_not(
    changes, asked_before, minutes
):
    everything = {**HARMFUL, **HARMLESS}
    with (
        tempfile.TemporaryDirectory() as folder,
        pytest.MonkeyPatch.context() as monkeypatch,
    ):
        world = remembered(folder)
        for name in asked_before:
            HARMLESS[name](world)
        world.now += timedelta(minutes=minutes)
        for name in changes:
            # What is to be changed may have gone already, or may say nothing any more.
            with contextlib.suppress(OSError, StsPluginError, ValueError):
                everything[name](world)
        answer = world.the_warm_way(monkeypatch)
        if answer is not None:
            assert answer == world.the_long_way()


def test_every_byte_of_an_entry_counts(world, monkeypatch):
    whole = world.entry_path.read_bytes()
    for place in range(len(whole)):
        world.entry_path.write_bytes(
            whole[:place] + bytes([whole[place] ^ 4]) + whole[place + 1 :]
        )
        assert world.the_warm_way(monkeypatch) is None, place
    world.entry_path.write_bytes(whole)
    assert world.the_warm_way(monkeypatch) is not None


def test_every_byte_of_a_record_counts(world, monkeypatch):
    whole = world.record_path.read_bytes()
    for place in range(len(whole)):
        world.record_path.write_bytes(
            whole[:place] + bytes([whole[place] ^ 4]) + whole[place + 1 :]
        )
        assert world.the_warm_way(monkeypatch) is None, place
        world.record_path.write_bytes(whole[:place])
        assert world.the_warm_way(monkeypatch) is None, place


def test_the_moment_at_which_a_set_is_too_old_is_the_same_to_the_microsecond(
    world, monkeypatch
):
    life = Life(world.issued, world.issued + timedelta(hours=1))
    least = timedelta(microseconds=1)
    for moment, hit in (
        (life.renew - least, True),
        (life.renew, False),
        (life.begins, True),
        (life.begins - least, False),
    ):
        world.now = moment
        assert (world.the_warm_way(monkeypatch) is not None) is hit
        assert life.fresh(moment) is hit


def test_another_installation_asks_another_question(tmp_path, world):
    environ = {key.encode(): one.encode() for key, one in world.environ.items()}
    (tmp_path / "__init__.py").write_text("")
    here = warm.question(world.arguments, environ, PACKAGE)
    there = warm.question(world.arguments, environ, str(tmp_path))
    assert here != there
    assert warm.question(world.arguments, environ, str(tmp_path / "nowhere")) is None


def test_questions_are_told_apart_where_their_words_run_into_one_another(world):
    command = "credential-process"
    asked = {
        warm.question([command, *words], environ, PACKAGE)
        for words, environ in (
            (["a", "b"], {}),
            (["ab"], {}),
            (["a"], {b"AWS_B": b""}),
            ([], {b"AWS_A": b"b", b"AWS_C": b""}),
            ([], {b"AWS_A": b"b\nAWS_C="}),
            (["AWS_A=b"], {}),
            ([], {b"AWS_A": b"b"}),
        )
    }
    assert len(asked) == 7


# --- Numbers and folders that are also elsewhere ---


def test_an_entry_may_be_as_long_as_the_store_allows():
    assert warm.ENTRY_BYTES_MAX == ENTRY_BYTES_MAX


PATHS = st.sampled_from(["", " ", "/", "/x", "/x/", "/x//y/", "x", "~", "~/x", "./x"])


@given(
    variables=st.fixed_dictionaries(
        {},
        optional=dict.fromkeys(
            ("HOME", "XDG_CACHE_HOME", "STS_PLUGIN_CACHE_DIR"), PATHS
        ),
    )
)
@settings(max_examples=400, deadline=None)
def test_the_folder_is_that_of_the_long_way_or_none(variables):
    environ = {key.encode(): value.encode() for key, value in variables.items()}
    found = warm.folder_of(environ)
    with patch.dict(os.environ, variables, clear=True):
        try:
            usual = cache_folder(Settings.from_environ(os.environ))
        except (ConfigurationError, StsPluginError):
            usual = None
    if found is not None:
        assert usual is not None
        assert os.path.normpath(found) == os.path.normpath(os.fsencode(usual))


@pytest.mark.parametrize(
    "variables",
    [
        {"HOME": "/home/a"},
        {"HOME": "/home/a", "XDG_CACHE_HOME": "/var/cache/a"},
        {"STS_PLUGIN_CACHE_DIR": "/var/cache/a"},
    ],
)
def test_the_usual_folders_are_found(variables):
    if sys.platform == "darwin" and "XDG_CACHE_HOME" in variables:
        pytest.skip("platformdirs has its own mind there")
    environ = {key.encode(): value.encode() for key, value in variables.items()}
    assert warm.folder_of(environ) is not None


@given(data=st.binary(max_size=300))
def test_bytes_that_are_no_entry_have_no_stamp(data):
    assert warm.stamped(data) is None
    assert warm.stamped(warm.STAMP + data) is None


# --- Renewal ---


def test_a_set_that_is_due_is_handed_out_and_renewed(world, monkeypatch):
    world.now += timedelta(minutes=29)
    assert world.the_warm_way(monkeypatch) is not None
    assert world.renewals == []
    claims = []
    for minutes in (31, 31.5, 32.5):
        world.now = world.issued + timedelta(minutes=minutes)
        assert world.the_warm_way(monkeypatch) == world.the_long_way()
        claims += world.renewals
    assert len(claims) == 3
    # Twice in the first minute: whoever comes second finds the claim of the first.
    assert claims[0] == claims[1] != claims[2]
    assert all(claim.endswith(".claim") for claim in claims)


@pytest.mark.parametrize(("parent", "started"), [(1, 0), (4711, 1)])
def test_a_renewal_is_started_once_and_not_by_the_first_program_of_a_container(
    world, mocker, parent, started
):
    # The last name is none: some systems pass such on, and nobody can start with it.
    environ = {key.encode(): one.encode() for key, one in world.environ.items()}
    environ |= {warm.CODE: b"123456", b"": b"x"}
    mocker.patch.object(warm.posix, "getppid", return_value=parent)
    mocker.patch.object(warm.posix, "closerange")
    mocker.patch.object(warm.posix, "nice")
    spawned = mocker.patch.object(warm.posix, "posix_spawn")
    for _ in range(2):
        warm._renew(["program", "renew"], f"{'0' * 64}.1.2.claim", environ)
    assert spawned.call_count == started
    if started:
        path, words, said = spawned.call_args.args
        assert (path, words) == ("program", ["program", "renew"])
        assert said.keys() == environ.keys() - {warm.CODE, b""}
        assert spawned.call_args.kwargs["setsid"]


def test_what_goes_wrong_after_the_answer_is_nobodys_trouble(world, monkeypatch):
    monkeypatch.setattr(warm.posix, "getppid", lambda: 4711)
    monkeypatch.setattr(warm.posix, "closerange", lambda *_: None)
    monkeypatch.setattr(warm.posix, "nice", lambda *_: None)

    def refuse(*_args, **_options):
        raise ValueError("illegal environment variable name")

    monkeypatch.setattr(warm.posix, "posix_spawn", refuse)
    environ = {key.encode(): one.encode() for key, one in world.environ.items()}
    warm._renew(["program"], f"{'0' * 64}.1.2.claim", environ)
