"""What a new profile is to say: from the options, from whoever is asked, by default.

    options + Asker -> settings by plain key

Each answer is held against STS's limits as soon as it is there. The MFA device is the
one that the source profile names, or the one that IAM knows of.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from sts_plugin.cli.common import tell
from sts_plugin.cli.progress import progress
from sts_plugin.errors import CannotAsk, ConfigurationError, Refused, StsPluginError
from sts_plugin.limits import FIDO, HINTS, problems
from sts_plugin.settings import RUN_SECONDS_MAX
from sts_plugin.source_kinds import has_own_keys

if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping

    from sts_plugin.cli.configure_ask import Asker
    from sts_plugin.engine import Engine
    from sts_plugin.model import Plan
    from sts_plugin.profiles import Profiles

__all__ = ["answers", "given"]

ARGUMENTS: Final[Mapping[str, str]] = {
    "role_arn": "RoleArn",
    "mfa_serial": "SerialNumber",
    "external_id": "ExternalId",
    "duration_seconds": "DurationSeconds",
    "role_session_name": "RoleSessionName",
}
"""Keys that are arguments of AssumeRole."""

KEYS: Final = (
    "region",
    "role_arn",
    "source_profile",
    "mfa_serial",
    "external_id",
    "duration_seconds",
    "role_session_name",
)
"""What the options say, in the order in which it is written."""

NONE: Final = "none"
"""Says that there is no MFA device; a serial has nine characters."""

NEEDED: Final = "a new profile needs --role-arn and --source-profile"

USER: Final = re.compile(r"arn:([\w-]+):iam::(\d{12}):(?:root|user/(?:.*/)?([^/]+))")

REGION: Final = re.compile(r"[a-z]{2,}(?:-[a-z]+)+-\d+")


@dataclass(frozen=True, slots=True)
class Devices:
    """MFA devices that may be meant; ``guess`` is what one is mostly called."""

    serials: tuple[str, ...] = ()
    guess: str = ""


def given(options: argparse.Namespace) -> dict[str, str]:
    """Return what the options say, by plain key; raise for what STS would refuse."""
    said = {}
    for key in KEYS:
        value = getattr(options, key)
        if value is None or (key == "mfa_serial" and value == NONE):
            continue
        why = _wrong(key, value) or ("nothing was said" if value == "" else "")
        if why:
            option = "--" + key.replace("_", "-")
            raise ConfigurationError(f"{option}: {why}")
        said[key] = str(value)
    return said


def answers(
    options: argparse.Namespace,
    profiles: Profiles,
    engine: Engine,
    asker: Asker | None,
) -> dict[str, str]:
    """Return all settings of a new profile.

    Without somebody to ask, what the options leave out is as it would be proposed.
    """
    said = given(options)
    if "role_arn" not in said:
        said["role_arn"] = _asked(asker).text(
            "Role ARN", wrong=lambda answer: _wrong("role_arn", answer)
        )
    if "source_profile" not in said:
        said["source_profile"] = _source(_asked(asker), profiles, options.profile)
    source = said["source_profile"]
    profiles[source]  # raises where there is none
    if "region" not in said:
        proposed = _region(profiles, options.profile, source)
        if asker:
            proposed = asker.text(
                "Region",
                default=proposed,
                wrong=lambda answer: _wrong("region", answer),
            )
        said["region"] = proposed
    if options.mfa_serial is None:
        said["mfa_serial"] = _device(engine, source, asker)
    return {key: said[key] for key in KEYS if said.get(key)}


def _asked(asker: Asker | None) -> Asker:
    if asker is None:
        raise CannotAsk("something would have to be asked", hint=NEEDED)
    return asker


def _wrong(key: str, value: str | int) -> str:
    """Return why a value is none for a key, or nothing."""
    if value == "" and key != "region":
        return "nothing was said"
    if key == "region":
        good = not value or REGION.fullmatch(str(value))
        return "" if good else f"{value} is not a region such as eu-central-1"
    argument = ARGUMENTS.get(key)
    if argument is None:
        return ""
    for name, why in problems("AssumeRole", {argument: value}):
        if name == argument:
            return f"{value} {why} ({HINTS[argument]})".lstrip()
    return ""


# --- The source ---


def _source(asker: Asker, profiles: Profiles, name: str) -> str:
    """Ask for the profile whose credentials assume the role."""
    choices = [one for one in _sources(profiles) if one[0] != name]

    def wrong(answer: str) -> str:
        if not answer:
            return "a profile is needed whose credentials assume the role"
        return "" if answer in profiles else f"there is no profile {answer}"

    default = choices[0][0] if choices else ""
    asker.say("Source profile, whose credentials assume the role:")
    return asker.choice("Source profile", choices, default=default, wrong=wrong)


def _sources(profiles: Profiles) -> list[tuple[str, str]]:
    """Return the profiles that may be a source: first those of users."""
    users, others = [], []
    for name, profile in profiles.profiles.items():
        if has_own_keys(profile):
            users.append((name, "a user's keys"))
        elif role := profile.get("role_arn"):
            others.append((name, role.value))
        elif len(profile.settings()) > 1:
            others.append((name, ""))
    return users + others


def _region(profiles: Profiles, *names: str) -> str:
    """Return the region to propose: the first that one says, else [default]'s."""
    for name in (*names, "default"):
        profile = profiles.get(name)
        found = profile.plain("region") if profile else None
        if found and found.value:
            return found.value
    return ""


