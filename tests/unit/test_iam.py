"""IAM over HTTP: what is asked, and what becomes of every answer."""

from __future__ import annotations

import threading
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs

import pytest
from frames import frames_of

from sts_plugin.errors import (
    CallerRejected,
    ConfigurationError,
    Refused,
    StsPluginError,
    Unreachable,
)
from sts_plugin.iam import Iam, UserKey
from sts_plugin.model import Credentials, Endpoint, Secret

SECRET = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
SIGNER = Credentials("AKIASIGNERSIGNERSIGN", Secret("canary-of-the-signer"))
ID = "AKIAIOSFODNN7EXAMPLE"


def result(action, text):
    text = f"<{action}Result>{text}</{action}Result>"
    return f"<{action}Response>{text}</{action}Response>"


def error(code, message="no"):
    text = f"<Error><Code>{code}</Code><Message>{message}</Message></Error>"
    return f"<ErrorResponse>{text}</ErrorResponse>"


LISTED = result(
    "ListAccessKeys",
    "<IsTruncated>false</IsTruncated><AccessKeyMetadata>"
    f"<member><UserName>alice</UserName><AccessKeyId>{ID}</AccessKeyId>"
    "<Status>Active</Status><CreateDate>2026-03-01T12:30:00Z</CreateDate></member>"
    "<member><UserName>alice</UserName><AccessKeyId>AKIATWO</AccessKeyId>"
    "<Status>Inactive</Status><CreateDate>2026-03-02T12:30:00Z</CreateDate></member>"
    "</AccessKeyMetadata>",
)
CREATED = result(
    "CreateAccessKey",
    f"<AccessKey><UserName>alice</UserName><AccessKeyId>{ID}</AccessKeyId>"
    f"<Status>Active</Status><SecretAccessKey>{SECRET}</SecretAccessKey></AccessKey>",
)


class Answers:
    def __init__(self):
        self.ready, self.asked = [], []
        answers = self

        class Handler(BaseHTTPRequestHandler):
            def log_message(self, *_):
                pass

            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"])).decode()
                asked = {name: one[0] for name, one in parse_qs(body).items()}
                answers.asked.append((asked, self.headers["Authorization"]))
                status, text = answers.ready.pop(0)
                if status == 0:  # it is cut off
                    return
                self.send_response(status)
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text.encode())

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(0.01,), daemon=True
        )
        self._thread.start()

    def stop(self):
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


@pytest.fixture
def answers():
    one = Answers()
    yield one
    one.stop()


@pytest.fixture
def iam(answers, stock, monkeypatch):
    stock(environ={"AWS_ENDPOINT_URL_IAM": answers.url})
    monkeypatch.setattr("sts_plugin.settings.RETRY_WAIT_SECONDS", 0.01)
    monkeypatch.setattr("sts_plugin.settings.THROTTLED_WAIT_SECONDS", 0.01)
    return Iam(Endpoint(region="eu-central-1"))


def refused(kind, action, *arguments):
    with pytest.raises(kind) as caught:
        action(*arguments)
    assert isinstance(caught.value, StsPluginError)
    shown = frames_of(caught.value)
    for secret in (SECRET, "canary-of-the-signer", "Signature="):
        assert secret not in shown
    return caught.value


def test_keys_are_listed(iam, answers):
    answers.ready = [(200, LISTED)]
    assert iam.access_keys("alice", SIGNER) == [
        UserKey(ID, datetime(2026, 3, 1, 12, 30, tzinfo=UTC), active=True),
        UserKey("AKIATWO", datetime(2026, 3, 2, 12, 30, tzinfo=UTC), active=False),
    ]
    [(asked, signed)] = answers.asked
    assert (asked["Action"], asked["UserName"]) == ("ListAccessKeys", "alice")
    assert "/iam/aws4_request" in signed
    assert SIGNER.access_key_id in signed


def test_root_has_no_name(iam, answers):
    answers.ready = [(200, LISTED)]
    iam.access_keys(None, SIGNER)
    assert "UserName" not in answers.asked[0][0]


def test_a_key_is_made(iam, answers):
    answers.ready = [(200, CREATED)]
    key = iam.create_access_key("alice", SIGNER)
    assert key == Credentials(ID, Secret(SECRET))
    assert SECRET not in repr(key)


@pytest.mark.parametrize("answer", [(500, error("ServiceFailure")), (0, "")])
def test_what_makes_a_key_is_sent_once(iam, answers, answer):
    answers.ready = [answer, (200, CREATED)]
    assert refused(Unreachable, iam.create_access_key, "alice", SIGNER).sent
    assert len(answers.asked) == 1


def test_what_makes_none_is_tried_again(iam, answers):
    answers.ready = [(500, error("ServiceFailure")), (0, ""), (200, LISTED)]
    assert len(iam.access_keys("alice", SIGNER)) == 2


def test_a_key_is_deleted_and_may_be_gone_already(iam, answers):
    answers.ready = [(200, result("DeleteAccessKey", "")), (404, error("NoSuchEntity"))]
    iam.delete_access_key("alice", ID, SIGNER)
    iam.delete_access_key("alice", ID, SIGNER)
    assert answers.asked[1][0]["AccessKeyId"] == ID


