"""Commands that ask STS something: who, whose, why not, and for a token.

``whoami``, ``key-info``, ``decode``, ``web-identity-token``.
"""

from __future__ import annotations

import contextlib
import json
import sys
from typing import TYPE_CHECKING

from sts_plugin.cli.common import add_output, add_profile, show, tell
from sts_plugin.cli.progress import progress
from sts_plugin.client import Client
from sts_plugin.document import timestamp
from sts_plugin.errors import ConfigurationError
from sts_plugin.files import BYTES_MAX

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator, Sequence

    from sts_plugin.cli.common import Subparsers

__all__ = ["add", "decode", "key_info", "web_identity_token", "whoami"]


def add(commands: Subparsers) -> None:
    """Add the commands of this module."""
    parser = commands.add_parser(
        "whoami", help="ask AWS whose credentials a profile gives"
    )
    add_profile(parser, chosen=True)
    add_output(parser)
    parser.set_defaults(command=whoami)
    parser = commands.add_parser(
        "key-info", help="ask AWS which account an access key id belongs to"
    )
    parser.add_argument(
        "access_key_id",
        metavar="ACCESS_KEY_ID",
        help="the id of an access key, of anybody's",
    )
    add_profile(parser)
    add_output(parser)
    parser.set_defaults(command=key_info)
    parser = commands.add_parser(
        "decode", help="have AWS decode why a request was not authorized"
    )
    parser.add_argument(
        "message",
        metavar="MESSAGE",
        nargs="+",
        help="the encoded message, or the error that ends in it; - reads stdin",
    )
    add_profile(parser)
    parser.set_defaults(command=decode)
    _add_web_identity_token(commands)


def _add_web_identity_token(commands: Subparsers) -> None:
    parser = commands.add_parser(
        "web-identity-token",
        help="get a token about a profile's identity, for services outside of AWS",
    )
    parser.add_argument(
        "--audience",
        metavar="NAME",
        action="append",
        required=True,
        help="who is to accept the token; may be given up to ten times",
    )
    parser.add_argument(
        "--signing-algorithm", metavar="NAME", default="ES384", help="ES384 or RS256"
    )
    parser.add_argument(
        "--duration-seconds", metavar="N", type=int, help="60 to 3600 (default: 300)"
    )
    parser.add_argument(
        "--tag",
        metavar="KEY=VALUE",
        action="append",
        default=[],
        help="a claim of your own; may be given more than once",
    )
    add_profile(parser)
    add_output(parser)
    parser.set_defaults(command=web_identity_token)


@contextlib.contextmanager
def _client(options: argparse.Namespace) -> Iterator[Client]:
    with progress("AWS", None):
        yield Client(options.profile, tell=tell)


def whoami(options: argparse.Namespace) -> int:
    """Print the answer of GetCallerIdentity."""
    with _client(options) as client:
        identity = client.get_caller_identity()
    if options.output == "json":
        fields = {
            "UserId": identity.user_id,
            "Account": identity.account_id,
            "Arn": identity.arn,
        }
        show(json.dumps(fields, indent=2))
    else:
        show(f"{identity.arn}\naccount {identity.account_id}")
    return 0


def key_info(options: argparse.Namespace) -> int:
    """Print the answer of GetAccessKeyInfo."""
    with _client(options) as client:
        account = client.get_access_key_info(options.access_key_id)
    show(
        json.dumps({"Account": account}, indent=2)
        if options.output == "json"
        else account
    )
    return 0


def decode(options: argparse.Namespace) -> int:
    """Print the answer of DecodeAuthorizationMessage, which is JSON."""
    message = " ".join(options.message)
    if message == "-":
        message = _stdin()
    with _client(options) as client:
        decoded = client.decode_authorization_message(message)
    show(json.dumps(decoded, indent=2))
    return 0


def _stdin() -> str:
    if sys.stdin is None:
        raise ConfigurationError(
            "stdin is closed, and the message was to come from it",
            hint="pipe it in, or give it as an argument",
        )
    return sys.stdin.buffer.read(BYTES_MAX).decode(errors="surrogateescape")


def web_identity_token(options: argparse.Namespace) -> int:
    """Print the token of GetWebIdentityToken."""
    with _client(options) as client:
        found = client.get_web_identity_token(
            options.audience,
            signing_algorithm=options.signing_algorithm,
            duration=options.duration_seconds,
            tags=_tags(options.tag) or None,
        )
    token = found.token.reveal()
    fields = {"WebIdentityToken": token, "Expiration": timestamp(found.expiration)}
    show(json.dumps(fields, indent=2) if options.output == "json" else token)
    return 0


def _tags(given: Sequence[str]) -> dict[str, str]:
    tags = {}
    for text in given:
        key, equals, value = text.partition("=")
        if not equals or not key:
            raise ConfigurationError(
                f"--tag {text} is not a tag", hint="write --tag key=value"
            )
        if key in tags:
            raise ConfigurationError(
                f"--tag {key} is there twice", hint="keep one of the two"
            )
        tags[key] = value
    return tags
