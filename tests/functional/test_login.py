"""``login``: a new session at a moment that suits the human."""

from __future__ import annotations

import json
import re
import shlex
import time

import pytest
from ages import age

LOGIN = "sts-plugin login --profile audit"


def session_seconds(sandbox):
    calls = [one for one in sandbox.journal.calls() if one.action == "GetSessionToken"]
    return [int(one.arguments["DurationSeconds"]) for one in calls]


def test_login_renews_a_session_that_is_still_good(logged_in, terminal):
    age(logged_in, 3600)
    one = terminal(LOGIN)
    one.answer(logged_in.code(at=time.time() + 30))
    status, out, _ = one.end()
    assert status == 0
    assert "MFA session of arn:aws:iam::111111111111:mfa/alice: 11 h 59 min left" in out
    assert logged_in.journal.count("GetSessionToken") == 1


def test_login_if_needed_does_not(logged_in, terminal):
    age(logged_in, 3600)
    one = terminal(f"{LOGIN} --if-needed")
    assert one.end()[0] == 0
    assert one.prompts == 0


def test_login_if_needed_looks_at_the_session_and_not_at_the_role(
    sandbox, terminal, program
):
    one = terminal(LOGIN)
    one.answer(sandbox.code())
    assert one.end()[0] == 0
    assert program("logout", "--profile", "alice").returncode == 0  # the role stays
    again = terminal(f"{LOGIN} --if-needed")
    again.answer(sandbox.code(at=time.time() + 30))
    assert again.end()[0] == 0


def test_what_was_got_before_a_failure_is_told_and_is_not_the_answer(
    sandbox, program, write_config
):
    config = (sandbox.folder / "config").read_text()
    write_config(
        f"{config}\n[profile other]\nrole_arn = arn:aws:iam::222222222222:role/Audit\n"
        "source_profile = bob\n"
    )
    session = "MFA session of arn:aws:iam::111111111111:mfa/alice: "
    program.environ["STS_PLUGIN_MFA_CODE"] = sandbox.code()
    done = program("login", "--profile", "audit", "--profile", "other")
    assert (done.returncode, done.stdout) == (5, "")
    got, audit, why = done.stderr.splitlines()
    assert got.startswith(f"sts-plugin: {session}")
    assert audit.startswith("sts-plugin: audit: ")
    assert why.startswith("sts-plugin: AWS refused AssumeRole")


def test_several_profiles_behind_one_device_are_one_prompt(sandbox, terminal):
    one = terminal(f"{LOGIN} --profile prod-admin --profile partner")
    one.answer(sandbox.code())
    status, out, _ = one.end()
    assert status == 0
    assert one.prompts == 1
    assert out.count("MFA session of") == 1
    assert [line.split(":")[0] for line in out.splitlines()[1:]] == [
        "audit",
        "prod-admin",
        "partner",
    ]
    assert sandbox.journal.count("GetSessionToken") == 1


@pytest.mark.parametrize(
    ("span", "seconds"),
    [("36h", 129_600), ("90m", 5400), ("1h30m", 5400), ("900", 900), ("20H", 72_000)],
)
def test_a_session_lasts_as_long_as_it_is_asked_to(sandbox, terminal, span, seconds):
    one = terminal(f"{LOGIN} --for {span}")
    one.answer(sandbox.code())
    assert one.end()[0] == 0
    assert session_seconds(sandbox) == [seconds]


@pytest.mark.parametrize("span", ["37h", "5m", "abc", "", "-1h", "1.5h", "9" * 9])
def test_a_time_that_no_session_lasts_is_a_wrong_command_line(program, sandbox, span):
    done = program("login", "--profile", "audit", f"--for={span}")
    assert (done.returncode, done.stdout) == (2, "")
    assert "--for" in done.stderr
    assert "Traceback" not in done.stderr
    assert sandbox.journal.calls() == ()


