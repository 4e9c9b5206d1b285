"""What is told of the endpoints of STS; each is asked once, all at the same time."""

from __future__ import annotations

import threading
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from sts_plugin.botocore_session import make_session
from sts_plugin.doctor import network
from sts_plugin.doctor.network import Answer, asked, endpoints_of, network_findings
from sts_plugin.doctor.probing import at_once
from sts_plugin.model import Endpoint
from sts_plugin.overview import summaries
from sts_plugin.sandbox import Fault, Sandbox

NOW = datetime.now(UTC)


def checks(found):
    return [(one.check, one.level) for one in found]


def test_each_sts_is_one_endpoint_however_many_profiles_go_there(aws):
    role = "role_arn = arn:aws:iam::222222222222:role/A\nsource_profile = alice\n"
    config = "".join(
        f"[profile {name}]\n{role}{more}"
        for name, more in {
            "a": "region = eu-west-1\n",
            "b": "region = eu-west-1\n",
            "c": "region = eu-west-2\n",
            "d": "region = eu-west-1\nuse_fips_endpoint = true\n",
            "e": "region = eu-west-1\nendpoint_url = https://vpc.example\n",
            "f": "region = eu-west-1\nsts_plugin_fallback_region = eu-west-3\n",
        }.items()
    )
    keys = "aws_access_key_id = A\naws_secret_access_key = s\n"
    profiles = aws(config, f"[alice]\n{keys}[idle]\nregion = us-west-2\n{keys}")
    found = endpoints_of(profiles, summaries(profiles, {}))
    assert [(one.region, one.url, whose) for one, whose in found.items()] == [
        ("eu-west-1", None, "a"),
        ("eu-west-2", None, "c"),
        ("eu-west-1", None, "d"),
        ("eu-west-1", "https://vpc.example", "e"),
        ("eu-west-3", None, "f"),
    ]


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (Answer("https://sts"), [("sts-answers", "ok")]),
        (Answer("https://sts", "refused"), [("sts-unreachable", "error")]),
        (
            Answer("https://sts", clock="an hour"),
            [("sts-answers", "ok"), ("clock-skew", "error")],
        ),
        (
            Answer("http://sts"),
            [("endpoint-plain", "warning"), ("sts-answers", "ok")],
        ),
        (Answer("http://127.0.0.1:1"), [("sts-answers", "ok")]),
        (Answer("http://localhost:1"), [("sts-answers", "ok")]),
        (Answer("http://[::1]:1"), [("sts-answers", "ok")]),
    ],
)
def test_what_an_endpoint_says_is_told(answer, expected):
    found = network_findings({Endpoint(region="x"): "a"}, lambda _one: answer)
    assert checks(found) == expected


def test_no_password_of_a_url_is_told():
    answer = Answer("http://me:canary@sts", "http://me:canary@sts is away")
    found = list(network_findings({Endpoint(url=answer.url): "a"}, lambda _one: answer))
    assert len(found) == 2
    assert "canary" not in repr([one.what for one in found])
    assert "http://sts" in found[1].what


def test_one_that_never_answers_is_given_up_and_holds_nobody_up(monkeypatch):
    monkeypatch.setattr(network, "SECONDS", 0.2)
    ends = threading.Event()

    def ask(endpoint):
        if endpoint.region == "silent":
            ends.wait(30)
        return Answer(f"https://{endpoint.region}")

    endpoints = {Endpoint(region=name): "a" for name in ("silent", "good")}
    found = list(network_findings(endpoints, ask))
    ends.set()
    assert checks(found) == [("sts-unreachable", "error"), ("sts-answers", "ok")]
    assert "silent" in found[0].what


def test_only_so_many_are_asked_and_the_rest_is_said():
    asked_for = []

    def ask(endpoint):
        asked_for.append(endpoint)
        return Answer("https://x")

    endpoints = {Endpoint(region=f"r{n}"): "a" for n in range(20)}
    *_, last = network_findings(endpoints, ask)
    assert (last.check, last.what.split()[0]) == ("sts-not-asked", "4")
    assert len(asked_for) == network.ENDPOINTS_MAX


