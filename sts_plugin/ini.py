"""The syntax of the AWS files, exactly as botocore reads it, with the line of each key.

    path -> sections -> settings

Owns: what a file may look like, and what is told of one that does not. Knows neither
profiles nor what a key means.

botocore reads with Python's configparser. What is read here is what that reads, and
tests hold the two together; but configparser knows no lines, takes most of the time of
a plan where a file is large, and hours for a line of a million blanks.
"""

from __future__ import annotations

import locale
from dataclasses import dataclass, field
from pathlib import Path
from typing import NoReturn

from sts_plugin.errors import ConfigurationError
from sts_plugin.model import Origin, Setting

__all__ = [
    "Section",
    "decoded",
    "encoded",
    "parse_nested",
    "read_sections",
    "sections_of",
]

DEFAULT = "DEFAULT"
"""The section whose keys all others have, too: configparser's, not AWS's."""


@dataclass(frozen=True, slots=True)
class Section:
    """A header and what stands below it: text, of which settings are made when needed.

    A file may have ten thousand of these, and a plan looks at three. ``lines`` has the
    line of each key, and ``defaults`` says what it does not say itself.
    """

    header: str
    path: str
    line: int
    defaults: Section | None = None
    values: dict[str, str] = field(default_factory=dict, repr=False)
    lines: dict[str, int] = field(default_factory=dict)

    @property
    def origin(self) -> Origin:
        """Where its header stands."""
        return Origin(self.path, self.line)

    def settings(self, owner: str) -> dict[str, Setting]:
        """Return what each key says, in botocore's order; ``owner`` is whose it is."""
        found = {key: self.setting(key, owner) for key in self.values}
        if self.defaults:
            for key in self.defaults.values:
                if key not in found:
                    found[key] = self.defaults.setting(key, owner)
        return found

    def setting(self, key: str, owner: str) -> Setting:
        """Return what one of its own keys says."""
        return Setting(key, self.values[key], Origin(self.path, self.lines[key]), owner)


def read_sections(path: str) -> list[Section]:
    """Return the sections of a file in its order: none where there is no file."""
    text = _read(path)
    return [] if text is None else sections_of(text, path)


def sections_of(text: str, path: str) -> list[Section]:
    """Return the same of a text that was read from ``path``.

    Raises ConfigurationError, with the line, for what botocore refuses.
    """
    reader = _Reader(path)
    reader.read(text)
    sections = list(reader.sections.values())
    # botocore rejects the whole file for a bad block, so we do.
    for section, key in reader.blocks:
        everywhere = section is reader.defaults
        # One that no section gets from the defaults is never looked at.
        if not everywhere or any(key not in one.values for one in sections):
            parse_nested(section.setting(key, section.header))
    return sections


class _Reader:
    """Reads a text in the ways of Python's RawConfigParser.

    ``blocks`` are the keys whose value begins on the line below them.
    """

    def __init__(self, path: str) -> None:
        self._path = path
        self.defaults = Section(DEFAULT, path, 0)
        self.sections: dict[str, Section] = {}
        self.blocks: list[tuple[Section, str]] = []
        self._section: Section | None = None
        self._key, self._depth = "", 0  # the last one, and how far it is indented
        self._more: list[str] = []  # lines that go on with its value
        self._bad = 0  # the first line that is nothing

    def read(self, text: str) -> None:
        """Read all of it; raise ConfigurationError."""
        # Unlike str.splitlines, which knows more ends of a line than a file has.
        lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
        for number, line in enumerate(lines, start=1):
            content = line.strip()
            if not content:
                if self._key:
                    self._more.append("")
            elif content[0] not in "#;":
                self._take(line, content, number)
        if self._bad:
            self._refuse(self._bad, "this line is neither a [section] nor key = value")
        self._end_value()

    def _take(self, line: str, content: str, number: int) -> None:
        """Take a line that says something; ``content`` is it without its indentation.

        One that is indented deeper than the key above it goes on with its value.
        """
        first = content[0]
        indent = 0 if line[0] == first else len(line) - len(line.lstrip())
        if self._key and indent > self._depth:
            self._more.append(content)
            return
        self._end_value()
        self._depth = indent
        if first == "[" and (end := content.rfind("]")) > 1:
            self._open(content[1:end], number)
        elif self._section is None:
            self._refuse(number, "there is text before the first [section]")
        else:
            self._add(self._section, content, number)

    def _open(self, header: str, number: int) -> None:
        if header in self.sections:
            self._refuse(number, f"section [{header}] is there twice")
        if header == DEFAULT:
            self._section = self.defaults
        else:
            self._section = Section(header, self._path, number, self.defaults)
            self.sections[header] = self._section
        self._key = ""

    def _add(self, section: Section, content: str, number: int) -> None:
        key, delimiter, value = _partition(content)
        if not key or not delimiter:
            self._bad = self._bad or number  # told if nothing else is to be told
        if not delimiter:
            return
        if key in section.values:
            self._refuse(number, f'key "{key}" is there twice in [{section.header}]')
        section.values[key] = value
        section.lines[key] = number
        self._key = key

    def _end_value(self) -> None:
        if self._section and self._more:
            values, key = self._section.values, self._key
            values[key] = "\n".join([values[key], *self._more]).rstrip()
            self._more = []
            if values[key].startswith("\n"):
                self.blocks.append((self._section, key))

    def _refuse(self, number: int, reason: str) -> NoReturn:
        # Without the line's own text, which may hold a secret.
        raise ConfigurationError(
            f"{Origin(self._path, number)} cannot be parsed: {reason}",
            hint="write [section] headers and key = value lines",
        )


def _partition(content: str) -> tuple[str, str, str]:
    """Return what is before the first delimiter, that, and what is behind it."""
    name, delimiter, value = content.partition("=")
    if not delimiter or ":" in name:
        name, delimiter, value = content.partition(":")
    return name.rstrip().lower(), delimiter, value.strip()


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


def _read(path: str) -> str | None:
    file = Path(path)
    try:
        if not file.is_file():
            return None
        return decoded(file.read_bytes(), path)
    except OSError as error:
        raise _unreadable(path, error.strerror or "") from None
    except ValueError as error:  # a path that is none
        raise _unreadable(path, str(error)) from None


def decoded(data: bytes, path: str) -> str:
    """Return the text of a file; raise ConfigurationError if it is none."""
    try:
        # The encoding that botocore's ConfigParser.read() uses: the locale's.
        text = data.decode(locale.getpreferredencoding(do_setlocale=False))
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        raise ConfigurationError(
            f"{Origin(path, line)} cannot be parsed: it is not {error.encoding} text",
            hint="save the file as UTF-8 without a byte order mark",
        ) from None
    if text.startswith("\ufeff"):
        raise ConfigurationError(
            f"{Origin(path, 1)} cannot be parsed: it begins with a byte order mark",
            hint="save the file as UTF-8 without one",
        )
    return text


def encoded(text: str, path: str) -> bytes:
    """Return the bytes of a text that is to be decoded again."""
    encoding = locale.getpreferredencoding(do_setlocale=False)
    try:
        return text.encode(encoding)
    except UnicodeEncodeError as error:
        unknown = ascii(error.object[error.start])
        raise ConfigurationError(
            f"{path} cannot be written: {error.encoding} has no {unknown}",
            hint="files are read in the encoding of the locale: set one with UTF-8",
        ) from None


def _unreadable(path: str, reason: str) -> ConfigurationError:
    return ConfigurationError(
        f"{path} cannot be read: {reason}", hint="check its owner and its mode"
    )
