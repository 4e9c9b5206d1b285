"""``doctor`` as people and scripts run it: what it prints, mends and leaves alone."""

from __future__ import annotations

import json
import os
import re

import pexpect
import pytest

from sts_plugin.cli import run
from sts_plugin.doctor.finding import CHECKS
from sts_plugin.model import Secret
from sts_plugin.sandbox import Fault
from sts_plugin.seeds import Seeds

IDS = {check for checks in CHECKS.values() for check in checks}


@pytest.fixture
def doctor(program):
    """Run the doctor; return (exit code, findings). It says nothing on stderr."""

    def run(*arguments, **options):
        done = program("doctor", "--json", *arguments, **options)
        assert done.stderr == ""
        return done.returncode, json.loads(done.stdout)

    return run


def of_level(found, *levels):
    return [one["check"] for one in found if one["level"] in levels]


def test_a_sound_machine_has_no_error(doctor, sandbox):
    code, found = doctor()
    assert (code, of_level(found, "error")) == (0, [])
    # Without a terminal, and the sandbox gives no device a seed.
    assert set(of_level(found, "warning")) == {"cannot-ask"}
    assert {"sts-answers", "aws-cli", "libraries"} <= set(of_level(found, "ok"))


def test_nobodys_credentials_are_used_and_nothing_is_written(doctor, sandbox):
    doctor()
    (call,) = sandbox.journal.calls()
    assert (call.action, call.access_key_id) == ("GetCallerIdentity", None)
    assert not (sandbox.folder / "cache").exists()


def test_offline_means_that_aws_is_not_asked(doctor, sandbox):
    code, found = doctor("--offline")
    assert code == 0
    assert not any(one["family"] == "network" for one in found)
    assert sandbox.journal.calls() == ()


def test_the_json_of_a_finding_is_always_the_same(doctor, write_config):
    write_config("[profile a]\nrole_arn = x\n[prod]\nregion = x\n")
    _, found = doctor()
    assert len(found) > 5
    for one in found:
        assert list(one) == [
            "check",
            "family",
            "level",
            "what",
            "where",
            "profile",
            "fix",
            "safe_fix",
            "mended",
        ]
        assert one["check"] in IDS
        assert one["level"] in {"error", "warning", "note", "ok"}
        assert one["what"]
        assert one["fix"] or one["level"] in {"ok", "note"}


def test_the_text_says_what_where_and_how_to_mend_it(program, sandbox, write_config):
    write_config(
        "[profile a]\n"
        "role_arn = arn:aws:iam::222222222222:role/A\n"
        "source_profile = nobody\n"
    )
    done = program("doctor")
    assert (done.returncode, done.stderr) == (3, "")
    lines = done.stdout.splitlines()
    assert lines[0] == "Profiles"
    place = f"{sandbox.folder / 'config'}:3"
    assert lines[1] == (
        f"✗ a: source_profile = nobody does not exist  {place}  [profile-broken]"
    )
    assert lines[2].startswith("    fix: add the profile")
    assert re.fullmatch(r"1 error, \d+ warnings?, \d+ notes?", lines[-1])
    assert "\x1b" not in done.stdout


def test_modes_are_mended_and_a_second_run_is_clean(doctor, program, logged_in):
    loose = {
        logged_in.folder / "credentials": 0o644,
        logged_in.folder / "cache": 0o755,
    }
    for path, mode in loose.items():
        path.chmod(mode)
    (logged_in.folder / "cache" / f"{'0' * 64}.json").touch(mode=0o600)
    code, found = doctor()
    assert code == 3
    assert set(of_level(found, "error")) == {"file-mode", "cache-unusable"}
    assert {path: path.stat().st_mode & 0o777 for path in loose} == loose
    shown = program("doctor", "--fix")
    assert (shown.returncode, shown.stderr) == (0, "")
    for path, mode in zip(loose, ("600", "700"), strict=True):
        assert f"mended: chmod {mode} {path}\n" in shown.stdout
        assert path.stat().st_mode & 0o777 == int(mode, 8)
    assert (
        f"mended: rm {logged_in.folder / 'cache' / ('0' * 64)}.json\n" in shown.stdout
    )
    code, found = doctor()
    assert code == 0
    assert not any(one["safe_fix"] for one in found)
    assert program.document("alice")