def test_a_longer_time_renews_a_session_that_is_new(logged_in, terminal):
    one = terminal(f"{LOGIN} --for 36h")
    one.answer(logged_in.code(at=time.time() + 30))
    assert one.end()[0] == 0
    assert session_seconds(logged_in) == [129_600]


def test_a_profile_without_a_session_cannot_last_longer(program):
    done = program("login", "--profile", "bob", "--for", "36h")
    assert (done.returncode, done.stdout) == (3, "")
    assert 'profile "bob" has no MFA session' in done.stderr


def test_the_setting_says_how_long_a_session_lasts(sandbox, terminal):
    one = terminal(LOGIN, STS_PLUGIN_SESSION_DURATION_SECONDS="7200")
    one.answer(sandbox.code())
    assert one.end()[0] == 0
    assert session_seconds(sandbox) == [7200]


def test_a_login_that_fails_leaves_the_old_session_and_says_so(logged_in, terminal):
    age(logged_in, 3600)
    one = terminal(LOGIN)
    one.child.expect_exact("): ")
    one.child.sendintr()
    assert one.end()[0] == 130
    after = terminal("sts-plugin credential-process --profile audit")
    assert after.end()[0] == 0
    assert after.prompts == 0


def test_logins_in_two_windows_are_one_prompt(sandbox, terminal):
    first = terminal(LOGIN)
    first.child.expect_exact("): ")
    second = terminal("sts-plugin login --profile partner")
    second.child.expect_exact("waiting for process")
    first.type(sandbox.code())
    assert (first.end()[0], second.end()[0]) == (0, 0)
    assert second.prompts == 0


def test_a_role_that_takes_the_code_itself_is_renewed_too(
    sandbox, terminal, write_config
):
    config = (sandbox.folder / "config").read_text(encoding="utf-8")
    head = "[profile audit]\n"
    write_config(config.replace(head, f"{head}sts_plugin_mfa_mode = direct\n"))
    one = terminal(LOGIN)
    one.answer(sandbox.code())
    assert one.end()[0] == 0
    age(sandbox, 600)
    again = terminal(LOGIN)
    again.answer(sandbox.code(at=time.time() + 30))
    assert again.end()[0] == 0
    assert sandbox.journal.count("AssumeRole") == 2


def test_a_disk_that_is_full_costs_no_second_code(sandbox, terminal):
    # The session is in hand: it need not be on the disk to be used.
    (sandbox.folder / "cache").mkdir(mode=0o700)
    one = terminal(f"ulimit -f 0; {LOGIN} 2>/dev/null | cat")
    one.answer(sandbox.code())
    one.end()
    assert one.prompts == 1
    assert sandbox.journal.count("GetSessionToken") == 1


def test_status_warns_when_a_session_ends_soon(sandbox, terminal, program):
    one = terminal(f"{LOGIN} --for 50m")
    one.answer(sandbox.code())
    assert one.end()[0] == 0
    done = program("status")
    (line,) = done.stderr.splitlines()
    assert "session of arn:aws:iam::111111111111:mfa/alice ends in 49 min" in line
    assert "run: sts-plugin login --profile" in line
    facts = json.loads(program("status", "--json").stdout)
    assert {one["kind"] for one in facts} == {"session", "role"}


def test_status_says_nothing_of_a_session_that_lasts(logged_in, program):
    assert program("status").stderr == ""


@pytest.mark.parametrize("name", ["-x", "my one", "it's", "$(touch x)"])
def test_the_command_of_the_hint_works_whatever_a_profile_is_called(
    sandbox, program, terminal, write_config, name
):
    config = (sandbox.folder / "config").read_text(encoding="utf-8")
    write_config(config.replace("[profile audit]", f"[profile {shlex.quote(name)}]"))
    done = program("credential-process", f"--profile={name}")
    assert (done.returncode, done.stdout) == (4, "")
    (command,) = re.findall(r"\(run: (.*) in a terminal first", done.stderr)
    one = terminal(command)
    one.answer(sandbox.code())
    status, out, err = one.end()
    assert (status, err) == (0, "")
    assert f"{name}: " in out
