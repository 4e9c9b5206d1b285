"""``login --all`` and ``logout --device``: devices, not profiles; and both as JSON."""

from __future__ import annotations

import json
import re
import time
from datetime import UTC, datetime

import pytest

ALICE = "arn:aws:iam::111111111111:mfa/alice"


def cached(program):
    rows = json.loads(program("status", "--json").stdout)
    return sorted((row["kind"], row["profile"]) for row in rows)


@pytest.fixture
def seeded(sandbox, write_config):
    """Every profile behind alice's device has her seed: nobody is asked."""
    config = (sandbox.folder / "config").read_text(encoding="utf-8")
    seed = f"sts_plugin_totp_file = {sandbox.folder / 'alice.totp'}"
    write_config(
        re.sub(r"(?m)^((?:sts_plugin_)?mfa_serial = .*)$", rf"\1\n{seed}", config)
    )
    return sandbox


def test_login_all_asks_once_for_a_device_of_many_profiles(sandbox, terminal, program):
    one = terminal("sts-plugin login --all")
    one.answer(sandbox.code())
    status, out, err = one.end()
    assert (status, err) == (0, "")
    assert out == f"MFA session of {ALICE}: 11 h 59 min left\n"
    assert one.prompts == 1
    assert [call.action for call in sandbox.journal.calls()] == ["GetSessionToken"]
    for profile in ("prod-admin", "audit", "partner"):
        assert program.document(profile)
    assert sandbox.journal.count("GetSessionToken") == 1


def test_login_all_finds_a_session_that_is_still_good(logged_in, program):
    done = program("login", "--all", "--if-needed", "--json")
    assert (done.returncode, done.stderr) == (0, "")
    (session,) = json.loads(done.stdout)["sessions"]
    assert session["mfa_serial"] == ALICE
    assert logged_in.journal.calls() == ()


ROLE = """\
[profile {0}]
region = us-east-1
sts_plugin_role_arn = arn:aws:iam::222222222222:role/{1}
sts_plugin_source_profile = {2}
{3}
"""


@pytest.fixture
def rewritten(sandbox, write_config):
    """Other profiles; ``device`` is what makes one stand behind alice's."""
    seed = sandbox.folder / "alice.totp"
    device = f"sts_plugin_mfa_serial = {ALICE}\nsts_plugin_totp_file = {seed}"

    def rewrite(*profiles):
        write_config("\n".join(one.replace("DEVICE", device) for one in profiles))

    return rewrite


DIRECT = "DEVICE\nsts_plugin_mfa_mode = direct"


def test_login_all_takes_the_code_of_a_role_where_there_is_no_session(
    sandbox, program, rewritten
):
    rewritten(ROLE.format("a", "Audit", "alice", DIRECT))
    done = program("login", "--all")
    assert (done.returncode, done.stderr) == (0, "")
    assert [call.action for call in sandbox.journal.calls()] == ["AssumeRole"]


def test_login_all_rather_gets_a_session_and_no_role(sandbox, program, rewritten):
    rewritten(
        ROLE.format("a", "Audit", "alice", DIRECT),
        ROLE.format("b", "NoSuchRole", "alice", "DEVICE"),
        ROLE.format("c", "Audit", "alice", DIRECT),
    )
    done = program("login", "--all")
    assert (done.returncode, done.stderr) == (0, "")
    assert [call.action for call in sandbox.journal.calls()] == ["GetSessionToken"]


def test_logout_of_a_device_leaves_what_came_before_its_code(
    sandbox, program, rewritten
):
    rewritten(
        ROLE.format("batch", "Batch", "alice", ""),
        ROLE.format("odd", "Audit", "batch", DIRECT),
    )
    assert program.document("batch")
    done = program("logout", "--device", ALICE)
    assert (done.returncode, done.stdout) == (0, "0 entries forgotten\n")
    assert cached(program) == [("role", "batch")]


def test_login_all_passes_over_what_is_broken_and_says_so(seeded, program):
    with (seeded.folder / "config").open("a") as config:
        config.write("\n[profile broken]\nrole_arn = arn:aws:iam::1:role/x\n")
    done = program("login", "--all")
    assert (done.returncode, done.stdout) == (
        0,
        f"MFA session of {ALICE}: 11 h 59 min left\n",
    )
    (line,) = done.stderr.splitlines()
    assert line.startswith("sts-plugin: passed over: ")
    assert "broken" in line


