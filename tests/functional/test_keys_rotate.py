"""Access keys that are rotated by the executable: moto's IAM, the sandbox's STS."""

from __future__ import annotations

import json
import subprocess

import pytest
from cloud import Cloud, Moto
from conftest import BIN, Program
from keys_tools import Chain, places_of, sandbox_of

OUR_LINE = "sts_plugin_keychain = yes"
HAPPY = [
    "GetCallerIdentity",
    "ListAccessKeys",
    "CreateAccessKey",
    "GetCallerIdentity",
    "GetCallerIdentity",
    "DeleteAccessKey",
]


@pytest.fixture(scope="session")
def moto():
    one = Moto()
    yield one
    one.stop()


@pytest.fixture
def first(moto):
    """Alice's first key: its id and its secret."""
    return moto.new_user("alice")


@pytest.fixture
def sandbox(tmp_path, first):
    command = f'"{BIN / "sts-plugin"}"'
    with sandbox_of(tmp_path / "sandbox", *first, command) as running:
        text = f"[profile alice]\nregion = us-east-1\n{OUR_LINE}\n"
        (running.folder / "config").write_text(text)
        yield running


@pytest.fixture
def cloud(moto, sandbox):
    with Cloud(moto, sandbox, sandbox.organisation.user("alice")) as running:
        yield running


@pytest.fixture
def chain(tmp_path):
    return Chain(tmp_path / "keychain")


@pytest.fixture
def environ(environ, cloud, chain):
    return environ | cloud.environ | chain.environ
