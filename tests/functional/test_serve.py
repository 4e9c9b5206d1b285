"""serve: the container credentials endpoint, its clients, and those who wish it ill."""

from __future__ import annotations

import http.client
import json
import os
import re
import shutil
import signal
import socket
import stat
import subprocess
import sys
import threading
import time
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from canaries import Canaries
from clients import FOLDER

from sts_plugin.sandbox import Fault

WHOAMI = "import boto3; print(boto3.client('sts').get_caller_identity()['Arn'])"
BATCH = "arn:aws:sts::222222222222:assumed-role/Batch/"
PROMPT = "MFA code of arn:aws:iam::111111111111:mfa/alice"


class Served:
    """A running ``serve``, and what it printed."""

    def __init__(self, program, *arguments):
        self.process = program.start("serve", "--format", "json", *arguments)
        text = self.process.stdout.read().decode()  # it lets go of stdout
        self.variables = {
            name: value
            for name, value in (json.loads(text) if text else {}).items()
            if value is not None
        }
        self.environ = program.environ | self.variables

    @property
    def url(self):
        return urlsplit(self.variables["AWS_CONTAINER_CREDENTIALS_FULL_URI"])

    @property
    def token(self):
        return self.variables["AWS_CONTAINER_AUTHORIZATION_TOKEN"]

    def connect(self):
        return socket.create_connection((self.url.hostname, self.url.port), timeout=30)

    def get(self, path=None, method="GET", headers=None):
        """The status and document of a request: with the token, unless told not to."""
        connection = http.client.HTTPConnection(self.url.netloc, timeout=30)
        given = {"Authorization": self.token} if headers is None else headers
        connection.request(method, path or self.url.path, headers=given)
        answer = connection.getresponse()
        body = answer.read()
        connection.close()
        return answer.status, json.loads(body) if body else None

    def raw(self, data):
        """What comes back for some bytes, to the end."""
        with self.connect() as connection:
            connection.sendall(data)
            found = b""
            while part := connection.recv(65536):
                found += part
        return found

    def end(self, number=signal.SIGTERM):
        """End it; return (exit code, stderr)."""
        self.process.send_signal(number)
        _out, err = self.process.communicate(timeout=60)
        return self.process.returncode, err.decode()


@pytest.fixture
def serve(program):
    """Start ``serve``."""
    started = []

    def start(*arguments):
        started.append(Served(program, *arguments))
        return started[-1]

    yield start
    for one in started:
        if one.process.returncode is None:
            one.process.kill()
            one.process.communicate()


@pytest.fixture
def batch(serve):
    return serve("--profile", "batch")


