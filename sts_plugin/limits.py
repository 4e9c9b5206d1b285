"""The arguments of a call, held against STS's own limits before anything is sent.

    Call -> nothing, or ConfigurationError that names the key

The limits are those of botocore's service model of STS (``sts/2011-06-15/service-2``):
what is required, lengths, ranges, counts, patterns. botocore itself checks the least
only and leaves the rest to STS, which is asked after the human was. A few limits stand
in the documentation and not in the model; these are in ``STRICTER``.
"""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING, Any

from sts_plugin.actions import ACTIONS
from sts_plugin.errors import ConfigurationError
from sts_plugin.forms import wrong
from sts_plugin.model import Secret
from sts_plugin.service_model import service_model

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from sts_plugin.model import Call

__all__ = ["check", "problems"]

GIVEN_LATER = frozenset(
    {"RoleSessionName", "SAMLAssertion", "TradeInToken", "WebIdentityToken"}
)
"""Required by STS, and known only when the call is made."""

IN_ASSERTION = frozenset({"PrincipalArn", "RoleArn"})
"""What a SAML assertion says, where the profile does not."""

ROLE_ARN = r"arn:[\w-]+:iam::\d{12}:role/[\w+=,.@/-]+"
"""IAM User Guide, "IAM identifiers"; STS itself only checks the length."""

STRICTER: Mapping[str, Mapping[str, Any]] = {
    "RoleArn": {"pattern": ROLE_ARN},
    "PrincipalArn": {"pattern": r"arn:[\w-]+:iam::\d{12}:saml-provider/[\w.-]+"},
    "TargetPrincipal": {"pattern": r"\d{12}|arn:[\w-]+:iam::\d{12}:root"},
    "PolicyArns": {"max": 10},
    "SourceIdentity": {"pattern": r"(?!aws:)[\w+=,.@-]*"},
    "SigningAlgorithm": {"pattern": "RS256|ES384"},
}
"""STS API reference, the page of each action."""

FIDO = re.compile(r":u2f/", re.IGNORECASE)
"""Passkeys and security keys sign in to the console; the API takes no such device (IAM
User Guide, "Supported configurations for using passkeys and security keys")."""

NAMES: Mapping[str, str] = {
    "RoleArn": "the ARN of an IAM role",
    "PrincipalArn": "the ARN of a SAML provider",
    "SerialNumber": "the ARN or serial number of an MFA device",
    "ExternalId": "an external id",
    "RoleSessionName": "a role session name",
    "SourceIdentity": "a source identity",
    "Name": "the name of a federated user",
    "TargetPrincipal": "an account",
    "SigningAlgorithm": "a signing algorithm",
}
"""What a text must be, for people; the others are told by their limits."""

HINTS: Mapping[str, str] = {
    "RoleArn": "it looks like arn:aws:iam::123456789012:role/Name",
    "PrincipalArn": "it looks like arn:aws:iam::123456789012:saml-provider/Name",
    "SerialNumber": "it looks like arn:aws:iam::123456789012:mfa/name",
    "ExternalId": "2 to 1224 letters, digits and characters of _+=,.@:/-",
    "RoleSessionName": "2 to 64 letters, digits and characters of _+=,.@-",
    "SourceIdentity": (
        "2 to 64 letters, digits and characters of _+=,.@-, and not aws: in front"
    ),
    "Name": "2 to 32 letters, digits and characters of _+=,.@-",
    "TargetPrincipal": "it is an account id, or arn:aws:iam::123456789012:root",
    "SigningAlgorithm": "use ES384 or RS256",
    "TransitiveTagKeys": "50 keys of session tags at most",
    "ProvidedContexts": "five at most, each with an assertion of 4 to 2048 characters",
    "TaskPolicyArn": "it looks like arn:aws:iam::aws:policy/root-task/Name",
    "PolicyArns": "10 ARNs at most, such as arn:aws:iam::aws:policy/ReadOnlyAccess",
    "Policy": "shorten the policy, or use policy_arns",
    "Tags": (
        "50 tags at most; letters, digits, blanks and _.:/=+-@, a key up to 128 and a"
        " value up to 256 characters"
    ),
    "DurationSeconds": "STS accepts no other",
}


