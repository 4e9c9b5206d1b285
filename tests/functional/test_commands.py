"""The commands for people: what they print, and that they touch nothing else."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

SECRETS = ("SecretAccessKey", "SessionToken")


def test_explain_shows_each_hop_and_where_it_is_written(program, sandbox):
    done = program("explain", "--profile", "prod-admin")
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert lines[0] == "prod-admin"
    kinds = [line.split()[1] for line in lines[1:5]]
    assert kinds == ["source", "session", "role", "role"]
    config = (sandbox.folder / "config").read_text().splitlines()
    number = config.index("sts_plugin_role_arn = arn:aws:iam::333333333333:role/Admin")
    assert f"{sandbox.folder / 'config'}:{number + 1}" in lines[4]
    assert "not cached" in lines[4]
    assert sandbox.journal.calls() == ()


def test_explain_says_until_when_a_hop_is_cached(logged_in, program):
    document = program.document("prod-admin")
    facts = json.loads(program("explain", "--profile", "prod-admin", "--json").stdout)
    assert [hop["hop"] for hop in facts["hops"]] == [
        "source",
        "session",
        "role",
        "role",
    ]
    assert facts["hops"][3]["cached_until"] == document["Expiration"]
    assert facts["region"] == {"value": "us-east-1", "from": "AWS_DEFAULT_REGION"}
    assert facts["endpoint_url"]["from"] == "AWS_ENDPOINT_URL_STS"
    assert facts["mfa_codes"] == {"value": "terminal", "from": ""}


@pytest.mark.parametrize(
    "command",
    [
        ["explain", "--profile", "prod-admin"],
        ["explain", "--profile", "prod-admin", "--json"],
        ["status"],
        ["status", "--json"],
        ["login", "--profile", "prod-admin"],
        ["whoami", "--profile", "prod-admin"],
        ["whoami", "--profile", "prod-admin", "--json"],
    ],
    ids=" ".join,
)
def test_no_command_for_people_shows_a_secret(logged_in, program, command):
    document = program.document("prod-admin")
    shown = program(*command).stdout
    assert shown
    alice = logged_in.organisation.user("alice")
    hidden = [document[name] for name in SECRETS]
    for secret in (*hidden, alice.secret_access_key, alice.totp_seed):
        assert secret not in shown


def test_status_lists_what_is_cached(logged_in, program):
    program.document("prod-admin")
    rows = json.loads(program("status", "--json").stdout)
    assert sorted((row["kind"], row["profile"]) for row in rows) == [
        ("role", "jump"),
        ("role", "prod-admin"),
        ("session", "alice"),
    ]
    text = program("status").stdout
    assert "arn:aws:iam::333333333333:role/Admin" in text
    assert len(text.splitlines()) == 4


def test_status_of_an_empty_cache_says_where_it_looked(program, sandbox):
    assert str(sandbox.folder / "cache") in program("status").stdout
    assert program("status", "--json").stdout == "[]\n"
    assert not (sandbox.folder / "cache").exists()


def test_login_gets_everything_a_profile_needs(sandbox, program, terminal):
    one = terminal("sts-plugin login --profile prod-admin")
    one.answer(sandbox.code())
    status, out, _ = one.end()
    assert status == 0
    assert "MFA session of arn:aws:iam::111111111111:mfa/alice: 11 h 59 min" in out
    sandbox.journal.clear()
    program.document("prod-admin")
    assert sandbox.journal.calls() == ()


def test_logout_forgets_a_profile_and_what_it_stands_on(logged_in, program):
    program.document("prod-admin")
    program.document("audit")
    assert (
        program("logout", "--profile", "prod-admin").stdout == "3 entries forgotten\n"
    )
    rows = json.loads(program("status", "--json").stdout)
    assert [row["profile"] for row in rows] == ["audit"]


def test_logout_all_forgets_everything(logged_in, program):
    program.document("prod-admin")
    assert program("logout", "--all").stdout == "3 entries forgotten\n"
    assert json.loads(program("status", "--json").stdout) == []


def test_logout_wants_one_profile_or_all(program):
    assert program("logout", "--all", "--profile", "audit").returncode == 2


def test_whoami_is_what_aws_says(logged_in, program):
    facts = json.loads(program("whoami", "--profile", "prod-admin", "--json").stdout)
    assert facts["Account"] == "333333333333"
    assert facts["Arn"].startswith("arn:aws:sts::333333333333:assumed-role/Admin/")
    assert logged_in.journal.calls()[-1].action == "GetCallerIdentity"


def test_a_reader_that_goes_away_is_no_traceback(logged_in, terminal):
    one = terminal("sts-plugin explain --profile prod-admin | true")
    assert one.end()[2] == ""


def test_output_that_cannot_be_written_is_an_error(logged_in, terminal):
    one = terminal("sts-plugin credential-process --profile audit >/dev/full")
    assert one.end() == (
        1,
        "",
        "sts-plugin: stdout cannot be written: No space left on device\n",
    )


def test_the_module_is_the_executable(program):
    run = [sys.executable, "-m", "sts_plugin", "--version"]
    done = subprocess.run(run, capture_output=True, text=True, check=True)
    assert done.stdout == program("--version").stdout
