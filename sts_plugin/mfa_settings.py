"""What profiles and environment say about MFA: where codes come from, for how long.

    the profiles of a chain, the one asked for first -> settings

The first profile that says something speaks. Where the environment does, it wins: it
knows what is there today, a screen or only a terminal. Raises ConfigurationError.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sts_plugin.errors import ConfigurationError
from sts_plugin.forms import ways
from sts_plugin.model import MFA_WAYS, CodeSettings, Origin, Setting

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sts_plugin.profiles import Profile

__all__ = ["codes_of", "first", "session_duration", "spoken"]


def first(speakers: Sequence[Profile], key: str) -> Setting | None:
    """Return the key of the first profile that has it."""
    return next((found for one in speakers if (found := one.get(key))), None)


def session_duration(
    speakers: Sequence[Profile], environ: Mapping[str, str]
) -> Setting | None:
    """Return what says how long the MFA session is to last, or None."""
    return spoken("STS_PLUGIN_SESSION_DURATION_SECONDS", environ) or first(
        speakers, "session_duration_seconds"
    )


def codes_of(speakers: Sequence[Profile], environ: Mapping[str, str]) -> CodeSettings:
    """Return where codes come from, and in what order the ways are tried."""
    prompt = spoken("STS_PLUGIN_MFA_PROMPT", environ) or first(speakers, "mfa_prompt")
    for profile in speakers:
        process, totp_file = profile.get("mfa_process"), profile.get("totp_file")
        if process and totp_file and not prompt:
            raise ConfigurationError(
                f'profile "{profile.name}" has both mfa_process ({process.origin}) and'
                f" {totp_file.key} ({totp_file.origin})",
                hint="keep the one that MFA codes are to come from, or name the order"
                " to try them in: mfa_prompt = command, totp",
            )
        if process or totp_file:
            break
    else:
        process = totp_file = None
    if prompt:
        order = ways(prompt)
    else:
        order = tuple(way for way in MFA_WAYS if process or way != "command")
    return CodeSettings(process, totp_file, prompt, order)


def spoken(variable: str, environ: Mapping[str, str]) -> Setting | None:
    """Return a variable as the setting that it overrides."""
    value = environ.get(variable)
    return Setting(variable, value, Origin("environment")) if value else None
