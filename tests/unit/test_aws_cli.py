"""What the AWS CLI asks of a plugin; what it is like in it: functional/test_aws_cli."""

from __future__ import annotations

import ast
import sys
from pathlib import Path

import botocore.session
import pytest
from botocore.hooks import HierarchicalEmitter

from sts_plugin.plugins import aws_cli
from sts_plugin.plugins.bundle import without_bundle


@pytest.fixture
def emit():
    hooks = HierarchicalEmitter()
    aws_cli.awscli_initialize(hooks)
    aws_cli.awscli_initialize(hooks)  # named twice in the config file
    return lambda session: hooks.emit("session-initialized", session=session)


def test_a_session_gets_one_provider_before_botocores_own(emit):
    session = botocore.session.Session()
    emit(session)
    providers = session.get_component("credential_provider").providers
    names = [type(provider).__name__ for provider in providers]
    assert names.count("StsPluginProvider") == 1
    assert names.index("AssumeRoleProvider") == names.index("StsPluginProvider") + 1


def test_an_unknown_host_is_told_in_one_line_that_we_are_not_used(emit, capsys):
    emit(object())
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("sts-plugin: not used: TypeError: register wants a session")


def test_where_stderr_is_closed_nothing_is_told(emit, monkeypatch):
    monkeypatch.setattr(sys, "stderr", None)
    emit(object())


def test_a_python_that_is_too_old_is_told_of(emit, monkeypatch, capsys):
    monkeypatch.setattr(sys, "version_info", (3, 9, 2, "final", 0))
    session = botocore.session.Session()
    emit(session)
    (line,) = capsys.readouterr().err.splitlines()
    assert line.endswith("this AWS CLI runs on Python 3.9, too old for it")


@pytest.mark.parametrize("name", ["__init__", "plugins/__init__", "plugins/aws_cli"])
def test_a_python_that_is_too_old_can_read_that_far(name):
    package = Path(aws_cli.__file__).parents[1]
    tree = ast.parse(
        (package / f"{name}.py").read_text("utf-8"), feature_version=(3, 8)
    )
    modules = {
        node.module.partition(".")[0]
        for node in tree.body
        if isinstance(node, ast.ImportFrom)
    }
    assert modules <= {"__future__", "typing"}


@pytest.mark.parametrize(
    ("found", "left"),
    [
        ({"LD_LIBRARY_PATH": "/b:/x", "LD_LIBRARY_PATH_ORIG": "/x"}, "/x"),
        ({"LD_LIBRARY_PATH": "/b"}, None),
        ({}, None),
    ],
)
def test_the_libraries_of_a_bundle_stay_in_it(monkeypatch, found, left):
    assert without_bundle(found) == found
    monkeypatch.setattr(sys, "frozen", True, raising=False)
    environ = without_bundle({**found, "HOME": "/h"})
    assert environ.pop("PYINSTALLER_RESET_ENVIRONMENT") == "1"
    expected = (
        {"HOME": "/h"} if left is None else {"HOME": "/h", "LD_LIBRARY_PATH": left}
    )
    assert environ == expected
