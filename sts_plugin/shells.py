"""Lines that set and take away variables, as each shell reads them.

    variables to set, names to take away, a format -> text

Pure. What a format cannot say is a ValueError that does not repeat the value: it may be
a secret.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

__all__ = ["FORMATS", "lines", "remark"]

PLAIN: Final = re.compile(r"[A-Za-z0-9_./:+=@,%-]*")
"""What a dotenv file holds without quotes: `docker run --env-file` would keep them."""

POWERSHELL_QUOTES: Final = re.compile("['\u2018\u2019\u201a\u201b]")
"""All of these end a string in single quotes (about_Quoting_Rules)."""


def lines(kind: str, variables: Mapping[str, str], taken: Iterable[str] = ()) -> str:
    """Return the text that sets variables, and takes away names that it does not set.

    Raises ValueError for a value that the format has no way to write.
    """
    names = [name for name in dict.fromkeys(taken) if name not in variables]
    return FORMATS[kind](
        {name: value or "" for name, value in variables.items()}, names
    )


def remark(kind: str, text: str) -> str:
    """Return a line that is not run, or nothing where the format has none."""
    sign = {"cmd": "rem ", "json": None}.get(kind, "# ")
    return "" if sign is None else sign + " ".join(text.split())


def _sh(variables: Mapping[str, str], taken: list[str]) -> str:
    unset = [f"unset {' '.join(taken)}"] if taken else []
    quoted = {name: value.replace("'", "'\\''") for name, value in variables.items()}
    return "\n".join(
        [*unset, *(f"export {name}='{value}'" for name, value in quoted.items())]
    )


def _fish(variables: Mapping[str, str], taken: list[str]) -> str:
    unset = [f"set -eg {' '.join(taken)}"] if taken else []
    quoted = {
        name: value.replace("\\", "\\\\").replace("'", "\\'")
        for name, value in variables.items()
    }
    return "\n".join(
        [*unset, *(f"set -gx {name} '{value}'" for name, value in quoted.items())]
    )


def _powershell(variables: Mapping[str, str], taken: list[str]) -> str:
    unset = [f"Remove-Item Env:{name} -ErrorAction Ignore" for name in taken]
    quoted = {
        name: POWERSHELL_QUOTES.sub(lambda found: found[0] * 2, value)
        for name, value in variables.items()
    }
    return "\n".join(
        [*unset, *(f"$Env:{name} = '{value}'" for name, value in quoted.items())]
    )


def _cmd(variables: Mapping[str, str], taken: list[str]) -> str:
    for name, value in variables.items():
        if '"' in value or not _one_line(value):
            raise ValueError(
                f"{name} has a quote or a line break, which cmd cannot set"
            )
    return "\n".join(
        [
            *(f'set "{name}="' for name in taken),
            *(f'set "{name}={value}"' for name, value in variables.items()),
        ]
    )


def _dotenv(variables: Mapping[str, str], taken: list[str]) -> str:
    del taken  # a file adds to an environment, and takes nothing away
    return "\n".join(
        f"{name}={_dotenv_value(name, value)}" for name, value in variables.items()
    )


def _dotenv_value(name: str, value: str) -> str:
    if PLAIN.fullmatch(value):
        return value
    if "'" in value or "\\" in value or not _one_line(value):
        raise ValueError(
            f"{name} has a quote, a backslash or a line break, which every reader of"
            " dotenv files takes in another way"
        )
    return f"'{value}'"


def _json(variables: Mapping[str, str], taken: list[str]) -> str:
    return json.dumps({**dict.fromkeys(taken), **variables}, indent=2)


def _one_line(value: str) -> bool:
    return len(value.splitlines()) <= 1 and not value.endswith(("\n", "\r"))


FORMATS: Final[Mapping[str, Callable[[Mapping[str, str], list[str]], str]]] = {
    "sh": _sh,
    "fish": _fish,
    "powershell": _powershell,
    "cmd": _cmd,
    "dotenv": _dotenv,
    "json": _json,
}
"""By the name of ``--format``."""
