"""What is sent to the federation endpoint, and what comes of its answers."""

from __future__ import annotations

import json
import os
import socket
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs

import pytest
from botocore.exceptions import (
    ConnectionClosedError,
    EndpointConnectionError,
    ReadTimeoutError,
)

from sts_plugin import settings
from sts_plugin.errors import ConfigurationError, Refused, Unreachable
from sts_plugin.model import Credentials, Secret
from sts_plugin.signin import Signin, make_post

ROLE = Credentials("ASIAROLE", Secret("secret/of+role="), Secret("token/of+role=="))
URL = "https://signin.aws.amazon.com/federation"


class Endpoint:
    """Answers in turn, and remembers what it was sent."""

    def __init__(self, *answers):
        self.answers, self.sent = list(answers), []

    def __call__(self, fields):
        self.sent.append(dict(fields))
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        status, body = answer
        return status, body if isinstance(body, bytes) else json.dumps(body).encode()


def ask(*answers, seconds=None):
    endpoint = Endpoint(*answers)
    signin = Signin(lambda: endpoint)
    try:
        return signin.token(ROLE, seconds=seconds, profile="p"), endpoint
    except (Refused, Unreachable, ConfigurationError) as error:
        error.endpoint = endpoint
        raise


@pytest.fixture(autouse=True)
def no_waiting(mocker):
    mocker.patch("sts_plugin.retries.time.sleep")


def test_the_credentials_are_sent_as_the_endpoint_wants_them():
    token, endpoint = ask((200, {"SigninToken": "T-_.~1"}))
    assert token == Secret("T-_.~1")
    (sent,) = endpoint.sent
    assert json.loads(sent.pop("Session")) == {
        "sessionId": "ASIAROLE",
        "sessionKey": "secret/of+role=",
        "sessionToken": "token/of+role==",
    }
    assert sent == {"Action": "getSigninToken"}


def test_a_duration_is_sent_where_there_is_one():
    _, endpoint = ask((200, {"SigninToken": "T"}), seconds=43_200)
    assert endpoint.sent[0]["SessionDuration"] == "43200"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>Please log in</html>",
        b"{",
        b"null",
        b"[]",
        b'"T"',
        b"{}",
        b'{"SigninToken": null}',
        b'{"SigninToken": 1}',
        b'{"SigninToken": ""}',
        b'{"SigninToken": ["T"]}',
        b'{"SigninToken": "a b"}',
        b'{"SigninToken": "a\\r\\nSet-Cookie: x"}',
        b'{"SigninToken": "a\\u001b[2J"}',
        b'{"signintoken": "T"}',
        b'{"SigninToken": "T"',
        b'\xff{"SigninToken": "T"}',
        b'{"SigninToken": "T"}' + b" " * settings.SIGNIN_BYTES_MAX,
        b"[" * 60_000,
    ],
)
def test_an_answer_that_is_none_is_one_error_and_asked_for_once(body):
    with pytest.raises(
        Unreachable, match="the answer is not the sign-in endpoint's"
    ) as e:
        ask((200, body))
    assert len(e.value.endpoint.sent) == 1
    assert 'getSigninToken (profile "p")' in e.value.message


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_secrets_do_not_follow_a_redirect(status):
    with pytest.raises(Unreachable, match=f"sends us elsewhere .HTTP {status}") as e:
        ask((status, b""))
    assert len(e.value.endpoint.sent) == 1


@pytest.mark.parametrize("status", [201, 204, 100])
def test_another_success_is_no_answer(status):
    with pytest.raises(Unreachable):
        ask((status, {"SigninToken": "T"}))


@pytest.mark.parametrize("status", [400, 401, 403, 404])
def test_a_refusal_says_what_helps_and_quotes_nothing(status):
    page = b"<h1>Invalid secret/of+role=</h1>"
    with pytest.raises(Refused, match=f"HTTP {status}") as caught:
        ask((status, page))
    assert "secret/of" not in caught.value.line
    assert "of a role or of GetFederationToken" in caught.value.hint
    assert len(caught.value.endpoint.sent) == 1


def test_a_refusal_of_a_duration_says_that():
    with pytest.raises(Refused) as caught:
        ask((400, b""), seconds=900)
    assert "leave --duration out" in caught.value.hint


PASSING = [
    (500, b""),
    (503, b"x"),
    (429, b""),
    EndpointConnectionError(endpoint_url=URL),
    ConnectionClosedError(endpoint_url=URL),
    ReadTimeoutError(endpoint_url=URL),
]


@pytest.mark.parametrize("trouble", PASSING, ids=repr)
def test_what_may_pass_is_tried_again(trouble):
    token, endpoint = ask(trouble, trouble, (200, {"SigninToken": "T"}))
    assert token == Secret("T")
    assert len(endpoint.sent) == 3


