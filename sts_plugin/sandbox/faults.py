"""Trouble on order: what a network, a proxy or a bad day does to an answer.

Owns: the kinds of faults, which call gets which, and how each damages an
answer. Never: sends, waits or closes anything; the server does that.
"""

import threading
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal, TypeVar

from sts_plugin.sandbox.errors import StsError
from sts_plugin.sandbox.wire import Answer, Result, render_error

__all__ = [
    "Fault",
    "FaultKind",
    "Faults",
    "damage_answer",
    "damage_result",
    "enlarge",
]

FaultKind = Literal[
    "bad_charset",
    "drip",
    "empty",
    "html",
    "huge",
    "latency",
    "no_expiration",
    "past_expiration",
    "redirect",
    "reset",
    "silence",
    "status",
    "throttle",
    "truncated",
]

# What an element holds: text in a group; in a whole result a group, too.
Element = TypeVar("Element", str, "str | Result")

_HUGE = 8 * 1024 * 1024
_PAST = "2001-01-01T00:00:00Z"

# These damage the answer of a call that was carried out; the others answer
# (or fail to) in its place.
_NEED_AN_ANSWER = frozenset(
    {
        "bad_charset",
        "huge",
        "latency",
        "no_expiration",
        "past_expiration",
        "truncated",
    }
)


@dataclass(frozen=True, slots=True)
class Fault:
    """One kind of trouble, for the next ``times`` calls of ``action``.

    ``action`` None means any, ``times`` None for ever. ``seconds`` is the wait of
    ``latency``, ``status`` the HTTP status of ``status``. With ``after`` the call is
    carried out first (the code is spent, credentials are issued) and its answer
    lost.

    latency: a slow answer. drip: a byte a second, without an end. silence: none,
    until the sandbox stops. reset: the connection is reset. status: an error of this
    HTTP status. throttle: Throttling. html: a login page with status 200. truncated:
    the connection ends in the middle of the body. empty: 200 without a body.
    no_expiration, past_expiration, huge (8 MiB of session token, or before a sign-in
    token), bad_charset (bytes that are no UTF-8): damaged credentials. redirect: 302
    to another host.
    """

    kind: FaultKind
    action: str | None = None
    times: int | None = 1
    seconds: float = 0
    status: int = 500
    after: bool = False

    @property
    def lets_the_call_through(self) -> bool:
        """Whether the call is carried out before the trouble."""
        return self.after or self.kind in _NEED_AN_ANSWER


class Faults:
    """The faults on order, oldest first; safe for the server's threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._faults: list[Fault] = []

    def add(self, fault: Fault) -> None:
        """Order a fault."""
        with self._lock:
            self._faults.append(fault)

    def clear(self) -> None:
        """Cancel all."""
        with self._lock:
            self._faults.clear()

    def take(self, action: str) -> Fault | None:
        """Return the oldest fault that fits, and count it."""
        with self._lock:
            for index, fault in enumerate(self._faults):
                if fault.action in (None, action):
                    if fault.times is None:
                        return fault
                    left = fault.times - 1
                    self._faults[index : index + 1] = (
                        [replace(fault, times=left)] if left > 0 else []
                    )
                    return fault
        return None


def damage_result(fault: Fault, result: Result) -> Result:
    """Change the elements of a result, where that is what the fault does."""
    credentials = result.get("Credentials")
    if isinstance(credentials, Mapping):
        return {**result, "Credentials": _damaged(fault, credentials, "SessionToken")}
    if "WebIdentityToken" in result:
        return _damaged(fault, result, "WebIdentityToken")
    return result


def _damaged(
    fault: Fault, group: Mapping[str, Element], token: str
) -> dict[str, Element]:
    changed = dict(group)
    match fault.kind:
        case "no_expiration":
            del changed["Expiration"]
        case "past_expiration":
            changed["Expiration"] = _PAST
        case "huge":
            changed[token] = "A" * _HUGE
        case _:
            pass
    return changed


def enlarge(fault: Fault, answer: Answer) -> Answer:
    """Make an answer that is no XML endless, where that is what the fault does."""
    if fault.kind != "huge":
        return answer
    return replace(answer, body=answer.body.replace(b": ", b": " + b" " * _HUGE, 1))


def damage_answer(fault: Fault, answer: Answer | None) -> Answer:
    """Change the answer, or make up one; None is a call not carried out."""
    made_up = _made_up_answer(fault)
    if made_up is not None:
        return made_up
    assert answer is not None
    if fault.kind == "truncated":
        half = answer.body[: len(answer.body) // 2]
        return replace(answer, body=half, declared_length=len(answer.body))
    if fault.kind == "bad_charset":
        return replace(answer, body=answer.body.replace(b"</", b"\xff\xfe</", 1))
    return answer


def _made_up_answer(fault: Fault) -> Answer | None:
    match fault.kind:
        case "status":
            code = {503: "ServiceUnavailable"}.get(fault.status, "InternalFailure")
            return render_error(StsError(code, fault.status, "As the test asked."))
        case "throttle":
            return render_error(StsError("Throttling", 400, "Rate exceeded"))
        case "html":
            page = b"<!DOCTYPE html><html><body>Please log in<br></body></html>"
            return Answer(200, page, {"Content-Type": "text/html"})
        case "empty":
            return Answer(200, b"")
        case "redirect":
            return Answer(302, b"", {"Location": "https://elsewhere.invalid/"})
        case _:
            return None
