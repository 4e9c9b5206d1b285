"""The plan: how a profile gets its credentials, worked out before anything is done.

    Chain + settings -> Plan

A plan is a value: it can be printed, compared, hashed and tested without a network.
Here are decided where MFA happens (``place_mfa``, one pure function), what role
chaining allows, and the key of every answer. A key digests everything that changes
the answer, the identity of the source included, so that nobody is ever handed
another identity's credentials. Runs nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sts_plugin import settings
from sts_plugin.chain import follow
from sts_plugin.checks import checked, seconds
from sts_plugin.endpoint import find_endpoint
from sts_plugin.errors import ConfigurationError
from sts_plugin.keys import digest
from sts_plugin.model import CodeSettings, Plan, RoleHop, SessionHop

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sts_plugin.chain import Chain
    from sts_plugin.model import Endpoint, Setting
    from sts_plugin.profiles import Profile, Profiles

__all__ = ["Placement", "make_plan", "place_mfa"]

MFA_MODES = ("session", "direct")
ROLE_KEYS = (
    "role_arn",
    "source_profile",
    "credential_source",
    "role_session_name",
    "external_id",
    "duration_seconds",
    "mfa_serial",
    "mfa_mode",
)


@dataclass(frozen=True, slots=True)
class Placement:
    """Which calls of a chain carry MFA.

    ``session`` is the serial of the GetSessionToken call (None: there is none),
    ``roles`` those of the role calls.
    """

    session: str | None
    roles: tuple[str | None, ...]


def place_mfa(
    serials: Sequence[str | None], *, long_term: bool, mode: str, user: str | None
) -> Placement:
    """Decide where MFA happens.

    ``serials`` are the roles' own ``mfa_serial`` in the order of the calls, ``user``
    that of the profile itself when it has no role. ``mode`` is "session" or
    "direct". Nothing is inherited: a serial beside a source profile does not make
    its roles ask, since that would ask people whom botocore does not ask.

    =============  =========  ========  ============================================
    any serial     source     mode      result
    =============  =========  ========  ============================================
    no             any        any       no MFA
    yes            long-term  session   one session, first serial of the chain; the
                                        roles carry none
    yes            long-term  direct    each role carries its own
    yes            temporary  any       each role carries its own: GetSessionToken
                                        takes long-term keys only
    user profile   long-term  session   one session (aws-cli#1985)
    user profile   otherwise            no MFA, as in botocore
    =============  =========  ========  ============================================
    """
    none = (None,) * len(serials)
    if not serials:
        return Placement(user if long_term and mode == "session" else None, ())
    first = next((serial for serial in serials if serial), None)
    if first is None:
        return Placement(None, none)
    if long_term and mode == "session":
        return Placement(first, none)
    return Placement(None, tuple(serials))


def make_plan(
    profiles: Profiles,
    name: str,
    environ: Mapping[str, str],
    *,
    explicit: bool = True,
    region: str | None = None,
) -> Plan:
    """Make the plan of a profile.

    ``explicit`` as for ``chain.follow``; ``region`` overrides the configured one.
    Raises ConfigurationError for everything that is wrong on paper: after it, only
    people, AWS and the network can refuse.
    """
    chain = follow(profiles, name, environ, explicit=explicit)
    endpoint = find_endpoint(profiles, chain.selected, environ, region=region)
    speakers = _speakers(chain, profiles)
    notes: list[str] = []
    return Plan(
        profile=name,
        source=chain.source,
        calls=_calls(chain, speakers, endpoint, notes),
        endpoint=endpoint,
        codes=_codes(speakers),
        notes=tuple(notes),
    )


def _speakers(chain: Chain, profiles: Profiles) -> tuple[Profile, ...]:
    """Return the profiles that may say how MFA is done, the one asked for first."""
    source = profiles.profiles.get(chain.source.profile)
    everyone = [chain.selected, *reversed(chain.roles), source]
    unique = {profile.name: profile for profile in everyone if profile}
    return tuple(unique.values())


def _calls(
    chain: Chain, speakers: Sequence[Profile], endpoint: Endpoint, notes: list[str]
) -> tuple[SessionHop | RoleHop, ...]:
    source = chain.source
    serials = [checked(role, "mfa_serial") for role in chain.roles]
    user = None
    if not chain.roles and chain.selected and source.kind != "environment":
        user = checked(chain.selected, "mfa_serial")
    placement = place_mfa(
        [serial.value if serial else None for serial in serials],
        long_term=source.long_term,
        mode=_mode(speakers),
        user=user.value if user else None,
    )
    calls: list[SessionHop | RoleHop] = []
    key = source.key
    if placement.session:
        setting = next(serial for serial in (*serials, user) if serial)
        if len({serial.value for serial in serials if serial}) > 1:
            notes.append(
                "the roles of this chain name different MFA devices; the session uses"
                f" {setting.value}, that of the first role"
            )
        calls.append(_session(setting, speakers, key, endpoint))
        key = calls[0].key
    for role, serial in zip(chain.roles, placement.roles, strict=False):
        chained = not source.long_term or bool(calls)
        hop = _role(role, serial, key, endpoint, notes, chained=chained)
        calls.append(hop)
        key = hop.key
    return tuple(calls)


def _session(
    serial: Setting, speakers: Sequence[Profile], key: str, endpoint: Endpoint
) -> SessionHop:
    """Make the session hop.

    Its key leaves out the duration and the region: profiles that differ in these
    still stand behind one device, and are to share one prompt. Tokens of the global
    endpoint are not good in every region, so those are kept apart (IAM User Guide,
    "Manage AWS STS in an AWS Region").
    """
    owner = next(one for one in speakers if serial in one.settings().values())
    key_of_ours = "session_duration_seconds"
    speaker = _first(speakers, key_of_ours)
    said = seconds(speaker, key_of_ours, settings.SESSION_SECONDS) if speaker else None
    others = (
        one.get(name)
        for name in (key_of_ours, "mfa_mode")
        if (one := _first(speakers, name))
    )
    scope = "global" if endpoint.region is None or endpoint.legacy else "regional"
    return SessionHop(
        profile=owner.name,
        mfa_serial=serial.value,
        duration_seconds=said or settings.SESSION_SECONDS_DEFAULT,
        key=digest("session", key, serial.value, endpoint.url, scope),
        origin=serial.origin,
        settings=(serial, *filter(None, others)),
    )


def _first(speakers: Sequence[Profile], key: str) -> Profile | None:
    return next((one for one in speakers if one.get(key)), None)


def _role(  # noqa: PLR0913 - what a role hop is made of
    profile: Profile,
    mfa_serial: str | None,
    key: str,
    endpoint: Endpoint,
    notes: list[str],
    *,
    chained: bool,
) -> RoleHop:
    arn = checked(profile, "role_arn")
    assert arn is not None  # it is what made this profile a role
    name = profile.get("role_session_name")
    if name is not None and not name.value:
        name = None  # botocore takes an empty one for none
    else:
        name = checked(profile, "role_session_name")
    external_id = checked(profile, "external_id")
    duration = _duration(profile, notes, chained=chained)
    used = (profile.get(key) for key in ROLE_KEYS)
    values = {
        "role_arn": arn.value,
        "role_session_name": name.value if name else None,
        "external_id": external_id.value if external_id else None,
        "duration_seconds": duration,
        "mfa_serial": mfa_serial,
    }
    where = [endpoint.url, endpoint.region, endpoint.legacy]
    return RoleHop(
        profile=profile.name,
        role_arn=arn.value,
        key=digest("role", key, values, where),
        origin=arn.origin,
        role_session_name=name.value if name else None,
        external_id=external_id.value if external_id else None,
        duration_seconds=duration,
        mfa_serial=mfa_serial,
        settings=tuple(setting for setting in used if setting),
    )


def _duration(profile: Profile, notes: list[str], *, chained: bool) -> int | None:
    """Return how long a role is asked to last; note it where STS would refuse that."""
    duration = seconds(profile, "duration_seconds", settings.ROLE_SECONDS)
    limit = settings.CHAINED_ROLE_SECONDS_MAX
    if not chained or duration is None or duration <= limit:
        return duration
    notes.append(
        f'duration_seconds = {duration} of profile "{profile.name}" becomes {limit}:'
        " STS allows one hour for a role that is assumed with temporary credentials;"
        " it is renewed without asking"
    )
    return limit


def _mode(speakers: Sequence[Profile]) -> str:
    speaker = _first(speakers, "mfa_mode")
    setting = speaker.get("mfa_mode") if speaker else None
    if setting is None:
        return MFA_MODES[0]
    if setting.value not in MFA_MODES:
        raise ConfigurationError(
            f"{setting.origin}: {setting.key} = {setting.value} is not known",
            hint=f"use {' or '.join(MFA_MODES)}",
        )
    return setting.value


def _codes(speakers: Sequence[Profile]) -> CodeSettings:
    """Return where codes come from: the first profile that says it speaks."""
    for profile in speakers:
        process, totp_file = profile.get("mfa_process"), profile.get("totp_file")
        if process and totp_file:
            raise ConfigurationError(
                f'profile "{profile.name}" has both mfa_process ({process.origin}) and'
                f" {totp_file.key} ({totp_file.origin})",
                hint="keep the one that MFA codes are to come from",
            )
        if process or totp_file:
            return CodeSettings(process, totp_file)
    return CodeSettings()
