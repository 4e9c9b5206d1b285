"""The limits of every parameter, as the STS service model states them.

Owns: form parameters -> nested values, which of them are secret, and the
"validation error detected" text. Never: a limit of its own; lengths, ranges,
patterns and what is required are read from botocore's data (``sts``,
``service-2``), so a newer model is obeyed without a change here.
"""

import contextlib
import re
import unicodedata
from collections.abc import Iterator, Mapping
from typing import Any

from botocore.loaders import Loader

from sts_plugin.sandbox.errors import StsError, validation_error

__all__ = ["Limits", "Value"]

# A parameter's value: text (integers included), a list or a structure.
Value = str | list["Value"] | dict[str, "Value"]

# AWS prints the value it refuses. These are not marked as sensitive in the
# model, and are secrets all the same.
_SECRET_SHAPES = frozenset(
    {"contextAssertionType", "encodedMessageType", "tokenCodeType"}
)

_INTEGER = re.compile(r"[+-]?[0-9]{1,10}")


class Limits:
    """The service model, asked one action at a time."""

    def __init__(self) -> None:
        model: dict[str, Any] = Loader().load_service_model("sts", "service-2")
        self.version: str = model["metadata"]["apiVersion"]
        self._operations: dict[str, Any] = model["operations"]
        self._shapes: dict[str, Any] = model["shapes"]

    def knows(self, action: str) -> bool:
        """Whether STS has this action at all."""
        return action in self._operations

    def read(self, action: str, parameters: Mapping[str, str]) -> dict[str, Value]:
        """Nest the parameters by the action's input shape and check each limit.

        Parameters that the model does not have are ignored, as STS does.
        Raises ``StsError``: MalformedInput for a value of the wrong type,
        ValidationError that names every limit broken.
        """
        shape = self._operations[action].get("input", {}).get("shape")
        if shape is None:
            return {}
        value = self._nest(shape, "", parameters)
        assert isinstance(value, dict)
        self.check(shape, "", value)
        return value

    def check(self, shape: str, where: str, value: Value) -> None:
        """Check a value that came by another way than a parameter, as one.

        Raises ``StsError`` ValidationError.
        """
        problems = list(self._check(shape, where, value))
        if problems:
            noun = "error" if len(problems) == 1 else "errors"
            raise validation_error(
                f"{len(problems)} validation {noun} detected: {'; '.join(problems)}"
            )

    def describe(self, action: str, parameters: Mapping[str, str]) -> dict[str, Any]:
        """Return the arguments as a client of an SDK wrote them, secrets left out.

        Limits do not matter here. What cannot be read is left out, too.
        """
        operation = self._operations.get(action, {})
        shape = operation.get("input", {}).get("shape")
        told: dict[str, Any] = {}
        for name, member in self._shapes[shape]["members"].items() if shape else ():
            inner = member["shape"]
            if _is_given(name, parameters) and not self._is_secret(inner):
                with contextlib.suppress(StsError):
                    value = self._nest(inner, f"{name}.", parameters)
                    told[name] = self._tell(inner, value)
        return told

    def _tell(self, shape: str, value: Value) -> Any:  # noqa: ANN401 (as JSON has it)
        model = self._shapes[shape]
        if isinstance(value, dict):
            inner = {name: model["members"][name]["shape"] for name in value}
            return {
                name: self._tell(inner[name], item)
                for name, item in value.items()
                if not self._is_secret(inner[name])
            }
        if isinstance(value, list):
            return [self._tell(model["member"]["shape"], item) for item in value]
        return int(value) if model["type"] == "integer" else value

    def _is_secret(self, shape: str) -> bool:
        return bool(self._shapes[shape].get("sensitive")) or shape in _SECRET_SHAPES

    def _nest(self, shape: str, prefix: str, parameters: Mapping[str, str]) -> Value:
        model = self._shapes[shape]
        if model["type"] == "structure":
            return {
                name: self._nest(member["shape"], f"{prefix}{name}.", parameters)
                for name, member in model["members"].items()
                if _is_given(f"{prefix}{name}", parameters)
            }
        if model["type"] == "list":
            items: list[Value] = []
            while _is_given(where := f"{prefix}member.{len(items) + 1}", parameters):
                member = model["member"]["shape"]
                items.append(self._nest(member, f"{where}.", parameters))
            return items
        value = parameters.get(prefix.removesuffix("."))
        if value is None or (
            model["type"] == "integer" and not _INTEGER.fullmatch(value)
        ):
            raise StsError("MalformedInput", 400, f"Invalid {prefix.rstrip('.')}")
        return value

    def _check(self, shape: str, where: str, value: Value) -> Iterator[str]:
        model = self._shapes[shape]
        secret = self._is_secret(shape)
        shown = f"Value at '{where}'" if secret else f"Value '{value}' at '{where}'"
        for constraint in _broken(model, value):
            yield f"{shown} failed to satisfy constraint: Member must {constraint}"
        if isinstance(value, dict):
            for name in model.get("required", ()):
                if name not in value:
                    yield (
                        f"Value null at '{_path(where, name)}' failed to satisfy"
                        " constraint: Member must not be null"
                    )
            for name, member in value.items():
                inner = model["members"][name]["shape"]
                yield from self._check(inner, _path(where, name), member)
        elif isinstance(value, list):
            for number, item in enumerate(value, start=1):
                inner = model["member"]["shape"]
                yield from self._check(inner, f"{where}.{number}.member", item)


def _is_given(name: str, parameters: Mapping[str, str]) -> bool:
    return name in parameters or any(key.startswith(f"{name}.") for key in parameters)


def _path(where: str, name: str) -> str:
    # STS names members in lower camel case: roleSessionName, tags.1.member.key
    lowered = "sAMLAssertion" if name == "SAMLAssertion" else name[0].lower() + name[1:]
    return f"{where}.{lowered}" if where else lowered


def _broken(model: Mapping[str, Any], value: Value) -> Iterator[str]:
    """Yield each constraint of the model that the value does not keep."""
    least, most = model.get("min"), model.get("max")
    if model["type"] == "integer":
        assert isinstance(value, str)
        if most is not None and int(value) > most:
            yield f"have value less than or equal to {most}"
        if least is not None and int(value) < least:
            yield f"have value greater than or equal to {least}"
        return
    if most is not None and len(value) > most:
        yield f"have length less than or equal to {most}"
    if least is not None and len(value) < least:
        yield f"have length greater than or equal to {least}"
    pattern = model.get("pattern")
    if pattern is not None and not _matches(pattern, str(value)):
        yield f"satisfy regular expression pattern: {pattern}"


def _matches(pattern: str, value: str) -> bool:
    r"""Match as Java does, whose dialect the model is written in.

    Java's ``\w`` and ``\d`` are ASCII. Python has no ``\p{L}``, and a class of all
    letters is slow to build: each letter, number or separator beyond ASCII is
    replaced by an ASCII one of its kind instead.
    """
    if r"\p{" in pattern:
        stand_in = {"L": "a", "N": "0", "Z": " "}
        value = "".join(
            c if c.isascii() else stand_in.get(unicodedata.category(c)[0], c)
            for c in value
        )
        for kind, ascii_class in {"L": "a-zA-Z", "N": "0-9", "Z": " "}.items():
            pattern = pattern.replace(rf"\p{{{kind}}}", ascii_class)
    # \u10000 is five digits in the model, which Python spells \U00010000.
    pattern = re.sub(r"\\u([0-9A-F]{4,6})", lambda m: rf"\U{m[1]:0>8}", pattern)
    return re.fullmatch(pattern, value, re.ASCII) is not None
