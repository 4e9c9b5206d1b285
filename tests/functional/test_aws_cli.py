"""The AWS CLI, v1 and v2, with us as a plugin of its own and as credential_process.

v1 is in the environment of the tests. v2 as AWS builds it is installed by
aws_cli/install.py, which tox runs; besides there is the one of the system, in which a
distribution's Python runs an old one on libraries of its own.
"""

from __future__ import annotations

import functools
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from configparser import RawConfigParser
from dataclasses import dataclass
from pathlib import Path

import dateutil
import defusedxml
import filelock
import jmespath
import platformdirs
import pyotp
import pytest
import urllib3

import sts_plugin

BIN = Path(sys.executable).parent
BUNDLE = Path(os.environ.get("STS_PLUGIN_TEST_AWS_CLI_V2", ""))
OF_THE_SYSTEM = [
    Path(folder, "aws")
    for folder in os.environ["PATH"].split(os.pathsep)
    if Path(folder) != BIN
]

ADMIN = "arn:aws:sts::333333333333:assumed-role/Admin/"
AUDIT = "arn:aws:sts::222222222222:assumed-role/Audit/"


@dataclass(frozen=True)
class Cli:
    """One AWS CLI: which, and what it needs to be told."""

    path: Path
    version: str

    @property
    def first(self):
        """Whether it is v1."""
        return self.version.startswith("1.")

    @property
    def options(self):
        """What leads its own calls to the sandbox."""
        # From 2.13.0 on it knows of the variable.
        old = self.version.startswith("2.9.")
        return ["--endpoint-url", "$AWS_ENDPOINT_URL_STS"] if old else []

    def line(self, *words):
        """The command line for a shell."""
        options = [f'"{word}"' for word in self.options] if "sts" in words else []
        return " ".join([shlex.join([str(self.path), *words]), *options])


@functools.cache
def find(name):
    """The CLI of a name, or why there is none."""
    places = {"v1": [BIN / "aws"], "v2": [BUNDLE], "system": OF_THE_SYSTEM}[name]
    for path in places:
        if path.is_file():
            said = subprocess.run(
                [path, "--version"], capture_output=True, text=True, check=False
            )
            version = said.stdout.removeprefix("aws-cli/").partition(" ")[0]
            if version.startswith("1." if name == "v1" else "2."):
                return Cli(path, version)
    if name == "v2":
        return "STS_PLUGIN_TEST_AWS_CLI_V2 is not set, or does not name an AWS CLI v2"
    return f"there is no AWS CLI for this: {name}"


ALL = pytest.mark.parametrize("cli", ["v1", "v2", "system"], indirect=True)
SECOND = pytest.mark.parametrize("cli", ["v2", "system"], indirect=True)
BOTH = pytest.mark.parametrize("how", ["plugin", "process"])


@pytest.fixture
def cli(request):
    found = find(request.param)
    if isinstance(found, str):
        pytest.skip(found)
    return found


@pytest.fixture
def plugins(tmp_path):
    """The folder that pip install --target makes; v2 is told of it.

    Its botocore is not to be used: the CLI has one of its own.
    """
    folder = tmp_path / "plugins"
    (folder / "botocore").mkdir(parents=True)
    (folder / "botocore" / "__init__.py").write_text("raise ImportError('not this')\n")
    packages = (dateutil, defusedxml, filelock, jmespath, platformdirs, pyotp, urllib3)
    for module in (sts_plugin, *packages):
        path = Path(module.__file__).parent
        (folder / path.name).symlink_to(path, target_is_directory=True)
    return folder


@pytest.fixture
def how():
    return "plugin"


@pytest.fixture
def environ(environ, sandbox, cli, how, plugins, tmp_path, write_config):
    """That of the sandbox, in which the CLI gets its credentials from us, or so."""
    if how == "plugin":
        config = (sandbox.folder / "config").read_text("utf-8")
        # What it would be if the CLI ran it: a program that is not there.
        config = config.replace(f'"{BIN / "sts-plugin"}"', "/nowhere/sts-plugin")
        where = "" if cli.first else f"cli_legacy_plugin_path = {plugins}\n"
        write_config(
            f"{config}\n[plugins]\n{where}sts-plugin = sts_plugin.plugins.aws_cli\n"
        )
    (tmp_path / "home").mkdir()
    return environ | {"HOME": str(tmp_path / "home"), "AWS_PAGER": ""}