def test_they_are_asked_all_at_once():
    barrier = threading.Barrier(8, timeout=30)
    assert len(at_once(dict.fromkeys(range(8), barrier.wait), 30)) == 8


def test_one_that_raises_is_absent_and_the_others_are_there():
    def fail():
        raise RuntimeError

    assert at_once({"bad": fail, "good": lambda: 1}, 30) == {"good": 1}


# --- A real one ---


@pytest.fixture
def sandbox(tmp_path):
    with Sandbox(tmp_path / "sandbox") as running:
        yield running


def ask(url, now=None):
    return asked(Endpoint("us-east-1", url), make_session, lambda: now or NOW)


def test_an_sts_that_answers_is_asked_by_nobody_in_particular(sandbox, stock):
    answer = ask(sandbox.endpoint_url)
    assert answer == Answer(sandbox.endpoint_url)
    (call,) = sandbox.journal.calls()
    assert call.action == "GetCallerIdentity"
    assert call.access_key_id is None


@pytest.mark.parametrize("minutes", [-6, 6, 90])
def test_a_clock_that_is_off_is_seen(sandbox, stock, minutes):
    sandbox.clock_offset_seconds = -60 * minutes
    clock = ask(sandbox.endpoint_url, datetime.now(UTC)).clock
    assert ("ahead of" if minutes > 0 else "behind") in clock


@pytest.mark.parametrize("minutes", [-4, 0, 4])
def test_a_clock_that_aws_tolerates_is_none_of_our_business(sandbox, stock, minutes):
    sandbox.clock_offset_seconds = 60 * minutes
    assert ask(sandbox.endpoint_url, datetime.now(UTC)).clock == ""


@pytest.mark.parametrize("kind", ["html", "reset", "status", "empty", "redirect"])
def test_whatever_is_not_sts_is_trouble(sandbox, stock, kind):
    sandbox.add_fault(Fault(kind, times=None))
    assert ask(sandbox.endpoint_url).trouble


def pages(status, kind, text):
    """Make a handler that answers everything so."""

    class Pages(BaseHTTPRequestHandler):
        def do_POST(self):
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text.encode())

        def log_message(self, *_):
            pass

    return Pages


HTML = "<!DOCTYPE html><html><body>Not allowed<br></body></html>"
TAKEN = (
    '<GetCallerIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">'
    "<GetCallerIdentityResult><Arn>arn:aws:sts::000000000000:user/x</Arn>"
    "<UserId>x</UserId><Account>000000000000</Account></GetCallerIdentityResult>"
    "<ResponseMetadata><RequestId>x</RequestId></ResponseMetadata>"
    "</GetCallerIdentityResponse>"
)


@pytest.mark.parametrize(
    ("status", "kind", "text", "fine"),
    [
        (403, "text/html", HTML, False),
        (403, "application/json", '{"message": "Forbidden"}', False),
        (200, "application/json", "{}", False),
        (503, "text/html", HTML, False),
        (200, "text/xml", TAKEN, True),  # as LocalStack and moto do
    ],
)
def test_a_proxy_is_not_sts_and_a_stand_in_for_sts_is(stock, status, kind, text, fine):
    with HTTPServer(("127.0.0.1", 0), pages(status, kind, text)) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        answer = ask(f"http://127.0.0.1:{server.server_port}")
        server.shutdown()
    assert (answer.trouble == "") == fine


def test_a_proxy_that_is_in_the_way_is_told_without_its_password(stock, monkeypatch):
    monkeypatch.setenv("https_proxy", "http://me:canary@127.0.0.1:1")
    monkeypatch.setenv("no_proxy", "localhost")
    answer = ask("https://sts.example")
    assert "HTTPS_PROXY" in answer.trouble
    assert "canary" not in answer.trouble
    assert "PROXY" not in ask("https://localhost:1").trouble


def test_nobody_there_is_trouble_that_names_the_url(stock):
    answer = ask("http://127.0.0.1:1")
    assert "127.0.0.1:1" in answer.trouble
