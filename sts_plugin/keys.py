"""What stands for a value without showing it: the names of entries, locks, ledgers."""

from __future__ import annotations

import hashlib
import json

__all__ = ["digest"]


def digest(*parts: object) -> str:
    """Return 64 hexadecimal digits that stand for JSON-able ``parts``."""
    text = json.dumps(parts, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()
