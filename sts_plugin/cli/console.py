"""The command ``console``: signed in to the AWS Management Console, as a profile."""

from __future__ import annotations

import contextlib
import json
import os
import sys
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Final

from sts_plugin import settings
from sts_plugin.background import silent
from sts_plugin.cli.browser import hand_over
from sts_plugin.cli.common import add_output, add_profile, left, make_engine, show, tell
from sts_plugin.cli.login import span
from sts_plugin.cli.progress import progress
from sts_plugin.console import destination, find_place, login_address, partition_in
from sts_plugin.console_session import as_user, ends_in_a_user, session_seconds
from sts_plugin.document import timestamp
from sts_plugin.engine import chosen_profile
from sts_plugin.errors import ConfigurationError, StsPluginError
from sts_plugin.signin import Signin, make_post

if TYPE_CHECKING:
    import argparse

    from sts_plugin.cli.common import Subparsers
    from sts_plugin.console import Place
    from sts_plugin.engine import Engine
    from sts_plugin.model import Credentials, Plan

__all__ = ["add", "as_new_as_can_be", "console"]

GOOD_SECONDS: Final = 900
"""How long an address signs people in (IAM User Guide: 15 minutes)."""

DESCRIPTION: Final = """\
Sign in to the AWS Management Console with a profile's credentials: in a browser where
stdout is a terminal; else an address is printed, for whoever opens it within
15 minutes. A role's session lasts as long as its credentials. A user is signed in by
GetFederationToken: with all of the user's permissions (or what --policy leaves of
them), for 12 hours, and without MFA: AWS gives a federated user none, so policies that
demand it deny. To have several sessions in one browser, turn on multi-session support
in the console's account menu.
"""


def add(commands: Subparsers) -> None:
    """Add the commands of this module."""
    parser = commands.add_parser(
        "console",
        help="sign in to the AWS console in a browser",
        description=DESCRIPTION,
    )
    add_profile(parser, chosen=True)
    where = parser.add_mutually_exclusive_group()
    where.add_argument(
        "--service",
        metavar="NAME",
        help="the service to begin with, as the console's addresses name it: ec2, s3",
    )
    where.add_argument(
        "--destination",
        metavar="URL",
        help="the page to begin with: a path, or an address in the console",
    )
    parser.add_argument(
        "--region",
        metavar="NAME",
        help="the region to begin in (default: the profile's)",
    )
    parser.add_argument(
        "--duration",
        dest="seconds",
        metavar="TIME",
        type=span,
        help="how long the session is to last: 15m to 12h for a role that was not"
        " assumed with temporary credentials, an MFA session among them; 15m to 36h"
        " for a user",
    )
    parser.add_argument(
        "--policy",
        metavar="FILE",
        type=Path,
        help="a session policy: what a user may do at most",
    )
    parser.add_argument(
        "--policy-arn",
        dest="policy_arns",
        metavar="ARN",
        action="append",
        default=[],
        help="a managed policy for the same; may be given up to ten times",
    )
    how = parser.add_mutually_exclusive_group()
    how.add_argument(
        "--open", action="store_true", help="open a browser, whatever stdout is"
    )
    how.add_argument(
        "--print", dest="shown", action="store_true", help="print the address"
    )
    add_output(parser, ("url", "json"))
    parser.set_defaults(command=console)


@dataclass(frozen=True, slots=True)
class _Ready:
    """Credentials that AWS signs in; whose they are, as far as an ARN tells."""

    credentials: Credentials
    arn: str | None
    seconds: int | None = None

    def ends(self, asked: datetime) -> datetime | None:
        """Return when a session that was asked for at a moment will be over."""
        if self.seconds:
            return asked + timedelta(seconds=self.seconds)
        return self.credentials.expiration


