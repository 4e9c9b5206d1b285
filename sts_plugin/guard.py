"""What stops a command that asks us for the very profile it is run for.

botocore has no such guard: a process that asks for its own profile by a detour starts
processes until the machine is full.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from sts_plugin.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sts_plugin.model import Origin

__all__ = ["GUARD_VARIABLE", "guarded"]

GUARD_VARIABLE = "_STS_PLUGIN_PROFILES"
"""Profiles whose commands the processes above this one run for us: a JSON list."""


def guarded(
    profile: str, key: str, origin: Origin | None, environ: Mapping[str, str]
) -> dict[str, str]:
    """Return what the environment of a profile's command must hold.

    Raises ConfigurationError if we run inside that command already.
    """
    try:
        above = list(json.loads(environ.get(GUARD_VARIABLE, "[]")))
    except (TypeError, ValueError, RecursionError):
        above = []  # nobody but us writes it
    way = [*map(str, above), profile]
    if profile in way[:-1]:
        raise ConfigurationError(
            f'{origin}: the {key} of profile "{profile}" leads back to the same profile'
            f" ({' -> '.join(way)})",
            hint="let the command behind it use another profile",
        )
    return {GUARD_VARIABLE: json.dumps(way)}
