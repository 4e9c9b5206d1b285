"""The commands that hand out credentials and renew them: for SDKs, not for people."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import threading
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from sts_plugin.background import renewable, silent, start
from sts_plugin.cli.common import (
    add_profile,
    left,
    make_engine,
    plan_of,
    show,
    tell,
)
from sts_plugin.document import to_document
from sts_plugin.errors import CacheUnusable, HumanNeeded
from sts_plugin.records import Asked, remember
from sts_plugin.settings import BACKGROUND_SECONDS_MAX
from sts_plugin.watcher import Watcher
from sts_plugin.words import profile_option

if TYPE_CHECKING:
    import argparse

    from sts_plugin.cli.common import Subparsers
    from sts_plugin.engine import Engine
    from sts_plugin.model import Plan

__all__ = ["add", "credential_process", "renew"]


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
        "renew",
        help="renew what will be due before long; asks nobody",
        description="Get new credentials now if those in the cache should be renewed"
        " before long. Asks nobody. credential-process starts it in the background,"
        " where nobody waits for it.",
    )
    add_profile(parser)
    parser.set_defaults(command=renew)


def credential_process(options: argparse.Namespace) -> int:
    """Print the document, and nothing else."""
    asked = Asked.now(options.words, os.environ)
    engine = make_engine()
    plan = plan_of(engine, options)
    ahead = renewable(plan, os.environ)
    document = json.dumps(to_document(engine.credentials(plan)))
    show(document)
    # For whoever comes next; no trouble with it is any of this one's.
    with contextlib.suppress(CacheUnusable, OSError, ValueError):
        printed = document.encode()
        remember(asked, plan, engine.store, printed=printed, renewable=ahead)
        if ahead:
            _renew_ahead(engine, plan, options)
    return 0


def _renew_ahead(engine: Engine, plan: Plan, options: argparse.Namespace) -> None:
    """Start a renewal in the background if one is due, and nobody has started it."""
    kept, now = engine.kept(plan), datetime.now(UTC)
    if kept is None or kept[1].young(now):
        return
    if engine.store.claim(plan.calls[-1].key, kept[1], now):
        start(options.words[1:], os.environ)


def _end_in_time() -> None:
    """See to it that nobody who has forgotten us finds us running for ever."""
    if hasattr(signal, "alarm"):
        signal.alarm(BACKGROUND_SECONDS_MAX)
        return
    timer = threading.Timer(BACKGROUND_SECONDS_MAX, os._exit, (1,))
    timer.daemon = True
    timer.start()


def renew(options: argparse.Namespace) -> int:
    """Get new credentials if that is due before long, and say how long they last."""
    _end_in_time()
    # Whoever started it need not be there any more.
    engine = make_engine(watcher=Watcher(tell))
    plan = plan_of(engine, options)
    if not silent(plan):
        raise HumanNeeded(
            f'profile "{plan.profile}" is not renewed where nobody is: a person, a'
            " command or a keychain may have a part in it, or it has nothing to renew",
            hint=f"run: sts-plugin login {profile_option(plan.profile)}",
        )
    until = engine.renew(plan).expiration
    assert until is not None  # it is what a call gives
    show(f"{plan.profile}: {left(until, datetime.now(UTC))} left")
    return 0
