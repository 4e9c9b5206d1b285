"""The reference says all that the code knows: commands, keys, variables, exit codes."""

from __future__ import annotations

import argparse
import ast
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import sts_plugin
from sts_plugin import errors, exit_codes
from sts_plugin.actions import ACTIONS, PROOFS
from sts_plugin.cli import build_parser
from sts_plugin.known_keys import KEYS, SPELLED
from sts_plugin.known_variables import VARIABLES
from sts_plugin.overview import summaries
from sts_plugin.profiles import OWN_PREFIX, Profile, load_profiles

ROOT = Path(__file__).parents[2]
PACKAGE = Path(sts_plugin.__file__).parent
MAN = ROOT / "docs" / "man" / "sts-plugin.1"


def trees():
    """Yield (name, syntax tree) of each module that serves profiles or reads them."""
    for path in sorted(PACKAGE.rglob("*.py")):
        name = path.relative_to(PACKAGE).as_posix()
        if not name.startswith(("sandbox/", "known_")):
            yield name, ast.parse(path.read_text(encoding="utf-8"))


TREES = dict(trees())


def constant(node, names=()):
    """The text that a node stands for, or None."""
    if isinstance(node, ast.Name):
        node = dict(names).get(node.id)
    if isinstance(node, ast.Constant) and isinstance(node.value, str | bytes):
        value = node.value
        return value.decode("latin-1") if isinstance(value, bytes) else value
    return None


def constants(tree):
    """The module's own names for texts."""
    found = {}
    for node in tree.body:
        targets = getattr(node, "targets", [getattr(node, "target", None)])
        value = getattr(node, "value", None)
        for target in targets:
            if isinstance(target, ast.Name):
                found[target.id] = value
            elif isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple):
                names = [one.id for one in target.elts if isinstance(one, ast.Name)]
                found |= dict(zip(names, value.elts, strict=False))
    return found


def test_the_pages_are_what_the_code_makes_them():
    done = subprocess.run(
        [sys.executable, ROOT / "docs" / "generate.py", "--check"],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert (done.returncode, done.stderr) == (0, "")


# --- Commands ---------------------------------------------------------------


def every_parser(parser, words=()):
    yield words, parser
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for name, child in action.choices.items():
                yield from every_parser(child, (*words, name))


def test_every_command_is_on_the_page_and_in_the_man_page():
    page = (ROOT / "docs" / "commands.md").read_text(encoding="utf-8").splitlines()
    man = MAN.read_text(encoding="utf-8").replace("\\-", "-").splitlines()
    for words, _ in every_parser(build_parser()):
        name = " ".join(words)
        if name:
            assert f"{'#' * (1 + len(words))} {name}" in page
            assert f".SS {name}" in man


def test_every_argument_says_what_it_is():
    for words, parser in every_parser(build_parser()):
        silent = [
            action.dest
            for action in parser._actions
            if not action.help and not isinstance(action, argparse._SubParsersAction)
        ]
        assert silent == [], words


# --- Keys -------------------------------------------------------------------

# What is asked for something by a name in small letters, and is no profile.
NO_PROFILE = {
    "claims(token.reveal())",
    "components._components",
    "core._components._deferred",
    "data",
    "entry.label",
    "found",
    "headers",
    "hop",
    "label",
    "load_profiles(environ)",
    "metadata",
    "model",
    "named",
    "otpauth.said",
    "plugins",  # a section of the config file
    "section",
    "self._session.instance_variables()",
    "session.instance_variables()",
    "shape",
    "sys.modules",
}


def keys_in_the_code():
    """Yield (key, where) for each that the code names where it asks a profile."""
    for module, tree in TREES.items():
        names = constants(tree)
        for node in ast.walk(tree):
            if not (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Attribute)
                and node.func.attr in {"get", "plain"}
                and node.args
            ):
                continue
            asked = ast.unparse(node.func.value)
            key = constant(node.args[0], names)
            if (
                key
                and re.fullmatch("[a-z][a-z_]+", key)
                and not {asked, f"{module[:-3]}.{asked}"} & NO_PROFILE
            ):
                yield key, f"{module}:{node.lineno} {asked}"


def test_every_key_that_the_code_names_is_in_the_reference():
    found = list(keys_in_the_code())
    assert {"role_arn", "fallback_region", "aws_account_id"} <= {
        key for key, _ in found
    }
    assert [f"{key} ({where})" for key, where in found if key not in SPELLED] == []


CONFIG = """
[default]
aws_access_key_id = AKIAIOSFODNN7EXAMPLE
aws_secret_access_key = x
mfa_serial = arn:aws:iam::111111111111:mfa/alice
[profile role]
role_arn = arn:aws:iam::111111111111:role/R
source_profile = default
[profile web]
role_arn = arn:aws:iam::111111111111:role/R
web_identity_token_file = /nowhere
[profile saml]
role_arn = arn:aws:iam::111111111111:role/R
saml_process = true
[profile federated]
sts_plugin_federation_name = alice
source_profile = default
[profile root]
sts_plugin_target_principal = 222222222222
source_profile = default
[profile delegated]
sts_plugin_trade_in_token_process = true
source_profile = default
[profile sso]
sso_session = one
[profile process]
credential_process = true
"""


