"""The plan: how a profile gets its credentials, worked out before anything is done.

    Chain + settings -> Plan

A plan is a value: it can be printed, compared, hashed and tested without a network.
Here are decided where MFA happens (``place_mfa``, one pure function), what role
chaining allows, and the key of every answer. A key digests everything that changes
the answer, the identity of the source included, so that nobody is ever handed
another identity's credentials. Runs nothing.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from sts_plugin.actions import (
    ACTIONS,
    POLICIES,
    arguments_of,
    proof_of,
    unused_of,
)
from sts_plugin.cache_settings import cache_encryption
from sts_plugin.chain import Chain, Link, follow
from sts_plugin.endpoint import find_endpoint
from sts_plugin.forms import seconds, wrong, yes
from sts_plugin.keys import digest
from sts_plugin.mfa_settings import codes_of, first, session_duration
from sts_plugin.model import UNSIGNED_ACTIONS, Call, Plan, Secret
from sts_plugin.profiles import OWN_PREFIX
from sts_plugin.rules import check_order, lowered
from sts_plugin.settings import SESSION_SECONDS_DEFAULT
from sts_plugin.source_kinds import given_source, idle_keys, proof_source
from sts_plugin.tokens import identified

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from sts_plugin.model import Credentials, Endpoint, Proof, Setting
    from sts_plugin.profiles import Profile, Profiles

__all__ = ["Placement", "make_plan", "place_mfa"]

MFA_MODES = ("session", "direct")

NOBODYS = ("environment", "given")
"""Sources that are no profile's own: what it says of its keys is not about these."""


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

    ``serials`` are the roles' own ``mfa_serial`` in the order of the calls, None for
    what takes no code, ``user`` that of the profile itself when it asks for nothing.
    ``mode`` is "session" or "direct". Nothing is inherited: a serial beside a source
    profile does not make its roles ask, since that would ask people whom botocore does
    not ask.

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


def make_plan(  # noqa: PLR0913 - what a plan depends on
    profiles: Profiles,
    name: str,
    environ: Mapping[str, str],
    *,
    explicit: bool = True,
    region: str | None = None,
    then: Sequence[Link] = (),
    given: Credentials | None = None,
) -> Plan:
    """Make the plan of a profile.

    ``explicit`` as for ``chain.follow``; ``region`` overrides the configured one;
    ``then`` are calls more, of profiles that are in no file; what ``name`` gives signs
    the first of them. ``given`` is what a program has instead of what ``name`` gives.
    Raises ConfigurationError for everything that is wrong on paper; limits of
    single values are checked by ``limits.check``.
    """
    if then and then[0].action in UNSIGNED_ACTIONS:
        # Nothing signs it: of the profile, only region and endpoint matter.
        selected = profiles[name] if explicit else profiles.get(name)
        source = proof_source(then[0].profile, then[0].action)
        chain = Chain(source, tuple(then), selected)
    elif given:
        selected = profiles[name] if explicit else profiles.get(name)
        chain = Chain(given_source(name, given, selected, profiles), (), selected)
        chain = _continued(chain, then)
    else:
        chain = follow(profiles, name, environ, explicit=explicit)
        chain = _continued(chain, then)
    _refuse_idle_policy(profiles.get(name), chain)
    endpoint = find_endpoint(profiles, chain.selected, environ, region=region)
    speakers = _speakers(chain, profiles)
    notes = list(_idle_keys(profiles, chain))
    plan = Plan(
        profile=name,
        source=chain.source,
        calls=_calls(chain, speakers, endpoint, environ, notes),
        endpoint=endpoint,
        codes=codes_of(speakers, environ),
        notes=tuple(notes),
        cache_encryption=cache_encryption(speakers, environ),
    )
    return _apart(plan) if plan.sealed else plan


def _apart(plan: Plan) -> Plan:
    """Return the plan with keys that no plan has whose entries are not sealed.

    Were they the same, profiles that share an MFA session and do not agree would take
    turns at replacing it, each asking for a code once more.
    """
    calls = [replace(call, key=digest("sealed", call.key)) for call in plan.calls]
    return replace(plan, calls=tuple(calls))


def _continued(chain: Chain, then: Sequence[Link]) -> Chain:
    if not then:
        return chain
    first, *others = then
    user = chain.selected.get("mfa_serial") if chain.selected else None
    if chain.source.kind in NOBODYS or not chain.source.long_term:
        user = None  # not the profile's own keys, or none that get a session
    if user and not chain.links and first.action == "AssumeRole":
        # What a user with a device gives is an MFA session: so it does here.
        said = {"mfa_serial": user, **first.profile.config}
        first = Link(replace(first.profile, config=said), first.action)
    return replace(chain, links=(*chain.links, first, *others))


