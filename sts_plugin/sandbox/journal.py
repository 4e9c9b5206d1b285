"""What was asked of the sandbox: one ``Call`` a request, without its secrets.

Owns: the record of calls. Never: a token code, secret, session token,
signature, assertion or identity token; there is no field for one, and
``arguments`` is filled without them.
"""

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, overload

__all__ = ["Call", "Journal"]


@dataclass(frozen=True, slots=True)
class Call:
    """One request as it was answered.

    ``at`` is the true time (aware UTC), not the server's skewed one; ``action`` is
    empty for what was no Query request; ``region`` is the credential scope's;
    ``outcome`` is "ok", STS's error code or "fault:<kind>". ``arguments`` is what
    was asked, as one would pass it to an SDK (``{"DurationSeconds": 900,
    "PolicyArns": [{"arn": "arn:..."}]}``), without the secrets: TokenCode,
    WebIdentityToken, SAMLAssertion, TradeInToken, ContextAssertion and
    EncodedMessage. A refused call has its arguments, too.
    """

    number: int
    at: datetime
    action: str
    access_key_id: str | None
    caller_arn: str | None
    role_arn: str | None
    region: str | None
    session_name: str | None
    duration_seconds: int | None
    mfa: bool
    outcome: str
    elapsed_seconds: float
    arguments: Mapping[str, Any] = field(default_factory=dict)


class Journal(Sequence[Call]):
    """The calls in the order they were answered; safe to read at any time."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._calls: list[Call] = []
        self._numbers = 0

    def next_number(self) -> int:
        """Return the number of the next call; numbers are never given twice."""
        with self._changed:
            self._numbers += 1
            return self._numbers

    def record(self, call: Call) -> None:
        """Add a call."""
        with self._changed:
            self._calls.append(call)
            self._changed.notify_all()

    def calls(self) -> tuple[Call, ...]:
        """Return all calls so far."""
        with self._changed:
            return tuple(self._calls)

    def count(
        self,
        action: str | None = None,
        *,
        outcome: str | None = None,
        role_arn: str | None = None,
    ) -> int:
        """Count the calls that match everything given."""
        return sum(
            action in (None, call.action)
            and outcome in (None, call.outcome)
            and role_arn in (None, call.role_arn)
            for call in self.calls()
        )

    def wait_for(
        self, count: int, action: str | None = None, *, timeout_seconds: float = 10
    ) -> bool:
        """Wait until there are ``count`` calls; False when the time is over."""
        with self._changed:
            return self._changed.wait_for(
                lambda: sum(action in (None, c.action) for c in self._calls) >= count,
                timeout_seconds,
            )

    def clear(self) -> None:
        """Forget all calls. Numbers go on."""
        with self._changed:
            self._calls.clear()

    def __len__(self) -> int:
        """Count all calls."""
        return len(self.calls())

    @overload
    def __getitem__(self, index: int) -> Call: ...

    @overload
    def __getitem__(self, index: slice) -> tuple[Call, ...]: ...

    def __getitem__(self, index: int | slice) -> Call | tuple[Call, ...]:
        """Return the call or calls at an index."""
        return self.calls()[index]
