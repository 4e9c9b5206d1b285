"""A secret address reaches the browser of this user, once, and nobody else."""

from __future__ import annotations

import http.client
import os
import socket
import subprocess
import sys
import threading
import webbrowser
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from sts_plugin.cli import browser
from sts_plugin.cli.browser import hand_over, owner_of
from sts_plugin.errors import CannotAsk, NoAnswer
from sts_plugin.model import Secret

ADDRESS = Secret("https://signin.aws.amazon.com/federation?SigninToken=canary-token")


def get(url, path=None, method="GET"):
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=10)
    try:
        connection.request(method, path or parts.path)
        answer = connection.getresponse()
        return answer.status, answer.headers, answer.read()
    finally:
        connection.close()


class Browser:
    """Does what it is told to with the page, and remembers."""

    def __init__(self, work):
        self.work, self.urls, self.found = work, [], []

    def __call__(self, url):
        self.urls.append(url)
        return self.work(self, url)


def visit(one, url):
    one.found.append(get(url))
    return True


def test_the_browser_is_sent_on_and_its_command_line_holds_no_secret():
    one = Browser(visit)
    assert hand_over(ADDRESS, opener=one) is False
    ((status, headers, body),) = one.found
    assert (status, headers["Location"], body) == (303, ADDRESS.reveal(), b"")
    assert headers["Cache-Control"] == "no-store"
    assert headers["Referrer-Policy"] == "no-referrer"
    (url,) = one.urls
    assert url.startswith("http://127.0.0.1:")
    assert "canary" not in url
    assert len(urlsplit(url).path) > 40


def test_nothing_listens_any_more_afterwards():
    one = Browser(visit)
    hand_over(ADDRESS, opener=one)
    with pytest.raises(ConnectionRefusedError):
        get(one.urls[0])


def test_each_page_has_a_path_of_its_own():
    one = Browser(visit)
    for _ in range(3):
        hand_over(ADDRESS, opener=one)
    assert len({urlsplit(url).path for url in one.urls}) == 3


def test_the_page_is_there_once():
    def again(one, url):
        return visit(one, url) and visit(one, url)

    one = Browser(again)
    hand_over(ADDRESS, opener=one)
    assert [status for status, *_ in one.found] == [303, 404]
    assert one.found[1][1]["Location"] is None


@pytest.mark.parametrize("method", ["HEAD", "POST", "PUT", "OPTIONS", "x"])
def test_another_method_does_not_spend_it(method):
    def work(one, url):
        one.found.append(get(url, method=method)[0])
        return visit(one, url)

    one = Browser(work)
    hand_over(ADDRESS, opener=one)
    assert one.found[0] in {400, 501}
    assert one.found[1][0] == 303


@pytest.mark.parametrize("path", ["/", "/favicon.ico", "/%00", "/" + "A" * 43, "//x"])
def test_another_path_gets_nothing_and_does_not_spend_it(path):
    def work(one, url):
        one.found.append(get(url, path))
        return visit(one, url)

    one = Browser(work)
    hand_over(ADDRESS, opener=one)
    assert one.found[0][0] == 404
    assert "canary" not in str(one.found[0])
    assert one.found[1][0] == 303


def test_another_user_gets_nothing_and_is_told_of():
    users = iter([os.getuid() + 1, os.getuid()])

    def work(one, url):
        visit(one, url)
        return visit(one, url)

    one = Browser(work)
    assert hand_over(ADDRESS, opener=one, owner=lambda *_ports: next(users)) is True
    assert [status for status, *_ in one.found] == [404, 303]


@pytest.mark.parametrize("owner", [None, 0])
def test_where_the_system_does_not_tell_or_it_is_root_the_page_is_given(owner):
    one = Browser(visit)
    assert hand_over(ADDRESS, opener=one, owner=lambda *_ports: owner) is False
    assert one.found[0][0] == 303


needs_linux = pytest.mark.skipif(
    not Path("/proc/net/tcp").exists(), reason="only Linux tells whose a connection is"
)


@needs_linux
def test_the_system_tells_whose_a_connection_is():
    with (
        socket.create_server(("127.0.0.1", 0)) as server,
        socket.create_connection(server.getsockname()) as client,
    ):
        ports = client.getsockname()[1], server.getsockname()[1]
        assert owner_of(*ports) == os.getuid()
        assert owner_of(1, ports[1]) is None
        assert owner_of(ports[0], 1) is None


@needs_linux
@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
def test_a_process_of_another_user_does_not_get_the_page(tmp_path):
    script = (
        "import encodings.idna, http.client, os, sys, urllib.parse as p\n"
        "os.setgid(12345); os.setuid(12345)\n"
        "u = p.urlsplit(sys.argv[1])\n"
        "c = http.client.HTTPConnection(u.hostname, u.port, timeout=10)\n"
        "c.request('GET', u.path); print(c.getresponse().status)\n"
    )

    def work(one, url):
        command = [sys.executable, "-c", script, url]
        said = subprocess.run(command, capture_output=True, text=True, check=True)
        one.found.append(said.stdout.strip())
        return visit(one, url)

    one = Browser(work)
    assert hand_over(ADDRESS, opener=one) is True
    assert one.found[0] == "404"
    assert one.found[1][0] == 303


def test_a_file_of_connections_that_makes_no_sense_tells_nothing(mocker, tmp_path):
    for text in ("", "head\n", "head\n a b c\n", "head\n0: x y z 0 0 0 nobody\n"):
        file = tmp_path / "tcp"
        file.write_text(text)
        mocker.patch.object(browser, "CONNECTIONS", file)
        assert owner_of(1, 2) is None
    mocker.patch.object(browser, "CONNECTIONS", tmp_path / "missing")
    assert owner_of(1, 2) is None


def test_a_browser_that_never_comes_is_waited_for_and_no_longer():
    with pytest.raises(NoAnswer, match="no browser came") as caught:
        hand_over(ADDRESS, opener=lambda _url: True, seconds=0.05)
    assert "--print" in caught.value.hint


@pytest.mark.parametrize("trouble", [False, FileNotFoundError()])
def test_a_browser_that_cannot_be_started_is_not_waited_for(trouble):
    def fail(_url):
        if trouble:
            raise trouble
        return False

    with pytest.raises(NoAnswer):
        hand_over(ADDRESS, opener=fail, seconds=3600, grace_seconds=0.05)


def test_a_starter_that_has_ended_too_soon_may_still_have_started_one():
    def background(url):
        threading.Timer(0.05, get, [url]).start()
        return False

    assert hand_over(ADDRESS, opener=background, grace_seconds=30) is False


def test_a_browser_on_the_terminal_is_let_finish():
    ended = threading.Event()

    def foreground(one, url):
        visit(one, url)
        threading.Event().wait(0.1)  # somebody reads
        ended.set()
        return True

    hand_over(ADDRESS, opener=Browser(foreground))
    assert ended.is_set()


def test_no_browser_at_all_is_said_at_once(mocker):
    mocker.patch.object(webbrowser, "get", side_effect=webbrowser.Error("none"))
    with pytest.raises(CannotAsk, match="no browser to open"):
        hand_over(ADDRESS)


def test_a_browser_that_never_ends_is_waited_for_at_a_terminal_alone():
    ended, left = threading.Event(), []

    def stays(url):
        get(url)
        left.append(ended.wait(60))
        return True

    try:
        hand_over(ADDRESS, opener=stays, grace_seconds=0.01, watched=False)
        assert left == []
    finally:
        ended.set()
