"""``configure``: profiles that SDKs get through sts-plugin, added, wrapped, unwrapped.

Only the config file is written, after its difference was shown and somebody said yes.
"""

from __future__ import annotations

import os
import shutil
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final

from sts_plugin.cli.common import cache_of, make_engine, show, tell
from sts_plugin.cli.configure_answers import answers, given
from sts_plugin.cli.configure_ask import ANSWER_SECONDS, asking
from sts_plugin.cli.configure_file import ConfigFile
from sts_plugin.cli.confirm import confirm
from sts_plugin.cli.diffs import unified
from sts_plugin.cli.explain import plan_lines
from sts_plugin.cli.look import Look
from sts_plugin.config_edits import edited
from sts_plugin.errors import ConfigurationError
from sts_plugin.mfa import printable
from sts_plugin.overview import summaries
from sts_plugin.profiles import load_profiles, section_name
from sts_plugin.unwrapping import unwrapped
from sts_plugin.words import join, profile_option
from sts_plugin.wrapping import (
    added,
    changed_plans,
    needless,
    refuse_bypass,
    refuse_override,
    targets,
    updated,
    with_device,
    wrapped,
)

if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping, Sequence

    from sts_plugin.cli.common import Subparsers
    from sts_plugin.cli.configure_ask import Asker
    from sts_plugin.config_edits import Edit, NewSection
    from sts_plugin.overview import Summary
    from sts_plugin.profiles import Profiles

__all__ = ["add", "configure"]

LEFT_MAX: Final = 20
"""As many profiles that are left alone are told one by one."""

PROGRAM: Final = "sts-plugin"

NOTHING: Final = ("none", "ambient")
"""Kinds of profiles that have no credentials of their own."""

USERS: Final = ("static", "session")
"""Kinds of profiles that give a user's keys, or the MFA session of them."""


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
    parser.set_defaults(command=configure)


@dataclass(frozen=True, slots=True)
class Work:
    """The edits to make, and what was left alone: a line each.

    ``before`` is what every profile gives now, where that is to stay. ``said`` is what
    the one profile is to say, by plain key.
    """

    edits: tuple[Edit | NewSection, ...] = ()
    left: tuple[str, ...] = ()
    before: tuple[Summary, ...] = ()
    said: Mapping[str, str] = field(default_factory=dict)

    @property
    def names(self) -> list[str]:
        """The profiles that are edited or added."""
        return [section_name(one.header)[1] for one in self.edits]


def configure(options: argparse.Namespace) -> int:
    """Work out the edits, show them, and write them if somebody says yes."""
    said = given(options)
    if said and (options.all or options.unwrap):
        raise ConfigurationError(
            "--all and --unwrap change how profiles are reached, not what they say",
            hint="leave out what the profile is to say",
        )
    file = ConfigFile.read(os.environ)
    if options.yes or options.dry_run:
        work = _work(options, file, said, None)
    else:
        with asking("add --yes, or --dry-run to look at it before") as asker:
            work = _work(options, file, said, asker)
    for line in work.left[:LEFT_MAX]:
        tell(f"left alone: {line}")
    if len(work.left) > LEFT_MAX:
        tell(f"left alone: {len(work.left) - LEFT_MAX} more")
    if not work.edits:
        show("nothing to do")
        return 0
    return _carry_out(options, file, work)


def _work(
    options: argparse.Namespace,
    file: ConfigFile,
    said: dict[str, str],
    asker: Asker | None,
) -> Work:
    profiles = load_profiles(os.environ, config=file.text)
    if options.all:
        return _every(profiles, file, unwrap=options.unwrap)
    if options.profile is None:
        options.profile = _chosen() or _name(asker, profiles)
    name: str = options.profile
    if name in profiles or options.unwrap:
        return _there(options, file, profiles, said, asker)
    new = answers(options, profiles, make_engine(), asker)
    return Work((added(name, new, _ourselves()),), said=new)


