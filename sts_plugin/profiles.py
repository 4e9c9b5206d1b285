"""The two AWS files, read exactly as botocore reads them, with the line of each value.

    config file + credentials file -> Profiles

Owns: finding the files, their sections, which file wins and what a profile includes. A
test holds it against botocore's own reader. Never touches the network, never imports
botocore (that alone takes longer than a warm run), never judges a value.
"""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from sts_plugin.errors import ConfigurationError
from sts_plugin.ini import read_sections, sections_of
from sts_plugin.settings import HOPS_MAX

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from sts_plugin.ini import Section
    from sts_plugin.model import Origin, Setting

__all__ = [
    "CALLS",
    "OWN_PREFIX",
    "Profile",
    "Profiles",
    "load_profiles",
    "paths",
    "profile_sections",
    "section_name",
]

OWN_PREFIX = "sts_plugin_"
"""A key with this prefix is read by us alone and wins over the plain key. So one
profile can hold ``credential_process`` for the SDKs and ``sts_plugin_role_arn`` for
us: an SDK that saw ``role_arn`` would never run the process."""

STATIC_KEYS = frozenset(
    {
        "aws_access_key_id",
        "aws_secret_access_key",
        "aws_session_token",
        "aws_security_token",
        "aws_account_id",
        "keychain",
    }
)
"""Whose keys they are is never inherited: ``include_profile`` leaves them out."""

SSO = "sso_session sso_account_id sso_role_name sso_start_url sso_region"
OWN_CREDENTIALS: tuple[frozenset[str], ...] = (
    frozenset({"aws_access_key_id", "aws_secret_access_key"}),
    frozenset({"keychain"}),
    frozenset({"credential_process"}),
    frozenset({"login_session"}),
    frozenset(SSO.split()),
)
"""Ways in which a profile has credentials, as the SDKs know them; and our keychain."""

BORROWED_CREDENTIALS = tuple(
    frozenset({key})
    for key in (
        "source_profile",
        "credential_source",
        "web_identity_token_file",
        "web_identity_token_process",
        "saml_file",
        "saml_process",
    )
)
"""Ways in which a call that a profile asks for is signed or proven."""

CALLS = frozenset(
    {
        "federation_name",
        "role_arn",
        "target_principal",
        "trade_in_token_file",
        "trade_in_token_process",
    }
)
"""What makes a profile ask for a call."""

ALTERNATIVES: tuple[frozenset[str], ...] = (
    frozenset({"trade_in_token_file", "trade_in_token_process"}),
    frozenset({"mfa_process", "totp_file"}),
)
"""Other keys of which a profile says one."""


COMPARED_CHARACTERS = 64
"""Names of profiles that are longer are not compared with one that does not exist."""


