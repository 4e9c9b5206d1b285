"""Libraries and programs beside us; and what the environment does to profiles."""

from __future__ import annotations

import pytest

from sts_plugin.doctor.programs import (
    AwsCli,
    aws_cli,
    aws_cli_findings,
    library_findings,
    own_findings,
)
from sts_plugin.doctor.surroundings import environment_findings
from sts_plugin.ini import sections_of

REQUIRES = ["botocore>=1.41.0", "keyring>=25; extra == 'k'", "botocore[crt]>=1.41.0"]


def checks(found):
    return [(one.check, one.level) for one in found if one.level != "ok"]


@pytest.mark.parametrize(
    ("version", "old"),
    [
        ("1.41.0", False),
        ("1.41", False),
        ("1.44.8", False),
        ("1.100.0", False),
        ("2.0.0rc1", False),
        ("1.9.99", True),
        ("1.40.99", True),
        ("0.1", True),
    ],
)
def test_a_library_that_is_older_than_we_need_is_an_error(version, old):
    versions = {"botocore": version}
    found = list(library_findings("Python 3.11.7", REQUIRES, versions.get))
    assert checks(found) == ([("library-old", "error")] if old else [])
    assert found[-1].what == f"Python 3.11.7, botocore {version}"


def config(text):
    return sections_of(text, "/home/a/.aws/config")


def of_cli(version, text=""):
    return list(aws_cli_findings(AwsCli("/bin/aws", version), config(text)))


@pytest.mark.parametrize("version", ["1.46.3", "1.43.0", "2.9.19", "2.38.5", "3.0"])
def test_an_aws_cli_that_is_new_enough_is_fine(version):
    assert checks(of_cli(version)) == []


@pytest.mark.parametrize("version", ["1.42.9", "1.9", "2.9.18", "2.0.0"])
def test_an_old_aws_cli_is_noted(version):
    assert checks(of_cli(version)) == [("aws-cli-old", "note")]


def test_one_that_says_nothing_is_told_and_none_at_all_is_fine():
    assert checks(of_cli("")) == [("aws-cli-old", "warning")]
    assert list(aws_cli_findings(None, [])) == []


OURS = "sts-plugin = sts_plugin.plugins.aws_cli\n"


def test_a_folder_of_plugins_breaks_the_first_aws_cli():
    text = f"[plugins]\ncli_legacy_plugin_path = /p\n{OURS}"
    (found,) = [one for one in of_cli("1.46.3", text) if one.level != "ok"]
    assert (found.check, found.level) == ("aws-cli-plugins", "error")
    assert found.where == "/home/a/.aws/config:2"
    assert of_cli("1.46.3", f"[plugins]\n{OURS}")[1:] == []


def test_the_second_one_needs_the_folder_with_us_in_it(tmp_path):
    assert checks(of_cli("2.38.5", f"[plugins]\n{OURS}")) == [
        ("aws-cli-plugins", "error")
    ]
    text = f"[plugins]\ncli_legacy_plugin_path = {tmp_path}\n{OURS}"
    assert checks(of_cli("2.38.5", text)) == [("aws-cli-plugins", "error")]
    (tmp_path / "sts_plugin").mkdir()
    assert checks(of_cli("2.38.5", text)) == []
    others = f"[plugins]\ncli_legacy_plugin_path = {tmp_path}/x\nx = x\n"
    assert checks(of_cli("2.38.5", others)) == []


def program(folder, text):
    path = folder / "aws"
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return str(path)


def test_an_aws_cli_is_asked_without_anybodys_config(tmp_path):
    environ = {
        "AWS_PROFILE": "p",
        "AWS_SECRET_ACCESS_KEY": "s",
        "PATH": "/bin:/usr/bin",
    }
    said = program(
        tmp_path,
        f"env >{tmp_path}/environ\necho aws-cli/2.38.5 Python/3.14 exe/x86_64",
    )
    assert aws_cli(said, environ) == AwsCli(said, "2.38.5")
    lines = (tmp_path / "environ").read_text().splitlines()
    assert "AWS_CONFIG_FILE=/dev/null" in lines
    assert not any(line.startswith(("AWS_PROFILE", "AWS_SECRET")) for line in lines)


@pytest.mark.parametrize("text", ["exit 1", "echo hello", "kill -9 $$"])
def test_one_that_fails_has_no_version(tmp_path, text):
    said = program(tmp_path, text)
    assert aws_cli(said, {}).version == ""
    assert aws_cli(str(tmp_path / "none"), {}).version == ""


def test_another_sts_plugin_on_the_path_is_told_and_a_link_to_this_one_is_not(
    tmp_path,
):
    here, there = tmp_path / "here", tmp_path / "there"
    for folder in (here, there):
        folder.mkdir()
        (folder / "sts-plugin").touch()
    linked = tmp_path / "linked"
    linked.symlink_to(here / "sts-plugin")
    assert list(own_findings(None, [str(here)])) == []
    assert list(own_findings(str(here / "sts-plugin"), [str(here)])) == []
    assert list(own_findings(str(linked), ["/x", str(here)])) == []
    (found,) = own_findings(str(there / "sts-plugin"), [str(here)])
    assert (found.check, found.level) == ("sts-plugin-other", "warning")


# --- The environment ---


def of_environment(environ, *, there=True):
    return checks(environment_findings(environ, ("a", "b"), there=lambda _path: there))


@pytest.mark.parametrize(
    "environ",
    [
        {},
        {"AWS_PROFILE": "a"},
        {"AWS_PROFILE": "a", "AWS_DEFAULT_PROFILE": "a"},
        {"AWS_PROFILE": "default"},
        {"AWS_CONFIG_FILE": "/x"},
        {"AWS_SECRET_ACCESS_KEY": "s"},
        # What sts-plugin exec gives to its command.
        {
            "AWS_ACCESS_KEY_ID": "ASIA",
            "AWS_SECRET_ACCESS_KEY": "s",
            "STS_PLUGIN_PROFILE": "a",
        },
    ],
)
def test_a_sound_environment_is_sound(environ):
    assert of_environment(environ) == []


KEYS = {"AWS_ACCESS_KEY_ID": "AKIA", "AWS_SECRET_ACCESS_KEY": "canary"}


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({"AWS_PROFILE": "c"}, ("environment-profile", "error")),
        ({"AWS_PROFILE": ""}, ("environment-profile", "error")),
        ({"AWS_DEFAULT_PROFILE": "c"}, ("environment-profile", "error")),
        (
            {"AWS_PROFILE": "a", "AWS_DEFAULT_PROFILE": "b"},
            ("environment-profile", "warning"),
        ),
        ({"AWS_PROFILE": "a", **KEYS}, ("environment-keys", "warning")),
        (KEYS, ("environment-keys", "note")),
        ({"AWS_ACCESS_KEY_ID": "AKIA"}, ("environment-keys", "error")),
    ],
)
def test_what_makes_something_else_count_is_told(environ, expected):
    assert of_environment(environ) == [expected]


def test_a_file_that_a_variable_names_is_to_be_there():
    found = of_environment({"AWS_CONFIG_FILE": "/x"}, there=False)
    assert found == [("environment-file", "warning")]


def test_no_secret_of_the_environment_is_told():
    found = list(environment_findings({"AWS_PROFILE": "a", **KEYS}, "a", there=bool))
    assert "canary" not in repr(found)