@pytest.mark.parametrize(
    ("last", "used"),
    [("<LastUsedDate>2026-03-01T12:30:00Z</LastUsedDate>", True), ("", False)],
)
def test_whether_a_key_was_ever_used(iam, answers, last, used):
    text = f"<AccessKeyLastUsed>{last}<Region>x</Region></AccessKeyLastUsed>"
    answers.ready = [(200, result("GetAccessKeyLastUsed", text))]
    assert iam.was_used(ID, SIGNER) is used


def test_a_refusal_names_the_permissions_and_the_device(iam, answers):
    answers.ready = [(403, error("AccessDenied", "not authorized"))]
    told = refused(Refused, iam.create_access_key, "alice", SIGNER)
    assert told.message == "AWS refused CreateAccessKey: AccessDenied: not authorized"
    assert "iam:ListAccessKeys" in told.hint
    assert "mfa_serial" in told.hint


def test_a_key_that_aws_does_not_know_is_told_from_other_refusals(iam, answers):
    answers.ready = [(403, error("InvalidClientTokenId"))]
    refused(CallerRejected, iam.access_keys, "alice", SIGNER)


@pytest.mark.parametrize(
    "answer",
    [
        "<html>hello</html>",
        result("CreateAccessKey", ""),
        CREATED.replace(SECRET, ""),
        CREATED.replace(ID, ""),
        CREATED.replace("<AccessKey>", "<Access>"),
        "",
    ],
)
def test_an_answer_that_is_no_key_is_none_and_shows_nothing(iam, answers, answer):
    answers.ready = [(200, answer)]
    told = refused(Unreachable, iam.create_access_key, "alice", SIGNER)
    assert "CreateAccessKey" in told.message


@pytest.mark.parametrize("action", ["access_keys", "was_used"])
def test_an_answer_that_tells_nothing_is_none(iam, answers, action):
    answers.ready = [(200, "<x/>")] * 3
    refused(Unreachable, getattr(iam, action), ID, SIGNER)


def test_where_iam_is_may_stand_in_the_config(answers, aws, stock):
    stock()
    aws(
        "[profile p]\nservices = s\n"
        f"[services s]\niam =\n  endpoint_url = {answers.url}\n"
    )
    answers.ready = [(200, LISTED)]
    assert Iam(Endpoint(profile="p")).access_keys("alice", SIGNER)


def test_an_address_that_is_none_is_told(stock):
    stock(environ={"AWS_ENDPOINT_URL_IAM": "nowhere"})
    refused(ConfigurationError, Iam(Endpoint()).access_keys, "alice", SIGNER)


def devices(*serials, marker=""):
    members = "".join(
        f"<member><UserName>alice</UserName><SerialNumber>{one}</SerialNumber>"
        "<EnableDate>2026-03-01T12:30:00Z</EnableDate></member>"
        for one in serials
    )
    more = f"<Marker>{marker}</Marker>" if marker else ""
    return result(
        "ListMFADevices",
        f"<IsTruncated>{'true' if marker else 'false'}</IsTruncated>{more}"
        f"<MFADevices>{members}</MFADevices>",
    )


DEVICE = "arn:aws:iam::111111111111:mfa/alice"


def test_the_devices_of_all_pages_are_listed(iam, answers):
    key = "arn:aws:iam::111111111111:u2f/user/alice/key"
    answers.ready = [(200, devices(DEVICE, marker="m")), (200, devices(key))]
    assert iam.mfa_devices(None, SIGNER) == [DEVICE, key]
    first, second = (asked for asked, _ in answers.asked)
    assert (first["Action"], first.keys() & {"UserName", "Marker"}) == (
        "ListMFADevices",
        set(),
    )
    assert second["Marker"] == "m"


def test_a_user_without_a_device_has_none(iam, answers):
    answers.ready = [(200, devices())]
    assert iam.mfa_devices("alice", SIGNER) == []
    assert answers.asked[0][0]["UserName"] == "alice"


def test_pages_without_an_end_are_no_answer(iam, answers):
    answers.ready = [(200, devices(DEVICE, marker="m"))] * 50
    refused(Unreachable, iam.mfa_devices, None, SIGNER)
    assert len(answers.asked) == 10


@pytest.mark.parametrize(
    "answer",
    [
        "<html>hello</html>",
        result("ListMFADevices", ""),
        devices(DEVICE, marker="m").replace("<Marker>m</Marker>", ""),
        devices(DEVICE).replace("SerialNumber", "Number"),
    ],
)
def test_an_answer_that_lists_no_devices_is_none(iam, answers, answer):
    answers.ready = [(200, answer)] * 3
    refused(Unreachable, iam.mfa_devices, None, SIGNER)


def test_who_may_not_list_devices_is_told_what_is_missing(iam, answers):
    answers.ready = [(403, error("AccessDenied", "not authorized"))]
    told = refused(Refused, iam.mfa_devices, None, SIGNER)
    assert told.code == "AccessDenied"
    assert "iam:ListMFADevices" in told.hint