def _there(
    options: argparse.Namespace,
    file: ConfigFile,
    profiles: Profiles,
    said: dict[str, str],
    asker: Asker | None,
) -> Work:
    """Return what becomes of a profile that there is."""
    profile, command = profiles[options.profile], _ourselves()
    [one] = summaries(profiles, os.environ, [profile.name])
    nothing = one.kind in NOTHING and not (said or options.unwrap)
    if asker and nothing:
        # It is there, and has no credentials yet.
        said = answers(options, profiles, make_engine(), asker)
    if said and said.keys() <= {"mfa_serial", "region"} and _is_user(one):
        edits = with_device(profile, profiles, file.sections, said, command)
        return Work(tuple(edits), said=said)
    if said:
        edit: Edit | NewSection | None = updated(profile, file.sections, said, command)
        return Work((edit,) if edit else (), said=said)
    if options.unwrap:
        edit, why = unwrapped(one, file.sections), ""
    else:
        edit, why = wrapped(one, profiles, file.sections, command), needless(one)
    left = (f"{why}; for a role: --role-arn, --source-profile",) if why else ()
    before = tuple(summaries(profiles, os.environ)) if edit else ()
    return Work((edit,) if edit else (), left, before)


def _is_user(one: Summary) -> bool:
    """Whether a profile is a user's, and stays one: it asks for no role."""
    plan = one.plan
    return plan is not None and plan.source.long_term and one.kind in USERS


def _chosen() -> str:
    named = map(os.environ.get, ("AWS_DEFAULT_PROFILE", "AWS_PROFILE"))
    return next(filter(None, named), "")


def _name(asker: Asker | None, profiles: Profiles) -> str:
    if asker is None:
        raise ConfigurationError("no profile is named", hint="--profile NAME, or --all")

    def wrong(answer: str) -> str:
        return "" if answer else "a name is needed: of a new profile, or to wrap one"

    asker.say(f"A new profile, or one of the {len(profiles.profiles)} that there are.")
    return asker.text("Profile", wrong=wrong)


def _every(profiles: Profiles, file: ConfigFile, *, unwrap: bool) -> Work:
    """Wrap all profiles that need it, or unwrap all; say which could not be."""
    command, elsewhere = _ourselves(), targets(profiles)
    edits, left = [], []
    before = tuple(summaries(profiles, os.environ))
    for one in before:
        if not unwrap and one.kind != "session" and one.name in elsewhere:
            continue  # it is plain on purpose
        try:
            if unwrap:
                edit: Edit | NewSection | None = unwrapped(one, file.sections)
            else:
                edit = wrapped(one, profiles, file.sections, command)
        except ConfigurationError as error:
            left.append(f"{one.name}: {error.message}")
            continue
        if edit:
            edits.append(edit)
    return Work(tuple(edits), tuple(left), before)


def _carry_out(options: argparse.Namespace, file: ConfigFile, work: Work) -> int:
    result = edited(file.text, file.path, work.edits)
    after = load_profiles(os.environ, config=result.text)
    _judge(file.path, work, after, options.profile)
    look = Look.of()
    show("\n".join(unified(file.path, result.pairs, look)))
    if not options.all:
        engine = make_engine()
        [one] = summaries(after, os.environ, work.names[-1:])
        if one.plan:
            show("\n".join(["", *plan_lines(engine, one.plan, look)]))
    for name in _dependants(file, work, after)[:LEFT_MAX]:
        tell(f'profile "{name}" goes through it, and changes with it')
    if options.dry_run:
        tell("nothing is written: --dry-run")
        return 0
    if not options.yes:
        confirm(
            f"That is for {_what(work.names)} in {file.path}.",
            verb="write",
            what="config file",
            option="--yes",
            seconds=ANSWER_SECONDS,
        )
    with cache_of(make_engine()).lock(f"config file {file.file.target}"):
        backup = file.write(result.text)
    show(f"{printable(file.path)} is written")
    if backup:
        tell(f"what it said before is in {backup}")
    option = profile_option(work.names[-1])
    tell(f"to see whose credentials it gives: sts-plugin whoami {option}")
    return 0


def _dependants(file: ConfigFile, work: Work, after: Profiles) -> list[str]:
    """Return the other profiles that give something else by what one is to say."""
    if not work.said:
        return []
    before = summaries(load_profiles(os.environ, config=file.text), os.environ)
    found = {one.name: one for one in summaries(after, os.environ)}
    changed = changed_plans(list(before), found)
    return [name for name in changed if name not in work.names]


def _what(names: Sequence[str]) -> str:
    return f"profile {names[0]}" if len(names) == 1 else f"{len(names)} profiles"


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


def _ourselves() -> str:
    """Return the command that SDKs are to run, quoted for their shells.

    No double quote at its beginning: see docs/sdks.md.
    """
    if shutil.which(PROGRAM):
        return PROGRAM
    script = Path(sys.executable).with_name(PROGRAM)
    words = [str(script)] if script.exists() else [sys.executable, "-m", "sts_plugin"]
    return join(words)
