"""``configure`` by the executable: asked at a terminal, or told all by its options."""

from __future__ import annotations

import json
import os
import re
import stat
import subprocess
import sys
import textwrap
from pathlib import Path

import pexpect
import pytest
from programs import BIN

from sts_plugin.sandbox import Organisation, Sandbox

AUDIT = "arn:aws:iam::222222222222:role/Audit"
BATCH = "arn:aws:iam::222222222222:role/Batch"
MFA = "arn:aws:iam::111111111111:mfa/alice"
YES = "Type yes to write it: "
PLAIN = f"""\
# ours, since 2019
[profile alice]
region = us-east-1

[profile audit]   ; the auditors
region = us-east-1
role_arn = {AUDIT}
source_profile = alice
mfa_serial = {MFA}
s3 =
  max_queue_size = 100

# by night
[profile batch]
role_arn = {BATCH}
source_profile = alice
"""


@pytest.fixture
def environ(environ, tmp_path):
    """A home of its own: the AWS CLI keeps the roles that it assumes itself."""
    return environ | {"HOME": str(tmp_path / "home")}


@pytest.fixture
def config(sandbox):
    """The config file: plain profiles, as an SDK uses them by itself."""
    path = sandbox.folder / "config"
    path.write_text(PLAIN)
    return path


@pytest.fixture
def configure(program, sandbox):
    def run(*arguments, **options):
        done = program("configure", *arguments, **options)
        assert "Traceback" not in done.stderr
        for user in sandbox.organisation.users:
            assert user.secret_access_key not in done.stdout + done.stderr
        return done

    return run


@pytest.fixture
def ask(terminal):
    """Start it at a terminal."""
    return lambda *arguments: terminal(" ".join(["sts-plugin configure", *arguments]))


def backups(path):
    return sorted(path.parent.glob(f"{path.name}.bak-*"))


def left_as_it_was(path, text=PLAIN):
    assert path.read_text() == text
    assert [one for one in path.parent.iterdir() if "sts-plugin-" in one.name] == []
    return backups(path) == []


# --- The page ---

PAGE = Path(__file__).parents[2] / "docs" / "configure.md"


def example(language):
    text = PAGE.read_text(encoding="utf-8")
    return re.search(rf"```{language}\n(.*?)```", text, re.DOTALL)[1]


def test_the_difference_on_the_page_is_what_is_shown(config, configure):
    lines = example("diff").splitlines()
    before = "".join(f"{line[1:]}\n" for line in lines if line[0] in " -")
    config.write_text(before + "[profile alice]\n")
    shown = configure("--profile", "audit", "--dry-run").stdout.splitlines()
    assert shown[3 : 3 + len(lines)] == lines


def test_the_questions_on_the_page_are_those_that_are_asked(config, sandbox, ask):
    jump = sandbox.organisation.role("Jump").arn
    config.write_text(
        "[profile alice]\nregion = eu-central-1\n"
        f"[profile jump]\nrole_arn = {jump}\nsource_profile = alice\n"
    )
    # Of alice's organisation only: no bob.
    credentials = sandbox.folder / "credentials"
    credentials.write_text(credentials.read_text().partition("[bob]")[0])
    command, *lines = example("console").splitlines()
    one = ask(*command.split()[3:])
    for line in lines:
        question, asks, typed = line.partition(": ")
        if line.startswith("sts-plugin: "):
            continue  # on stderr, which is a file here
        one.child.expect_exact(f"{question}: " if asks else line)
        if asks or line.endswith("]:"):
            one.child.sendline(typed)
    one.child.expect_exact(YES)
    one.child.sendline("no")
    assert "asking IAM for the MFA devices of profile alice" in one.end()[2]


# --- A new profile ---

QUESTIONS = [
    ("Role ARN: ", AUDIT),
    ("Source profile [alice]: ", ""),
    ("Region [us-east-1]: ", ""),
    (f"MFA device, or none [{MFA}]: ", ""),
]


def answer(one, question, line):
    one.child.expect_exact(question)
    one.child.sendline(line)