def console(options: argparse.Namespace) -> int:
    """Print the address, or have a browser open it."""
    if options.open and options.output == "json":
        raise ConfigurationError(
            "--open prints nothing, and --output json does",
            hint="leave one of them out",
        )
    engine = make_engine()
    profile, explicit = chosen_profile(options.profile, os.environ)
    plan = engine.plan(profile, explicit=explicit)
    # What is wrong on paper is said before anybody is asked for a code.
    role = plan.calls[-1].arguments.get("RoleArn") if plan.calls else None
    _where(role, plan, options)
    ready = _ready(engine, plan, options)
    place, page = _where(ready.arn, plan, options)
    signin = Signin(
        lambda: make_post(place.signin, os.environ, plan.endpoint.ca_bundle)
    )
    asked = datetime.now(UTC)
    with progress("AWS, getSigninToken", settings.RUN_SECONDS_MAX):
        token = signin.token(ready.credentials, seconds=ready.seconds, profile=profile)
    address, ends = login_address(place, page, token), ready.ends(asked)
    if options.output == "json":
        facts = {
            "SigninUrl": address.reveal(),
            "SigninUrlExpiration": timestamp(asked + timedelta(seconds=GOOD_SECONDS)),
            "Destination": page,
            "SessionExpiration": timestamp(ends) if ends else None,
        }
        show(json.dumps(facts, indent=2))
    elif options.shown or not (options.open or sys.stdout.isatty()):
        show(address.reveal())
    else:
        # Once, in a line that stays: it may be a browser on this very terminal.
        with progress("a browser", settings.BROWSER_SECONDS, shared=True):
            spied = hand_over(address, watched=sys.stdout.isatty())
        _tell_end(profile, ready.credentials.account_id, ends)
        if spied:
            tell("another user of this machine asked for the page, and did not get it")
    return 0


def _where(
    arn: str | None, plan: Plan, options: argparse.Namespace
) -> tuple[Place, str]:
    """Return the console of whoever an ARN names, and the page to begin with."""
    region = options.region or plan.endpoint.region
    place = find_place(partition_in(arn), region, os.environ)
    page = destination(place, service=options.service, wanted=options.destination)
    return place, page


def _tell_end(profile: str, account: str | None, ends: datetime | None) -> None:
    account = f", account {account}" if account else ""
    rest = f": {left(ends, datetime.now(UTC))} left" if ends else ""
    tell(f"a browser is signing in as {profile}{account}{rest}")


def _ready(engine: Engine, plan: Plan, options: argparse.Namespace) -> _Ready:
    """Return credentials that AWS signs in, got in the way that the plan ends in."""
    if not ends_in_a_user(plan):
        _refuse_policy(plan, options)
        seconds = session_seconds(plan, options.seconds)
        found = as_new_as_can_be(engine, plan)
        return _Ready(found, plan.calls[-1].arguments.get("RoleArn"), seconds)
    keys = engine.credentials(replace(plan, calls=()))
    if keys.session_token:
        _refuse_policy(plan, options)
        return _Ready(keys, None, session_seconds(plan, options.seconds))
    return _federated(engine, plan, keys, options)


def as_new_as_can_be(engine: Engine, plan: Plan) -> Credentials:
    """Return credentials that last for long: a session in the console has no more."""
    found = engine.credentials(plan)
    if silent(plan):
        with contextlib.suppress(StsPluginError):  # those that are there are good
            found = engine.renew(plan)
    return found


def _refuse_policy(plan: Plan, options: argparse.Namespace) -> None:
    if options.policy or options.policy_arns:
        raise ConfigurationError(
            f'--policy is for users, and profile "{plan.profile}" is none',
            hint="write policy or policy_arns beside its role_arn",
        )


def _federated(
    engine: Engine, plan: Plan, keys: Credentials, options: argparse.Namespace
) -> _Ready:
    """Return a federated user's credentials, for one with long-term keys."""
    policy = options.policy.expanduser().absolute() if options.policy else None
    with progress("AWS, GetCallerIdentity", settings.RUN_SECONDS_MAX):
        arn = engine.sts(plan).caller_identity(keys).arn
    link = as_user(
        arn,
        seconds=options.seconds,
        policy=policy,
        policy_arns=options.policy_arns,
    )
    _, explicit = chosen_profile(options.profile, os.environ)
    federated = engine.plan(plan.profile, explicit=explicit, then=[link])
    if plan.calls:
        tell(
            f'profile "{plan.profile}" is a user: AWS gives the console no MFA for it,'
            " so policies that demand MFA deny (a role behind MFA is signed in with it)"
        )
    return _Ready(engine.credentials(federated), arn)