@pytest.fixture
def aws(cli, environ):
    """Run the CLI without a terminal."""

    def run(*words, **variables):
        return subprocess.run(
            ["/bin/sh", "-c", cli.line(*words)],
            env=environ | variables,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60,
            start_new_session=True,
            check=False,
        )

    return run


@pytest.fixture
def add_config(sandbox):
    """Put more profiles to those of the sandbox."""

    def add(text):
        with (sandbox.folder / "config").open("a", encoding="utf-8") as file:
            file.write(text)

    return add


def arn(done):
    assert (done.returncode, done.stderr) == (0, "")
    return json.loads(done.stdout)["Arn"]


def whoami(profile):
    return ("--profile", profile, "sts", "get-caller-identity")


@ALL
@BOTH
def test_one_code_at_the_terminal_is_enough_for_two_commands(sandbox, terminal, cli):
    one = terminal(cli.line(*whoami("prod-admin")))
    one.answer(sandbox.code())
    status, out, err = one.end()
    assert (status, err) == (0, "")
    assert json.loads(out)["Arn"].startswith(ADMIN)
    assert (one.prompts, one.echoes) == (1, True)
    again = terminal(cli.line(*whoami("audit")))
    status, out, err = again.end()
    assert (status, err, again.prompts) == (0, "", 0)
    assert json.loads(out)["Arn"].startswith(AUDIT)
    assert sandbox.journal.count("GetSessionToken") == 1
    assert sandbox.journal.count() == sandbox.journal.count(outcome="ok")


@ALL
@BOTH
def test_without_a_terminal_one_line_says_what_would_help(sandbox, aws):
    done = aws(*whoami("audit"))
    assert (done.returncode, done.stdout) == (255, "")
    (line,) = filter(None, done.stderr.splitlines())
    assert "Error when retrieving credentials from " in line
    assert "sts-plugin login --profile audit" in line
    assert sandbox.journal.calls() == ()


@ALL
def test_what_aws_refuses_is_told_in_one_line(logged_in, aws, add_config):
    add_config(
        "[profile denied]\nrole_arn = arn:aws:iam::222222222222:role/Nowhere\n"
        "source_profile = bob\n"
    )
    done = aws(*whoami("denied"))
    assert (done.returncode, done.stdout) == (255, "")
    (line,) = filter(None, done.stderr.splitlines())
    assert "AWS refused AssumeRole of arn:aws:iam::222222222222:role/Nowhere" in line
    assert logged_in.journal.count() == 1


@ALL
def test_ctrl_c_at_the_prompt_ends_the_command(sandbox, terminal, cli):
    one = terminal(cli.line(*whoami("audit")))
    one.child.expect_exact("): ")
    one.child.sendintr()
    status, out, err = one.end()
    assert (status, out.strip(), one.echoes) == (130, "", True)
    assert "Traceback" not in err
    assert sandbox.journal.calls() == ()


@ALL
def test_the_cache_is_the_executables(logged_in, aws, program, cli):
    kept = program.document("prod-admin")["AccessKeyId"]
    assert arn(aws(*whoami("prod-admin"))).startswith(ADMIN)
    assert logged_in.journal.calls()[-1].access_key_id == kept
    assert arn(aws(*whoami("audit"))).startswith(AUDIT)
    used = logged_in.journal.calls()[-1].access_key_id
    assert program.document("audit")["AccessKeyId"] == used
    assert logged_in.journal.count("AssumeRole") == 3  # Jump, Admin and Audit


@ALL
@BOTH
def test_what_has_expired_is_renewed_by_the_next_command(logged_in, aws):
    logged_in.lifetime_seconds = 4  # of every role from now on; the session stays
    seen = set()
    while len(seen) < 2:
        assert arn(aws(*whoami("prod-admin"))).startswith(ADMIN)
        seen.add(logged_in.journal.calls()[-1].access_key_id)
    assert logged_in.journal.count(outcome="ok") == logged_in.journal.count()
    assert logged_in.journal.count("GetSessionToken") == 0


@ALL
def test_configure_list_shows_whose_keys_they_are(logged_in, aws, program):
    kept = program.document("prod-admin")["AccessKeyId"]
    done = aws("--profile", "prod-admin", "configure", "list")
    assert (done.returncode, done.stderr) == (0, "")
    assert re.search(rf"access_key[ :]+\*+{kept[-4:]}\b", done.stdout)
    done = aws("--profile", "bob", "configure", "list")
    assert re.search(r"access_key[ :]+\*+\w+[ :]+shared-credentials-file", done.stdout)


