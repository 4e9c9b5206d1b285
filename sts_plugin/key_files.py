"""Taking an access key out of an AWS file: two lines of it, and nothing else.

    the settings of a key -> the same file without the two lines

Owns: that all else stays as it is (comments, order, line endings), and that no copy
with the secret in it is left. What is not quite as it was when the key was read is left
alone. How the file is replaced: ``aws_files``.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from sts_plugin import aws_files
from sts_plugin.errors import ConfigurationError
from sts_plugin.ini import decoded, sections_of

if TYPE_CHECKING:
    from sts_plugin.model import Setting

__all__ = ["Taken", "take_out"]


@dataclass(frozen=True, slots=True)
class Taken:
    """What was done: the file, and the lines of it that hold the secret all the same.

    Those are comments, or of other profiles.
    """

    path: str
    left: tuple[int, ...]


def take_out(key_id: Setting, secret: Setting) -> Taken:
    """Remove the lines of a key from the file that they were read from.

    Raises ConfigurationError, and leaves the file as it is, if that cannot be done or
    the file says something else by now.
    """
    outcome = _take_out(key_id, secret)
    if isinstance(outcome, ConfigurationError):
        raise outcome  # here: the frames below hold what is in the file
    return outcome


def _take_out(key_id: Setting, secret: Setting) -> Taken | ConfigurationError:
    path = key_id.origin.path
    try:
        file = aws_files.read(Path(path))
        if file.state is None:
            return _trouble(path, "is not there any more")
        if file.unfit:
            return _trouble(path, file.unfit)
        less = _without(file.data, key_id, secret)
        if less is None or not file.replace(less):
            return _trouble(path, "was changed meanwhile")
    except OSError as error:
        return _trouble(path, f"cannot be replaced: {error.strerror or error}")
    except ConfigurationError as error:
        return _trouble(path, f"is not as it was: {error.message}")
    lines = less.splitlines()
    hidden = os.fsencode(secret.value)
    left = [number for number, line in enumerate(lines, start=1) if hidden in line]
    return Taken(path, tuple(left))


def _trouble(path: str, why: str) -> ConfigurationError:
    return ConfigurationError(
        f"{path} {why}; it still holds the access key",
        hint="remove the lines aws_access_key_id and aws_secret_access_key by hand",
    )


def _without(data: bytes, key_id: Setting, secret: Setting) -> bytes | None:
    """Return the file without the two lines; None if it says something else by now.

    Both texts are parsed: they may differ in these two settings, and in nothing else.
    """
    path = key_id.origin.path
    before = _content(data, path)
    named = [(one.key, one.value, one.origin.line) for one in (key_id, secret)]
    section = next((keys for _, keys in before if set(named) <= set(keys)), None)
    numbers = {one.origin.line for one in (key_id, secret)}
    if section is None or None in numbers:
        return None
    lines = data.splitlines(keepends=True)
    kept = [line for at, line in enumerate(lines, start=1) if at not in numbers]
    less = b"".join(kept)
    for one in named:
        section.remove(one)
    same = _unnumbered(before) == _unnumbered(_content(less, path))
    return less if same else None


Content = list[tuple[str, list[tuple[str, str, int | None]]]]
"""Headers, and below each its keys, their values and their lines."""


def _content(data: bytes, path: str) -> Content:
    text = decoded(data, path)
    return [
        (
            section.header,
            [
                (one.key, one.value, one.origin.line)
                for one in section.settings("").values()
            ],
        )
        for section in sections_of(text, path)
    ]


def _unnumbered(content: Content) -> object:
    return [
        (header, [(key, value) for key, value, _ in keys]) for header, keys in content
    ]
