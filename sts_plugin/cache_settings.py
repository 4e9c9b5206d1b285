"""What profiles and environment say about the cache: whether it is sealed.

As for MFA: the first profile that says something speaks, and the environment wins.
Raises ConfigurationError.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sts_plugin.forms import wrong
from sts_plugin.mfa_settings import first, spoken

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sts_plugin.model import Setting
    from sts_plugin.profiles import Profile

__all__ = ["cache_encryption"]

WAYS: Final = ("keychain", "none")


def cache_encryption(
    speakers: Sequence[Profile], environ: Mapping[str, str]
) -> Setting | None:
    """Return what says how entries are sealed, or None where nobody says so."""
    setting = spoken("STS_PLUGIN_CACHE_ENCRYPTION", environ) or first(
        speakers, "cache_encryption"
    )
    if setting and setting.value not in WAYS:
        raise wrong(setting, "is not known", f"use {' or '.join(WAYS)}")
    return setting
