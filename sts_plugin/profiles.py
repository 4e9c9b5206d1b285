"""The two AWS files, read exactly as botocore reads them, with the line of each value.

    config file + credentials file -> Profiles

Owns: finding the files, their syntax, their sections, and which file wins. A test
holds it against botocore's own reader. Never touches the network, never imports
botocore (that alone takes longer than a warm run), never judges a value.
"""

from __future__ import annotations

import configparser
import difflib
import io
import locale
import os
import shlex
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from sts_plugin.errors import ConfigurationError
from sts_plugin.model import Origin, Setting

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

__all__ = ["OWN_PREFIX", "Profile", "Profiles", "load_profiles", "parse_nested"]

OWN_PREFIX = "sts_plugin_"
"""A key with this prefix is read by us alone and wins over the plain key. So one
profile can hold ``credential_process`` for the SDKs and ``sts_plugin_role_arn`` for
us: an SDK that saw ``role_arn`` would never run the process."""

Section = dict[str, Setting]


@dataclass(frozen=True, slots=True)
class Profile:
    """One profile: what each file says of it, keys in lower case.

    ``origin`` is the line of its header, in the file that defines it first.
    """

    name: str
    origin: Origin
    credentials: Mapping[str, Setting] = field(default_factory=dict)
    config: Mapping[str, Setting] = field(default_factory=dict)

    def plain(self, key: str) -> Setting | None:
        """Return what botocore sees: the credentials file wins, key by key."""
        return self.credentials.get(key) or self.config.get(key)

    def get(self, key: str) -> Setting | None:
        """Return what we see: the key with our prefix wins over the plain one."""
        return self.plain(OWN_PREFIX + key) or self.plain(key)

    def settings(self) -> dict[str, Setting]:
        """Return every key, merged as botocore merges them."""
        return {**self.config, **self.credentials}


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
        """Return the profile, or raise ConfigurationError that names its neighbours."""
        try:
            return self.profiles[name]
        except KeyError:
            pass
        files = f"{self.config_path} or {self.credentials_path}"
        close = difflib.get_close_matches(name, self.profiles, n=1)
        hint = f'did you mean "{close[0]}"?' if close else f"add it to {files}"
        raise ConfigurationError(
            f'profile "{name}" is not in {files}', hint=hint
        ) from None


def load_profiles(environ: Mapping[str, str]) -> Profiles:
    """Read both files; one that does not exist counts as empty.

    Raises ConfigurationError, with file and line, for a file that cannot be read
    or parsed. botocore passes over a file it may not read and then reports a
    profile as missing; here the reason is told.
    """
    config_path = _path(environ, "AWS_CONFIG_FILE", "~/.aws/config")
    credentials_path = _path(
        environ, "AWS_SHARED_CREDENTIALS_FILE", "~/.aws/credentials"
    )
    profiles: dict[str, Profile] = {}
    tables: dict[str, dict[str, Section]] = {"services": {}, "sso-session": {}}
    for header, origin, section in _sections(config_path):
        kind, name = _section_name(header)
        if kind == "profile":
            profiles[name] = Profile(name, origin, config=section)
        elif kind:
            tables[kind][name] = section
    for name, origin, section in _sections(credentials_path):
        known = profiles.get(name)
        profiles[name] = Profile(
            name,
            known.origin if known else origin,
            credentials=section,
            config=known.config if known else {},
        )
    return Profiles(
        profiles,
        tables["services"],
        tables["sso-session"],
        config_path,
        credentials_path,
    )


def parse_nested(setting: Setting) -> dict[str, str]:
    """Return the sub-keys of an indented block (``s3 =`` and lines below it).

    Raises ConfigurationError for a line in it that is not ``key = value``.
    """
    parsed = {}
    for line in setting.value.splitlines():
        if not line.strip():
            continue
        key, equals, value = line.partition("=")
        if not equals:
            raise ConfigurationError(
                f'{setting.origin}: a line of the block under "{setting.key}" has no'
                ' "="',
                hint="write each indented line as key = value",
            )
        parsed[key.strip()] = value.strip()
    return parsed


def _path(environ: Mapping[str, str], variable: str, default: str) -> str:
    # botocore expands variables, then the tilde, in that order.
    # os.path leaves a tilde alone where there is no home; pathlib raises.
    path = os.path.expandvars(environ.get(variable, default))
    return os.path.expanduser(path)  # noqa: PTH111