@pytest.mark.parametrize("trouble", PASSING, ids=repr)
def test_and_given_up_in_the_end(trouble):
    with pytest.raises(Unreachable) as caught:
        ask(*[trouble] * 3)
    assert len(caught.value.endpoint.sent) == 3


def test_the_time_is_limited(mocker):
    mocker.patch("sts_plugin.settings.RUN_SECONDS_MAX", 0.05)
    silent = threading.Event()
    with pytest.raises(Unreachable, match="none in 0 seconds"):
        Signin(lambda: lambda _fields: silent.wait(30)).token(
            ROLE, seconds=None, profile="p"
        )
    silent.set()


# --- Over HTTP ---------------------------------------------------------------


class Handler(BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.seen.append((self.path, dict(self.headers), body))
        self.server.answer(self)

    def log_message(self, *_):
        pass


@pytest.fixture
def server():
    """An HTTP server; ``answer`` is what it does."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as running:
        running.seen = []
        running.answer = lambda handler: say(handler, b'{"SigninToken": "T"}')
        threading.Thread(target=running.serve_forever, daemon=True).start()
        running.port = running.server_address[1]
        yield running
        running.shutdown()


def say(handler, body, status=200, **headers):
    handler.send_response(status)
    headers.setdefault("Content_Length", str(len(body)))
    for name, value in headers.items():
        handler.send_header(name.replace("_", "-"), value)
    handler.end_headers()
    handler.wfile.write(body)


def over_http(port, scheme="http", environ=(), bundle=None):
    url = f"{scheme}://127.0.0.1:{port}/federation"
    signin = Signin(lambda: make_post(url, dict(environ), bundle))
    return signin.token(ROLE, seconds=None, profile="p")


def test_it_is_a_form_in_the_body_and_nothing_is_in_the_address(server):
    assert over_http(server.port) == Secret("T")
    ((path, headers, body),) = server.seen
    assert path == "/federation"
    assert headers["Content-Type"] == "application/x-www-form-urlencoded"
    form = parse_qs(body.decode(), strict_parsing=True)
    assert json.loads(form["Session"][0])["sessionToken"] == "token/of+role=="
    assert "secret" not in repr(headers)


def test_no_proxy_comes_between_us_and_loopback(server, monkeypatch):
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    assert over_http(server.port) == Secret("T")


def test_no_redirect_is_followed(server):
    server.answer = lambda it: say(it, b"", 307, Location="/elsewhere")
    with pytest.raises(Unreachable, match="HTTP 307"):
        over_http(server.port)
    assert [path for path, *_ in server.seen] == ["/federation"]


def test_no_more_is_read_than_an_answer_can_have(server):
    written = []

    def endless(handler):
        say(handler, b"", Content_Length=str(1 << 40))
        try:
            while len(written) < 2000:
                handler.wfile.write(b" " * 65_536)
                written.append(1)
        except OSError:
            pass

    server.answer = endless
    with pytest.raises(Unreachable, match="the answer is not"):
        over_http(server.port)
    assert len(written) < 2000


def test_an_answer_that_is_cut_is_none(server):
    server.answer = lambda it: say(it, b'{"SigninToken": "T"}', Content_Length="500")
    with pytest.raises(Unreachable):
        over_http(server.port)


def test_nobody_there_is_said_with_the_address():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with pytest.raises(Unreachable, match=f"127.0.0.1:{port}/federation") as caught:
        over_http(port)
    assert not caught.value.sent


@pytest.fixture
def secure(server, tmp_path):
    """The same behind TLS; its authority's certificate is in a file."""
    import ssl  # noqa: PLC0415

    import trustme  # noqa: PLC0415

    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    server.bundle = str(tmp_path / "ca.pem")
    authority.cert_pem.write_to_path(server.bundle)
    return server


def test_the_certificate_is_judged_by_the_bundle_that_was_named(secure):
    assert over_http(secure.port, "https", bundle=secure.bundle) == Secret("T")
    environ = {"AWS_CA_BUNDLE": secure.bundle}
    assert over_http(secure.port, "https", environ) == Secret("T")
    assert over_http(secure.port, "https", environ, bundle=os.devnull) == Secret("T")


def test_a_certificate_of_nobody_that_we_know_gets_no_secret(secure):
    with pytest.raises(Unreachable, match="SSL validation failed"):
        over_http(secure.port, "https")
    assert secure.seen == []


def test_a_bundle_that_is_not_there_is_no_reason_to_go_on_without(secure):
    with pytest.raises((ConfigurationError, Unreachable)):
        over_http(secure.port, "https", bundle="/no/such/bundle.pem")
    assert secure.seen == []