@pytest.mark.parametrize("options", [[], ["--json"]])
def test_login_all_goes_on_where_one_device_fails(sandbox, program, rewritten, options):
    other = "sts_plugin_mfa_serial = arn:aws:iam::111111111111:mfa/lost"
    rewritten(
        ROLE.format("a", "Audit", "alice", other),
        ROLE.format("b", "Audit", "alice", "DEVICE"),
    )
    done = program("login", "--all", *options)
    assert (done.returncode, done.stdout) == (4, "")
    failed, got = done.stderr.splitlines()
    assert "mfa/lost" in failed
    assert got == f"sts-plugin: MFA session of {ALICE}: 11 h 59 min left"
    assert sandbox.journal.count("GetSessionToken", outcome="ok") == 1


def test_login_all_ends_with_a_ctrl_c(sandbox, terminal, rewritten):
    other = "sts_plugin_mfa_serial = arn:aws:iam::111111111111:mfa/lost"
    rewritten(
        ROLE.format("a", "Audit", "alice", other),
        ROLE.format("b", "Audit", "alice", "DEVICE"),
    )
    one = terminal("sts-plugin login --all")
    one.child.expect_exact("mfa/lost")
    one.child.sendintr()
    assert one.end()[0] == 130
    assert sandbox.journal.calls() == ()


def test_login_all_without_a_device_is_an_error(program, write_config):
    write_config("[profile bob]\nregion = us-east-1\n")
    done = program("login", "--all")
    assert (done.returncode, done.stdout) == (3, "")
    assert "no profile names an MFA device (add mfa_serial to one)" in done.stderr


def test_login_takes_profiles_or_all(program):
    assert program("login", "--all", "--profile", "audit").returncode == 2


def test_login_tells_the_same_as_json(seeded, program):
    done = program(
        "login", "--profile", "audit", "--profile", "bob", "--output", "json"
    )
    assert (done.returncode, done.stderr) == (0, "")
    facts = json.loads(done.stdout)
    assert facts.keys() == {"sessions", "profiles"}
    (session,) = facts["sessions"]
    assert session["mfa_serial"] == ALICE
    assert [one["profile"] for one in facts["profiles"]] == ["audit", "bob"]
    assert facts["profiles"][1]["expires"] is None
    for moment in (session["expires"], facts["profiles"][0]["expires"]):
        assert datetime.fromisoformat(moment) > datetime.now(UTC)


def test_logout_of_a_device_forgets_what_stands_on_it_and_no_more(logged_in, program):
    for profile in ("prod-admin", "audit", "batch"):
        program.document(profile)
    done = program("logout", "--device", ALICE)
    assert (done.returncode, done.stdout) == (0, "4 entries forgotten\n")
    assert cached(program) == [("role", "batch")]


def test_logout_of_a_device_forgets_what_no_profile_names_any_more(
    logged_in, program, write_config
):
    program.document("prod-admin")
    program.document("batch")
    write_config("[profile bob]\nregion = us-east-1\n")
    # The session by its label, the roles by the keys they were got with.
    assert (
        program("logout", "--device", ALICE, "--json").stdout
        == '{\n  "forgotten": 3\n}\n'
    )
    assert cached(program) == [("role", "batch")]


def test_logout_of_a_device_forgets_roles_of_an_older_session(
    logged_in, program, terminal
):
    program.document("audit")
    one = terminal("sts-plugin login --profile alice --for 36h")
    one.answer(logged_in.code(at=time.time() + 30))
    assert one.end()[0] == 0
    # The role was got with a session that is gone: today's plan leads to it.
    assert program("logout", "--device", ALICE).stdout == "2 entries forgotten\n"
    assert cached(program) == []


def test_logout_of_a_device_that_nobody_knows_is_an_error(logged_in, program):
    done = program("logout", "--device", "arn:aws:iam::111111111111:mfa/nobody")
    assert (done.returncode, done.stdout) == (3, "")
    assert (
        "no profile names the MFA device arn:aws:iam::111111111111:mfa/nobody"
        in done.stderr
    )
    assert cached(program) == [("session", "alice")]


def test_logout_of_a_device_with_nothing_cached_is_none_forgotten(program, sandbox):
    done = program("logout", "--device", ALICE)
    assert (done.returncode, done.stdout) == (0, "0 entries forgotten\n")
    assert sandbox.journal.calls() == ()


@pytest.mark.parametrize("other", [["--all"], ["--profile", "audit"]])
def test_logout_takes_one_of_profile_device_and_all(program, other):
    assert program("logout", "--device", ALICE, *other).returncode == 2
