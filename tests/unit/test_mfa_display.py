from __future__ import annotations

import contextlib
import shutil
import socket
import sys
import tempfile
import threading
import time
from pathlib import Path

import pytest

from sts_plugin.mfa import display as module
from sts_plugin.mfa.display import has_display


@pytest.fixture
def folder(monkeypatch):
    """Where X servers have their sockets: a short path, as the kernel wants it."""
    path = Path(tempfile.mkdtemp(prefix="sts"))
    monkeypatch.setattr(module, "X11_SOCKETS", str(path))
    monkeypatch.setattr(module, "SECONDS", 10.0)  # our own machine may be busy
    yield path
    shutil.rmtree(path)


@contextlib.contextmanager
def listening(path):
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))
        server.listen()
        yield


@contextlib.contextmanager
def bound():
    """Hold a port where an X server would listen; yield its socket and display."""
    with socket.socket() as server:
        for number in range(300, 900):
            with contextlib.suppress(OSError):
                server.bind(("127.0.0.1", 6000 + number))
                break
        yield server, number


def linux(**environ):
    return has_display(environ, "linux")


@pytest.mark.parametrize("name", [":7", ":7.0", ":7.12", "unix:7", "unix/host:7"])
def test_a_display_is_there_when_its_socket_accepts(folder, name):
    with listening(folder / "X7"):
        assert linux(DISPLAY=name)
    assert not linux(DISPLAY=name)  # the file is still there


def test_an_abstract_socket_will_do(folder):
    with listening(f"\0{folder}/X7"):
        assert linux(DISPLAY=":7")
        assert not linux(DISPLAY=":8")


def test_a_display_may_be_the_path_of_its_socket(folder):
    with listening(folder / "own"):
        assert linux(DISPLAY=f"{folder}/own")
        assert linux(DISPLAY=f"unix:{folder}/own")
        assert not linux(DISPLAY=f"{folder}/other")


@pytest.mark.parametrize(
    "name", ["localhost:{}.0", "127.0.0.1:{}", "tcp/127.0.0.1:{}", "[127.0.0.1]:{}"]
)
def test_a_display_of_a_host_is_asked_over_the_network(folder, name):
    with bound() as (server, number):
        assert not linux(DISPLAY=name.format(number))
        server.listen()
        assert linux(DISPLAY=name.format(number))


def test_a_local_display_is_not_looked_for_on_the_network(folder):
    with bound() as (server, number):
        server.listen()
        assert not linux(DISPLAY=f":{number}")


@pytest.mark.parametrize(
    "name",
    [
        *("", "7", ":", ":x", "::", ":7 ", "/", ":99999", "127.0.0.1:99999"),
        *("a" * 300 + ":0", f"{'.' * 70}:1"),
    ],
)
def test_a_name_that_means_nothing_is_no_display(folder, name):
    with listening(folder / "X7"):
        assert not linux(DISPLAY=name)


def test_without_a_variable_there_is_no_display(folder):
    with listening(folder / "X0"), listening(folder / "wayland-0"):
        assert not linux(XDG_RUNTIME_DIR=str(folder))


def test_a_wayland_socket_is_looked_for_in_the_runtime_folder(folder):
    with listening(folder / "wayland-1"):
        assert linux(WAYLAND_DISPLAY="wayland-1", XDG_RUNTIME_DIR=str(folder))
        assert linux(WAYLAND_DISPLAY=f"{folder}/wayland-1")
        assert linux(WAYLAND_DISPLAY=f"{folder}/wayland-1", XDG_RUNTIME_DIR="/else")
        assert not linux(WAYLAND_DISPLAY="wayland-1")
        assert not linux(WAYLAND_DISPLAY="wayland-2", XDG_RUNTIME_DIR=str(folder))
    assert not linux(WAYLAND_DISPLAY="wayland-1", XDG_RUNTIME_DIR=str(folder))


def test_one_of_two_is_enough(folder):
    with listening(folder / "X7"):
        assert linux(DISPLAY=":7", WAYLAND_DISPLAY="gone", XDG_RUNTIME_DIR=str(folder))
    with listening(folder / "here"):
        assert linux(DISPLAY=":8", WAYLAND_DISPLAY=f"{folder}/here")


@pytest.fixture
def hanging(monkeypatch):
    """A host whose name is looked up without an end."""
    released = threading.Event()

    def connect(*_):
        released.wait(60)
        raise OSError

    monkeypatch.setattr(socket, "create_connection", connect)
    yield
    released.set()


def test_a_host_that_is_looked_up_without_an_end_is_no_display(hanging):
    began = time.monotonic()
    assert not linux(DISPLAY="host:10.0")
    assert time.monotonic() - began < 20


def test_what_hangs_does_not_hide_what_is_there(hanging, folder):
    with listening(folder / "here"):
        assert linux(DISPLAY="host:10.0", WAYLAND_DISPLAY=f"{folder}/here")


def test_a_socket_that_takes_nobody_in_is_no_display(folder, monkeypatch):
    monkeypatch.setattr(module, "SECONDS", 0.1)
    with socket.socket(socket.AF_UNIX) as server, contextlib.ExitStack() as stack:
        server.bind(str(folder / "X7"))
        server.listen(0)
        with contextlib.suppress(BlockingIOError):
            for _ in range(50):  # until its queue is full
                client = stack.enter_context(socket.socket(socket.AF_UNIX))
                client.settimeout(0)
                client.connect(str(folder / "X7"))
        assert not linux(DISPLAY=":7")


# --- macOS -------------------------------------------------------------------


def mac(monkeypatch, *words):
    monkeypatch.setattr(module, "MANAGER", words)
    return has_display({}, "darwin")


def test_a_mac_is_asked_for_the_kind_of_its_session(monkeypatch):
    assert mac(monkeypatch, "/bin/echo", "Aqua")
    assert not mac(monkeypatch, "/bin/echo", "Background")
    assert not mac(monkeypatch, "/bin/echo", "LoginWindow")
    assert not mac(monkeypatch, "/nowhere/launchctl")


def test_a_mac_that_does_not_answer_has_no_display(monkeypatch):
    monkeypatch.setattr(module, "MANAGER_SECONDS", 0.2)
    began = time.monotonic()
    assert not mac(monkeypatch, "/bin/sleep", "60")
    assert time.monotonic() - began < 30


def test_what_is_asked_on_a_mac_sees_no_secret(monkeypatch):
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "canary")
    code = "import os; print('Aqua' * ('AWS_SECRET_ACCESS_KEY' not in os.environ))"
    assert mac(monkeypatch, sys.executable, "-c", code)


# --- Windows -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("environ", "there"),
    [
        ({"SESSIONNAME": "Console"}, True),
        ({"SESSIONNAME": "RDP-Tcp#3"}, True),
        ({}, True),
        ({"SESSIONNAME": "Services"}, False),
        ({"SESSIONNAME": "services"}, False),
        ({"SSH_CONNECTION": "10.0.0.1 5 10.0.0.2 22"}, False),
    ],
)
def test_windows_shows_nothing_of_a_service(environ, there):
    assert has_display(environ, "win32") is there