def test_every_key_that_a_plan_asks_for_is_in_the_reference(tmp_path, monkeypatch):
    asked = set()
    for name in ("get", "plain"):
        real = getattr(Profile, name)

        def note(profile, key, real=real):
            asked.add(key)
            return real(profile, key)

        monkeypatch.setattr(Profile, name, note)
    (tmp_path / "config").write_text(CONFIG)
    environ = {
        "AWS_CONFIG_FILE": str(tmp_path / "config"),
        "AWS_SHARED_CREDENTIALS_FILE": str(tmp_path / "credentials"),
    }
    list(summaries(load_profiles(environ), environ))
    asked = {key for key in asked if ":" not in key}  # what a program gives
    assert {key for one in ACTIONS.values() for key in one.keys} <= asked
    assert asked - SPELLED.keys() == set()


def texts():
    """Every word in the texts of the code, less its docstrings."""
    words = set()
    for tree in TREES.values():
        documents = {
            id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)
        }
        for node in ast.walk(tree):
            if id(node) not in documents and (text := constant(node)):
                words |= set(re.findall(r"\w+", text))
    return words


def test_the_reference_has_no_key_that_nobody_reads():
    made = {f"{prefix}_{how}" for prefix in PROOFS for how in ("file", "process")}
    assert SPELLED.keys() - texts() - made == set()


def test_each_key_is_told_once():
    names = [name for key in KEYS for name in key.names]
    assert len(names) == len(set(names))
    assert not any(name.startswith(OWN_PREFIX) for name in names)


# --- Variables --------------------------------------------------------------

NAME = re.compile("_?(AWS|AMAZON|STS_PLUGIN)_[A-Z0-9_]*[A-Z0-9]")
# What the code does not spell out.
MADE = {
    "AWS_ENDPOINT_URL_IAM": "botocore reads it",
    "STS_PLUGIN_OUTSIDE_AWS_CONFIG_FILE": "made of two names",
    "STS_PLUGIN_OUTSIDE_AWS_SHARED_CREDENTIALS_FILE": "made of two names",
}


def looked_up(node):
    """Yield (what is asked, for what) of a node that may ask the environment."""
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
        if node.func.attr in {"get", "pop", "setdefault"} and node.args:
            yield node.func.value, node.args[0]
        elif node.func.attr == "getenv" and node.args:
            yield ast.parse("os.environ", mode="eval").body, node.args[0]
    elif isinstance(node, ast.Subscript):
        yield node.value, node.slice
    elif isinstance(node, ast.Compare) and isinstance(node.ops[0], ast.In | ast.NotIn):
        yield node.comparators[0], node.left


def variables_in_the_code():
    for module, tree in TREES.items():
        names, beginnings = constants(tree), set()
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and "startswith" in ast.unparse(node.func):
                beginnings |= {id(one) for one in ast.walk(node)}
            where = f"{module}:{getattr(node, 'lineno', '')}"
            for asked, name in looked_up(node):
                text = constant(name, names)
                if text and re.search(r"(^|[._])environ$", ast.unparse(asked)):
                    yield text, where
            text = constant(node)
            if text and NAME.fullmatch(text) and id(node) not in beginnings:
                yield text, where


def test_every_variable_that_the_code_names_is_in_the_reference():
    known = {name for one in VARIABLES for name in one.names}
    found = list(variables_in_the_code())
    assert {"NO_COLOR", "STS_PLUGIN_TOTP_FD", "HOME"} <= {name for name, _ in found}
    assert [f"{name} ({where})" for name, where in found if name not in known] == []


def test_the_reference_has_no_variable_that_nobody_reads_or_sets():
    known = {name for one in VARIABLES for name in one.names}
    named = {word.casefold() for word in texts()}  # Windows has no case in them
    assert {one for one in known - MADE.keys() if one.casefold() not in named} == set()


def test_each_use_of_a_variable_is_told_once():
    uses = [(name, one.use) for one in VARIABLES for name in one.names]
    assert len(uses) == len(set(uses))


# --- Exit codes -------------------------------------------------------------


def test_every_error_has_an_exit_code_of_the_table():
    kinds = [getattr(errors, name) for name in errors.__all__]
    assert {one.exit_code for one in kinds} <= exit_codes.EXIT_CODES.keys()
    ours = {code for code in exit_codes.EXIT_CODES if code in range(3, 126)}
    assert ours <= {one.exit_code for one in kinds}


def test_no_command_says_an_exit_code_by_its_number():
    """0 and 1 mean done and not; all others have a name."""
    for module, tree in TREES.items():
        for node in ast.walk(tree):
            if module.startswith("cli/") and isinstance(node, ast.Return):
                code = getattr(node.value, "value", None)
                assert code not in {2, 126, 127, 130}, f"{module}:{node.lineno}"


# --- The man page -----------------------------------------------------------


@pytest.mark.skipif(not shutil.which("groff"), reason="groff is not installed")
def test_the_man_page_is_set_without_a_warning():
    done = subprocess.run(
        ["groff", "-man", "-Tutf8", "-ww", MAN],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert (done.returncode, done.stderr) == (0, "")
    text = re.sub(".\x08", "", re.sub("\x1b\\[[0-9;]*m", "", done.stdout))
    for heading in ("NAME", "COMMANDS", "EXIT STATUS", "ENVIRONMENT", "FILES"):
        assert f"\n{heading}\n" in text
    assert "sts-plugin - AWS STS credentials" in text
