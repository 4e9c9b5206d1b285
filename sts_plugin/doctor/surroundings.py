"""Variables that let something else count than what was asked for.

    environment + names of the profiles -> findings

No value of a variable that holds a secret is looked at.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sts_plugin.doctor.finding import Finding
from sts_plugin.environment import MARK

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Iterator, Mapping

__all__ = ["environment_findings"]

PROFILE: Final = ("AWS_DEFAULT_PROFILE", "AWS_PROFILE")
KEYS: Final = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")
FILES: Final = ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE")


def environment_findings(
    environ: Mapping[str, str],
    names: Container[str],
    *,
    there: Callable[[str], bool],
) -> Iterator[Finding]:
    """Yield what the environment does to profiles.

    ``names`` are those of the profiles; ``there`` tells whether a path exists.
    """
    first, second = (environ.get(name) for name in PROFILE)
    if first is not None and second is not None and first != second:
        yield Finding(
            "environment-profile",
            "warning",
            "AWS_PROFILE and AWS_DEFAULT_PROFILE name two profiles: Python and the AWS"
            " CLI v1 go by AWS_DEFAULT_PROFILE, other SDKs by AWS_PROFILE",
            fix="unset AWS_DEFAULT_PROFILE",
        )
    for variable in PROFILE:
        name = environ.get(variable)
        if name is not None and name not in names and name != "default":
            shown = f'a profile "{name}" that does not exist' if name else "no profile"
            yield Finding(
                "environment-profile",
                "error",
                f"{variable} names {shown}: every SDK stops there",
                fix=f"unset {variable}, or correct it",
            )
    yield from _keys(environ)
    for variable in FILES:
        path = environ.get(variable)
        if path and not there(path):
            yield Finding(
                "environment-file",
                "warning",
                f"{variable} names a file that does not exist: it counts as empty",
                path,
                fix=f"correct {variable}, or make the file",
            )


def _keys(environ: Mapping[str, str]) -> Iterator[Finding]:
    key_id, secret = (bool(environ.get(name)) for name in KEYS)
    if key_id and not secret:
        yield Finding(
            "environment-keys",
            "error",
            "AWS_ACCESS_KEY_ID is set and AWS_SECRET_ACCESS_KEY is not: every SDK stops"
            " there",
            fix="unset AWS_ACCESS_KEY_ID, or export both",
        )
    # exec and env put them there, and say so.
    elif key_id and not environ.get(MARK):
        chosen = next((name for name in PROFILE if environ.get(name)), "")
        than = f"than {chosen}" if chosen else "than the default profile"
        yield Finding(
            "environment-keys",
            "warning" if chosen else "note",
            f"access keys are in the environment, and count rather {than}",
            fix="unset AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY AWS_SESSION_TOKEN,"
            " unless that is meant",
        )