# --- The MFA device ---


def _device(engine: Engine, source: str, asker: Asker | None) -> str:
    """Return the serial of the device that the role is to be assumed with, or ""."""
    plan = engine.plan(source)
    found = Devices()
    if not plan.calls and plan.source.long_term:
        found = _known_to_iam(engine, plan)
    elif plan.device and all(call.kind == "session" for call in plan.calls):
        # Behind a role there is none: MFA is where the chain begins.
        found = Devices((plan.device,))
    if asker is None:
        return _only(found)

    def wrong(answer: str) -> str:
        return "" if answer == NONE else _wrong("mfa_serial", answer)

    default = found.serials[0] if found.serials else NONE
    choices = [(serial, "") for serial in found.serials]
    if len(choices) < 2:  # noqa: PLR2004 - one is the default, and needs no list
        choices = []
        if found.guess:
            asker.say(f"A device mostly is called so: {found.guess}")
    answer = asker.choice(
        f"MFA device, or {NONE}", choices, default=default, wrong=wrong
    )
    return "" if answer == NONE else answer


def _only(found: Devices) -> str:
    if len(found.serials) > 1:
        raise ConfigurationError(
            f"there are several MFA devices: {', '.join(found.serials)}",
            hint="choose one: --mfa-serial ARN, or --mfa-serial none",
        )
    return next(iter(found.serials), "")


def _known_to_iam(engine: Engine, plan: Plan) -> Devices:
    """Ask IAM for the devices of the user that a plan is."""
    try:
        tell(f"asking IAM for the MFA devices of profile {plan.profile}")
        keys = engine.credentials(plan)
        with progress("IAM, for the MFA devices", RUN_SECONDS_MAX):
            serials = engine.iam(plan).mfa_devices(None, keys)
    except StsPluginError as error:
        tell(f"the MFA devices are not known: {error.line}")
        if not (isinstance(error, Refused) and error.code.startswith("AccessDenied")):
            return Devices()
        return Devices(guess=_guess(engine, plan))
    # The API takes no security keys.
    return Devices(tuple(one for one in serials if not FIDO.search(one)))


def _guess(engine: Engine, plan: Plan) -> str:
    """Return what the device of a user is called, if it was called as they are."""
    try:
        arn = engine.sts(plan).caller_identity(engine.credentials(plan)).arn
    except StsPluginError:
        return ""
    if not (found := USER.fullmatch(arn)):
        return ""
    partition, account, name = found.groups()
    return f"arn:{partition}:iam::{account}:mfa/{name or 'root-account-mfa-device'}"
