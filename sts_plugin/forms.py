"""How the value of a key is written, and what it says.

    the text of a Setting -> what STS is sent

Owns the text forms: seconds, yes and no, lists, tags, policies, files. A list is
written with commas or as a JSON list, tags as ``key=value`` with commas or as a JSON
object, a policy in place or as ``file://`` and an absolute path (as the AWS CLI spells
it). What STS thinks of a value is told by ``limits``.

Raises ConfigurationError with file, line and key.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sts_plugin.errors import ConfigurationError
from sts_plugin.files import read_text
from sts_plugin.model import MFA_WAYS, Secret

if TYPE_CHECKING:
    from collections.abc import Callable

    from sts_plugin.model import Setting

__all__ = [
    "contexts",
    "cut",
    "file_path",
    "policy",
    "policy_arns",
    "seconds",
    "shown",
    "tags",
    "text",
    "ways",
    "words",
    "written",
    "wrong",
    "yes",
]

FILE = "file://"
SHOWN_MAX, CUT = 60, 200


def text(setting: Setting) -> str:
    """Return the value as it is."""
    return setting.value


def seconds(setting: Setting) -> int:
    """Return a whole number of seconds.

    botocore drops a value that is not a number without a word; whoever wrote it
    meant something, so it is an error here.
    """
    try:
        return int(setting.value)
    except ValueError:
        raise wrong(
            setting, "is not a number of seconds", "write a whole number, such as 3600"
        ) from None


def yes(setting: Setting) -> bool:
    """Return whether the value says yes: true, yes, on or 1."""
    value = setting.value.strip().lower()
    if value not in {"true", "yes", "on", "1", "false", "no", "off", "0"}:
        raise wrong(setting, "is neither yes nor no", "use yes or no")
    return value in {"true", "yes", "on", "1"}


def words(setting: Setting) -> list[str]:
    """Return a list of words: ``a, b`` or ``["a", "b"]``."""
    if setting.value.lstrip().startswith("["):
        found = _json(setting, setting.value)
        if not all(isinstance(word, str) for word in found):
            raise wrong(setting, "is not a list of strings", 'write it as ["a", "b"]')
    else:
        lines = setting.value.replace("\n", ",").split(",")
        found = [word.strip() for word in lines if word.strip()]
    if not found:
        raise wrong(setting, "names nothing", "write a, b or remove the key")
    return list(found)


def ways(setting: Setting) -> tuple[str, ...]:
    """Return ways to get an MFA code, in the order in which they are to be tried."""
    found = [word.lower() for word in words(setting)]
    if unknown := [word for word in found if word not in MFA_WAYS]:
        raise wrong(
            setting,
            f"names {unknown[0]}, which is no way to get an MFA code",
            f"use some of {', '.join(MFA_WAYS)}",
        )
    return tuple(dict.fromkeys(found))


def policy_arns(setting: Setting) -> list[dict[str, str]]:
    """Return ARNs of managed policies, as STS wants them."""
    return [{"arn": word} for word in words(setting)]


def tags(setting: Setting) -> list[dict[str, str]]:
    """Return session tags: ``key=value, key2=value2`` or a JSON object."""
    hint = "write key=value, key2=value2 or a JSON object of strings"
    if setting.value.lstrip().startswith("{"):
        found = _json(setting, setting.value)
        if not all(isinstance(value, str) for value in found.values()):
            raise wrong(setting, "is not an object of strings", hint)
        pairs = list(found.items())
    else:
        parts = [word.partition("=") for word in words(setting)]
        if not all(equals for _, equals, _ in parts):
            raise wrong(setting, 'has a tag without "="', hint)
        pairs = [(key.strip(), value.strip()) for key, _, value in parts]
    # STS takes tag keys for the same whatever their case.
    if len({key.lower() for key, _ in pairs}) < len(pairs):
        raise wrong(setting, "has the same tag twice", "keep one of the two")
    return [{"Key": key, "Value": value} for key, value in pairs]


def policy(setting: Setting) -> str:
    """Return a session policy, without the blanks that STS would count."""
    document = setting.value
    if document.startswith(FILE):
        document = _file_text(setting, document)
    found = _json(setting, document)
    if not isinstance(found, dict):
        raise wrong(
            setting,
            "is not a policy",
            'write a JSON object such as {"Version": "2012-10-17", "Statement": [...]}'
            " or file:// and the absolute path of one",
        )
    text = json.dumps(found, separators=(",", ":"), ensure_ascii=False)
    # STS takes Latin-1 as it is and all else escaped.
    latin = all(character <= "\xff" for character in text)
    return text if latin else json.dumps(found, separators=(",", ":"))


def contexts(setting: Setting) -> list[dict[str, str | Secret]]:
    """Return provided contexts: ``PROVIDER_ARN=file:///path`` with commas or lines.

    Programs, which have the assertions, give a JSON object of provider and assertion.
    """
    if setting.value.lstrip().startswith("{"):
        given = _secrets(_json(setting, setting.value))
        if given is None:
            raise wrong(setting, "is not an object of strings", "write each as text")
        return [
            {"ProviderArn": provider, "ContextAssertion": assertion}
            for provider, assertion in given.items()
        ]
    found: list[dict[str, str | Secret]] = []
    for word in words(setting):
        provider, equals, place = word.partition("=")
        if not equals or not place.strip().startswith(FILE):
            raise wrong(
                setting,
                "does not name a file for each provider",
                "write PROVIDER_ARN=file:///path/of/the/assertion",
            )
        assertion = Secret(_file_text(setting, place.strip()).strip())
        found.append({"ProviderArn": provider.strip(), "ContextAssertion": assertion})
    return found


def _secrets(given: Mapping[str, object]) -> dict[str, Secret] | None:
    found = {key: Secret(one) for key, one in given.items() if isinstance(one, str)}
    return found if len(found) == len(given) else None


def file_path(setting: Setting, value: str = "", *, relative: bool = False) -> Path:
    """Return the path that a setting, or ``value`` in it, names.

    A tilde at its beginning is the home folder. It must be absolute, but where
    ``relative`` allows the other: a program may run in any folder.
    """
    path = Path(os.path.expanduser(value or setting.value))  # noqa: PTH111 - no raising
    if not (path.is_absolute() or relative):
        raise wrong(
            setting,
            "is not an absolute path",
            "write the path from the root: programs run in many folders",
        )
    return path


def written(value: object) -> str:
    """Return what a program gives as a profile would say it: the way back.

    Takes text, whole numbers, a timedelta, the path of a policy, a mapping, a list or a
    tuple; raises TypeError for anything else.
    """
    match value:
        case str():
            return value
        case timedelta():
            return str(int(value.total_seconds()))
        case Path():
            return f"{FILE}{value.absolute()}"
        case Mapping():
            return json.dumps(dict(value))
        case int():
            return str(value)
        case list() | tuple():
            return json.dumps(list(value))
        case _:
            raise TypeError(f"is a {type(value).__name__}")


def shown(setting: Setting) -> str:
    """Return a value in one line, without an assertion or a command's options."""
    value = " ".join(setting.value.split())
    if setting.key.endswith("provided_contexts"):
        parts = [part.strip() for part in value.split(",")]
        named = [part.partition("=")[2].strip().startswith(FILE) for part in parts]
        return ", ".join(
            part if good and not value.startswith("{") else "..."
            for part, good in zip(parts, named, strict=True)
        )
    if setting.key.endswith("_process"):
        # Its options may hold a password.
        program, blank, _ = value.partition(" ")
        return f"{program} ..." if blank else program
    return value


