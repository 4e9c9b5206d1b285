"""No option takes a secret: whoever is on a machine can read every command line."""

from __future__ import annotations

import argparse
import re

import pytest

from sts_plugin.cli import GROUPS, build_parser

# What each argument takes, judged. A new one fails the test until somebody has said
# here what it takes, and that this is no secret.
JUDGED = {
    "--profile": "a name in the AWS files",
    "--serial": "the ARN of an MFA device, which AWS shows in consoles and logs",
    "--from": "a path, or - for stdin: the seed is read from there",
    "--for": "a span of time",
    "--format": "one of a few",
    "--output": "one of a few",
    "--kind": "one of a few",
    "pattern": "a part of a name",
    "--port": "a number",
    "--token-file": "a path: the token is made here, and written there",
    "--audience": "a name that goes into a token for others to read",
    "--signing-algorithm": "one of two",
    "--duration-seconds": "a number",
    "--role-arn": "the ARN of a role, which AWS shows in consoles and logs",
    "--source-profile": "a name in the AWS files",
    "--mfa-serial": "the ARN of an MFA device, as --serial",
    "--external-id": "no secret: IAM User Guide, on the confused deputy problem",
    "--role-session-name": "a name that AWS shows in logs",
    "--device": "the ARN of an MFA device, as --serial",
    "--service": "a name in the console's addresses",
    "--destination": "an address in the console",
    "--region": "a name",
    "--duration": "a span of time",
    "--policy": "a path",
    "--policy-arn": "the ARN of a policy",
    "--tag": "a name and a value that go into a token for others to read",
    "access_key_id": "the public half of a key",
    "message": "encrypted by AWS, for which only AWS has the key",
    "shell": "one of a few",
    "program": "somebody's own command",
}
SWITCHES = (argparse._StoreTrueAction, argparse._StoreConstAction)
NO_VALUE = (*SWITCHES, argparse._HelpAction, argparse._VersionAction)
SECRET = re.compile(
    "secret|token|pass|pin|seed|totp|code|assertion|credential", re.IGNORECASE
)


def arguments(parser, words=()):
    """Yield (command, name) of everything that takes a value."""
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for name, child in action.choices.items():
                yield from arguments(child, (*words, name))
        elif not isinstance(action, NO_VALUE):
            for name in action.option_strings or [action.dest]:
                yield " ".join(words), name


def test_every_argument_is_judged():
    found = {name for _, name in arguments(build_parser())}
    assert found == JUDGED.keys()


def test_no_argument_is_named_like_a_secret():
    for command, name in arguments(build_parser()):
        if not name.endswith("-file"):  # a path is none
            assert not SECRET.search(name), (command, name)


def test_the_walk_meets_every_command():
    commands = {command for command, _ in arguments(build_parser())}
    assert {"credential-process", "login", "mfa add", "sandbox", "decode"} <= commands
    assert len(commands) >= 12


def commands_of(parser):
    (found,) = (
        action
        for action in parser._actions
        if isinstance(action, argparse._SubParsersAction)
    )
    return found.choices


def test_a_command_is_found_without_the_modules_of_the_others():
    whole = commands_of(build_parser())
    assert list(whole) == [name for names in GROUPS.values() for name in names]
    for group, names in GROUPS.items():
        for name in names:
            parser = build_parser(name)
            assert tuple(commands_of(parser)) == names, group
            # What it says of itself is the same.
            mine = commands_of(parser)[name]
            assert mine.format_help() == whole[name].format_help()
            assert parser.format_usage() == build_parser().format_usage()


@pytest.mark.parametrize("word", ["", "no-such", "--help", "--version", "credential"])
def test_whatever_is_no_command_meets_the_whole_parser(word):
    assert commands_of(build_parser(word)).keys() == commands_of(build_parser()).keys()
