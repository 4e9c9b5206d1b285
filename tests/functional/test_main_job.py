"""The job this exists for: one code, and every program on the machine is served."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

PROGRAM = """
import boto3, sts_plugin, sys
session = sts_plugin.register(boto3.Session(profile_name=sys.argv[1]))
print(session.client("sts").get_caller_identity()["Arn"])
"""
ROLES = {
    "prod-admin": "arn:aws:iam::333333333333:role/Admin",
    "audit": "arn:aws:iam::222222222222:role/Audit",
    "partner": "arn:aws:iam::444444444444:role/Partner",
}


def assumed(identity, profile):
    account, _, name = ROLES[profile].removeprefix("arn:aws:iam::").partition(":role/")
    return identity.startswith(f"arn:aws:sts::{account}:assumed-role/{name}/")


def test_the_aws_cli_and_boto3_get_three_roles_for_one_code(sandbox, environ, terminal):
    asked = 0
    for profile in ROLES:
        one = terminal(f"aws --profile {profile} sts get-caller-identity --output json")
        if not asked:
            one.answer(sandbox.code())
        code, out, err = one.end()
        asked += one.prompts
        assert (code, err) == (0, "")
        assert assumed(json.loads(out)["Arn"], profile)
    assert asked == 1

    for profile in ROLES:
        done = subprocess.run(
            [sys.executable, "-c", PROGRAM, profile],
            env=environ,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
            start_new_session=True,
        )
        assert (done.returncode, done.stderr) == (0, "")
        assert assumed(done.stdout.strip(), profile)

    count = sandbox.journal.count
    assert count("GetSessionToken") == 1
    jump = "arn:aws:iam::222222222222:role/Jump"
    for role in (*ROLES.values(), jump):
        assert count("AssumeRole", role_arn=role) == 1
    assert count(outcome="ok") == count()


def test_the_next_process_makes_no_call_at_all(logged_in, program):
    first = program.document("prod-admin")
    logged_in.journal.clear()
    assert program.document("prod-admin") == first
    assert logged_in.journal.calls() == ()


def test_the_document_is_what_every_sdk_reads(logged_in, program):
    document = program.document("prod-admin")
    assert list(document) == [
        "Version",
        "AccessKeyId",
        "SecretAccessKey",
        "SessionToken",
        "Expiration",
        "AccountId",
    ]
    assert document["Version"] == 1
    assert document["AccountId"] == "333333333333"
    assert document["Expiration"].endswith("Z")


def test_the_profile_may_come_from_the_environment(logged_in, program):
    named = program.document("audit")
    done = program("credential-process", environ={"AWS_PROFILE": "audit"})
    assert json.loads(done.stdout) == named


def test_an_edited_profile_is_never_served_the_old_role(
    logged_in, program, write_config
):
    before = program.document("audit")
    config = (logged_in.folder / "config").read_text()
    write_config(config.replace("role/Audit", "role/Jump"))
    after = program.document("audit")
    assert after["AccessKeyId"] != before["AccessKeyId"]
    assert logged_in.journal.count("AssumeRole") == 2


def test_another_users_keys_are_never_served_the_first_ones_role(program, sandbox):
    alice = program.document("batch")
    config = sandbox.folder / "config"
    head, mark, tail = config.read_text().partition("[profile batch]")
    tail = tail.replace("source_profile = alice", "source_profile = bob", 1)
    config.write_text(head + mark + tail)
    assert program.document("batch")["AccessKeyId"] != alice["AccessKeyId"]
    assert sandbox.journal.count("AssumeRole", outcome="ok") == 2


def test_a_long_role_from_long_term_keys_keeps_its_twelve_hours(program, sandbox):
    program.document("batch")
    (call,) = sandbox.journal.calls()
    assert (call.duration_seconds, call.outcome) == (43_200, "ok")


def test_a_long_role_behind_a_session_is_clamped_and_not_refused(
    logged_in, program, write_config
):
    config = (logged_in.folder / "config").read_text()
    write_config(
        config.replace("role/Audit", "role/Audit\nsts_plugin_duration_seconds = 7200")
    )
    program.document("audit")
    (call,) = logged_in.journal.calls()
    assert (call.duration_seconds, call.outcome) == (3_600, "ok")
    explained = program("explain", "--profile", "audit").stdout
    assert "duration_seconds = 7200" in explained
    assert "one hour" in explained


def test_a_web_identity_profile_is_left_to_botocore(program, sandbox):
    assert program.document("ci")["SessionToken"]
    (call,) = sandbox.journal.calls()
    assert call.action == "AssumeRoleWithWebIdentity"


def test_a_session_that_aws_forgot_is_made_anew_once(logged_in, program, write_config):
    config = (logged_in.folder / "config").read_text()
    totp = f"sts_plugin_totp_file = {logged_in.folder / 'alice.totp'}"
    write_config(config.replace("[profile audit]", f"[profile audit]\n{totp}"))
    cached = json.loads(program("status", "--json").stdout)
    assert [entry["kind"] for entry in cached] == ["session"]
    for document in (logged_in.folder / "cache").glob("*.json"):
        key = json.loads(document.read_text())["document"]["AccessKeyId"]
        logged_in.revoke(key)
    done = program("credential-process", "--profile", "audit")
    assert json.loads(done.stdout)["SessionToken"]
    calls = [(call.action, call.outcome) for call in logged_in.journal.calls()]
    assert calls == [
        ("AssumeRole", "InvalidClientTokenId"),
        ("GetSessionToken", "ok"),
        ("AssumeRole", "ok"),
    ]


def test_a_containers_credentials_can_be_the_source_of_a_role(
    program, sandbox, write_config
):
    bob = sandbox.organisation.user("bob")
    document = {
        "AccessKeyId": bob.access_key_id,
        "SecretAccessKey": bob.secret_access_key,
        "Token": "",
        "Expiration": "2099-01-01T00:00:00Z",
    }

    class Endpoint(BaseHTTPRequestHandler):
        def do_GET(self):
            body = json.dumps(document).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    write_config(
        "[profile role]\nregion = us-east-1\ncredential_source = EcsContainer\n"
        "role_arn = arn:aws:iam::222222222222:role/Batch\n"
    )
    with HTTPServer(("127.0.0.1", 0), Endpoint) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_address[1]}/"
        done = program(
            "credential-process",
            "--profile",
            "role",
            environ={"AWS_CONTAINER_CREDENTIALS_FULL_URI": url},
        )
        server.shutdown()
    assert json.loads(done.stdout)["AccountId"] == "222222222222"
    (call,) = sandbox.journal.calls()
    assert call.caller_arn.endswith("user/bob")
    # Another container of the same home folder may be somebody else.
    assert not list((sandbox.folder / "cache").glob("*.json"))
