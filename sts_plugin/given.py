"""What a program gives to a method, as a profile would say it.

    arguments -> settings, secrets

So that an argument is read, checked and told of exactly as a key is.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from sts_plugin.errors import ConfigurationError
from sts_plugin.forms import written
from sts_plugin.keys import digest
from sts_plugin.limits import problems
from sts_plugin.model import Origin, Secret, Setting

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["PROVEN", "absolute", "check_arguments", "said", "secret", "stands_for"]

PROVEN = {
    "AssumeRoleWithSAML": "assertion, assertion_file or assertion_process",
    "AssumeRoleWithWebIdentity": "token, token_file or token_process",
    "GetDelegatedAccessToken": "token, token_file or token_process",
}
"""Calls that bring a proof along, and the arguments that it can be given by."""


def said(action: str, arguments: Mapping[str, Any]) -> dict[str, Setting]:
    """Return the arguments that were given, as a profile would say them."""
    origin = Origin(f"{action}()")
    found = {}
    for name, value in arguments.items():
        if value is None:
            continue
        try:
            found[name] = Setting(name, written(value), origin)
        except (TypeError, ValueError):
            raise ConfigurationError(
                f"{origin}: {name} cannot be a {type(value).__name__}",
                hint="see the types of the method's arguments",
            ) from None
    return found


def secret(name: str, text: str | None) -> Secret | None:
    """Return the text of a proof, out of sight of tracebacks."""
    if text is None:
        return None
    if not isinstance(text, str):
        raise ConfigurationError(f"{name} is not a str", hint="give its text")
    return Secret(text)


def absolute(path: str | Path | None) -> str | None:
    """Return the path from the root, as a profile would have to say it."""
    return None if path is None else str(Path(path).expanduser().absolute())


def stands_for(proof: Secret | None) -> str | None:
    """Return what stands for a proof in plans and keys: a digest of all of it.

    What it says of itself is not verified before STS has seen it.
    """
    return None if proof is None else digest(proof.reveal())


def check_arguments(action: str, arguments: Mapping[str, Any]) -> None:
    """Raise ConfigurationError for the first argument that STS would refuse."""
    for name, why in problems(action, arguments):
        raise ConfigurationError(
            f"{action}: {name} {why}", hint="see the STS API reference"
        )