def _section_name(header: str) -> tuple[str, str]:
    """Return ("profile" | "services" | "sso-session" | "", name), as botocore does.

    botocore looks at how the header begins, so that ``[profilex y]`` is profile y.
    """
    if header == "default":
        return "profile", header
    for kind in ("profile", "sso-session", "services"):
        if header.startswith(kind):
            try:
                parts = shlex.split(header)
            except ValueError:
                return "", ""
            return (kind, parts[1]) if len(parts) == 2 else ("", "")  # noqa: PLR2004
    return "", ""


def _sections(path: str) -> Iterator[tuple[str, Origin, Section]]:
    """Yield (header, origin, keys) for each section of a file, in its order."""
    text = _read(path)
    if text is None:
        return
    parser = _LineParser()
    try:
        parser.read_lines(text)
    except configparser.Error as error:
        # The parser's own message quotes the line, which may hold a secret.
        raise ConfigurationError(
            f"{Origin(path, _error_line(error))} cannot be parsed: {_reason(error)}",
            hint="write [section] headers and key = value lines",
        ) from None
    for header in parser.sections():
        section: Section = {}
        for key in parser.options(header):
            origin = Origin(path, getattr(key, "line", None))
            setting = Setting(str(key), parser.get(header, key), origin)
            if setting.value.startswith("\n"):
                parse_nested(setting)  # botocore rejects the whole file, so we do
            section[setting.key] = setting
        first = next((item.origin.line for item in section.values()), None)
        yield header, Origin(path, parser.header_line(header, first)), section


def _read(path: str) -> str | None:
    file = Path(path)
    try:
        if not file.is_file():
            return None
        # The encoding that botocore's ConfigParser.read() uses: the locale's.
        text = file.read_bytes().decode(locale.getpreferredencoding(do_setlocale=False))
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        raise ConfigurationError(
            f"{Origin(path, line)} cannot be parsed: it is not {error.encoding} text",
            hint="save the file as UTF-8 without a byte order mark",
        ) from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise ConfigurationError(
            f"{path} cannot be read: {reason}", hint="check its owner and its mode"
        ) from None
    if text.startswith("\ufeff"):
        raise ConfigurationError(
            f"{Origin(path, 1)} cannot be parsed: it begins with a byte order mark",
            hint="save the file as UTF-8 without one",
        )
    return text


class _Key(str):
    """A key that remembers the line it was read from."""

    __slots__ = ("line",)
    line: int


class _LineParser(configparser.RawConfigParser):
    """RawConfigParser itself, whose keys know their lines.

    The parser calls ``optionxform`` for each key as it reads the line of that key,
    so that the number of lines it has taken so far is the key's line.
    """

    def __init__(self) -> None:
        super().__init__()
        self._line: int | None = None
        self._header_lines: dict[str, list[int]] = defaultdict(list)

    def read_lines(self, text: str) -> None:
        """Parse ``text``; raise configparser.Error."""
        self.read_file(self._count(text))
        self._line = None

    def _count(self, text: str) -> Iterator[str]:
        for number, line in enumerate(io.StringIO(text, newline=None), start=1):
            self._line = number
            if header := self.SECTCRE.match(line.strip()):
                self._header_lines[header.group("header")].append(number)
            yield line

    def header_line(self, header: str, first_key: int | None) -> int | None:
        """Return the line of a header, given the line of the first key below it.

        A continued value may hold a line that only looks like a header.
        """
        lines = self._header_lines[header]
        before = [line for line in lines if first_key is None or line < first_key]
        return (before or lines)[-1] if lines else None

    def optionxform(self, optionstr: str) -> str:
        """Lower-case the key, as always, and note its line while reading."""
        if self._line is None:
            return optionstr.lower()
        key = _Key(optionstr.lower())
        key.line = self._line
        return key


def _error_line(error: configparser.Error) -> int | None:
    errors: list[tuple[int, str]] = getattr(error, "errors", [])
    return errors[0][0] if errors else getattr(error, "lineno", None)


def _reason(error: configparser.Error) -> str:
    match error:
        case configparser.DuplicateSectionError():
            return f"section [{error.section}] is there twice"
        case configparser.DuplicateOptionError():
            return f'key "{error.option}" is there twice in [{error.section}]'
        case configparser.MissingSectionHeaderError():
            return "there is text before the first [section]"
        case _:
            return "this line is neither a [section] nor key = value"
