"""What programs read of ours: each command's JSON is what its schema says."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import jsonschema
import pytest

from sts_plugin.cli import build_parser

SCHEMAS = Path(__file__).parents[2] / "docs" / "schemas.json"

# How each is run so that there is something to print.
RUNS = {
    "credential-process": "credential-process --profile prod-admin",
    "configure": (
        "configure --dry-run --json --profile new --source-profile bob"
        " --region us-east-1 --mfa-serial none"
        " --role-arn arn:aws:iam::222222222222:role/Batch"
    ),
    "list": "list --json",
    "status": "status --json",
    "explain": "explain --profile prod-admin --json",
    "explain --all": "explain --all --json",
    "doctor": "doctor --json",
    "whoami": "whoami --profile bob --json",
    "key-info": "key-info AKIAIOSFODNN7EXAMPLE --profile bob --json",
    "web-identity-token": "web-identity-token --audience x --profile bob --json",
    "console": "console --profile prod-admin --json",
    "login": "login --profile audit --if-needed --json",
    "logout": "logout --profile audit --json",
    "mfa list": "mfa list --json",
    "keys list": "keys list --json",
}
MAY_BE_EMPTY = {"mfa list", "keys list"}


def schema(name):
    whole = json.loads(SCHEMAS.read_text())
    return {"$ref": f"#/$defs/{name}", "$defs": whole["$defs"]}


def commands(parser, words=()):
    """Yield every command that takes ``--json``."""
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for name, child in action.choices.items():
                yield from commands(child, (*words, name))
        elif "--json" in action.option_strings:
            yield " ".join(words)


def test_every_command_with_json_has_a_schema():
    found = set(commands(build_parser()))
    assert found - RUNS.keys() == set()
    assert RUNS.keys() <= json.loads(SCHEMAS.read_text())["$defs"].keys()


@pytest.mark.parametrize("name", RUNS)
def test_json_is_what_its_schema_says(logged_in, program, name):
    program.document("audit")
    known = {"AKIAIOSFODNN7EXAMPLE": logged_in.organisation.user("bob").access_key_id}
    done = program(*(known.get(word, word) for word in RUNS[name].split()))
    assert (done.returncode, done.stderr) == (0, "")
    printed = json.loads(done.stdout)
    jsonschema.validate(
        printed, schema(name), cls=jsonschema.validators.Draft202012Validator
    )
    assert printed or name in MAY_BE_EMPTY


def test_a_schema_says_no_to_what_it_does_not_know():
    wrong = [{"profile": "a", "kind": "nonsense"}]
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(wrong, schema("list"))