def test_a_profile_is_asked_for_and_works_at_once(config, ask, sandbox, terminal):
    one = ask("--profile", "mine")
    for question, line in QUESTIONS:
        answer(one, question, line)
    answer(one, YES, "yes")
    status, out, err = one.end()
    assert status == 0
    assert config.read_text() == PLAIN + textwrap.dedent(
        f"""
        [profile mine]
        region = us-east-1
        credential_process = sts-plugin credential-process --profile mine
        sts_plugin_role_arn = {AUDIT}
        sts_plugin_source_profile = alice
        mfa_serial = {MFA}
        """
    )
    assert "+[profile mine]" in out
    assert f"role     AssumeRole {AUDIT}" in out
    assert "asking IAM for the MFA devices of profile alice" in err
    [backup] = backups(config)
    assert backup.read_text() == PLAIN
    assert stat.S_IMODE(backup.stat().st_mode) == 0o600
    assert str(backup) in err
    # A stock client takes it from there.
    one = terminal("aws --profile mine sts get-caller-identity --output text")
    one.answer(sandbox.code())
    status, out, _ = one.end()
    assert (status, "assumed-role/Audit/" in out) == (0, True)


def test_what_is_wrong_is_asked_again_before_anything_is_written(config, ask):
    one = ask("--profile", "mine")
    answer(one, "Role ARN: ", "arn:aws:iam::2:user/x")
    one.child.expect_exact("is not the ARN of an IAM role")
    answer(one, "Role ARN: ", AUDIT)
    answer(one, "Source profile [alice]: ", "nobody")
    one.child.expect_exact("there is no profile nobody")
    answer(one, "Source profile [alice]: ", "3")
    answer(one, "Region [us-east-1]: ", "Frankfurt")
    one.child.expect_exact("Frankfurt is not a region")
    answer(one, "Region [us-east-1]: ", "eu-central-1")
    answer(one, "MFA device, or none [none]: ", "x")
    one.child.expect_exact("x is not the ARN or serial number of an MFA device")
    answer(one, "MFA device, or none [none]: ", "none")
    answer(one, YES, "no")
    status, _, err = one.end()
    assert (status, "that was not yes: the config stays" in err) == (4, True)
    assert left_as_it_was(config)


@pytest.mark.parametrize("at", range(len(QUESTIONS) + 1))
@pytest.mark.parametrize("key", ["\x03", "\x04"], ids=["ctrl-c", "ctrl-d"])
def test_whoever_goes_away_leaves_everything_as_it_was(config, ask, at, key):
    one = ask("--profile", "mine")
    for question, line in QUESTIONS[:at]:
        answer(one, question, line)
    one.child.expect_exact([*QUESTIONS, (YES, "")][at][0])
    one.child.send(key)
    status, _, err = one.end()
    assert status == (130 if key == "\x03" else 4)
    assert ("interrupted" if key == "\x03" else "there was no answer") in err
    assert one.echoes
    assert left_as_it_was(config)


def test_a_name_is_asked_for_where_none_is_given(config, ask):
    one = ask()
    answer(one, "Profile: ", "")
    one.child.expect_exact("a name is needed")
    answer(one, "Profile: ", "batch")
    answer(one, YES, "yes")
    assert one.end()[0] == 0
    assert "--profile batch\nsts_plugin_role_arn" in config.read_text()


def test_who_may_not_list_devices_gets_a_hint(config, ask, sandbox):
    one = ask("--profile", "mine", "--source-profile", "bob", "--role-arn", BATCH)
    answer(one, "Region: ", "")
    one.child.expect_exact(
        "A device mostly is called so: arn:aws:iam::111111111111:mfa/bob"
    )
    answer(one, "MFA device, or none [none]: ", "")
    answer(one, YES, "yes")
    status, _, err = one.end()
    assert status == 0
    assert "AWS refused ListMFADevices: AccessDenied" in err
    assert "mfa_serial" not in config.read_text().partition("[profile mine]")[2]


def test_options_say_it_all_and_nobody_is_asked(config, configure, sandbox):
    done = configure(
        "--yes",
        "--profile",
        "it's mine",
        *("--role-arn", BATCH, "--source-profile", "alice", "--region", "eu-west-1"),
        *("--mfa-serial", "none", "--duration-seconds", "7200", "--external-id", "id"),
        *("--role-session-name", "me"),
    )
    assert (done.returncode, done.stderr.count("IAM")) == (0, 0)
    assert config.read_text().endswith(
        textwrap.dedent(
            f"""
            [profile 'it'"'"'s mine']
            region = eu-west-1
            credential_process = sts-plugin credential-process --profile 'it'"'"'s mine'
            sts_plugin_role_arn = {BATCH}
            sts_plugin_source_profile = alice
            external_id = id
            duration_seconds = 7200
            role_session_name = me
            """
        )
    )
    assert sandbox.journal.count("ListMFADevices") == 0