def _speakers(chain: Chain, profiles: Profiles) -> tuple[Profile, ...]:
    """Return the profiles that may say how MFA is done, the one asked for first."""
    linked = [link.profile for link in reversed(chain.links)]
    everyone = (chain.selected, *linked, profiles.get(chain.source.profile))
    unique = {one.name: one for one in everyone if one}
    return tuple(unique.values())


def _calls(
    chain: Chain,
    speakers: Sequence[Profile],
    endpoint: Endpoint,
    environ: Mapping[str, str],
    notes: list[str],
) -> tuple[Call, ...]:
    source = chain.source
    serials = [_serial(link.profile, link.action, notes) for link in chain.links]
    user = None
    if not chain.links and chain.selected and source.kind not in NOBODYS:
        user = _serial(chain.selected, "AssumeRole", notes)
    placement = place_mfa(
        [serial.value if serial else None for serial in serials],
        long_term=source.long_term,
        mode=_mode(speakers),
        user=user.value if user else None,
    )
    calls: list[Call] = []
    if placement.session:
        setting = next(serial for serial in (*serials, user) if serial)
        if len({serial.value for serial in serials if serial}) > 1:
            notes.append(
                "the roles of this chain name different MFA devices; the session uses"
                f" {setting.value}, that of the first role"
            )
        owners = [
            link.profile for link, one in zip(chain.links, serials, strict=True) if one
        ]
        owner = owners[0] if owners else chain.selected
        assert owner is not None  # somebody named the device
        said = session_duration(speakers, environ)
        mode = first(speakers, "mfa_mode")
        calls.append(
            _session(
                owner.name,
                setting,
                said=said,
                mode=mode,
                key=source.key,
                endpoint=endpoint,
            )
        )
    for link, serial, own in zip(chain.links, serials, placement.roles, strict=False):
        key = calls[-1].key if calls else source.key
        notes += _unused(link)
        read = None if calls or link.action not in UNSIGNED_ACTIONS else source.proof
        call = _call(link, serial if own else None, read)
        long_term = source.long_term and not calls
        # What a process prints is known when it has run; the resolver looks again.
        unknown = source.kind == "process" and not calls
        if call.signed and not (long_term or unknown):
            call = lowered(call, notes)
        check_order(call, calls, endpoint, long_term=long_term)
        calls.append(_keyed(call, key, endpoint))
    return tuple(calls)


def _idle_keys(profiles: Profiles, chain: Chain) -> Iterator[str]:
    """Yield a note if a file holds keys too that are in the keychain."""
    profile = profiles.get(chain.source.profile)
    idle = idle_keys(profile) if profile and chain.source.kind == "keychain" else None
    if idle:
        yield (
            f"{idle.origin} still holds the access key {idle.value}{idle.owner}: we use"
            " the one in the OS keychain, other programs may use that one"
        )


def _refuse_idle_policy(asked_for: Profile | None, chain: Chain) -> None:
    """Raise for a session policy in a profile asked for that makes no call.

    Whoever wrote it counts on it. (Keys in the environment win over all of a profile.)
    """
    making = {link.profile.name for link in chain.links}
    for profile in (asked_for, chain.selected):
        if profile is None or profile.name in making or chain.source.kind in NOBODYS:
            continue
        for key in POLICIES:
            if setting := profile.get(key):
                raise wrong(
                    setting,
                    "narrows nothing: this profile asks for no call of its own",
                    "put it beside the role_arn, or remove it",
                )


def _unused(link: Link) -> Iterator[str]:
    """Yield a note for each key that does not count for a call.

    Raises ConfigurationError for a policy: whoever wrote one counts on it.
    """
    action = ACTIONS[link.action]
    for setting in unused_of(link.profile, action):
        if setting.key.removeprefix(OWN_PREFIX) in POLICIES:
            raise wrong(
                setting,
                f"cannot narrow what {action.name} gives",
                "remove it: STS takes no session policy there",
            )
        yield f"{setting.key}{setting.owner} is not used: {action.name} is without it"


