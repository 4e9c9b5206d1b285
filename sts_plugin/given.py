"""What a program gives to a method, as a profile would say it.

    arguments -> settings, secrets, the link of a chain

So that an argument is read, checked and told of exactly as a key is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence  # noqa: TC003 - types to look at
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any, TypedDict

from sts_plugin.actions import ACTIONS, arguments_of, proof_of
from sts_plugin.chain import Link
from sts_plugin.errors import ConfigurationError
from sts_plugin.forms import written
from sts_plugin.keys import digest
from sts_plugin.limits import check, problems
from sts_plugin.model import Call, Origin, Secret, Setting
from sts_plugin.profiles import Profile

__all__ = [
    "PROVEN",
    "Duration",
    "Policy",
    "RoleOptions",
    "absolute",
    "check_arguments",
    "checked_link",
    "link_of",
    "role_link",
    "said",
    "secret",
    "stands_for",
]

Duration = int | timedelta
Policy = Mapping[str, Any] | Path | str


class RoleOptions(TypedDict, total=False):
    """What may be said of an AssumeRole.

    ``duration`` is 900 seconds to the role's maximum, an hour at most where what signs
    the call is temporary. ``mfa_serial`` gets an MFA session first, which is shared
    with every profile behind that device. ``provided_contexts`` are assertions by the
    ARN of their provider.
    """

    role_session_name: str | None
    duration: Duration | None
    external_id: str | None
    mfa_serial: str | None
    policy: Policy | None
    policy_arns: Sequence[str] | None
    tags: Mapping[str, str] | None
    transitive_tag_keys: Sequence[str] | None
    source_identity: str | None
    provided_contexts: Mapping[str, str] | None


KEYS = {
    "duration": "duration_seconds",
    "tags": "session_tags",
    "transitive_tag_keys": "transitive_session_tags",
}
"""Arguments that a key of a profile says by another name."""

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


def role_link(role_arn: str, options: Mapping[str, Any]) -> Link:
    """Return the link that an AssumeRole is; ``options`` are ``RoleOptions``.

    Raises TypeError for an option that there is not, and as ``link_of``.
    """
    for name in options.keys() - RoleOptions.__annotations__.keys():
        raise TypeError(f"assume_role() got an unexpected keyword argument {name!r}")
    arguments = {"role_arn": role_arn, **options}
    return link_of(
        "AssumeRole",
        {KEYS.get(name, name): (name, value) for name, value in arguments.items()},
    )


def link_of(action: str, arguments: Mapping[str, tuple[str, Any]]) -> Link:
    """Return the link of a chain that a profile with these arguments would be.

    ``arguments`` are ``key of a profile -> (argument's name, value)``. Raises
    ConfigurationError for a value of no use, and for a call that brings no proof.
    """
    origin = Origin(f"{action}()")
    names = {name: key for key, (name, _) in arguments.items()}
    given = said(action, dict(arguments.values()))
    config = {names[name]: setting for name, setting in given.items()}
    profile = Profile(str(origin), origin, config=config)
    if action in PROVEN and proof_of(profile, action) is None:
        raise ConfigurationError(
            f"{origin}: there is nothing that proves who asks",
            hint=f"give {PROVEN[action]}",
        )
    return Link(profile, action)


def checked_link(link: Link) -> Link:
    """Return a link that STS would take, and that says the same in an hour.

    A file that it names for a policy is read. Raises ConfigurationError.
    """
    profile = link.profile
    arguments, settings = arguments_of(profile, ACTIONS[link.action])
    if device := profile.get("mfa_serial"):
        arguments["SerialNumber"], settings["SerialNumber"] = device.value, device
    check(Call(link.action, profile.name, "", profile.origin, arguments, settings))
    if "Policy" not in settings:
        return link
    policy = replace(settings["Policy"], value=arguments["Policy"])
    return Link(
        replace(profile, config={**profile.config, "policy": policy}), link.action
    )


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
