"""The whole round: brings the facts of this machine to each family of checks.

    environment -> findings, in order

The checks themselves are in the other modules, and know no machine.
"""

from __future__ import annotations

import itertools
import os
import shutil
import sys
import sysconfig
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import lru_cache
from importlib import metadata
from typing import TYPE_CHECKING, Final

from sts_plugin.access_keys import AccessKeys
from sts_plugin.botocore_session import make_session
from sts_plugin.doctor import files, network, processes, programs, prompts
from sts_plugin.doctor.finding import Finding, in_order
from sts_plugin.doctor.probing import at_once
from sts_plugin.doctor.profiles import profile_findings
from sts_plugin.doctor.sections import section_findings
from sts_plugin.doctor.surroundings import environment_findings
from sts_plugin.errors import ConfigurationError
from sts_plugin.folders import NoHome, data_folder
from sts_plugin.ini import read_sections
from sts_plugin.overview import summaries
from sts_plugin.profiles import load_profiles, paths
from sts_plugin.seeds import Seeds

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from sts_plugin.ini import Section
    from sts_plugin.model import Endpoint
    from sts_plugin.overview import Summary
    from sts_plugin.profiles import Profiles
    from sts_plugin.store import DiskStore

__all__ = ["Machine", "examine"]

SECRETS: Final = frozenset({"aws_secret_access_key", "aws_session_token"})


@dataclass(frozen=True, slots=True)
class Machine:
    """Where we are. ``store`` returns the cache, or raises CacheUnusable.

    ``user`` is our user id.
    """

    environ: Mapping[str, str] = field(repr=False)  # it may hold secrets
    store: Callable[[], DiskStore]
    platform: str = sys.platform
    user: int = 0

    def runs(self, program: str) -> bool:
        """Whether a program of that name or path can be run here."""
        try:
            return shutil.which(program, path=self.environ.get("PATH")) is not None
        except ValueError:  # no path has such a character
            return False


def examine(
    machine: Machine, *, profile: str | None = None, offline: bool = False
) -> list[Finding]:
    """Return what there is to be said, in order: of one profile, or of all.

    ``offline``: AWS is not asked. Raises ConfigurationError for a profile that does
    not exist.
    """
    environ = machine.environ
    try:
        profiles = load_profiles(environ)
        config, credentials = map(read_sections, paths(environ))
    except ConfigurationError as error:
        unread = Finding("config-unreadable", "error", error.message, fix=error.hint)
        others = _of_machine(machine, None, []), _probed(machine, None, [], [])
        return in_order([unread, *itertools.chain(*others)])
    if profile is not None and profile not in profiles:
        _ = profiles[profile]  # raises, and says which one may have been meant
    all_of_them = list(summaries(profiles, environ))
    chosen = _chosen(all_of_them, profile)
    found = [
        *profile_findings(profiles, chosen),
        *_lines(machine, profiles, chosen),
        *processes.recursions(profiles, all_of_them, environ),
        *section_findings(config, credentials),
        *environment_findings(environ, profiles.profiles, there=_there),
        *files.key_findings(profiles),
        *_seed_files(machine, chosen),
        *_of_machine(machine, profiles, [*config, *credentials]),
        *_probed(machine, profiles, chosen, config, offline=offline),
    ]
    names = {one.name for one in chosen}
    return in_order(one for one in found if not one.profile or one.profile in names)


def _chosen(found: Sequence[Summary], profile: str | None) -> list[Summary]:
    """Return all, or one and those that it gets its credentials through."""
    if profile is None:
        return list(found)
    one = next(one for one in found if one.name == profile)
    names = {profile}
    if one.plan:
        names |= {one.plan.source.profile, *(call.profile for call in one.plan.calls)}
    return [one for one in found if one.name in names]