def test_whoever_goes_through_a_profile_is_told_of_as_it_changes(configure):
    audit = "arn:aws:iam::222222222222:role/Audit"
    done = configure("--dry-run", "--profile", "jump", "--role-arn", audit)
    assert done.returncode == 0
    told = 'sts-plugin: profile "prod-admin" goes through it, and changes with it'
    assert told in done.stderr.splitlines()
    assert '"partner"' not in done.stderr
    # What changes nothing but the profile itself is not worth a word.
    done = configure("--dry-run", "--profile", "audit", "--role-arn", BATCH)
    assert "goes through it" not in done.stderr


@pytest.mark.parametrize("name", ["a b", "ümläut", 'say "so"', "$HOME", "-x"])
def test_a_stock_client_runs_us_for_a_profile_however_it_is_called(
    config, configure, environ, name, sandbox
):
    arguments = ["--yes", f"--profile={name}", "--role-arn", BATCH]
    assert configure(*arguments, "--source-profile", "bob").returncode == 0
    script = (
        "import boto3, sys; session = boto3.Session(profile_name=sys.argv[1]);"
        "print(session.client('sts').get_caller_identity()['Arn']);"
        "print(session.get_credentials().method)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, name],
        env=environ,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert "assumed-role/Batch/" in done.stdout
    assert "custom-process" in done.stdout


def test_a_machine_without_files_gets_them(sandbox, configure, tmp_path):
    home = tmp_path / "another-home"
    home.mkdir()
    there = {
        "HOME": str(home),
        "AWS_CONFIG_FILE": "~/.aws/config",
        "AWS_EC2_METADATA_DISABLED": "true",
    }
    done = configure(
        *("--yes", "--profile", "mine", "--role-arn", BATCH),
        *("--source-profile", "bob", "--mfa-serial", "none"),
        environ=there,
    )
    assert done.returncode == 0, done.stderr
    file = home / ".aws" / "config"
    assert file.read_text().startswith("[profile mine]\n")
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
    assert backups(file) == []


WRONG = {
    "no role": (["--role-arn", "x"], "--role-arn: x is not the ARN of an IAM role"),
    "a span": (["--duration-seconds", "5"], "--duration-seconds: 5 is not a number"),
    "a device": (["--mfa-serial", "x"], "--mfa-serial: x is not the ARN or serial"),
    "a security key": (
        ["--mfa-serial", "arn:aws:iam::111111111111:u2f/user/alice/key"],
        "is a FIDO security key",
    ),
    "a region": (["--region", "x"], "--region: x is not a region"),
    "no source": (["--role-arn", AUDIT, "--source-profile", "x"], '"x" is not in'),
    "nothing": (["--role-arn", ""], "--role-arn: "),
    "no region": (["--region", ""], "--region: nothing was said"),
    "with all": (["--all", "--region", "eu-west-1"], "--all and --unwrap change how"),
    "itself": (["--role-arn", AUDIT, "--source-profile", "mine"], '"mine" is not in'),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_is_wrong_is_told_and_nothing_is_written(config, configure, name):
    arguments, why = WRONG[name]
    which = [] if "--all" in arguments else ["--profile", "mine"]
    done = configure("--yes", *which, *arguments)
    assert (done.returncode, done.stdout) == (3, "")
    assert why in done.stderr
    assert left_as_it_was(config)


def test_what_is_missing_is_told_where_nobody_can_be_asked(config, configure):
    done = configure("--yes", "--profile", "mine")
    assert (done.returncode, done.stdout) == (4, "")
    assert "a new profile needs --role-arn and --source-profile" in done.stderr
    done = configure("--profile", "audit")
    assert (done.returncode, done.stdout) == (4, "")
    assert "add --yes, or --dry-run to look at it before" in done.stderr
    assert left_as_it_was(config)


def test_several_devices_are_chosen_from(tmp_path, environ):
    """Two devices of one user: the sandbox has no such, an answer of IAM may."""
    from http.server import BaseHTTPRequestHandler, HTTPServer  # noqa: PLC0415
    from threading import Thread  # noqa: PLC0415

    serials = [MFA, f"{MFA}-2", "arn:aws:iam::111111111111:u2f/user/alice/key"]
    members = "".join(
        f"<member><UserName>alice</UserName><SerialNumber>{one}</SerialNumber>"
        "<EnableDate>2026-03-01T12:30:00Z</EnableDate></member>"
        for one in serials
    )
    text = (
        "<ListMFADevicesResponse><ListMFADevicesResult><IsTruncated>false</IsTruncated>"
        f"<MFADevices>{members}</MFADevices></ListMFADevicesResult>"
        "</ListMFADevicesResponse>"
    ).encode()

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *_):
            pass

        def do_POST(self):
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(200)
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

    server = HTTPServer(("127.0.0.1", 0), Handler)
    Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    try:
        url = f"http://127.0.0.1:{server.server_address[1]}"
        there = environ | {"AWS_ENDPOINT_URL_IAM": url}
        path = type(tmp_path)(environ["AWS_CONFIG_FILE"])
        path.write_text(PLAIN)
        words = ["configure", "--profile", "mine", "--role-arn", AUDIT]
        words += ["--source-profile", "alice", "--region", "us-east-1"]
        done = subprocess.run(
            [BIN / "sts-plugin", *words, "--yes"],
            env=there,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
            start_new_session=True,
        )
        assert done.returncode == 3
        assert f"several MFA devices: {MFA}, {MFA}-2 (" in done.stderr
        child = pexpect.spawn(
            str(BIN / "sts-plugin"), words, env=there, timeout=30, encoding="utf-8"
        )
        child.expect_exact(f"1  {MFA}")
        child.expect_exact(f"2  {MFA}-2")
        child.expect_exact(f"MFA device, or none [{MFA}]: ")
        child.sendline("2")
        child.expect_exact(YES)
        child.sendline("yes")
        child.expect(pexpect.EOF)
        child.close()
        assert child.exitstatus == 0
        assert f"mfa_serial = {MFA}-2\n" in path.read_text()
    finally:
        server.shutdown()
        server.server_close()


# --- Profiles that are there ---


def test_all_plain_roles_are_wrapped_and_stock_clients_go_through_us(
    config, configure, environ, sandbox, terminal
):
    done = configure("--all", "--yes")
    assert done.returncode == 0
    wrapped = PLAIN.replace(
        f"role_arn = {AUDIT}\nsource_profile",
        "credential_process = sts-plugin credential-process --profile audit\n"
        f"sts_plugin_role_arn = {AUDIT}\nsts_plugin_source_profile",
    ).replace(
        f"role_arn = {BATCH}\nsource_profile",
        "credential_process = sts-plugin credential-process --profile batch\n"
        f"sts_plugin_role_arn = {BATCH}\nsts_plugin_source_profile",
    )
    assert config.read_text() == wrapped
    one = terminal("aws --profile audit sts get-caller-identity --output text")
    one.answer(sandbox.code())
    status, out, _ = one.end()
    assert (status, "assumed-role/Audit/" in out) == (0, True)
    assert sandbox.journal.count("GetSessionToken") == 1
    # Again there is nothing to do, and back it is byte for byte.
    done = configure("--all", "--yes")
    assert (done.returncode, done.stdout) == (0, "nothing to do\n")
    assert configure("--all", "--unwrap", "--yes").returncode == 0
    assert config.read_text() == PLAIN


def test_a_role_behind_a_wrapped_one_works_in_a_stock_client(
    config, configure, environ, sandbox
):
    jump = sandbox.organisation.role("Jump").arn
    admin = sandbox.organisation.role("Admin").arn
    config.write_text(
        f"[profile jump]\nrole_arn = {jump}\nsource_profile = alice\n"
        f"mfa_serial = {MFA}\n[profile admin]\nrole_arn = {admin}\n"
        "source_profile = jump\n"
    )
    assert configure("--profile", "jump", "--yes").returncode == 0
    done = subprocess.run(
        ["aws", "--profile", "admin", "sts", "get-caller-identity", "--output=text"],
        env=environ | {"STS_PLUGIN_MFA_CODE": sandbox.code()},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        stdin=subprocess.DEVNULL,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "assumed-role/Admin/" in done.stdout


def test_a_user_with_a_device_gets_a_profile_for_the_session(
    config, configure, sandbox, program
):
    config.write_text(
        PLAIN.replace("[profile alice]\n", f"[profile alice]\nmfa_serial={MFA}\n")
    )
    done = configure("--profile", "alice", "--yes")
    assert done.returncode == 0
    assert "[profile alice-mfa]\nregion = us-east-1\n" in config.read_text()
    code = {"STS_PLUGIN_MFA_CODE": sandbox.code()}
    done = program("credential-process", "--profile", "alice-mfa", environ=code)
    assert json.loads(done.stdout)["SessionToken"]


def test_a_device_for_a_user_comes_with_the_profile_for_the_session(
    config, configure, sandbox, program
):
    done = configure("--profile", "alice", "--mfa-serial", MFA, "--yes")
    assert done.returncode == 0
    text = config.read_text()
    assert f"[profile alice]\nregion = us-east-1\nmfa_serial = {MFA}\n" in text
    assert text.startswith("# ours, since 2019\n")
    code = {"STS_PLUGIN_MFA_CODE": sandbox.code()}
    done = program("credential-process", "--profile", "alice-mfa", environ=code)
    assert json.loads(done.stdout)["SessionToken"]
    done = configure("--profile", "alice", "--mfa-serial", MFA, "--yes")
    assert (done.returncode, done.stdout) == (0, "nothing to do\n")


def test_a_profile_that_is_there_gets_what_the_options_say(config, configure, program):
    done = configure("--profile", "batch", "--duration-seconds", "7200", "--yes")
    assert done.returncode == 0
    assert config.read_text() == PLAIN.replace(
        f"role_arn = {BATCH}\nsource_profile",
        "credential_process = sts-plugin credential-process --profile batch\n"
        "duration_seconds = 7200\n"
        f"sts_plugin_role_arn = {BATCH}\nsts_plugin_source_profile",
    )
    assert program.document("batch")["SessionToken"]
    done = configure("--profile", "batch", "--duration-seconds", "1", "--yes")
    assert (done.returncode, done.stdout) == (3, "")
    done = configure("--profile", "batch", "--source-profile", "nobody", "--yes")
    assert (done.returncode, done.stdout) == (3, "")
    assert "sts_plugin_source_profile = nobody" in done.stderr
    done = configure("--profile", "batch", "--source-profile", "batch", "--yes")
    assert (done.returncode, done.stdout) == (3, "")
    assert "closes a loop" in done.stderr


@pytest.mark.parametrize("name", ["there", "new"])
def test_what_would_not_count_is_not_written(config, configure, sandbox, name):
    text = f"[DEFAULT]\nsts_plugin_external_id = other\n{config.read_text()}"
    config.write_text(text)
    role = "arn:aws:iam::222222222222:role/Audit"
    said = ("--role-arn", role, "--source-profile", "alice", "--external-id", "mine")
    profile = {"there": "audit", "new": "mine"}[name]
    done = configure("--yes", "--profile", profile, "--mfa-serial", "none", *said)
    assert (done.returncode, done.stdout) == (3, "")
    assert f"{config}:2: sts_plugin_external_id wins over" in done.stderr
    assert left_as_it_was(config, text)


def test_a_profile_without_credentials_is_asked_about(config, ask, program):
    config.write_text("[default]\nregion = us-west-2\n")
    one = ask("--profile", "default", "--mfa-serial", "none")
    answer(one, "Role ARN: ", BATCH)
    answer(one, "Source profile [alice]: ", "bob")
    answer(one, "Region [us-west-2]: ", "")
    answer(one, YES, "yes")
    assert one.end()[0] == 0
    assert config.read_text() == (
        "[default]\nregion = us-west-2\n"
        "credential_process = sts-plugin credential-process --profile default\n"
        f"sts_plugin_role_arn = {BATCH}\nsts_plugin_source_profile = bob\n"
    )
    assert program.document("default")["SessionToken"]


def test_all_leaves_alone_what_sdks_get_by_another_profile(config, configure):
    line = "credential_process = sts-plugin credential-process --profile audit"
    text = f"{PLAIN}[profile audit-sts]\n{line}\n".replace("[profile batch]", "[x]")
    config.write_text(text)
    done = configure("--all", "--yes")
    assert (done.returncode, done.stdout) == (0, "nothing to do\n")
    assert left_as_it_was(config, text)


def test_where_there_is_no_file_there_is_nothing_to_wrap(config, configure):
    config.unlink()
    done = configure("--all", "--yes")
    assert (done.returncode, done.stdout, done.stderr) == (0, "nothing to do\n", "")
    assert not config.exists()


def test_the_profile_of_the_environment_is_meant_where_none_is_named(config, configure):
    done = configure("--dry-run", environ={"AWS_PROFILE": "batch"})
    assert "+credential_process = sts-plugin credential-process --profile batch" in (
        done.stdout
    )
    done = configure("--yes")
    assert (done.returncode, "no profile is named" in done.stderr) == (3, True)


def test_what_stands_in_the_way_is_told_and_the_others_are_wrapped(config, configure):
    config.write_text(
        PLAIN.replace("[profile audit]", "[profile audit]\nlogin_session = x")
    )
    done = configure("--all", "--yes")
    assert done.returncode == 0
    assert "left alone: audit: " in done.stderr
    assert "--profile batch" in config.read_text()
    assert "--profile audit" not in config.read_text()
    done = configure("--profile", "audit", "--yes")
    assert (done.returncode, done.stdout) == (3, "")
    assert "SDKs take login_session" in done.stderr


def test_a_profile_that_needs_nothing_says_why(config, configure):
    done = configure("--profile", "alice", "--yes")
    assert (done.returncode, done.stdout) == (0, "nothing to do\n")
    assert "static credentials, which SDKs find without sts-plugin" in done.stderr
    assert left_as_it_was(config)


def test_a_dry_run_shows_it_and_writes_nothing(config, configure):
    before = config.stat()
    done = configure("--all", "--dry-run")
    assert done.returncode == 0
    assert "-role_arn = " in done.stdout
    assert "nothing is written: --dry-run" in done.stderr
    assert left_as_it_was(config)
    now = config.stat()
    assert (now.st_ino, now.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


def test_json_tells_the_same(config, configure):
    config.write_text(
        f"[profile bad]\nrole_arn = {BATCH}\nlogin_session = x\n"
        f"source_profile = alice\n{PLAIN}"
    )
    text = configure("--all", "--dry-run")
    done = configure("--all", "--dry-run", "--json")
    assert (done.returncode, done.stderr) == (0, "")
    told = json.loads(done.stdout)
    assert told["diff"] == text.stdout
    assert [f"sts-plugin: left alone: {one}" for one in told["left"]] == [
        line for line in text.stderr.splitlines() if "left alone" in line
    ]
    assert told["profiles"] == ["audit", "batch"]
    assert (told["path"], told["written"]) == (str(config), False)
    done = configure("--all", "--yes", "--output", "json")
    written = json.loads(done.stdout)
    [backup] = backups(config)
    assert (done.returncode, done.stderr) == (0, "")
    assert written == told | {"written": True, "backup": str(backup)}
    again = json.loads(configure("--all", "--yes", "--json").stdout)
    assert again == told | {"profiles": [], "diff": ""}


def test_json_says_who_changes_with_it(configure):
    done = configure("--dry-run", "--json", "--profile", "jump", "--role-arn", AUDIT)
    assert json.loads(done.stdout)["dependants"] == ["prod-admin"]


def test_json_hides_secrets_as_well(config, configure):
    secret = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
    profile = f"[profile x]\naws_secret_access_key = {secret}\n[profile audit]"
    config.write_text(PLAIN.replace("[profile audit]", profile))
    done = configure("--all", "--dry-run", "--json")
    assert "aws_secret_access_key = ***" in json.loads(done.stdout)["diff"]
    assert secret not in done.stdout


def test_json_is_not_for_who_is_asked(config, ask):
    status, out, err = ask("--profile batch --json").end()
    assert (status, out) == (3, "")
    assert "add --dry-run to look at it, or --yes" in err
    assert left_as_it_was(config)


def test_the_difference_can_be_applied_by_patch(config, configure, tmp_path):
    done = configure("--all", "--dry-run")
    again = tmp_path / "again"
    again.write_text(PLAIN)
    subprocess.run(
        ["patch", "--silent", str(again)],
        input=done.stdout,
        text=True,
        check=True,
        timeout=20,
    )
    assert configure("--all", "--yes").returncode == 0
    assert again.read_text() == config.read_text()


# --- The file ---


def test_a_change_meanwhile_is_left_as_it_is(config, ask):
    one = ask("--profile", "batch")
    one.child.expect_exact(YES)
    config.write_text(PLAIN + "# mine\n")
    one.child.sendline("yes")
    status, out, err = one.end()
    assert status == 3
    assert "was changed meanwhile" in err
    assert "is written" not in out
    assert left_as_it_was(config, PLAIN + "# mine\n")


@pytest.mark.parametrize("trouble", ["read-only", "second name", "folder"])
def test_a_file_that_must_not_be_written_is_told_before_anybody_is_asked(
    config, configure, trouble
):
    if trouble == "read-only":
        config.chmod(0o400)
    elif trouble == "second name":
        os.link(config, config.with_name("second"))
    else:
        config.unlink()
        config.mkdir()
    done = configure("--all", "--yes")
    assert (done.returncode, done.stdout) == (3, "")
    assert f"{config} is" in done.stderr or f"{config} has a second" in done.stderr
    assert trouble == "folder" or left_as_it_was(config)


def test_a_link_stays_and_the_file_behind_it_is_written(config, configure, tmp_path):
    real = tmp_path / "dotfiles"
    config.rename(real)
    config.symlink_to(real)
    assert configure("--profile", "batch", "--yes").returncode == 0
    assert config.is_symlink()
    assert "--profile batch" in real.read_text()
    assert len(backups(config)) == 1
    assert backups(real) == []


def test_line_ends_of_windows_stay(config, configure):
    config.write_bytes(PLAIN.replace("\n", "\r\n").encode())
    assert configure("--all", "--yes").returncode == 0
    written = config.read_bytes()
    assert written.count(b"\n") == written.count(b"\r\n") == PLAIN.count("\n") + 2


def test_a_file_with_a_secret_gets_no_backup_and_shows_none(config, configure):
    secret = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
    keys = (
        f"aws_access_key_id = AKIAIOSFODNN7EXAMPLE\naws_secret_access_key = {secret}\n"
    )
    config.write_text(
        PLAIN.replace("[profile audit]", f"[profile x]\n{keys}[profile audit]")
    )
    done = configure("--all", "--yes")
    assert done.returncode == 0
    assert secret not in done.stdout + done.stderr
    assert "aws_secret_access_key = ***" in done.stdout
    assert "holds a secret: no backup is made" in done.stderr
    assert secret in config.read_text()
    assert backups(config) == []


def test_ten_thousand_profiles_are_wrapped(config, configure):
    more = "".join(
        f"[profile team{number}]\nrole_arn = arn:aws:iam::222222222222:role/T{number}\n"
        "source_profile = alice\n"
        for number in range(10_000)
    )
    config.write_text(PLAIN + more)
    done = configure("--all", "--yes")
    assert done.returncode == 0
    assert config.read_text().count("credential_process = ") == 10_002


def test_the_path_is_absolute_where_there_is_none_on_the_path(config, configure):
    done = configure("--all", "--yes", environ={"PATH": "/usr/bin:/bin"})
    assert done.returncode == 0
    line = (
        f"credential_process = {BIN / 'sts-plugin'} credential-process --profile audit"
    )
    assert line in config.read_text()


def test_nothing_is_drawn_in_a_pipe_and_colours_are_on_a_terminal(config, configure):
    assert "\x1b" not in configure("--all", "--dry-run").stdout
    forced = configure("--all", "--dry-run", environ={"FORCE_COLOR": "1"}).stdout
    assert "\x1b[31m-role_arn" in forced
    assert "\x1b[32m+sts_plugin_role_arn" in forced


def test_two_at_the_same_time_do_not_lose_what_the_other_wrote(tmp_path, environ):
    organisation = Organisation.example()
    with Sandbox(tmp_path / "two", organisation=organisation) as sandbox:
        path = sandbox.folder / "config"
        path.write_text(PLAIN)
        there = sandbox.environ() | {"PATH": environ["PATH"]}
        running = [
            subprocess.Popen(
                [BIN / "sts-plugin", "configure", "--profile", name, "--yes"],
                env=there,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                start_new_session=True,
            )
            for name in ("audit", "batch")
        ]
        for one in running:
            one.communicate(timeout=60)
        text = path.read_text()
    for name, one in zip(("audit", "batch"), running, strict=True):
        assert one.returncode in {0, 3}
        assert (f"--profile {name}\n" in text) == (one.returncode == 0)