def run(served, *command, **variables):
    return subprocess.run(
        command,
        env=served.environ | variables,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


# --- Clients ---


@pytest.mark.parametrize(
    "command",
    [[sys.executable, "-c", WHOAMI], ["aws", "sts", "get-caller-identity"]],
    ids=["boto3", "aws"],
)
@pytest.mark.parametrize("by", ["token", "file"])
def test_clients_in_python_are_the_profile(serve, sandbox, tmp_path, command, by):
    file = tmp_path / "token"
    more = ["--token-file", str(file)] if by == "file" else []
    served = serve("--profile", "batch", *more)
    for _ in range(2):
        done = run(served, *command)
        assert (done.returncode, done.stderr) == (0, "")
        assert BATCH in done.stdout
    assert sandbox.journal.count("AssumeRole") == 1


NODE_MODULES = str(FOLDER / "javascript" / "node_modules")
JAVASCRIPT = """
const { STSClient, GetCallerIdentityCommand } = require("@aws-sdk/client-sts");
new STSClient({}).send(new GetCallerIdentityCommand({})).then(
  ({ Arn }) => console.log(Arn),
  (error) => { console.error(error.message, error.Message); process.exitCode = 1; });
"""
needs_javascript = pytest.mark.skipif(
    not (
        shutil.which("node") and Path(NODE_MODULES, "@aws-sdk", "client-sts").is_dir()
    ),
    reason="there is no node, or no JavaScript SDK for it",
)


@needs_javascript
@pytest.mark.parametrize("by", ["token", "file"])
def test_the_javascript_sdk_is_the_profile(serve, tmp_path, by):
    more = ["--token-file", str(tmp_path / "token")] if by == "file" else []
    served = serve("--profile", "batch", *more)
    done = run(served, "node", "-e", JAVASCRIPT, NODE_PATH=NODE_MODULES)
    assert (done.returncode, done.stdout[: len(BATCH)]) == (0, BATCH), done.stderr


def test_the_document_is_what_the_container_provider_reads(batch):
    status, document = batch.get()
    assert status == 200
    assert document.keys() == {
        "AccessKeyId",
        "SecretAccessKey",
        "Token",
        "Expiration",
        "AccountId",
    }
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", document["Expiration"])


def test_several_profiles_have_a_url_each(serve):
    served = serve("--profile", "batch", "--profile", "ci")
    keys = {served.get(f"/profiles/{one}")[1]["AccessKeyId"] for one in ("batch", "ci")}
    assert len(keys) == 2
    assert served.get("/profiles/audit")[0] == 404


def test_a_profile_of_any_name_is_served(serve, sandbox):
    config = sandbox.folder / "config"
    name = "a/b ä%?#"
    text = config.read_text()
    config.write_text(text.replace("[profile batch]", f'[profile "{name}"]'))
    served = serve("--profile", name)
    assert run(served, sys.executable, "-c", WHOAMI).stdout.startswith(BATCH)


def test_what_it_prints_for_a_shell_leads_there(program, sandbox):
    script = (
        'eval "$(sts-plugin serve --profile batch --profile ci & echo "pid=$!")";'
        f' {sys.executable} -c "{WHOAMI}"; kill $pid'
    )
    done = subprocess.run(
        ["sh", "-c", script],
        env=program.environ | {"AWS_PROFILE": "bob"},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert done.stdout.startswith(BATCH)
    assert "serving batch, ci (process" in done.stderr


def test_from_another_root_and_pid_namespace_it_is_used_by_the_file(
    serve, tmp_path, environ
):
    # As a container with the network of the host has it.
    unshare = ["unshare", "--user", "--map-root-user", "--mount", "--pid", "--fork"]
    if subprocess.run([*unshare, "true"], capture_output=True, check=False).returncode:
        pytest.skip("there are no namespaces for us")
    served = serve("--profile", "batch", "--token-file", str(tmp_path / "token"))
    there = tmp_path / "there"
    there.mkdir()
    mount = f'mount --bind {tmp_path}/token /etc/hostname && exec "$@"'
    done = run(
        served,
        *[*unshare, "sh", "-c", mount, "sh", sys.executable, "-c", WHOAMI],
        AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE="/etc/hostname",
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith(BATCH)
    del environ


# --- Who is refused ---


def test_without_the_token_there_is_nothing(batch):
    assert batch.get(headers={})[0] == 401
    for wrong in ("", "x", batch.token[:-1], batch.token + "x"):
        status, document = batch.get(headers={"Authorization": wrong})
        assert status == 403
        assert document.keys() == {"code", "message", "Code", "Message"}


def test_another_host_is_refused_even_with_the_token(batch):
    for host in ("evil.example", f"evil.example:{batch.url.port}", "127.0.0.1"):
        status, _ = batch.get(headers={"Host": host, "Authorization": batch.token})
        assert status == 403
    for host in ("localhost", "127.0.0.1", "[::1]"):
        headers = {"Host": f"{host}:{batch.url.port}", "Authorization": batch.token}
        assert batch.get(headers=headers)[0] == 200


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "HEAD", "OPTIONS", "X"])
def test_there_is_only_get(batch, method):
    assert batch.get(method=method)[0] == 405


@pytest.mark.parametrize(
    "path",
    ["/", "/profiles/", "/profiles/alice", "/profiles/batch/", "/batch", "batch"],
)
def test_another_path_is_not_found(batch, path):
    assert batch.get(path)[0] == 404


def test_it_listens_on_loopback_only(batch):
    listening = Path("/proc/net/tcp").read_text("ascii").splitlines()
    mine = [line.split()[1] for line in listening if f":{batch.url.port:04X} " in line]
    assert set(mine) == {f"0100007F:{batch.url.port:04X}"}


@pytest.mark.parametrize(
    "data",
    [
        b"\r\n\r\n",
        b"\0" * 100 + b"\r\n\r\n",
        b"GET\r\n\r\n",
        b"GET /profiles/batch\r\n\r\n",
        b"GET /profiles/batch HTTP/9.9\r\n\r\n",
        b"GET /profiles/batch HTTP/1.1\r\n\r\n",
        b"GET /profiles/batch HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
        b"GET /" + b"a" * 20_000 + b" HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\n" + b"A: b\r\n" * 10_000 + b"\r\n",
        b"GET / HTTP/1.1\r\nA: " + b"b" * 20_000 + b"\r\n\r\n",
    ],
)
def test_what_is_no_request_gets_no_credentials(batch, data):
    try:
        found = batch.raw(data)
    except ConnectionError:  # closed before all of it was read
        found = b""
    assert b"AccessKeyId" not in found
    assert batch.token.encode() not in found
    assert batch.get()[0] == 200


def test_a_head_without_an_end_is_read_no_further(batch):
    head = f"GET {batch.url.path} HTTP/1.1\r\nHost: {batch.url.netloc}\r\n"
    for count, status in ((14_000, b"401"), (17_000, b"431")):
        data = f"{head}A: {'b' * count}\r\n\r\n".encode()
        assert batch.raw(data).startswith(b"HTTP/1.1 " + status)


def test_half_a_request_is_none(batch):
    head = (
        f"GET {batch.url.path} HTTP/1.1\r\nHost: {batch.url.netloc}\r\n"
        f"Authorization: {batch.token}\r\n"
    )
    with batch.connect() as connection:
        connection.sendall(head.encode())
        connection.shutdown(socket.SHUT_WR)
        assert connection.recv(65536).startswith(b"HTTP/1.1 400")
    assert batch.raw(f"{head}\r\n".encode()).startswith(b"HTTP/1.1 200")


def test_silent_and_dripping_clients_by_the_hundred_hold_nobody_up(batch):
    def drip(connection):
        try:
            for byte in f"GET {batch.url.path} HTTP/1.1\r\n" * 9:
                connection.sendall(byte.encode())
                time.sleep(1)
        except OSError:
            return

    silent = [batch.connect() for _ in range(400)]
    dripping = [batch.connect() for _ in range(10)]
    for one in dripping:
        threading.Thread(target=drip, args=[one], daemon=True).start()
    began = time.monotonic()
    for _ in range(20):
        assert batch.get()[0] == 200
    assert time.monotonic() - began < 10  # each within half a second, on a busy machine
    # They are ended, whatever they send.
    for one in dripping + silent:
        one.settimeout(30)
        try:
            while one.recv(65536):
                pass
        except ConnectionError:
            pass
        one.close()
    threads = Path(f"/proc/{batch.process.pid}/task")
    deadline = time.monotonic() + 30
    while len(list(threads.iterdir())) > 3:
        assert time.monotonic() < deadline
        time.sleep(0.05)


# --- Renewal ---


def test_sets_are_renewed_before_anybody_waits_for_them(serve, sandbox):
    sandbox.lifetime_seconds = 4
    served = serve("--profile", "batch")
    keys, deadline = set(), time.monotonic() + 60
    while len(keys) < 4:
        assert time.monotonic() < deadline
        began = time.monotonic()
        status, document = served.get()
        assert status == 200
        assert time.monotonic() - began < 2  # what botocore allows
        keys.add(document["AccessKeyId"])
        time.sleep(0.1)


def test_a_slow_sts_is_said_within_a_second_and_asked_once(serve, sandbox):
    sandbox.lifetime_seconds = 4
    served = serve("--profile", "batch")
    sandbox.add_fault(Fault("latency", action="AssumeRole", times=None, seconds=5))
    before = sandbox.journal.count("AssumeRole")
    deadline = time.monotonic() + 30
    while served.get()[0] == 200:
        assert time.monotonic() < deadline
        time.sleep(0.1)
    found = []

    def ask():
        began = time.monotonic()
        status, document = served.get()
        found.append((status, document["code"], time.monotonic() - began < 2))

    threads = [threading.Thread(target=ask) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert set(found) == {(503, "NotYet", True)}
    sandbox.clear_faults()
    sandbox.lifetime_seconds = None
    deadline = time.monotonic() + 30
    while served.get()[0] != 200:
        assert time.monotonic() < deadline
        time.sleep(0.1)
    assert sandbox.journal.count("AssumeRole") - before <= 3


def test_an_error_is_the_message_of_the_sdk_and_one_line_of_ours(serve, sandbox):
    sandbox.lifetime_seconds = 4
    served = serve("--profile", "batch")
    sandbox.add_fault(Fault("status", action="AssumeRole", times=None, status=403))
    deadline = time.monotonic() + 30
    while served.get()[0] == 200:
        assert time.monotonic() < deadline
        time.sleep(0.1)
    done = run(served, sys.executable, "-c", WHOAMI)
    assert "CredentialRetrievalError" in done.stderr
    assert "sts-plugin: " in done.stderr
    code, err = served.end()
    assert code == 128 + signal.SIGTERM
    lines = [line for line in err.splitlines() if "serving" not in line]
    assert len(lines) == len(set(lines))  # a change of state each, not a request


def test_a_person_is_asked_once_and_requests_say_so_meanwhile(sandbox, terminal):
    sandbox.lifetime_seconds = 4
    one = terminal("sts-plugin serve --format json --profile audit")
    one.answer(sandbox.code())
    deadline = time.monotonic() + 30
    while "serving audit" not in one.said:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    served = Served.__new__(Served)
    served.variables = {
        name: value
        for name, value in json.loads(one.out.read_text()).items()
        if value is not None
    }
    while (answer := served.get())[0] == 200:
        assert time.monotonic() < deadline + 30
        time.sleep(0.1)
    assert answer[0] == 503
    assert "MFA code" in answer[1]["message"]
    assert {served.get()[0] for _ in range(3)} == {503}
    one.child.expect_exact(PROMPT)
    sandbox.lifetime_seconds = None
    one.type(sandbox.code(at=time.time() + 30))
    while served.get()[0] != 200:
        assert time.monotonic() < deadline + 60
        time.sleep(0.1)
    assert one.prompts == 2
    one.child.sendintr()
    one.end()
    assert one.echoes
    assert "interrupted" in one.said


def test_the_end_takes_a_prompt_off_the_terminal(sandbox, terminal):
    sandbox.lifetime_seconds = 4
    one = terminal(
        "echo $$ >&2; exec 9>/dev/tty; exec sts-plugin serve --profile audit"
    )
    one.answer(sandbox.code())
    deadline = time.monotonic() + 30
    while "serving audit" not in one.said:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    lines = dict(re.findall(r"export (\w+)='(.*)'", one.out.read_text()))
    served = Served.__new__(Served)
    served.variables = lines
    while served.get()[0] == 200:
        assert time.monotonic() < deadline + 30
        time.sleep(0.1)
    one.child.expect_exact(PROMPT)
    os.kill(int(one.said.split()[0]), signal.SIGTERM)
    assert one.end()[0] == 128 + signal.SIGTERM
    assert one.echoes


# --- Beginning and end ---


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP"])
def test_a_signal_ends_it_and_its_file(serve, tmp_path, name):
    file = tmp_path / "token"
    served = serve("--profile", "batch", "--token-file", str(file))
    mode = file.stat().st_mode
    assert (stat.S_IMODE(mode), len(file.read_text())) == (0o600, 43)
    assert "AWS_CONTAINER_AUTHORIZATION_TOKEN" not in served.variables
    with served.connect():
        number = getattr(signal, name)
        code, _err = served.end(number)
    assert code == 128 + number
    assert not file.exists()


def test_a_file_that_is_there_is_not_written(program, tmp_path, sandbox):
    file = tmp_path / "token"
    file.write_text("precious")
    link = tmp_path / "link"
    link.symlink_to(tmp_path / "elsewhere")
    for path in (file, link):
        done = program("serve", "--profile", "batch", "--token-file", str(path))
        assert (done.returncode, done.stdout) == (3, "")
        assert "File exists" in done.stderr
    assert file.read_text() == "precious"
    assert not (tmp_path / "elsewhere").exists()
    assert sandbox.journal.calls() == ()


def test_a_port_that_is_taken_is_said_before_anything_is_got(program, sandbox, batch):
    before = len(sandbox.journal)
    done = program("serve", "--profile", "ci", "--port", str(batch.url.port))
    assert (done.returncode, done.stdout) == (3, "")
    assert "cannot be had" in done.stderr
    assert len(sandbox.journal) == before


def test_a_port_can_be_had_again_at_once(serve):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    for _ in range(2):
        served = serve("--profile", "batch", "--port", str(port))
        assert served.url.port == port
        assert served.get()[0] == 200
        served.end()


def test_long_term_keys_are_not_served(program):
    done = program("serve", "--profile", "bob")
    assert (done.returncode, done.stdout) == (3, "")
    assert "leads to long-term keys" in done.stderr


def test_a_default_profile_that_would_win_is_said(serve, sandbox):
    with (sandbox.folder / "credentials").open("a") as file:
        file.write("\n[default]\naws_access_key_id = AKIA\naws_secret_access_key = x\n")
    _code, err = serve("--profile", "batch").end()
    assert 'profile "default" has credentials of its own' in err


def test_secrets_are_in_answers_and_the_cache_and_nowhere_else(
    serve, tmp_path, sandbox
):
    served = serve("--profile", "batch", "--token-file", str(tmp_path / "token"))
    token = (tmp_path / "token").read_text()
    headers = {"Authorization": token}
    _, document = served.get(headers=headers)
    served.get(headers={"Authorization": "wrong"})
    served.raw(token.encode())
    canaries = Canaries(
        token=token, key=document["SecretAccessKey"], session=document["Token"]
    )
    process = Path(f"/proc/{served.process.pid}")
    for name in ("cmdline", "environ"):
        assert canaries.in_bytes((process / name).read_bytes()) == []
    _code, err = served.end()
    assert canaries.in_bytes(err) == []
    cache = sandbox.folder / "cache"
    found = canaries.in_folder(tmp_path, but=lambda path: cache in path.parents)
    assert found == []
    assert {name for _, names in canaries.in_folder(cache) for name in names} == {
        "key",
        "session",
    }
