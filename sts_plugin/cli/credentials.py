"""The command that hands out credentials: ``credential-process``."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from sts_plugin.cli.common import add_profile, make_engine, plan_of, show
from sts_plugin.document import to_document

if TYPE_CHECKING:
    import argparse

    from sts_plugin.cli.common import Subparsers

__all__ = ["add", "credential_process"]


def add(commands: Subparsers) -> None:
    """Add the command of this module."""
    parser = commands.add_parser(
        "credential-process",
        help="print credentials as the SDKs' credential_process wants them",
        description="Print credentials as JSON: for credential_process in"
        " ~/.aws/config. A code is asked for on the terminal, never on stdin.",
    )
    add_profile(parser)
    parser.set_defaults(command=credential_process)


def credential_process(options: argparse.Namespace) -> int:
    """Print the document, and nothing else."""
    engine = make_engine()
    credentials = engine.credentials(plan_of(engine, options))
    show(json.dumps(to_document(credentials)))
    return 0
