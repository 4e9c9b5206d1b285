"""Commands that hand out an identity: ``credential-process`` and ``whoami``."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from sts_plugin.cli.common import add_json, add_profile, make_engine, plan_of, show
from sts_plugin.document import to_document

if TYPE_CHECKING:
    import argparse

    from sts_plugin.cli.common import Subparsers

__all__ = ["add", "credential_process", "whoami"]


def add(commands: Subparsers) -> None:
    """Add the commands of this module."""
    parser = commands.add_parser(
        "credential-process",
        help="print credentials as the SDKs' credential_process wants them",
        description="Print credentials as JSON: for credential_process in"
        " ~/.aws/config. A code is asked for on the terminal, never on stdin.",
    )
    add_profile(parser)
    parser.set_defaults(command=credential_process)
    parser = commands.add_parser(
        "whoami", help="ask AWS whose credentials a profile gives"
    )
    add_profile(parser)
    add_json(parser)
    parser.set_defaults(command=whoami)


def credential_process(options: argparse.Namespace) -> int:
    """Print the document, and nothing else."""
    engine = make_engine()
    credentials = engine.credentials(plan_of(engine, options))
    show(json.dumps(to_document(credentials)))
    return 0


def whoami(options: argparse.Namespace) -> int:
    """Print the answer of GetCallerIdentity."""
    engine = make_engine()
    plan = plan_of(engine, options)
    identity = engine.sts(plan).caller_identity(engine.credentials(plan))
    if options.json:
        fields = {
            "UserId": identity.user_id,
            "Account": identity.account_id,
            "Arn": identity.arn,
        }
        show(json.dumps(fields, indent=2))
    else:
        show(f"{identity.arn}\naccount {identity.account_id}")
    return 0
