"""What ``configure`` is to do: options and answers -> edits of the config file.

Nothing is judged, shown or written here.
"""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from sts_plugin.cli.common import make_engine, this_program
from sts_plugin.cli.configure_answers import answers
from sts_plugin.errors import ConfigurationError
from sts_plugin.overview import summaries
from sts_plugin.profiles import load_profiles, section_name
from sts_plugin.unwrapping import unwrapped
from sts_plugin.wrapping import (
    added,
    needless,
    targets,
    updated,
    with_device,
    wrapped,
)

if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping

    from sts_plugin.cli.configure_ask import Asker
    from sts_plugin.cli.configure_file import ConfigFile
    from sts_plugin.config_edits import Edit, NewSection
    from sts_plugin.overview import Summary
    from sts_plugin.profiles import Profiles

__all__ = ["Work", "work_out"]

PROGRAM: Final = "sts-plugin"

NOTHING: Final = ("none", "ambient")
"""Kinds of profiles that have no credentials of their own."""

USERS: Final = ("static", "session")
"""Kinds of profiles that give a user's keys, or the MFA session of them."""


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


def work_out(
    options: argparse.Namespace,
    file: ConfigFile,
    said: dict[str, str],
    asker: Asker | None,
) -> Work:
    """Return the edits that the options and the answers ask for.

    ``said`` is what the options say of the profile; nobody is asked without an
    ``asker``. Raises ConfigurationError, and HumanNeeded where answers are missing.
    """
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


def _ourselves() -> str:
    """Return the command that SDKs are to run, quoted for their shells."""
    return PROGRAM if shutil.which(PROGRAM) else this_program()
