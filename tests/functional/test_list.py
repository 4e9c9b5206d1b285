"""list and explain: every profile at a glance, and a picture of all of them."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from sts_plugin.overview import KINDS

SCHEMAS = Path(__file__).parents[2] / "docs" / "schemas.json"
COLOUR = re.compile(r"\x1b\[\d*m")


def rows(program, *options):
    done = program("list", "--json", *options)
    assert (done.returncode, done.stderr) == (0, "")
    return json.loads(done.stdout)


def names(program, *options):
    return [row["profile"] for row in rows(program, *options)]


ALL = [
    "default",
    "alice",
    "jump",
    "prod-admin",
    "audit",
    "partner",
    "batch",
    "bob",
    "ci",
]


def test_every_profile_is_listed_in_the_order_of_the_file(program, sandbox):
    assert names(program) == ALL
    assert sandbox.journal.calls() == ()
    assert not (sandbox.folder / "cache").exists()


def test_a_row_tells_what_a_profile_gives(program, sandbox):
    found = {row["profile"]: row for row in rows(program)}
    number = (sandbox.folder / "config").read_text().splitlines()
    assert found["audit"] == {
        "profile": "audit",
        "kind": "role",
        "account": "222222222222",
        "role_arn": "arn:aws:iam::222222222222:role/Audit",
        "mfa_serial": "arn:aws:iam::111111111111:mfa/alice",
        "cached_until": None,
        "error": None,
        "from": f"{sandbox.folder / 'config'}:{number.index('[profile audit]') + 1}",
    }
    assert found["alice"]["kind"] == "session"
    assert found["bob"]["kind"] == "static"
    assert found["default"]["kind"] == "none"


@pytest.mark.parametrize(
    ("options", "found"),
    [
        (["ali"], ["alice"]),
        (["ADMIN"], ["prod-admin"]),
        (["222222222222"], ["jump", "audit", "batch", "ci"]),
        (["222222222222", "batch"], ["batch"]),
        (["*a*i*"], ["alice", "prod-admin", "audit"]),
        (["b??"], ["bob"]),
        (["--kind", "static"], ["bob"]),
        (["--kind", "role", "--mfa"], ["jump", "prod-admin", "audit", "partner"]),
        (["--cached"], []),
        (["nobody"], []),
    ],
)
def test_profiles_are_chosen_by_what_they_are(program, options, found):
    assert names(program, *options) == found


def test_a_kind_that_there_is_not_is_a_wrong_command_line(program):
    done = program("list", "--kind", "roles")
    assert (done.returncode, done.stdout) == (2, "")
    assert "broken" in done.stderr  # one of those that there are


def test_every_kind_that_is_told_can_be_asked_for():
    schema = json.loads(SCHEMAS.read_text())["$defs"]["list"]["items"]
    assert set(schema["properties"]["kind"]["enum"]) == set(KINDS)


def test_what_is_cached_is_told(logged_in, program):
    document = program.document("audit")
    found = {row["profile"]: row["cached_until"] for row in rows(program)}
    assert found["audit"] == document["Expiration"]
    assert found["partner"] is None
    assert names(program, "--cached") == ["alice", "audit"]
    (line,) = program("list", "audit").stdout.splitlines()[1:]
    assert line.split()[:5] == ["audit", "role", "222222222222", "Audit", "alice"]
    assert re.search(r"59 min left$", line)


def test_a_broken_profile_is_listed_with_what_is_wrong(program, write_config, sandbox):
    write_config(
        "[profile a]\nrole_arn = nonsense\nsource_profile = bob\n[profile b]\n"
    )
    (found,) = rows(program, "--kind", "broken")
    assert found["profile"] == "a"
    done = program("list")
    assert done.returncode == 0
    line = next(one for one in done.stdout.splitlines() if one.startswith("a "))
    assert "role_arn" in line
    assert found["error"].startswith(f"{sandbox.folder / 'config'}:2: role_arn")


def test_where_nothing_matches_nothing_is_printed(program, write_config, sandbox):
    done = program("list", "nobody")
    assert (done.returncode, done.stdout) == (0, "")
    assert done.stderr == "sts-plugin: none of 9 profiles matches\n"
    write_config("")
    (sandbox.folder / "credentials").write_text("")
    done = program("list")
    assert (done.returncode, done.stdout) == (0, "")
    assert str(sandbox.folder / "config") in done.stderr


def test_a_file_that_cannot_be_read_is_an_error(program, write_config):
    write_config("nonsense")
    done = program("list")
    assert (done.returncode, done.stdout) == (3, "")
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize("command", ["list", "status", "explain --profile audit"])
def test_a_person_sees_colours_and_a_pipe_gets_none(
    logged_in, program, terminal, command
):
    program.document("audit")
    plain = program(*command.split()).stdout
    assert "\x1b" not in plain
    one = terminal(f"sts-plugin {command} >/dev/tty", columns=400)
    assert one.end()[0] == 0
    assert COLOUR.search(one.screen)
    minutes = re.compile(r"\d+ min")  # one may have passed
    shown = COLOUR.sub("", one.screen).replace("\r\n", "\n")
    assert minutes.sub("m", shown) == minutes.sub("m", plain)
    one = terminal(f"sts-plugin {command} >/dev/tty", columns=400, NO_COLOR="1")
    assert one.end()[0] == 0
    assert "\x1b" not in one.screen


@pytest.mark.parametrize("command", ["list", "status"])
def test_what_a_terminal_shows_is_as_wide_as_it_is(
    logged_in, program, terminal, command
):
    program.document("audit")
    one = terminal(f"sts-plugin {command} >/dev/tty")
    assert one.end()[0] == 0
    lines = COLOUR.sub("", one.screen).splitlines()
    assert len(lines) >= 3
    assert max(map(len, lines)) <= 80


def test_all_profiles_are_one_picture(program, sandbox):
    done = program("explain", "--all")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("flowchart LR\n")
    assert done.stdout.count(" --> ") == 6
    done = program("explain", "--all", "--output", "dot")
    assert done.stdout.startswith("digraph profiles {\n")
    assert done.stdout.count(" -> ") == 6
    assert sandbox.journal.calls() == ()


def test_one_profile_is_a_picture_of_its_chain(program):
    shown = program("explain", "--profile", "prod-admin", "--output", "mermaid").stdout
    assert shown.count(" --> ") == 3
    assert "partner" not in shown


def test_a_broken_profile_is_drawn_and_told(program, write_config):
    write_config("[profile a]\nrole_arn = nonsense\nsource_profile = bob\n")
    done = program("explain", "--all")
    assert done.returncode == 0
    assert ":::broken" in done.stdout
    assert done.stderr.startswith("sts-plugin: a: ")
    done = program("explain", "--profile", "nobody", "--output", "dot")
    assert (done.returncode, done.stdout) == (3, "")


def test_all_profiles_are_no_tree(program):
    done = program("explain", "--all", "--output", "json")
    assert done.returncode == 0
    found = json.loads(done.stdout)
    edge = {"from": "jump", "to": "prod-admin", "by": "AssumeRole"}
    assert edge in found["edges"]
    assert [one["name"] for one in found["nodes"] if one["kind"] == "device"] == [
        "arn:aws:iam::111111111111:mfa/alice"
    ]


def test_a_person_sees_the_home_folder_as_a_tilde(program, sandbox, tmp_path):
    home = {"HOME": str(tmp_path)}
    shown = program("explain", "--profile", "audit", environ=home).stdout
    assert "~/sandbox/config:" in shown
    assert str(tmp_path) not in shown
    told = program("explain", "--profile", "audit", "--json", environ=home).stdout
    assert f"{sandbox.folder / 'config'}:" in told
