"""Tokens that mean nothing to anybody but the sandbox that made them.

Owns: the making and the memory of context assertions, trade-in tokens and
encoded messages. Never: what they are good for. AWS encrypts and signs them;
here each is random text that stands for a value in memory, so that nobody can
read, change or make one either.
"""

import secrets
import threading
from typing import Generic, TypeVar

__all__ = ["Opaque"]

T = TypeVar("T")


class Opaque(Generic[T]):
    """The tokens of one kind; safe for the server's threads."""

    def __init__(self, size_bytes: int = 300) -> None:
        self._size_bytes = size_bytes
        self._lock = threading.Lock()
        self._values: dict[str, T] = {}

    def seal(self, value: T) -> str:
        """Make a token that stands for ``value``: letters, digits, ``-``, ``_``."""
        # AWS's begin with a letter as well: what begins with "-" is an option.
        token = "A" + secrets.token_urlsafe(self._size_bytes)[1:]
        with self._lock:
            self._values[token] = value
        return token

    def open(self, token: str) -> T | None:
        """Return what a token stands for; None for one that was never made."""
        with self._lock:
            return self._values.get(token)
