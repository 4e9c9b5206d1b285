"""Edits of an AWS file that leave every other byte as it is.

    text + edits -> text

Owns: where a new line goes and what it looks like (its line ending, its indentation),
and that the result says what was intended and nothing else: it is parsed again, and
refused if it does not. Comments, order, blank lines, nested blocks and spelling stay.
Pure: knows no file, and not what a key means.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from sts_plugin.errors import ConfigurationError
from sts_plugin.ini import sections_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sts_plugin.ini import Section

__all__ = ["Edit", "Edited", "NewSection", "Pair", "edited"]

Pair = tuple[str | None, str | None]
"""A line, without its end, as it was and as it is: None where there is none."""

LINE: Final = re.compile(r"([^\r\n]*)(\r\n|\r|\n|\Z)")
"""A line and its end, as ``ini`` splits a text: str.splitlines knows more ends."""

SETTING: Final = re.compile(
    r"(?P<indent>\s*)(?P<key>[^=:]*?)(?P<delimiter>\s*[=:]\s*)(?P<value>.*)", re.DOTALL
)


@dataclass(frozen=True, slots=True)
class Edit:
    """What is to change in the section below a header, which must be there.

    ``renamed`` is the new name of a key by the old one. ``put`` sets keys, by the names
    that they have then: in their place where they are there already, else before the
    first renamed key, else below the last one. ``removed`` are keys that go. All in
    lower case.
    """

    header: str
    renamed: Mapping[str, str] = field(default_factory=dict)
    put: Mapping[str, str] = field(default_factory=dict)
    removed: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class NewSection:
    """A section to add at the end of the file; none of its header may be there."""

    header: str
    values: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Edited:
    """The new text, and each line beside what it was: a difference without searching.

    A file may hold keys.
    """

    text: str = field(repr=False)
    pairs: tuple[Pair, ...] = field(repr=False)


def edited(text: str, path: str, edits: Sequence[Edit | NewSection]) -> Edited:
    """Return the text with all edits made; ``path`` is for messages.

    Raises ConfigurationError for a text that cannot be parsed, and for an edit that
    cannot be made in it without changing something else.
    """
    sections = sections_of(text, path)
    by_header = {one.header: one for one in sections}
    page = _Page(text)
    wanted = _content(sections)
    for edit in edits:
        section = by_header.get(edit.header)
        if isinstance(edit, NewSection):
            if section:
                raise _refused(path, f"section [{edit.header}] is there already")
            page.add(edit)
            wanted[edit.header] = dict(edit.values)
        elif section is None:
            raise _refused(path, f"section [{edit.header}] is not there any more")
        else:
            _refuse_blocks(section, edit, path)
            page.change(section, edit)
            wanted[edit.header] = _after(section.values, edit)
    result = page.result()
    try:
        found = _content(sections_of(result.text, path))
    except ConfigurationError:
        found = {}
    if found != wanted or list(found) != list(wanted):
        raise _refused(path, "the edit would change more than it is to")
    return result


def _refused(path: str, why: str) -> ConfigurationError:
    return ConfigurationError(
        f"{path} is left as it is: {why}", hint="make the change by hand"
    )


def _refuse_blocks(section: Section, edit: Edit, path: str) -> None:
    """Raise for a value of several lines that would have to go or to change."""
    for key in (*edit.removed, *edit.put):
        if "\n" in section.values.get(key, ""):
            place = f"{path}:{section.lines[key]}"
            raise _refused(path, f"the value of {key} has several lines ({place})")


def _after(values: Mapping[str, str], edit: Edit) -> dict[str, str]:
    """Return what a section says after an edit."""
    kept = {
        edit.renamed.get(key, key): value
        for key, value in values.items()
        if key not in edit.removed
    }
    return {**kept, **edit.put}


def _content(sections: Sequence[Section]) -> dict[str, dict[str, str]]:
    """Return what a text says, by header; what the defaults say is below "DEFAULT"."""
    found = {one.header: dict(one.values) for one in sections}
    defaults = sections[0].defaults if sections else None
    return {"DEFAULT": dict(defaults.values) if defaults else {}, **found}


class _Page:
    """The lines of a text, what becomes of each, and what is put behind or before."""

    def __init__(self, text: str) -> None:
        # Of each its text and its end; the last one has no end, and may be nothing.
        self._lines = [[one[1], one[2]] for one in LINE.finditer(text)]
        if len(self._lines) > 1 and self._lines[-1] == ["", ""]:
            del self._lines[-1]
        self._ending = self._lines[0][1] or "\n"
        self._were = [line for line, _ in self._lines]
        self._gone: set[int] = set()
        self._before: dict[int, list[str]] = {}
        self._behind: dict[int, list[str]] = {}

    def change(self, section: Section, edit: Edit) -> None:
        """Make the edit of a section that is there."""
        at = section.lines
        renamed = {name: key for key, name in edit.renamed.items()}
        for key, name in edit.renamed.items():
            self._rewrite(at[key], key=key, name=name)
        for key, value in edit.put.items():
            if number := at.get(renamed.get(key, key)):
                self._rewrite(number, value=value)
        self._gone.update(at[key] for key in edit.removed)
        # As far in as the first key: deeper would go on with the value above it.
        first = min(at.values(), default=0)
        indent = _parts(self._lines[first - 1][0])["indent"] if first else ""
        new = [
            f"{indent}{key} = {value}"
            for key, value in edit.put.items()
            if renamed.get(key, key) not in at
        ]
        if new and edit.renamed:
            place = min(at[key] for key in edit.renamed)
            self._before.setdefault(place, []).extend(new)
        elif new:
            # Not below the comments before the next header: they are that one's.
            last = max(at.values(), default=section.line)
            self._behind.setdefault(self._last_of(last), []).extend(new)

    def add(self, section: NewSection) -> None:
        """Add a section at the end, with a blank line before it."""
        keys = [f"{key} = {value}" for key, value in section.values.items()]
        blank = [""]
        said = self._behind.get(len(self._lines), [])
        if not said and not self._lines[-1][0].strip():
            blank = []  # there is one, or nothing at all
        self._behind.setdefault(len(self._lines), []).extend(
            [*blank, f"[{section.header}]", *keys]
        )

    def result(self) -> Edited:
        """Return all of it, changed."""
        out: list[str] = []
        pairs: list[Pair] = []

        def put(lines: Sequence[str]) -> None:
            pairs.extend((None, one) for one in lines)
            out.extend(one + self._ending for one in lines)

        for number, (line, end) in enumerate(self._lines, start=1):
            put(self._before.get(number, ()))
            behind = self._behind.get(number, ())
            gone = number in self._gone
            # A file without a word has a line, and that is none.
            if line or end:
                pairs.append((self._were[number - 1], None if gone else line))
                missing = self._ending if behind and not end else ""
                out.append("" if gone else line + end + missing)
            put(behind)
        return Edited("".join(out), tuple(pairs))

    def _rewrite(
        self,
        number: int,
        *,
        key: str = "",
        name: str | None = None,
        value: str | None = None,
    ) -> None:
        """Give a line another name or value, and keep how it is written."""
        parts = _parts(self._lines[number - 1][0])
        if name is not None:
            parts["key"] = _spelled(parts["key"], key, name)
        if value is not None:
            parts["value"] = value
        self._lines[number - 1][0] = "".join(parts.values())

    def _last_of(self, number: int) -> int:
        """Return the last line of what begins on a line: a block has several."""
        line = self._lines[number - 1][0]
        if line.lstrip().startswith("["):
            return number
        depth, last = _depth(line), number
        for place, (text, _) in enumerate(self._lines[number:], start=number + 1):
            content = text.strip()
            if content and content[0] not in "#;":
                if _depth(text) <= depth:
                    break
                last = place
        return last


def _parts(line: str) -> dict[str, str]:
    """Return a line that sets a key in its parts, in their order."""
    found = SETTING.fullmatch(line)
    assert found is not None  # it was parsed
    return found.groupdict()


def _depth(line: str) -> int:
    return len(line) - len(line.lstrip())


def _spelled(written: str, key: str, name: str) -> str:
    """Return the new name of a key, in the letters in which the old one is written."""
    if name.endswith(key):
        return name.removesuffix(key) + written
    return written[-len(name) :] if key.endswith(name) else name
