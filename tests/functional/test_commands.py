"""The commands for people: what they print, and that they touch nothing else."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from datetime import datetime, timedelta

import pytest

SECRETS = ("SecretAccessKey", "SessionToken")


def test_explain_shows_each_hop_and_where_it_is_written(program, sandbox):
    done = program("explain", "--profile", "prod-admin")
    assert (done.returncode, done.stderr) == (0, "")
    first, *lines = done.stdout.splitlines()
    assert first == "prod-admin"
    hops = [line.split() for line in lines if line.startswith(("├─", "└─"))]
    kinds = [" ".join(words[1:3]) for words in hops]
    assert kinds == ["1 source", "2 session", "3 role", "4 role"]
    config = (sandbox.folder / "config").read_text().splitlines()
    number = config.index("sts_plugin_role_arn = arn:aws:iam::333333333333:role/Admin")
    last = next(line for line in lines if "4 role" in line)
    assert f"{sandbox.folder / 'config'}:{number + 1}" in last
    assert "not cached" in last
    assert sandbox.journal.calls() == ()


def test_explain_shows_what_made_the_session_as_it_is(program, sandbox, write_config):
    config = (sandbox.folder / "config").read_text().splitlines()
    config.insert(0, "")  # so that the lines are not those of the sandbox
    place = config.index("[profile alice]") + 1
    config.insert(place, "sts_plugin_session_duration_seconds = 7200")
    write_config("\n".join(config))
    shown = program("explain", "--profile", "prod-admin").stdout
    where = f"({sandbox.folder / 'config'}:{place + 1})"
    assert f"sts_plugin_session_duration_seconds = 7200  {where}" in shown


def test_explain_shows_no_password_of_an_endpoint(program, sandbox, write_config):
    config = (sandbox.folder / "config").read_text()
    program.environ["AWS_ENDPOINT_URL_STS"] = "https://me:canary@sts.example"
    lines = (
        "[profile prod-admin]\n"
        "sts_plugin_fallback_region = eu-west-1\n"
        "sts_plugin_fallback_endpoint_url = https://me:canary@other.example"
    )
    write_config(config.replace("[profile prod-admin]", lines))
    for output in ("tree", "json"):
        done = program("explain", "--profile", "prod-admin", "--output", output)
        assert "https://sts.example" in done.stdout
        assert "https://other.example" in done.stdout
        assert "canary" not in done.stdout


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
    ways = "totp, terminal, dialog, pinentry"
    assert facts["mfa_codes"] == {"value": ways, "from": ""}


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
    head, *lines = program("status").stdout.splitlines()
    assert head.split()[:4] == ["KIND", "NAME", "ACCOUNT", "WHOSE"]
    assert ["role", "Admin", "333333333333", "alice"] in [
        line.split()[:4] for line in lines
    ]
    assert len(lines) == 3


def test_status_tells_whose_a_session_is_and_whom_it_serves(logged_in, program):
    program.document("prod-admin")
    rows = {
        row["subject"]: row for row in json.loads(program("status", "--json").stdout)
    }
    session = rows["arn:aws:iam::111111111111:mfa/alice"]
    assert session["source"] == "alice"
    assert session["serves"] == ["alice", "jump", "prod-admin", "audit", "partner"]
    assert rows["arn:aws:iam::333333333333:role/Admin"]["serves"] == ["prod-admin"]
    for row in rows.values():
        issued, renewed, expires = (
            datetime.fromisoformat(row[name])
            for name in ("issued", "renew_from", "expires")
        )
        # A session asks somebody, and is renewed as late as it can be.
        early = timedelta(minutes=15 if row["kind"] == "session" else 30)
        assert issued < renewed == expires - early
    shown = program("status").stdout
    assert "alice, jump, prod-admin and 2 more" in shown
    assert "█" * 10 in shown


def test_status_of_what_no_profile_uses_any_more_still_tells_it(
    logged_in, program, write_config
):
    program.document("prod-admin")
    write_config("[")
    done = program("status", "--json")
    assert done.returncode == 0
    assert "which profiles they serve is not known" in done.stderr
    assert [row["serves"] for row in json.loads(done.stdout)] == [[], [], []]
    write_config("[profile other]\nregion = us-east-1\n")
    done = program("status")
    assert (done.returncode, done.stderr) == (0, "")
    assert len(done.stdout.splitlines()) == 4


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


def test_logout_all_forgets_what_cannot_be_read_as_well(logged_in, program):
    cache = logged_in.folder / "cache"
    damaged = cache / f"{'0' * 64}.json"
    left_over = cache / f".{'0' * 64}.json.{'0' * 16}.tmp"
    foreign = cache / "notes.json"
    for path in (damaged, left_over, foreign):
        path.write_text("{")
    assert program("logout", "--all").stdout == "2 entries forgotten\n"
    assert not damaged.exists()
    assert not left_over.exists()
    assert foreign.exists()


def cached_profiles(program):
    rows = json.loads(program("status", "--json").stdout)
    return sorted(row["profile"] for row in rows)


def test_logout_forgets_what_another_region_left_behind(logged_in, program):
    for region in ("eu-west-1", "eu-west-2"):
        done = program(
            "credential-process",
            "--profile",
            "prod-admin",
            environ={"AWS_DEFAULT_REGION": region},
        )
        assert done.returncode == 0
    assert cached_profiles(program).count("prod-admin") == 2
    assert program("logout", "--profile", "prod-admin").returncode == 0
    assert "prod-admin" not in cached_profiles(program)


@pytest.mark.parametrize(
    "config",
    ["", "[profile audit]\nrole_arn = nonsense\nsource_profile = x\n", "["],
    ids=["gone", "broken", "unreadable"],
)
def test_logout_forgets_a_profile_that_makes_no_plan(
    logged_in, program, write_config, config
):
    program.document("audit")
    program.document("partner")
    write_config(config)
    done = program("logout", "--profile", "audit")
    assert (done.returncode, done.stdout) == (0, "1 entry forgotten\n")
    assert "audit" not in cached_profiles(program)
    assert "partner" in cached_profiles(program)


def test_logout_of_an_unknown_profile_is_an_error(logged_in, program):
    done = program("logout", "--profile", "nobody")
    assert (done.returncode, done.stdout) == (3, "")
    assert "nobody" in done.stderr


@pytest.fixture
def open_cache(logged_in):
    """A cache that others can enter, and that is therefore not used."""
    folder = logged_in.folder / "cache"
    folder.chmod(0o755)
    return f"{folder} can be entered by others"


def test_explain_does_without_the_cache(program, open_cache):
    done = program("explain", "--profile", "prod-admin")
    assert done.returncode == 0
    assert done.stdout.count("not cached") == 3
    assert done.stderr.count(open_cache) == 1
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize("arguments", [["status"], ["status", "--json"]], ids=" ".join)
def test_status_says_that_the_cache_cannot_be_used(program, open_cache, arguments):
    done = program(*arguments)
    assert done.returncode == 0
    assert "arn:" not in done.stdout
    assert open_cache in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_login_without_a_cache_says_so(sandbox, open_cache, terminal):
    one = terminal("sts-plugin login --profile prod-admin")
    # This step's code may be spent; STS takes that of the next step as well.
    one.answer(sandbox.code(at=time.time() + 30))
    status, out, err = one.end()
    assert (status, err.count(open_cache)) == (0, 1)
    assert "prod-admin: " in out


def test_logout_without_a_cache_promises_nothing(program, open_cache):
    for which in (["--all"], ["--profile", "audit"]):
        done = program("logout", *which)
        assert (done.returncode, done.stdout) == (1, "")
        assert "could not be forgotten" in done.stderr
        assert open_cache in done.stderr
        assert len(done.stderr.splitlines()) == 1


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


@pytest.mark.parametrize("command", ["explain", "credential-process", "logout"])
def test_an_abbreviated_option_is_a_wrong_command_line(program, command):
    assert program(command, "--prof", "audit").returncode == 2


@pytest.mark.parametrize("profile", ["audit", "nobody"])
def test_without_a_stderr_nothing_of_it_reaches_stdout(open_cache, terminal, profile):
    command = f"sts-plugin explain --json --profile {profile} 2>&-"
    status, out, err = terminal(command).end()
    assert err == ""
    if profile == "audit":
        assert (status, json.loads(out)["profile"]) == (0, "audit")
    else:
        assert (status, out) == (3, "")


def test_a_stderr_that_cannot_be_written_does_no_harm(open_cache, terminal):
    status, out, _ = terminal("sts-plugin explain --profile audit 2>/dev/full").end()
    assert status == 0
    assert out.startswith("audit\n")


def test_without_a_stdout_nothing_is_done(sandbox, terminal):
    one = terminal("sts-plugin credential-process --profile audit >&-")
    assert one.end() == (1, "", "sts-plugin: stdout is closed\n")
    assert one.prompts == 0
    assert sandbox.journal.calls() == ()


@pytest.mark.parametrize("arguments", ["--help", "explain --help"])
def test_a_help_text_that_cannot_be_written_is_an_error(terminal, arguments):
    # Written at the very end, from Python's own buffer.
    one = terminal(f"sts-plugin {arguments} >/dev/full", PYTHONUNBUFFERED="")
    assert one.end()[0] == 1