def test_what_was_mended_is_in_the_json_and_counts_no_more(doctor, sandbox):
    path = sandbox.folder / "credentials"
    path.chmod(0o604)
    code, found = doctor("--fix")
    (one,) = [one for one in found if one["safe_fix"]]
    assert (code, one["check"], one["mended"]) == (0, "file-mode", True)
    assert one["safe_fix"] == f"chmod 600 {path}"


def test_what_is_seen_only_after_mending_is_mended_as_well(doctor, tmp_path):
    folder = tmp_path / "data"
    Seeds(folder).add("arn:aws:iam::111111111111:mfa/alice", Secret("A" * 32), "file")
    (seed,) = folder.iterdir()
    seed.chmod(0o644)
    folder.chmod(0o755)
    data = {"STS_PLUGIN_DATA_DIR": str(folder)}
    code, found = doctor("--fix", environ=data)
    mended = [one["check"] for one in found if one["mended"]]
    assert (code, sorted(mended)) == (0, ["data-unusable", "seed-unusable"])
    assert doctor(environ=data)[0] == 0


def test_what_is_not_safe_to_mend_is_left_alone(doctor, sandbox, write_config):
    text = (
        "[profile a]\ncredential_process = sts-plugin credential-process --profile a\n"
        "role_arn = arn:aws:iam::222222222222:role/A\nsource_profile = alice\n"
    )
    write_config(text)
    code, found = doctor("--fix")
    assert "bypassed" in of_level(found, "warning")
    assert code == 0
    assert (sandbox.folder / "config").read_text() == text


def test_an_endpoint_that_is_away_is_an_error(doctor):
    away = {"AWS_ENDPOINT_URL_STS": "http://127.0.0.1:1"}
    code, found = doctor(environ=away)
    assert (code, of_level(found, "error")) == (3, ["sts-unreachable"])


@pytest.mark.parametrize("minutes", [-20, 20])
def test_a_clock_that_is_off_is_an_error(doctor, sandbox, minutes):
    sandbox.clock_offset_seconds = 60 * minutes
    code, found = doctor()
    assert (code, of_level(found, "error")) == (3, ["clock-skew"])
    (one,) = [one for one in found if one["check"] == "clock-skew"]
    assert ("behind" if minutes > 0 else "ahead of") in one["what"]


def test_ten_thousand_profiles_are_looked_at_and_ten_causes_shown(
    program, write_config
):
    write_config(
        "".join(
            f"[profile p{n}]\nrole_arn = arn:aws:iam::222222222222:role/R\n"
            f"source_profile = nobody{n}\n"
            for n in range(10_000)
        )
    )
    done = program("doctor", "--offline")
    assert done.returncode == 3
    assert done.stdout.count("[profile-broken]") == 10
    assert "and 9990 more of profile-broken: --output json" in done.stdout
    assert done.stdout.splitlines()[-1].startswith("10000 errors")


def test_one_cause_is_one_line_however_many_profiles_it_has(program, write_config):
    write_config(
        "".join(
            f"[profile p{n}]\nrole_arn = arn:aws:iam::222222222222:role/R\n"
            "source_profile = nobody\n"
            for n in range(50)
        )
    )
    done = program("doctor", "--offline")
    assert "✗ p0, p1, p2 and 47 more: source_profile = nobody" in done.stdout
    assert done.stdout.splitlines()[-1].startswith("1 error,")


def test_one_profile_is_looked_at_with_those_behind_it(doctor, sandbox, write_config):
    config = (sandbox.folder / "config").read_text()
    write_config(f"{config}\n[profile broken]\nrole_arn = x\n")
    code, found = doctor("--profile", "prod-admin")
    assert code == 0
    named = {one["profile"] for one in found if one["profile"]}
    assert named == {"prod-admin", "jump", "alice"}
    assert doctor()[0] == 3


def test_a_profile_that_does_not_exist_is_one_line(program):
    done = program("doctor", "--profile", "prod-admn")
    assert (done.returncode, done.stdout) == (3, "")
    assert 'did you mean "prod-admin"?' in done.stderr


@pytest.mark.parametrize("text", ["[", "region = x\n", "\ufeff[default]\n"])
def test_a_file_that_cannot_be_read_is_a_finding(doctor, write_config, text):
    write_config(text)
    code, found = doctor()
    assert (code, of_level(found, "error")) == (3, ["config-unreadable"])
    assert {one["family"] for one in found} == {"profiles", "codes", "programs"}