@dataclass(frozen=True, slots=True)
class Profile:
    """One profile: what each file says of it, keys in lower case.

    ``origin`` is the line of its header, in the file that defines it first.
    ``fallback`` holds what the profiles say that it includes; botocore knows nothing
    of these.
    """

    name: str
    origin: Origin
    credentials: Mapping[str, Setting] = field(default_factory=dict)
    config: Mapping[str, Setting] = field(default_factory=dict)
    fallback: Mapping[str, Setting] = field(default_factory=dict)
    _seen: Mapping[str, Setting] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Lay the keys over one another once: a plan asks for a hundred of them."""
        seen = {
            **self.fallback,
            **_own(self.fallback),
            **self.config,
            **self.credentials,
            **_own(self.config),
            **_own(self.credentials),
        }
        object.__setattr__(self, "_seen", seen)

    def plain(self, key: str) -> Setting | None:
        """Return the key as it is spelled: the credentials file wins, key by key."""
        return (
            self.credentials.get(key) or self.config.get(key) or self.fallback.get(key)
        )

    def get(self, key: str) -> Setting | None:
        """Return what we see: the key with our prefix wins over the plain one."""
        return self._seen.get(key)

    def settings(self) -> dict[str, Setting]:
        """Return every key, merged as botocore merges them."""
        return {**self.fallback, **self.config, **self.credentials}


def _own(settings: Mapping[str, Setting]) -> dict[str, Setting]:
    """Return the settings whose key has our prefix, by the key without it."""
    return {
        key.removeprefix(OWN_PREFIX): setting
        for key, setting in settings.items()
        if key.startswith(OWN_PREFIX)
    }


@dataclass(frozen=True, slots=True)
class Profiles:
    """Everything the two files say."""

    profiles: Mapping[str, Profile]
    services: Mapping[str, Mapping[str, Setting]]
    sso_sessions: Mapping[str, Mapping[str, Setting]]
    config_path: str
    credentials_path: str

    def __contains__(self, name: str) -> bool:
        """Whether a profile of this name exists."""
        return name in self.profiles

    def __getitem__(self, name: str) -> Profile:
        """Return the profile, with what it includes.

        Raises ConfigurationError: for a profile that does not exist, with its nearest
        neighbour; for an ``include_profile`` that does not, or that closes a loop.
        """
        if name in self.profiles:
            return self._including(self.profiles[name])
        files = f"{self.config_path} or {self.credentials_path}"
        close = _closest(name, self.profiles)
        hint = f'did you mean "{close}"?' if close else f"add it to {files}"
        raise ConfigurationError(f'profile "{name}" is not in {files}', hint=hint)

    def get(self, name: str) -> Profile | None:
        """Return the profile, with what it includes, or None without one."""
        return self[name] if name in self.profiles else None

    def _including(self, profile: Profile) -> Profile:
        # As aws-vault has it: own keys win, then those of the profile that is
        # included, then those of the one that this one includes.
        if profile.get("include_profile") is None:
            return profile
        visited = [profile.name]
        inherited: dict[str, Setting] = {}
        silenced = _silenced_by(profile.settings())
        current = profile
        while include := current.get("include_profile"):
            current = self._included(include, visited)
            visited.append(current.name)
            inherited |= {
                key: setting
                for key, setting in current.settings().items()
                if key.removeprefix(OWN_PREFIX) not in silenced
            }
            silenced |= _silenced_by(current.settings())
        return replace(profile, fallback=inherited) if inherited else profile

    def _included(self, include: Setting, visited: Sequence[str]) -> Profile:
        target, hint = include.value, ""
        if target in visited:
            way = " -> ".join([*visited, target])
            what = f"{include.key}{include.owner} closes a loop: {way}"
            hint = "a profile cannot include itself"
        elif target not in self.profiles:
            what = f"{include.key} = {target}{include.owner} does not exist"
            hint = "add the profile, or correct the name"
        elif len(visited) > HOPS_MAX:
            what = (
                f"{include.key}{include.owner} goes on with what profile"
                f' "{visited[0]}" includes, which is {HOPS_MAX} profiles already'
            )
            hint = "include a profile that says more itself"
        if hint:
            raise ConfigurationError(f"{include.origin}: {what}", hint=hint)
        return self.profiles[target]


def _closest(name: str, names: Iterable[str]) -> str | None:
    """Return the name that somebody may have meant."""
    import difflib  # noqa: PLC0415 - late: nobody means another one normally

    # Of longer ones, ten thousand take ten seconds to compare.
    if len(name) > COMPARED_CHARACTERS:
        return None
    short = [one for one in names if len(one) <= COMPARED_CHARACTERS]
    return next(iter(difflib.get_close_matches(name, short, n=1)), None)


def _silenced_by(settings: Mapping[str, Setting]) -> set[str]:
    """Return the plain names of the keys that are not inherited beside these.

    A profile that says where its credentials come from takes no other way from what it
    includes, and no call either where they are its own: it would be somebody else.
    """
    said = {key.removeprefix(OWN_PREFIX) for key in settings}
    silenced = said.union(
        STATIC_KEYS, *(group for group in ALTERNATIVES if group & said)
    )
    process = settings.get("credential_process")
    if process and ("sts-plugin" in process.value or "sts_plugin" in process.value):
        said -= {"credential_process"}  # that is us: it has none of its own
    ways = (*OWN_CREDENTIALS, *BORROWED_CREDENTIALS)
    taken = [way for way in ways if way & said]
    if taken:
        silenced |= {key for way in ways if way not in taken for key in way}
    if any(way in OWN_CREDENTIALS for way in taken):
        silenced |= CALLS
    return silenced


class _Table(Mapping[str, Profile]):
    """The profiles by their names, each made when it is asked for."""

    def __init__(
        self, config: Mapping[str, Section], credentials: Mapping[str, Section]
    ) -> None:
        self._config = config
        self._credentials = credentials
        # Those of the config file come first, as in botocore.
        self._names = {**config, **credentials}
        self._made: dict[str, Profile] = {}

    def __contains__(self, name: object) -> bool:
        return name in self._names

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)

    def __getitem__(self, name: str) -> Profile:
        if name not in self._made:
            config, credentials = self._config.get(name), self._credentials.get(name)
            self._made[name] = Profile(
                name,
                (config or self._names[name]).origin,
                credentials=credentials.settings(name) if credentials else {},
                config=config.settings(name) if config else {},
            )
        return self._made[name]


def load_profiles(environ: Mapping[str, str], *, config: str | None = None) -> Profiles:
    """Read both files; one that does not exist counts as empty.

    ``config`` is a text to read in the place of the config file: what it will say.

    Raises ConfigurationError, with file and line, for a file that cannot be read
    or parsed. botocore passes over a file it may not read and then reports a
    profile as missing; here the reason is told.
    """
    config_path, credentials_path = paths(environ)
    found: dict[str, dict[str, Section]] = {
        "profile": {},
        "services": {},
        "sso-session": {},
    }
    sections = (
        read_sections(config_path)
        if config is None
        else sections_of(config, config_path)
    )
    for section in sections:
        kind, name = section_name(section.header)
        if kind:
            found[kind][name] = section
    # In the credentials file a header is just the name.
    credentials = {one.header: one for one in read_sections(credentials_path)}
    services, sso_sessions = (
        {name: section.settings(name) for name, section in found[kind].items()}
        for kind in ("services", "sso-session")
    )
    return Profiles(
        _Table(found["profile"], credentials),
        services,
        sso_sessions,
        config_path,
        credentials_path,
    )


def profile_sections(sections: Iterable[Section]) -> dict[str, Section]:
    """Return the section of the config file that counts for each profile."""
    named = ((section_name(one.header), one) for one in sections)
    return {name: one for (kind, name), one in named if kind == "profile"}


def paths(environ: Mapping[str, str]) -> tuple[str, str]:
    """Return the paths of the config file and of the credentials file."""
    said = (
        environ.get("AWS_CONFIG_FILE", "~/.aws/config"),
        environ.get("AWS_SHARED_CREDENTIALS_FILE", "~/.aws/credentials"),
    )
    # botocore expands variables, then the tilde, in that order.
    # os.path leaves a tilde alone where there is no home; pathlib raises.
    config, credentials = (
        os.path.expanduser(os.path.expandvars(path))  # noqa: PTH111
        for path in said
    )
    return config, credentials


TWO_WORDS = re.compile(r"""[^\s'"\\]+[ \t]+([^\s'"\\]+)[ \t]*""")
"""A header that shlex splits at its blanks, and does nothing else to."""


def section_name(header: str) -> tuple[str, str]:
    """Return ("profile" | "services" | "sso-session" | "", name), as botocore does.

    botocore looks at how the header begins, so that ``[profilex y]`` is profile y.
    """
    if header == "default":
        return "profile", header
    for kind in ("profile", "sso-session", "services"):
        if header.startswith(kind):
            if plain := TWO_WORDS.fullmatch(header):  # shlex takes 30 times as long
                return kind, plain[1]
            try:
                parts = shlex.split(header)
            except ValueError:
                return "", ""
            return (kind, parts[1]) if len(parts) == 2 else ("", "")  # noqa: PLR2004
    return "", ""