def _serial(profile: Profile, action: str, notes: list[str]) -> Setting | None:
    """Return the MFA device of a call that can carry a code."""
    setting = profile.get("mfa_serial")
    if setting and not setting.value:
        raise wrong(
            setting,
            "is empty and is not an MFA device",
            "write the ARN of the MFA device, or remove the key",
        )
    if action == "GetSessionToken":
        return None  # it carries the code itself, in every mode
    if setting and action != "AssumeRole":
        notes.append(
            f"{setting.key}{setting.owner} is not used: {action} takes no code"
        )
        return None
    return setting


def _session(  # noqa: PLR0913 - what such a call is made of
    profile: str,
    serial: Setting,
    *,
    said: Setting | None,
    mode: Setting | None,
    key: str,
    endpoint: Endpoint,
) -> Call:
    """Make the call that asks for a code once.

    Its key leaves out the duration and the region: profiles that differ in these
    still stand behind one device, and are to share one prompt. Tokens of the global
    endpoint are not good in every region, so those are kept apart (IAM User Guide,
    "Manage AWS STS in an AWS Region").
    """
    settings = {"SerialNumber": serial}
    duration = SESSION_SECONDS_DEFAULT
    if said:
        settings["DurationSeconds"] = said
        duration = seconds(said)
    if mode:
        settings["mfa_mode"] = mode
    return Call(
        action="GetSessionToken",
        profile=profile,
        key=_session_key(key, serial.value, endpoint),
        origin=serial.origin,
        arguments={"SerialNumber": serial.value, "DurationSeconds": duration},
        settings=settings,
    )


def _session_key(key: str, serial: str | None, endpoint: Endpoint) -> str:
    scope = "global" if endpoint.region is None or endpoint.legacy else "regional"
    other = endpoint.fallback.url if endpoint.fallback else None
    return digest("session", key, serial, endpoint.url, scope, other)


def _call(link: Link, serial: Setting | None, read: Proof | None) -> Call:
    """Make the call that a profile asks for; its key is yet to be told."""
    profile, action = link.profile, ACTIONS[link.action]
    arguments, settings = arguments_of(profile, action)
    # Read once: the key of the answer and what is brought along must speak of the same.
    proof = read or proof_of(profile, action.name)
    if proof and not read:
        proof = identified(proof)
    origin = next((one.origin for one in settings.values()), profile.origin)
    if serial:
        arguments["SerialNumber"] = serial.value
        settings["SerialNumber"] = serial
    if proof:
        settings[proof.setting.key] = proof.setting
    for key in (*action.sources, "mfa_serial", "mfa_mode", "duration_fallback"):
        if (setting := profile.get(key)) and setting not in settings.values():
            settings[key] = setting
    fallback = settings.get("duration_fallback")
    return Call(
        action=action.name,
        profile=profile.name,
        key="",
        origin=origin,
        arguments=arguments,
        settings=settings,
        proof=proof,
        lower_duration=bool(fallback and yes(fallback)),
    )


def _keyed(call: Call, key: str, endpoint: Endpoint) -> Call:
    """Return the call with the key of its answer, given that of its caller."""
    if call.action == "GetSessionToken":
        key = _session_key(key, call.mfa_serial, endpoint)
        # A program that asks for a certain time is not served the session of others.
        asked = call.arguments.get("DurationSeconds")
        return replace(call, key=digest(key, asked) if asked else key)
    # The second region of the same AWS gives the same; another URL need not be AWS.
    other = endpoint.fallback.url if endpoint.fallback else None
    where = [endpoint.url, endpoint.region, endpoint.legacy, other]
    # The source's own key tells the proof of a call that nothing signs.
    proof = call.proof if call.signed else None
    brought = proof and [proof.how, proof.setting.value, proof.whose]
    arguments = _without_secrets(dict(call.arguments))
    return replace(call, key=digest(call.action, key, arguments, brought, where))


def _mode(speakers: Sequence[Profile]) -> str:
    setting = first(speakers, "mfa_mode")
    if setting is None:
        return MFA_MODES[0]
    if setting.value not in MFA_MODES:
        raise wrong(setting, "is not known", f"use {' or '.join(MFA_MODES)}")
    return setting.value


def _without_secrets(value: Any) -> Any:  # noqa: ANN401 - whatever JSON is made of
    """Return JSON-able values in which a digest stands for each secret."""
    if isinstance(value, Secret):
        return digest("secret", value.reveal())
    if isinstance(value, dict):
        return {key: _without_secrets(one) for key, one in value.items()}
    if isinstance(value, list):
        return [_without_secrets(one) for one in value]
    return value