@pytest.mark.parametrize(
    "environ",
    [
        {"STS_PLUGIN_CACHE_DIR": "relative"},
        {"STS_PLUGIN_DATA_DIR": "relative"},
        {"STS_PLUGIN_MFA_PROMPT": "nonsense"},
        {"AWS_PROFILE": "nobody"},
        {"AWS_ENDPOINT_URL_STS": "nonsense"},
        {"AWS_CONFIG_FILE": ""},
        {"HOME": "/nonexistent/home"},
        {"PATH": ""},
    ],
    ids=lambda environ: next(iter(environ)),
)
def test_whatever_is_wrong_is_a_finding_and_no_failure(doctor, environ):
    code, found = doctor(environ=environ)
    assert code in {0, 3}
    assert found


def test_no_secret_is_shown(doctor, logged_in, sandbox, program, write_config):
    document = program.document("prod-admin")
    config = (sandbox.folder / "config").read_text()
    write_config(
        f"{config}\n[profile x]\ncredential_process = TOKEN=canary1 nothing canary2\n"
        "[profile y]\ncredential_process = /no/canary3=x --password canary4\n"
        "canary5 = x\nmfa_serial = arn:aws:iam::111111111111:mfa/alice\n"
        "mfa_process = nothing canary6\n"
        "aws_access_key_id = AKIAX\naws_secret_access_key = canary7\n"
    )
    environ = {
        "AWS_ACCESS_KEY_ID": "AKIAX",
        "AWS_SECRET_ACCESS_KEY": "canary8",
        "AWS_PROFILE": "x",
    }
    shown = json.dumps(doctor(environ=environ))
    shown += program("doctor", "--fix", environ=environ).stdout
    alice = sandbox.organisation.user("alice")
    hidden = [document["SecretAccessKey"], document["SessionToken"]]
    for secret in (*hidden, alice.secret_access_key, alice.totp_seed, "canary"):
        assert secret not in shown


def test_a_terminal_shows_colours_and_asks_nothing(environ):
    child = pexpect.spawn(
        "sts-plugin", ["doctor"], env=environ, timeout=60, encoding="utf-8"
    )
    child.expect(pexpect.EOF)
    child.close()
    shown = child.before
    assert child.exitstatus == 0
    assert "by terminal: the terminal itself" in shown
    assert "\x1b[32m✓\x1b[0m" in shown
    assert "cannot-ask" not in shown
    assert "MFA code of" not in shown


def test_what_takes_longer_than_a_second_is_said_on_the_terminal(environ, sandbox):
    sandbox.add_fault(Fault("latency", seconds=2))
    child = pexpect.spawn(
        "sts-plugin", ["doctor"], env=environ, timeout=60, encoding="utf-8"
    )
    child.expect_exact("sts-plugin: waiting for STS, prompts and programs")
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus == 0
    assert child.before.startswith("\r\x1b[K")


def test_no_colours_where_nobody_wants_them(environ):
    child = pexpect.spawn(
        "sts-plugin",
        ["doctor", "--offline"],
        env=environ | {"NO_COLOR": "1"},
        timeout=60,
        encoding="utf-8",
    )
    child.expect(pexpect.EOF)
    child.close()
    assert "✓" in child.before
    assert "\x1b[3" not in child.before


def test_letters_stand_for_glyphs_where_there_are_none(program):
    done = program("doctor", "--offline", environ={"PYTHONIOENCODING": "ascii"})
    assert done.returncode == 0
    assert "+ Python 3" in done.stdout


def test_the_trap_of_the_aws_clis_plugins_is_seen(doctor, sandbox, write_config):
    config = (sandbox.folder / "config").read_text()
    write_config(f"{config}\n[plugins]\ncli_legacy_plugin_path = {os.sep}p\n")
    code, found = doctor("--offline")
    assert (code, of_level(found, "error")) == (3, ["aws-cli-plugins"])


def test_what_stays_as_it_was_is_not_called_mended(
    sandbox, environ, monkeypatch, capsys
):
    # As on a file system that has no modes, and says yes to a new one.
    monkeypatch.setattr("sts_plugin.doctor.mending._mode", lambda *_: "")
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    (sandbox.folder / "credentials").chmod(0o604)
    assert run(["doctor", "--offline", "--fix"]) == 3
    shown = capsys.readouterr().out
    assert "not mended: chmod 600" in shown
    assert "\nmended: " not in shown
    assert "[file-mode]" in shown