@SECOND
def test_configure_export_credentials_tells_until_when(logged_in, aws, program):
    kept = program.document("prod-admin")
    done = aws("--profile", "prod-admin", "configure", "export-credentials")
    assert (done.returncode, done.stderr) == (0, "")
    found = json.loads(done.stdout)
    for name in ("AccessKeyId", "SecretAccessKey", "SessionToken"):
        assert found[name] == kept[name]
    assert found["Expiration"] == kept["Expiration"].replace("Z", "+00:00")


@ALL
def test_a_profile_can_be_made_that_is_not_there_yet(sandbox, aws):
    done = aws("configure", "set", "region", "eu-north-1", "--profile", "new")
    assert (done.returncode, done.stderr) == (0, "")
    written = RawConfigParser()
    written.read(sandbox.folder / "config")
    assert written["profile new"]["region"] == "eu-north-1"
    done = aws(*whoami("newer"))
    assert done.returncode == 255
    assert "The config profile (newer) could not be found" in done.stderr


@ALL
def test_profiles_that_are_not_ours_stay_the_clis(sandbox, aws, program):
    assert arn(aws(*whoami("bob"))).endswith("user/bob")
    assert not (sandbox.folder / "cache").exists()


@ALL
def test_a_web_identity_gets_its_role(sandbox, aws):
    assert "assumed-role/Deploy/" in arn(aws(*whoami("ci")))
    assert sandbox.journal.count("AssumeRoleWithWebIdentity") == 1


@ALL
def test_the_debug_log_of_the_cli_has_nothing_of_our_calls(sandbox, terminal, cli):
    one = terminal(cli.line("--debug", *whoami("audit")))
    code = sandbox.code()
    one.answer(code)
    status, _, err = one.end()
    assert status == 0
    assert "GetCallerIdentity" in err
    assert code not in re.findall(r"\d+", err)
    for ours in ("GetSessionToken", "TokenCode", "AssumeRole)", "SecretAccessKey"):
        assert ours not in err
    assert sandbox.journal.count("GetSessionToken") == 1


@ALL
def test_programs_that_we_start_do_not_get_the_clis_libraries(
    sandbox, aws, add_config, tmp_path
):
    bob = sandbox.organisation.user("bob")
    keys = {
        "Version": 1,
        "AccessKeyId": bob.access_key_id,
        "SecretAccessKey": bob.secret_access_key,
    }
    for name, printed in (("code", sandbox.code()), ("keys", json.dumps(keys))):
        path = tmp_path / name
        path.write_text(
            f"#!/bin/sh\necho \"$LD_LIBRARY_PATH\" >{path}.env\necho '{printed}'\n"
        )
        path.chmod(0o700)
    add_config(
        f"[profile by-code]\nmfa_process = {tmp_path}/code\nsource_profile = alice\n"
        "mfa_serial = arn:aws:iam::111111111111:mfa/alice\n"
        "role_arn = arn:aws:iam::222222222222:role/Audit\n"
        f"[profile keys]\ncredential_process = {tmp_path}/keys\n"
        "[profile by-keys]\nrole_arn = arn:aws:iam::222222222222:role/Batch\n"
        "source_profile = keys\n"
    )
    for profile, name, path in (("code", "Audit", "/usr/lib"), ("keys", "Batch", "")):
        variables = {"LD_LIBRARY_PATH": path} if path else {}
        assert f"role/{name}/" in arn(aws(*whoami(f"by-{profile}"), **variables))
        assert (tmp_path / f"{profile}.env").read_text() == f"{path}\n"


@SECOND
def test_a_plugin_that_is_broken_breaks_no_command(aws, plugins):
    source = (plugins / "sts_plugin").resolve()
    (plugins / "sts_plugin").unlink()
    shutil.copytree(source, plugins / "sts_plugin")
    (plugins / "sts_plugin" / "plugins" / "quick.py").unlink()
    done = aws(*whoami("bob"))
    assert done.returncode == 0
    assert json.loads(done.stdout)["Arn"].endswith("user/bob")
    (line,) = done.stderr.splitlines()
    assert line.startswith("sts-plugin: not used: ImportError: ")
