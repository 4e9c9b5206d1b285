"""Names of role sessions that nobody has named."""

from __future__ import annotations

import re

import pytest

from sts_plugin import session_names
from sts_plugin.session_names import session_name


@pytest.fixture(autouse=True)
def _on_a_host(monkeypatch):
    monkeypatch.setattr("socket.gethostname", lambda: "host.example.org")
    monkeypatch.setattr("getpass.getuser", lambda: "alice")
    monkeypatch.setattr(session_names, "CONTAINER_FILES", ())


@pytest.mark.parametrize(
    ("environ", "name"),
    [
        ({}, "alice@host"),
        ({"AWS_LAMBDA_FUNCTION_NAME": "f"}, "f-"),
        (
            {
                "AWS_LAMBDA_FUNCTION_NAME": "f",
                "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
            },
            "f.LATEST",
        ),
        ({"ECS_CONTAINER_METADATA_URI_V4": "http://169.254.170.2/v4/ab-1"}, "ecs.ab-1"),
        ({"KUBERNETES_SERVICE_HOST": "10.0.0.1"}, "pod.host"),
    ],
)
def test_who_and_where(environ, name):
    assert session_name(environ) == name


def test_a_container_is_told_by_its_host_name(monkeypatch, tmp_path):
    monkeypatch.setattr(session_names, "CONTAINER_FILES", (str(tmp_path),))
    assert session_name({}) == "container.host"


def test_a_user_that_the_system_does_not_know_is_a_number(monkeypatch):
    def unknown():
        raise OSError("no such user")

    monkeypatch.setattr("getpass.getuser", unknown)
    assert re.fullmatch(r"uid-\d+@host", session_name({}))


@pytest.mark.parametrize("user", ["DOMAIN\\ann b", "\u00e4", "x" * 90, ""])
@pytest.mark.parametrize("host", ["h", "y" * 90, "", "\u00fc"])
def test_every_name_is_one_that_sts_takes(monkeypatch, user, host):
    monkeypatch.setattr("getpass.getuser", lambda: user)
    monkeypatch.setattr("socket.gethostname", lambda: host)
    assert re.fullmatch(r"[A-Za-z0-9_+=,.@-]{2,64}", session_name({}))
