"""``configure``: profiles that SDKs get through sts-plugin, added, wrapped, unwrapped.

Only the config file is written, after its difference was shown and somebody said yes.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from sts_plugin.cli.common import add_output, cache_of, make_engine, show, tell
from sts_plugin.cli.configure_answers import given
from sts_plugin.cli.configure_ask import ANSWER_SECONDS, asking
from sts_plugin.cli.configure_file import ConfigFile
from sts_plugin.cli.configure_told import (
    Change,
    show_difference,
    tell_left,
    tell_result,
    what,
)
from sts_plugin.cli.configure_work import work_out
from sts_plugin.cli.confirm import confirm
from sts_plugin.cli.explain import plan_lines
from sts_plugin.cli.look import Look
from sts_plugin.config_edits import edited
from sts_plugin.errors import ConfigurationError
from sts_plugin.overview import summaries
from sts_plugin.profiles import load_profiles
from sts_plugin.wrapping import (
    changed_plans,
    refuse_bypass,
    refuse_override,
)

if TYPE_CHECKING:
    import argparse

    from sts_plugin.cli.common import Subparsers
    from sts_plugin.cli.configure_work import Work
    from sts_plugin.profiles import Profiles

__all__ = ["add", "configure"]


def add(commands: Subparsers) -> None:
    """Add the command of this module."""
    parser = commands.add_parser(
        "configure",
        help="add a profile for SDKs, or wrap those that are there",
        description="Edit the AWS config file: give a role profile the line by which"
        " SDKs get it through sts-plugin, or add a profile that does not exist. What is"
        " not given is asked for. Comments and order stay, the difference is shown, and"
        " nothing is written without a yes.",
    )
    which = parser.add_mutually_exclusive_group()
    which.add_argument(
        "--profile",
        metavar="NAME",
        help="profile to wrap, or to add (default: AWS_PROFILE, else it is asked for)",
    )
    which.add_argument("--all", action="store_true", help="wrap every profile")
    parser.add_argument(
        "--unwrap",
        action="store_true",
        help="give profiles back what SDKs need without sts-plugin",
    )
    says = parser.add_argument_group("what the profile is to say")
    says.add_argument("--role-arn", metavar="ARN", help="role to assume")
    says.add_argument(
        "--source-profile", metavar="NAME", help="profile whose credentials assume it"
    )
    says.add_argument("--region", help="default: that of the source profile")
    says.add_argument(
        "--mfa-serial",
        metavar="ARN",
        help="MFA device, or none (default: what the source profile or IAM says)",
    )
    says.add_argument("--external-id", metavar="ID", help="as the role demands it")
    says.add_argument(
        "--duration-seconds", metavar="N", type=int, help="how long sessions last"
    )
    says.add_argument("--role-session-name", metavar="NAME", help="their name")
    parser.add_argument(
        "--yes", action="store_true", help="ask nothing, and write what is shown"
    )
    parser.add_argument(
        "--dry-run", action="store_true", help="show what would be written, no more"
    )
    add_output(parser)
    parser.set_defaults(command=configure)


def configure(options: argparse.Namespace) -> int:
    """Work out the edits, show them, and write them if somebody says yes."""
    said = given(options)
    if said and (options.all or options.unwrap):
        raise ConfigurationError(
            "--all and --unwrap change how profiles are reached, not what they say",
            hint="leave out what the profile is to say",
        )
    silent = options.yes or options.dry_run
    if options.output == "json" and not silent:
        raise ConfigurationError(
            "with --output json nothing is shown before it is written",
            hint="add --dry-run to look at it, or --yes",
        )
    file = ConfigFile.read(os.environ)
    if silent:
        work = work_out(options, file, said, None)
    else:
        with asking("add --yes, or --dry-run to look at it before") as asker:
            work = work_out(options, file, said, asker)
    as_json = options.output == "json"
    if not as_json:
        tell_left(work.left)
    if not work.edits:
        nothing = Change(file.path, left=work.left)
        show(nothing.as_json(written=False) if as_json else "nothing to do")
        return 0
    return _carry_out(options, file, work)


def _carry_out(options: argparse.Namespace, file: ConfigFile, work: Work) -> int:
    result = edited(file.text, file.path, work.edits)
    after = load_profiles(os.environ, config=result.text)
    _judge(file.path, work, after, options.profile)
    dependants = _dependants(file, work, after)
    change = Change(file.path, result.pairs, work.names, work.left, dependants)
    as_json = options.output == "json"
    if not as_json:
        _show(change, after, whole=options.all)
    if options.dry_run:
        if as_json:
            show(change.as_json(written=False))
        else:
            tell("nothing is written: --dry-run")
        return 0
    if not options.yes:
        confirm(
            f"That is for {what(work.names)} in {file.path}.",
            verb="write",
            what="config file",
            option="--yes",
            seconds=ANSWER_SECONDS,
        )
    with cache_of(make_engine()).lock(f"config file {file.file.target}"):
        backup = file.write(result.text)
    if as_json:
        show(change.as_json(written=True, backup=backup))
    else:
        tell_result(change, backup)
    return 0


def _show(change: Change, after: Profiles, *, whole: bool) -> None:
    """Show the difference, and what the last profile is to be, if it is about one."""
    look = Look.of()
    plan: list[str] = []
    if not whole:
        [one] = summaries(after, os.environ, change.profiles[-1:])
        if one.plan:
            plan = list(plan_lines(make_engine(), one.plan, look))
    show_difference(change, plan, look)


def _dependants(file: ConfigFile, work: Work, after: Profiles) -> list[str]:
    """Return the other profiles that give something else by what one is to say."""
    if not work.said:
        return []
    before = summaries(load_profiles(os.environ, config=file.text), os.environ)
    found = {one.name: one for one in summaries(after, os.environ)}
    changed = changed_plans(list(before), found)
    return [name for name in changed if name not in work.names]


def _judge(path: str, work: Work, after: Profiles, name: str) -> None:
    """Raise if the result is not good: nobody is asked about what does not work.

    ``name`` is the profile that was asked for.
    """
    names = None if work.before else work.names
    found = {one.name: one for one in summaries(after, os.environ, names)}
    for edited_name in work.names:
        if error := found[edited_name].error:
            raise error
    refuse_bypass(work.edits, after)
    if work.said:
        refuse_override(after[name], work.said)
    if changed := changed_plans(work.before, found):
        raise ConfigurationError(
            f'{path} is left as it is: profile "{changed[0]}" would give something'
            " else than now",
            hint="see docs/migrate.md, and make the change by hand",
        )
