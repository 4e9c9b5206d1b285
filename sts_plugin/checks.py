"""Values of a profile that STS will accept, checked before anything is done.

Raises ConfigurationError with file, line, key and profile; knows no plan.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sts_plugin import settings
from sts_plugin.errors import ConfigurationError

if TYPE_CHECKING:
    import re
    from collections.abc import Mapping

    from sts_plugin.model import Setting
    from sts_plugin.profiles import Profile

__all__ = ["checked", "seconds"]


@dataclass(frozen=True, slots=True)
class Rule:
    """What a value must look like, what it is called, and what helps."""

    pattern: re.Pattern[str]
    name: str
    hint: str


RULES: Mapping[str, Rule] = {
    "role_arn": Rule(
        settings.ROLE_ARN,
        "the ARN of an IAM role",
        "it looks like arn:aws:iam::123456789012:role/Name",
    ),
    "mfa_serial": Rule(
        settings.MFA_SERIAL,
        "the ARN or serial number of an MFA device",
        "it looks like arn:aws:iam::123456789012:mfa/name",
    ),
    "external_id": Rule(
        settings.EXTERNAL_ID,
        "an external id",
        "2 to 1224 letters, digits and characters of _+=,.@:/-",
    ),
    "role_session_name": Rule(
        settings.ROLE_SESSION_NAME,
        "a role session name",
        "2 to 64 letters, digits and characters of _+=,.@-",
    ),
}


def checked(profile: Profile, key: str) -> Setting | None:
    """Return a setting that STS will accept, None if there is none, or raise."""
    setting, rule = profile.get(key), RULES[key]
    if setting is None or rule.pattern.fullmatch(setting.value):
        return setting
    shown = f"= {setting.value}" if setting.value else "is empty and"
    raise ConfigurationError(
        f'{setting.origin}: {setting.key} {shown} of profile "{profile.name}" is not'
        f" {rule.name}",
        hint=rule.hint,
    )


def seconds(profile: Profile, key: str, limits: tuple[int, int]) -> int | None:
    """Return a duration in seconds, None if there is none, or raise.

    botocore drops a value that is not a number without a word; whoever wrote it
    meant something, so it is an error here.
    """
    setting = profile.get(key)
    if setting is None:
        return None
    least, most = limits
    try:
        given = int(setting.value)
    except ValueError:
        given = -1
    if not least <= given <= most:
        raise ConfigurationError(
            f"{setting.origin}: {setting.key} = {setting.value} of profile"
            f' "{profile.name}" is not a number of seconds from {least} to {most}',
            hint="STS accepts no other",
        )
    return given
