import http.client
import socket
import struct
import threading
from email.utils import parsedate_to_datetime

import pytest

from sts_plugin.sandbox import Fault, Sandbox


def address(sandbox):
    host, port = sandbox.endpoint_url.removeprefix("http://").split(":")
    return host, int(port)


def talk(sandbox, data):
    """Send raw bytes, and read until the server hangs up."""
    with socket.create_connection(address(sandbox), timeout=10) as connection:
        connection.sendall(data)
        connection.shutdown(socket.SHUT_WR)
        answer = b""
        while chunk := connection.recv(65536):
            answer += chunk
    return answer


@pytest.mark.parametrize(
    "garbage",
    [
        b"GARBAGE\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
        b"POST / HTTP/1.1 what\r\n\r\n",
        b"PUT / HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"GET /" + b"a" * 70_000 + b" HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\n" + b"A: b\r\n" * 200 + b"\r\n",
        b"POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
        b"POST / HTTP/1.1\r\nContent-Length: ten\r\n\r\n",
        b"POST / HTTP/1.1\r\nContent-Length: 99999999999\r\n\r\n",
        b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    ],
)
def test_what_is_no_http_is_answered_400_and_the_server_lives_on(
    sandbox, client, garbage
):
    answer = talk(sandbox, garbage)
    assert answer.startswith(b"HTTP/1.1 400 "), answer[:100]
    assert b"<ErrorResponse" in answer
    assert b"<Code>MalformedInput</Code>" in answer
    assert client().get_caller_identity()


@pytest.mark.parametrize(
    "body",
    [
        b"\xff\xfe",
        b"Action",
        b"Action=A&&B",
        b"%ff=%fe",
        b"Action=GetCallerIdentity&Action=AssumeRole",
        b"&".join(b"a%d=b" % number for number in range(1001)),
    ],
)
def test_what_is_no_form_is_answered_400(sandbox, send, body):
    status, _, answer = send(body=body)
    assert status == 400
    assert "<Code>MalformedQueryString</Code>" in answer
    assert sandbox.journal[0].outcome == "MalformedQueryString"


def test_what_cannot_be_xml_is_replaced_in_a_message(client, refused, role):
    with refused("ValidationError", 400, "Value 'a\ufffd<&>' at"):
        client().assume_role(**role("Batch") | {"RoleSessionName": "a\x01<&>"})


@pytest.mark.parametrize("size", [1024 * 1024 + 1, 12 * 1024 * 1024])
def test_a_request_of_more_than_a_mebibyte_is_refused(send, size):
    status, headers, answer = send(body=b"a" * size)
    assert status == 400
    assert "too large" in answer
    assert headers["Connection"] == "close"


def test_there_is_nothing_but_the_root(send):
    assert send(path="/latest/meta-data/")[0] == 404


def test_an_answer_is_xml_with_a_date_of_the_servers_clock(sandbox, send):
    before = parsedate_to_datetime(send()[1]["Date"])
    sandbox.clock_offset_seconds = 3600
    _, headers, body = send()
    assert headers["Content-Type"] == "text/xml"
    ahead = parsedate_to_datetime(headers["Date"]) - before
    assert 3600 <= ahead.total_seconds() < 3660
    # The journal keeps the true time.
    assert abs((sandbox.journal[-1].at - before).total_seconds()) < 60
    assert 'xmlns="https://sts.amazonaws.com/doc/2011-06-15/"' in body
    assert "<Type>Sender</Type>" in body


def test_a_connection_serves_one_request_after_the_other(sandbox, sign, whoami):
    connection = http.client.HTTPConnection(*address(sandbox), timeout=10)
    sockets = set()
    for _ in range(3):
        connection.request("POST", "/", whoami, sign(body=whoami))
        response = connection.getresponse()
        assert (response.status, bool(response.read())) == (200, True)
        sockets.add(connection.sock)
    connection.close()
    assert len(sockets) == 1
    assert sandbox.journal.count("GetCallerIdentity", outcome="ok") == 3


def test_a_client_that_goes_away_in_the_middle_leaves_no_trace(sandbox, client, capfd):
    with socket.create_connection(address(sandbox)) as connection:
        connection.sendall(b"POST / HTTP/1.1\r\nContent-Length: 10\r\n\r\nAct")
    assert client().get_caller_identity()
    assert len(sandbox.journal) == 1
    assert capfd.readouterr() == ("", "")


def test_a_client_that_resets_before_its_answer_leaves_no_trace(sandbox, capfd):
    sandbox.add_fault(Fault("latency", seconds=0.2))
    with socket.create_connection(address(sandbox)) as connection:
        linger = struct.pack("ii", 1, 0)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        connection.sendall(b"GET /?Action=X HTTP/1.1\r\n\r\n" * 2)
    assert sandbox.journal.wait_for(1)
    sandbox.__exit__(None, None, None)
    assert capfd.readouterr() == ("", "")


def test_chunks_are_not_read(sandbox):
    answer = talk(sandbox, b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n")
    assert b"Transfer-Encoding is not accepted" in answer


def test_a_mistake_of_our_own_is_answered_500_and_shown(
    sandbox, send, capfd, monkeypatch
):
    def mistake(request):
        raise ZeroDivisionError

    monkeypatch.setattr(sandbox._server.service, "reply", mistake)
    status, _, body = send()
    assert status == 500
    assert "InternalFailure" in body
    assert "<Type>Receiver</Type>" in body
    sandbox.__exit__(None, None, None)
    assert "ZeroDivisionError" in capfd.readouterr().err


def test_many_clients_are_served_at_once_and_a_code_only_once(sandbox, client, mfa):
    arguments, outcomes = mfa(), []
    clients = [client() for _ in range(12)]
    barrier = threading.Barrier(len(clients))

    def call(sts):
        barrier.wait(10)
        try:
            outcomes.append(sts.get_session_token(**arguments))
        except sts.exceptions.ClientError:
            outcomes.append(None)

    threads = [threading.Thread(target=call, args=(sts,)) for sts in clients]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert len(outcomes) == 12
    assert sum(outcome is not None for outcome in outcomes) == 1
    assert sandbox.journal.count("GetSessionToken", outcome="AccessDenied") == 11
    assert sorted(call.number for call in sandbox.journal) == list(range(1, 13))


def test_it_listens_on_loopback_only_while_it_runs(tmp_path):
    before = set(threading.enumerate())
    sandbox = Sandbox(tmp_path / "sandbox")
    with pytest.raises(RuntimeError, match="not running"):
        _ = sandbox.endpoint_url
    with sandbox:
        where = address(sandbox)
        assert where[0] == "127.0.0.1"
        socket.create_connection(where).close()
        with pytest.raises(RuntimeError, match="running already"):
            sandbox.__enter__()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(where)
    assert set(threading.enumerate()) <= before


def test_an_open_connection_does_not_keep_it_from_stopping(tmp_path):
    with Sandbox(tmp_path / "sandbox") as sandbox:
        connection = socket.create_connection(address(sandbox), timeout=10)
        connection.sendall(b"GET / HTTP/1.1\r\n\r\n")
        assert connection.recv(10)
    with connection:
        while connection.recv(65536):
            pass
