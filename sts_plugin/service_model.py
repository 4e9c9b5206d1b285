"""botocore's data on STS, read once a process: its calls, its limits, its endpoints."""

from __future__ import annotations

import functools
from typing import Any

__all__ = ["endpoint_rules", "partitions", "service_model"]

STS = "sts/2011-06-15"
"""The one version that STS has had. Named here, since botocore would look through the
folders of all its services for it; a test holds it against what botocore finds."""


def service_model() -> dict[str, Any]:
    """Return the calls of STS, their arguments and answers."""
    return _data(f"{STS}/service-2")


def endpoint_rules() -> dict[str, Any]:
    """Return the rules that tell where STS is."""
    return _data(f"{STS}/endpoint-rule-set-1")


def partitions() -> dict[str, Any]:
    """Return the partitions that the rules speak of."""
    return _data("partitions")


@functools.cache
def _data(name: str) -> dict[str, Any]:
    from botocore.loaders import Loader  # noqa: PLC0415 - heavy: late

    found: dict[str, Any] = Loader().load_data(name)
    return found
