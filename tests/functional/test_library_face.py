"""What a newcomer meets: help(), the examples in it, and the names that there are."""

from __future__ import annotations

import doctest
import subprocess
import sys
from datetime import timedelta

import pytest

import sts_plugin
from sts_plugin import client, errors, model
from sts_plugin.sandbox import Sandbox

PUBLIC = (sts_plugin, client, errors, model)


def examples():
    """Every docstring of a public name that has an example."""
    finder = doctest.DocTestFinder(exclude_empty=True)
    for module in PUBLIC:
        # What a reader of help() has at hand.
        names = {**vars(module), "timedelta": timedelta}
        for found in finder.find(module, module.__name__, globs=names):
            if found.examples:
                yield found


EXAMPLES = {one.name: one for one in examples()}


@pytest.mark.parametrize("name", EXAMPLES)
def test_an_example_in_a_docstring_works(name, tmp_path, monkeypatch):
    with Sandbox(tmp_path / "sandbox", totp_file=True) as sandbox:
        for variable, value in sandbox.environ().items():
            monkeypatch.setenv(variable, value)
        said = []
        runner = doctest.DocTestRunner(
            optionflags=doctest.ELLIPSIS | doctest.IGNORE_EXCEPTION_DETAIL
        )
        failed, attempted = runner.run(EXAMPLES[name], out=said.append)
    assert (failed, bool(attempted)) == (0, True), "".join(said)


def test_what_is_used_most_has_an_example():
    assert {
        "sts_plugin",
        "sts_plugin.register",
        "sts_plugin.assume_role",
        "sts_plugin.client.Client",
        "sts_plugin.client.Client.assume_role",
        "sts_plugin.errors",
        "sts_plugin.model.Credentials",
    } <= EXAMPLES.keys()


def in_python(code):
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


HELP = """
import pydoc, sys, sts_plugin
text = pydoc.plaintext.document(sts_plugin)
print(text)
heavy = {"awscli", "boto3", "botocore", "prompt_toolkit", "s3transfer"}
print("HEAVY", sorted(heavy & sys.modules.keys()))
"""


def test_help_tells_of_every_public_name_and_imports_no_sdk():
    text = in_python(HELP)
    tour = text.partition("PACKAGE CONTENTS")[0]
    for name in sts_plugin.__all__:
        assert f"\n    {name}" in tour  # at the beginning of a line
    for heading in ("class Client(", "class Credentials(", "register(session"):
        assert heading in text
    assert text.endswith("HEAVY []\n")


def test_names_are_listed_without_boto3_until_it_is_there():
    code = "import sts_plugin; print(*dir(sts_plugin))"
    names = set(sts_plugin.__all__)
    assert set(in_python(code).split()) == names - {"Session"}
    assert set(in_python(f"import boto3; {code}").split()) == names


def test_the_errors_are_an_attribute_and_a_misspelt_name_is_none():
    assert sts_plugin.errors is errors
    with pytest.raises(AttributeError, match="no attribute 'Clinet'"):
        sts_plugin.Clinet  # noqa: B018 - looking is what is tested
