"""A program that logs all it can, with the provider in its sessions.

Its own calls are in its log as ever; of ours there are neither keys nor codes.
"""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import botocore.session
import pytest
from canaries import Sweep

SET_UP = """
import logging, sys
import boto3, botocore.session
logging.basicConfig(level=logging.DEBUG)  # all goes to stderr
boto3.set_stream_logger("")
botocore.session.Session().set_debug_logger()
import sts_plugin
"""
CHAIN = f"""{SET_UP}
session = sts_plugin.register(boto3.Session(profile_name=sys.argv[1]))
print(session.client("sts").get_caller_identity()["Arn"])
"""
SINGLE_CALLS = f"""{SET_UP}
client = sts_plugin.Client("bob")
client.get_session_token()
client.get_web_identity_token("https://example.com")
sts_plugin.Client("ci").credentials()
"""


@pytest.fixture
def sweep(sandbox, tmp_path):
    return Sweep(sandbox, tmp_path)


@pytest.fixture
def logged(environ):
    """Run a program, and return its log."""

    def run(program, *arguments, **variables):
        done = subprocess.run(
            [sys.executable, "-X", "dev", "-c", program, *arguments],
            env=environ | variables,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
            start_new_session=True,
        )
        assert done.returncode == 0, done.stderr[-2000:]
        return done.stderr

    return run


def test_the_log_holds_the_programs_call_and_nothing_of_ours(sandbox, sweep, logged):
    log = logged(CHAIN, "prod-admin", STS_PLUGIN_MFA_CODE=sweep.code())
    calls = [call.action for call in sandbox.journal.calls()]
    assert calls == ["GetSessionToken", "AssumeRole", "AssumeRole", "GetCallerIdentity"]
    sweep.learn()
    handed_out = sandbox.journal.calls()[-1].access_key_id
    # botocore logs the headers of the program's own call: that is the program's.
    assert sweep.in_bytes(log) == [f"token of {handed_out}"]
    assert "Action=GetCallerIdentity" in log or "'GetCallerIdentity'" in log
    assert "'Action': 'AssumeRole'" not in log
    assert "GetSessionToken with MFA device" in log  # that it was called is told
    assert "AssumeRole of arn:aws:iam::333333333333:role/Admin" in log


def test_the_log_would_hold_it_all(sandbox, sweep, logged):
    code = sweep.code()
    log = logged(
        f"""{SET_UP}
from sts_plugin import aws
aws.quietly = lambda work, what="": work
exec({CHAIN[len(SET_UP) :]!r})
""",
        "prod-admin",
        STS_PLUGIN_MFA_CODE=code,
    )
    sweep.learn()
    assert set(sweep.in_bytes(log)) >= {f"code {code}"}.union(*sweep.issued.values())


def test_single_calls_are_as_quiet(sandbox, sweep, logged):
    log = logged(SINGLE_CALLS)
    assert {call.action for call in sandbox.journal.calls()} == {
        "GetSessionToken",
        "GetWebIdentityToken",
        "AssumeRoleWithWebIdentity",
    }
    sweep.learn()
    assert sweep.in_bytes(log) == []
    assert "eyJ" not in log  # how a token begins


# --- Sources that botocore reads ---------------------------------------------


@pytest.fixture
def session_of_bob(sandbox, sweep):
    """Temporary credentials that STS takes."""
    bob = sandbox.organisation.user("bob")
    client = botocore.session.Session().create_client(
        "sts",
        region_name="us-east-1",
        endpoint_url=sandbox.endpoint_url,
        aws_access_key_id=bob.access_key_id,
        aws_secret_access_key=bob.secret_access_key,
    )
    found = client.get_session_token()["Credentials"]
    sandbox.journal.clear()
    sweep.learn()
    return {name: found[name] for name in ("AccessKeyId", "SecretAccessKey")} | {
        "Token": found["SessionToken"]
    }


@pytest.fixture
def serve():
    """Serve a JSON document at every path; return the URL."""
    servers = []

    def start(document):
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                body = json.dumps(document).encode()
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        servers.append(HTTPServer(("127.0.0.1", 0), Handler))
        threading.Thread(target=servers[-1].serve_forever, daemon=True).start()
        return f"http://127.0.0.1:{servers[-1].server_address[1]}/"

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


BATCH = """
[profile role]
region = us-east-1
role_arn = arn:aws:iam::222222222222:role/Batch
"""
LONG = "canary-of-a-token-that-signs-somebody-in-0123456789"


@pytest.mark.parametrize("kind", ["container", "sso", "process"])
def test_what_botocore_reads_for_us_is_as_quiet(
    sweep, session_of_bob, serve, logged, write_config, tmp_path, sandbox, kind
):
    bob, home = session_of_bob, tmp_path / "home"
    variables = {"HOME": str(home)}
    sweep.add(signed_in=LONG)
    match kind:
        case "container":
            document = bob | {"Expiration": "2099-01-01T00:00:00Z"}
            variables |= {
                "AWS_CONTAINER_CREDENTIALS_FULL_URI": serve(document),
                "AWS_CONTAINER_AUTHORIZATION_TOKEN": LONG,
            }
            config = BATCH + "credential_source = EcsContainer\n"
        case "sso":
            url = "https://example.awsapps.com/start"
            answer = {
                "accessKeyId": bob["AccessKeyId"],
                "secretAccessKey": bob["SecretAccessKey"],
                "sessionToken": bob["Token"],
                "expiration": 4_070_908_800_000,
            }
            variables["AWS_ENDPOINT_URL_SSO"] = serve({"roleCredentials": answer})
            cache = home / ".aws" / "sso" / "cache"
            cache.mkdir(parents=True)
            name = hashlib.sha1(url.encode(), usedforsecurity=False).hexdigest()
            token = {"accessToken": LONG, "expiresAt": "2099-01-01T00:00:00Z"}
            (cache / f"{name}.json").write_text(json.dumps(token))
            config = (
                f"{BATCH}source_profile = person\n[profile person]\n"
                f"sso_start_url = {url}\nsso_region = us-east-1\n"
                "sso_account_id = 111111111111\nsso_role_name = Person\n"
            )
        case _:
            token = bob.pop("Token")
            document = {"Version": 1, **bob, "SessionToken": token}
            file = tmp_path / "document"
            file.write_text(json.dumps(document))
            config = (
                f"{BATCH}source_profile = tool\n[profile tool]\n"
                f"credential_process = cat {file}\n"
            )
    write_config(config)
    log = logged(CHAIN, "role", **variables)
    calls = sandbox.journal.calls()
    assert [call.action for call in calls] == ["AssumeRole", "GetCallerIdentity"]
    assert calls[0].access_key_id == bob["AccessKeyId"]
    sweep.learn()
    assert sweep.in_bytes(log) == [f"token of {calls[-1].access_key_id}"]
