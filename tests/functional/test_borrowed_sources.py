"""Sources that botocore resolves for us, each from a stand-in for the real service.

IAM Identity Center (both spellings), ``aws login``, instance metadata: as the
credentials of a profile and as the source of a role.
"""

from __future__ import annotations

import hashlib
import json
import threading
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import boto3
import pytest

START_URL = "https://example.awsapps.com/start"
LOGIN = "arn:aws:iam::111111111111:user/bob"
KEYS = {
    "sso": (
        f"sso_start_url = {START_URL}\nsso_region = us-east-1\n"
        "sso_account_id = 111111111111\nsso_role_name = Developer\n"
    ),
    "sso-session": (
        "sso_session = corp\nsso_account_id = 111111111111\nsso_role_name = Developer\n"
        f"[sso-session corp]\nsso_start_url = {START_URL}\nsso_region = us-east-1\n"
    ),
    "login": f"login_session = {LOGIN}\n",
    "instance": "",
}


@pytest.fixture
def issued(sandbox):
    """Temporary credentials of bob's, such as the services hand out."""
    bob = sandbox.organisation.user("bob")
    sts = boto3.client(
        "sts",
        region_name="us-east-1",
        endpoint_url=sandbox.endpoint_url,
        aws_access_key_id=bob.access_key_id,
        aws_secret_access_key=bob.secret_access_key,
    )
    found = sts.get_session_token()["Credentials"]
    sandbox.journal.clear()
    return found


@pytest.fixture
def services(issued):
    """The services, all at one address; yields its URL and the paths asked for."""
    asked = []
    expires = f"{issued['Expiration']:%Y-%m-%dT%H:%M:%SZ}"
    answers = {
        "/federation/credentials": {
            "roleCredentials": {
                "accessKeyId": issued["AccessKeyId"],
                "secretAccessKey": issued["SecretAccessKey"],
                "sessionToken": issued["SessionToken"],
                "expiration": int(issued["Expiration"].timestamp() * 1000),
            }
        },
        "/latest/api/token": "token",
        "/latest/meta-data/iam/security-credentials/": "machine",
        "/latest/meta-data/iam/security-credentials/machine": {
            "Code": "Success",
            "AccessKeyId": issued["AccessKeyId"],
            "SecretAccessKey": issued["SecretAccessKey"],
            "Token": issued["SessionToken"],
            "Expiration": expires,
        },
    }

    class Service(BaseHTTPRequestHandler):
        def do_GET(self):
            path = self.path.partition("?")[0]
            asked.append(path)
            answer = answers.get(path, "")
            body = (answer if isinstance(answer, str) else json.dumps(answer)).encode()
            self.send_response(200 if path in answers else 404)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def do_PUT(self):  # the token of instance metadata
            self.do_GET()

        def log_message(self, *_):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Service) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}", asked
        server.shutdown()
        thread.join()


@pytest.fixture
def signed_in(tmp_path, issued, services):
    """The environment of somebody who has signed in everywhere."""
    home = tmp_path / "home"
    later = f"{datetime.now(UTC) + timedelta(hours=4):%Y-%m-%dT%H:%M:%SZ}"
    access = {"accessToken": "sso-token", "expiresAt": later}
    sign_in = {
        "accessToken": {
            "accessKeyId": issued["AccessKeyId"],
            "secretAccessKey": issued["SecretAccessKey"],
            "sessionToken": issued["SessionToken"],
            "accountId": "111111111111",
            "expiresAt": later,
        },
        "refreshToken": "refresh",
        "dpopKey": "key",
        "clientId": "client",
    }
    for folder, name, content, hashed in (
        ("sso", START_URL, access, hashlib.sha1),
        ("sso", "corp", access, hashlib.sha1),
        ("login", LOGIN, sign_in, hashlib.sha256),
    ):
        cache = home / ".aws" / folder / "cache"
        cache.mkdir(parents=True, exist_ok=True)
        key = hashed(name.encode()).hexdigest()
        (cache / f"{key}.json").write_text(json.dumps(content))
    url, _ = services
    return {
        "HOME": str(home),
        "AWS_ENDPOINT_URL_SSO": url,
        "AWS_EC2_METADATA_SERVICE_ENDPOINT": url,
        "AWS_EC2_METADATA_DISABLED": "false",
    }


@pytest.mark.parametrize("kind", KEYS)
def test_a_profile_gives_what_the_service_gives(
    program, write_config, signed_in, issued, kind
):
    write_config(f"[profile p]\nregion = us-east-1\n{KEYS[kind]}")
    done = program("credential-process", "--profile", "p", environ=signed_in)
    assert done.stderr == ""
    assert json.loads(done.stdout)["AccessKeyId"] == issued["AccessKeyId"]


@pytest.mark.parametrize("kind", KEYS)
def test_a_role_is_assumed_with_what_the_service_gives(
    program, write_config, signed_in, sandbox, services, kind
):
    source = "source_profile = s\n"
    if kind == "instance":
        source = "credential_source = Ec2InstanceMetadata\n"
    write_config(
        "[profile p]\nregion = us-east-1\nduration_seconds = 43200\n"
        f"role_arn = arn:aws:iam::222222222222:role/Batch\n{source}"
        f"[profile s]\n{KEYS[kind]}"
    )
    for _ in range(2):
        done = program("credential-process", "--profile", "p", environ=signed_in)
        assert (done.returncode, done.stderr) == (0, "")
    calls = sandbox.journal.calls()
    assert {call.caller_arn for call in calls} == {LOGIN}
    assert {call.duration_seconds for call in calls} == {3600}
    # What a machine is, no profile tells: its roles are not cached on disk.
    assert len(calls) == (2 if kind == "instance" else 1)
    _, asked = services
    assert bool(asked) == (kind != "login")


@pytest.mark.parametrize("kind", ["sso", "sso-session", "login"])
def test_who_has_not_signed_in_is_told_in_one_line(
    program, write_config, signed_in, tmp_path, kind
):
    write_config(f"[profile p]\nregion = us-east-1\n{KEYS[kind]}")
    nobody = signed_in | {"HOME": str(tmp_path)}
    done = program("credential-process", "--profile", "p", environ=nobody)
    assert (done.returncode, done.stdout) == (3, "")
    (line,) = done.stderr.splitlines()
    assert f'the {kind.partition("-")[0]} credentials of profile "p"' in line