def cut(text: str) -> str:
    """Return a text for a message, cut where it is too long to be what it should be."""
    return text if len(text) <= CUT else f"{text[:CUT]}..."


def wrong(setting: Setting, why: str, hint: str) -> ConfigurationError:
    """Return the error for a value, which is cut where it is long."""
    value = shown(setting)
    if len(value) > SHOWN_MAX:
        value = f"{value[:SHOWN_MAX]}..."
    value = f" = {value}" if value else ""
    return ConfigurationError(
        f"{setting.origin}: {setting.key}{value}{setting.owner} {why}", hint=hint
    )


def _file_text(setting: Setting, value: str) -> str:
    path = file_path(setting, value.removeprefix(FILE))
    try:
        return read_text(path)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "it is not UTF-8 text"
        raise ConfigurationError(
            f"{setting.origin}: {setting.key}{setting.owner}: {cut(str(path))}"
            f" cannot be read: {reason}",
            hint="check the path and the file's mode",
        ) from None


def _json(setting: Setting, document: str) -> Any:  # noqa: ANN401 - JSON
    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        # json would keep the last one and drop a condition without a word.
        if len(dict(pairs)) < len(pairs):
            raise ValueError("a key is there twice")
        return dict(pairs)

    load: Callable[..., Any] = json.loads
    try:
        return load(document, object_pairs_hook=unique)
    except (ValueError, RecursionError) as error:
        place = (
            f"line {error.lineno}" if isinstance(error, json.JSONDecodeError) else ""
        )
        reason = f"{getattr(error, 'msg', None) or error} {place}".strip()
        raise wrong(
            setting, f"is not JSON: {reason}", "check it with a JSON tool"
        ) from None
