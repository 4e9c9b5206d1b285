"""The syntax of the AWS files, exactly as botocore reads it, with the line of each key.

    path -> sections with their settings

Owns: what a file may look like, and what is told of one that does not. Knows neither
profiles nor what a key means.
"""

from __future__ import annotations

import configparser
import io
import locale
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING

from sts_plugin.errors import ConfigurationError
from sts_plugin.model import Origin, Setting

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["Section", "decoded", "parse_nested", "read_sections", "sections_of"]

Section = dict[str, Setting]


def read_sections(
    path: str, read_header: Callable[[str], tuple[str, str]]
) -> Iterator[tuple[str, str, Origin, Section]]:
    """Yield (kind, name, origin, keys) for each section of a file, in its order."""
    text = _read(path)
    if text is not None:
        yield from sections_of(text, path, read_header)


def sections_of(
    text: str, path: str, read_header: Callable[[str], tuple[str, str]]
) -> Iterator[tuple[str, str, Origin, Section]]:
    """Yield the same of a text that was read from ``path``."""
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
        kind, name = read_header(header)
        section: Section = {}
        for key in parser.options(header):
            origin = Origin(path, getattr(key, "line", None))
            setting = Setting(str(key), parser.get(header, key), origin, name)
            if setting.value.startswith("\n"):
                parse_nested(setting)  # botocore rejects the whole file, so we do
            section[setting.key] = setting
        first = next((item.origin.line for item in section.values()), None)
        yield kind, name, Origin(path, parser.header_line(header, first)), section


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


def _unreadable(path: str, reason: str) -> ConfigurationError:
    return ConfigurationError(
        f"{path} cannot be read: {reason}", hint="check its owner and its mode"
    )


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