def check(call: Call) -> None:
    """Raise ConfigurationError for the first argument that STS would refuse."""
    shape, shapes = _input(call.action)
    needed = set(shape.get("required", ())) - GIVEN_LATER
    if call.action == "AssumeRoleWithSAML":
        needed -= IN_ASSERTION
    for name in sorted(needed - call.arguments.keys()):
        raise ConfigurationError(
            f'{call.origin}: profile "{call.profile}" asks for {call.action} and does'
            f" not say {_key(call.action, name)}",
            hint=HINTS.get(name, "add it to the profile"),
        )
    for name, value in call.arguments.items():
        why = next(_broken(name, shape["members"][name]["shape"], value, shapes), None)
        if why is None:
            continue
        setting = call.settings.get(name)
        if setting is None:
            raise ConfigurationError(f"{call.action}: {name} {why}")
        raise wrong(setting, why, HINTS.get(name, "see the STS API reference"))


def problems(action: str, arguments: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield (argument, what is wrong with it) for a call that no profile stands for."""
    shape, shapes = _input(action)
    for name in sorted(set(shape.get("required", ())) - arguments.keys()):
        yield name, "is missing"
    for name, value in arguments.items():
        for why in _broken(name, shape["members"][name]["shape"], value, shapes):
            yield name, why


def _key(action: str, argument: str) -> str:
    """Return the key of a profile that an argument comes from."""
    keys = ACTIONS[action].keys if action in ACTIONS else {}
    return next((key for key, (name, _) in keys.items() if name == argument), argument)


def _input(action: str) -> tuple[dict[str, Any], dict[str, Any]]:
    model = service_model()
    shapes = model["shapes"]
    return shapes[model["operations"][action]["input"]["shape"]], shapes


def _broken(
    name: str,
    shape: str,
    value: Any,  # noqa: ANN401 - whatever the model has
    shapes: Mapping[str, Any],
) -> Iterator[str]:
    """Yield what a value breaks of its shape, inner values included."""
    if isinstance(value, Secret):
        value = value.reveal()
    if isinstance(value, str) and not _is_text(value):
        yield "holds bytes that are no text"
        return
    model = {**shapes[shape], **STRICTER.get(name, {})}
    if name == "SerialNumber" and FIDO.search(value):
        yield "is a FIDO security key, and STS takes codes of TOTP devices only"
    elif why := _range(model, value) or _form(model, value):
        empty = "is empty and " if value == "" else ""
        yield f"{empty}is not {NAMES[name]}" if name in NAMES else empty + why
    elif isinstance(value, dict):
        for inner, one in value.items():
            yield from _broken(inner, model["members"][inner]["shape"], one, shapes)
    elif isinstance(value, list):
        for one in value:
            yield from _broken("", model["member"]["shape"], one, shapes)


def _form(model: Mapping[str, Any], value: Any) -> str:  # noqa: ANN401 - as above
    """Return what is wrong with the characters of a text, or ""."""
    pattern = model.get("pattern")
    if not isinstance(value, str) or not pattern or _matches(pattern, value):
        return ""
    return f"does not have the form that STS takes: {pattern}"


def _is_text(value: str) -> bool:
    """Whether Python did not have to make do with bytes that it could not read."""
    if value.isascii():
        return True
    return not any("\ud800" <= character <= "\udfff" for character in value)


def _range(model: Mapping[str, Any], value: Any) -> str:  # noqa: ANN401 - as above
    """Return what is wrong with a number, a length or a count, or ""."""
    if isinstance(value, dict):
        return ""
    size = value if isinstance(value, int) else len(value)
    least, most = model.get("min", 0), model.get("max")
    if least <= size and (most is None or size <= most):
        return ""
    if isinstance(value, int):
        return f"is not a number of seconds from {least} to {most}"
    things = "items" if isinstance(value, list) else "characters"
    span = f"{least} to {most}" if most else f"at least {least}"
    return f"has {size} {things}; STS takes {span}"


def _matches(pattern: str, value: str) -> bool:
    r"""Match a pattern of the model, which is written for Java.

    There ``\w`` and ``\d`` are ASCII, ``\p{L}`` (letters), ``\p{N}`` (digits) and
    ``\p{Z}`` (blanks) are not, and ``\u10000`` has five digits.
    """
    if r"\p{" in pattern:
        kinds = {"L": "a", "N": "0", "Z": " "}
        value = "".join(
            one if one.isascii() else kinds.get(unicodedata.category(one)[0], one)
            for one in value
        )
        for kind, characters in (("L", "a-zA-Z"), ("N", "0-9"), ("Z", " ")):
            pattern = pattern.replace(rf"\p{{{kind}}}", characters)
    pattern = re.sub(r"\\u([0-9A-Fa-f]{5,6})", lambda m: rf"\U{m[1]:0>8}", pattern)
    return re.fullmatch(pattern, value, re.ASCII) is not None
