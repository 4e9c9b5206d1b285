"""When a run leaves a record, and of which files."""

from __future__ import annotations

import os

import pytest
from warm_world import World

from sts_plugin import records
from sts_plugin.store import DiskStore

pytestmark = pytest.mark.skipif(os.name != "posix", reason="there is none on Windows")

ROLE = "\n[profile one]\nrole_arn = arn:aws:iam::111111111111:role/One\n"


@pytest.fixture
def world(tmp_path):
    return World(tmp_path)


def record_of(world, **options):
    """Leave the record of a run, and return its files; None: it left none."""
    world.publish("one")
    world.leave(**options)
    if not (found := world.records()):
        return None
    (path,) = found
    *_, text = path.read_text().split("\nrenewable\n", 1)
    return {line.partition(" ")[2] for line in text.splitlines()[:-1]}


def test_a_record_is_of_both_files(world):
    assert record_of(world) == {str(world.config), str(world.credentials)}


def test_a_record_holds_no_secret(world):
    world.environ["AWS_SECRET_ACCESS_KEY"] = "wJalrXUtnFEMI"
    record_of(world)
    text = world.records()[0].read_text()
    assert "wJalrXUtnFEMI" not in text
    assert "secret of one" not in text


def test_a_file_that_is_not_there_is_a_file_like_any_other(world):
    world.config.write_text(
        world.config.read_text()
        + world.credentials.read_text().replace("[base]", "[profile base]")
    )
    world.credentials.unlink()
    assert str(world.credentials) in record_of(world)


@pytest.mark.parametrize("which", ["config", "credentials"])
def test_a_file_that_changed_a_moment_ago_leaves_no_record(world, which):
    path = getattr(world, which)
    path.write_text(path.read_text())
    assert record_of(world, age_seconds=0) is None
    assert record_of(world) is not None


def test_a_file_with_coarse_times_must_be_older(monkeypatch):
    # Of a file system that counts seconds, or two of them.
    second = 1_700_000_000_000_000_000
    found = b"1:2:3:4:%d" % second
    assert not records._settled(found, second + 2_000_000_000)
    assert records._settled(found, second + 2_200_000_000)
    fine = b"1:2:3:4:%d" % (second + 1)
    assert not records._settled(fine, second + 50_000_000)
    assert records._settled(fine, second + 200_000_000)


def test_a_file_that_changes_while_the_plan_is_made_leaves_no_record(world):
    def change():
        world.tick()
        world.config.write_text(world.config.read_text() + "# a comment\n")

    assert record_of(world, planning=change) is None


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("AWS_CONFIG_FILE", "$HOME/.aws/config"),
        ("AWS_CONFIG_FILE", "relative"),
        ("AWS_SHARED_CREDENTIALS_FILE", "${HOME}/.aws/credentials"),
    ],
)
def test_a_path_that_may_lead_elsewhere_leaves_no_record(
    world, monkeypatch, variable, value
):
    monkeypatch.chdir(world.home)
    (world.home / "relative").write_text(world.config.read_text())
    world.environ[variable] = value
    assert record_of(world) is None


def test_a_program_whose_home_has_changed_leaves_no_record(world, tmp_path):
    # The question says one home; a tilde leads to the other by now.
    for home, left in ((str(tmp_path), 0), ("", 0), (str(world.home), 1)):
        world.leave(recording=lambda home=home: os.environ.update(HOME=home))
        assert len(world.records()) == left


def test_the_files_that_profiles_name_count(world, tmp_path):
    token, policy = tmp_path / "token", tmp_path / "policy"
    token.write_text("a.b.c")
    policy.write_text('{"Version": "2012-10-17", "Statement": []}')
    world.config.write_text(
        f"{ROLE}web_identity_token_file = {token}\npolicy = file://{policy}\n"
    )
    assert record_of(world) == {
        str(world.config),
        str(world.credentials),
        str(token),
        str(policy),
    }


def test_a_token_that_is_not_there_leaves_no_record(world, tmp_path):
    world.config.write_text(f"{ROLE}web_identity_token_file = {tmp_path / 'token'}\n")
    assert record_of(world) is None


@pytest.mark.parametrize(
    "source",
    [
        "credential_source = Ec2InstanceMetadata\n",
        "credential_source = EcsContainer\n",
        "source_profile = base\nsts_plugin_cache_encryption = keychain\n",
    ],
)
def test_what_the_disk_does_not_keep_leaves_no_record(world, source):
    world.config.write_text(ROLE + source)
    world.publish("one")  # even if there is such an entry
    printed = DiskStore(world.cache).printed(world.plan("one").calls[-1].key)
    assert printed is not None
    world.leave(printed=printed)
    assert world.records() == []


def test_what_was_printed_and_is_not_in_the_cache_leaves_no_record(world):
    world.leave(printed=b'{"Version": 1}')
    assert world.records() == []


def test_a_record_that_is_there_is_left_as_it_is(world):
    record_of(world)
    (path,) = world.records()
    before = path.stat().st_ino
    record_of(world)
    assert world.records()[0].stat().st_ino == before


def test_many_environments_leave_few_records(world):
    for number in range(60):
        world.environ["AWS_EXECUTION_ENV"] = str(number)
        world.leave()
    assert 8 < len(world.records()) <= 16