def _lines(
    machine: Machine, profiles: Profiles, chosen: Iterable[Summary]
) -> Iterator[Finding]:
    runs = lru_cache(maxsize=None)(machine.runs)
    for one in chosen:
        yield from processes.process_findings(
            profiles.profiles[one.name], found=runs, platform=machine.platform
        )


def _seed_files(machine: Machine, chosen: Iterable[Summary]) -> Iterator[Finding]:
    named = {}
    for one in chosen:
        setting = one.plan.codes.totp_file if one.plan else None
        if setting:
            path = os.path.expanduser(setting.value)  # noqa: PTH111 - raises without home
            named[str(setting.origin)] = (setting.profile, str(setting.origin), path)
    yield from files.seed_file_findings(named.values(), user=machine.user)


def _there(path: str) -> bool:
    return os.path.exists(os.path.expanduser(os.path.expandvars(path)))  # noqa: PTH110, PTH111 - as botocore


def _of_machine(
    machine: Machine, profiles: Profiles | None, sections: Sequence[Section]
) -> Iterator[Finding]:
    """Yield what is to be said of files and folders."""
    config, credentials = paths(machine.environ)
    secrets = any(
        not SECRETS.isdisjoint(one.values) for one in sections if one.path == config
    )
    yield from files.aws_file_findings(
        config, credentials, secrets=secrets or profiles is None, user=machine.user
    )
    yield from files.cache_findings(machine.store, user=machine.user)
    yield from files.data_findings(
        lambda: Seeds(data_folder(machine.environ)),
        lambda: AccessKeys(data_folder(machine.environ)),
        user=machine.user,
    )


def _probed(
    machine: Machine,
    profiles: Profiles | None,
    chosen: Sequence[Summary],
    config: Sequence[Section],
    *,
    offline: bool = False,
) -> Iterator[Finding]:
    """Yield what has to be asked and waited for."""
    environ = machine.environ
    if profiles and not offline:
        endpoints = network.endpoints_of(profiles, chosen)

        def ask(endpoint: Endpoint) -> network.Answer:
            return network.asked(
                endpoint,
                lambda name: make_session(name, profiles),
                lambda: datetime.now(UTC),
            )

        yield from network.network_findings(endpoints, ask)
    aws = shutil.which("aws", path=environ.get("PATH"))
    versions = {aws: lambda: programs.aws_cli(aws, environ)} if aws else {}
    cli = at_once(versions, programs.SECONDS).get(aws) if aws else None
    ways = prompts.ways_here(environ, machine.platform)
    yield from prompts.code_findings(
        ways, chosen, _seeds(environ), found=lru_cache(maxsize=None)(machine.runs)
    )
    try:
        requirements = metadata.requires("sts-plugin") or []
    except metadata.PackageNotFoundError:
        requirements = []  # a folder of plugins has no such data, sometimes
    python = f"Python {'.'.join(map(str, sys.version_info[:3]))}"
    yield from programs.library_findings(python, requirements, programs.version_of)
    yield from programs.aws_cli_findings(cli, config)
    on_path = shutil.which("sts-plugin", path=environ.get("PATH"))
    yield from programs.own_findings(on_path, _folders_of_ours())


def _folders_of_ours() -> list[str]:
    """Return where the executable of this package may be, the likeliest first."""
    schemes = [sysconfig.get_default_scheme(), sysconfig.get_preferred_scheme("user")]
    folders = [sysconfig.get_path("scripts", scheme) for scheme in schemes]
    # What was started names itself; python -m does not.
    folder, name = os.path.split(os.path.realpath(sys.argv[0]))
    return [folder, *folders] if name.startswith("sts-plugin") else folders


def _seeds(environ: Mapping[str, str]) -> frozenset[str]:
    """Return the devices whose seed is kept here."""
    try:
        devices, _ = Seeds(data_folder(environ)).enrolled()
    except (NoHome, ConfigurationError):  # told by the check of the folder
        return frozenset()
    return frozenset(device.serial for device in devices)
