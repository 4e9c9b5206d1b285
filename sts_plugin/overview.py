"""Every profile at a glance: what it gives, whose it is, whether it can work at all.

    Profiles -> one Summary a profile

Owns what is told of a profile in a line. Runs nothing, asks nobody, reads no cache:
what is cached is told by whoever has one, by the keys of the plan.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, get_args

from sts_plugin.errors import ConfigurationError, NothingHere
from sts_plugin.limits import check
from sts_plugin.model import KINDS as CALL_KINDS
from sts_plugin.model import SourceKind
from sts_plugin.plan import make_plan

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from sts_plugin.model import Call, Plan
    from sts_plugin.profiles import Profile, Profiles

__all__ = [
    "KINDS",
    "Served",
    "Summary",
    "name_and_account",
    "plans",
    "served",
    "summaries",
]

KINDS: Final = (
    "role",
    *CALL_KINDS.values(),
    *(kind for kind in get_args(SourceKind) if kind != "given"),  # by no profile
    "none",
    "broken",
)
"""What the kind of a Summary can be."""

ARN_PARTS: Final = 6
ACCOUNT: Final = 4
"""The place of the account in an ARN: ``arn:aws:iam::111111111111:role/Name``."""


@dataclass(frozen=True, slots=True)
class Summary:
    """What a profile gives: credentials of ``kind``, for an account and a role.

    ``kind`` is that of the last call (``role``, ``session``, ``user``, ``root``,
    ``delegated``), or of the source where nothing is called (``static``, ``sso``,
    ``process`` ...). There is no plan where it is "none", for a profile that has no
    credentials, and "broken", where ``error`` says why. ``account`` is 12 digits,
    ``role`` and ``mfa`` are ARNs, each "" where it is unknown or there is none.
    """

    profile: Profile
    kind: str
    account: str = ""
    role: str = ""
    mfa: str = ""
    plan: Plan | None = None
    error: ConfigurationError | None = None

    @property
    def name(self) -> str:
        """The name of the profile."""
        return self.profile.name


def summaries(
    profiles: Profiles, environ: Mapping[str, str], names: Iterable[str] | None = None
) -> Iterator[Summary]:
    """Yield a Summary for each profile of a name: of every one, in their order.

    Raises ConfigurationError only for a name that does not exist.
    """
    for name in profiles.profiles if names is None else names:
        yield _summary(profiles, name, environ)


def plans(
    profiles: Profiles,
    environ: Mapping[str, str],
    passed_over: Callable[[ConfigurationError], None],
) -> Iterator[Plan]:
    """Yield the plan of each profile that has one; tell of those that are wrong."""
    for one in summaries(profiles, environ):
        if one.error:
            passed_over(one.error)
        if one.plan:
            yield one.plan


@dataclass(frozen=True, slots=True)
class Served:
    """Whom an entry of the cache serves: profiles, and the one that they start from."""

    source: str
    profiles: tuple[str, ...]


def served(profiles: Profiles, environ: Mapping[str, str]) -> dict[str, Served]:
    """Return whom each entry of the cache serves, by its key."""
    found: dict[str, list[Plan]] = {}
    plans = (one.plan for one in summaries(profiles, environ))
    for plan in filter(None, plans):
        for call in plan.calls:
            found.setdefault(call.key, []).append(plan)
    return {
        key: Served(several[0].source.profile, tuple(one.profile for one in several))
        for key, several in found.items()
    }


def _summary(profiles: Profiles, name: str, environ: Mapping[str, str]) -> Summary:
    try:
        plan = make_plan(profiles, name, environ)
        for call in plan.calls:
            check(call)
    except NothingHere:
        return Summary(profiles.profiles[name], "none")
    except ConfigurationError as error:
        return Summary(profiles.profiles[name], "broken", error=error)
    profile = profiles[name]
    mfa = plan.device or ""
    if not plan.calls:
        kind = plan.source.kind
        return Summary(profile, kind, _said(profile), plan=plan)
    last = plan.calls[-1]
    role = last.arguments.get("RoleArn") or ""
    account = _account(last) or ("" if last.kind == "role" else _said(profile))
    return Summary(profile, last.kind, account, role, mfa, plan)


def name_and_account(arn: str) -> tuple[str, str]:
    """Return what stands for the name in an ARN, and its account; "" for none.

    Of a text that is no ARN: itself.
    """
    parts = arn.split(":", ARN_PARTS - 1)
    return (parts[-1], parts[ACCOUNT]) if len(parts) == ARN_PARTS else (arn, "")


def _account(call: Call) -> str:
    """Return the account that a call's answer belongs to, where the call tells it."""
    for name in ("RoleArn", "SerialNumber", "TargetPrincipal"):
        text = call.arguments.get(name) or ""
        if text.isdecimal():  # AssumeRoot takes an account alone
            return text
        if account := name_and_account(text)[1]:
            return account
    return ""


def _said(profile: Profile) -> str:
    """Return the account that a profile itself names."""
    for key in ("aws_account_id", "sso_account_id"):
        if (setting := profile.get(key)) and setting.value.isdecimal():
            return setting.value
    device = profile.get("mfa_serial")
    return name_and_account(device.value)[1] if device else ""
