"""Which profiles may be ours, told by their keys alone.

For every door in a program: no trouble of ours may touch a profile that has nothing to
do with us. Imports nothing; whether a profile is ours, its plan tells (``long_way``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["OUR_KEYS", "concerns_us"]

OWN_PREFIX: Final = "sts_plugin_"
"""``profiles.OWN_PREFIX``."""

OUR_KEYS: Final = frozenset(
    {
        "federation_name",
        "include_profile",
        "keychain",
        "mfa_serial",
        "role_arn",
        "saml_file",
        "saml_process",
        "target_principal",
        "trade_in_token_file",
        "trade_in_token_process",
        "web_identity_token_process",
    }
)
"""What may make a profile ours; the plan then tells."""


def concerns_us(said: Mapping[str, Any]) -> bool:
    """Whether a profile may be one of ours, by its keys alone."""
    keys = {key.removeprefix(OWN_PREFIX) for key in said}
    process = str(said.get("credential_process", ""))
    ours = "sts-plugin" in process or "sts_plugin" in process
    return ours or not keys.isdisjoint(OUR_KEYS)
