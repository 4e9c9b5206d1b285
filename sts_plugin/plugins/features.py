"""What botocore's user agent tells AWS of where credentials come from.

    Plan -> feature ids

botocore's own providers register such ids, by which AWS counts what is in use; a
program with us in it is to be counted as the one without. The names are those of
``botocore.useragent``, which passes over what it does not know.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from sts_plugin.model import Plan, SourceKind

__all__ = ["client_features", "method", "register", "source_features"]

NAMED: Mapping[SourceKind, str] = {
    "environment": "ENV_VARS",
    "container": "HTTP",
    "instance": "IMDS",
}
"""Sources that a profile names as its ``credential_source``."""

IN_PROFILE: Mapping[SourceKind, tuple[str, str]] = {
    "static": ("PROFILE", "PROFILE"),
    "web-identity": ("PROFILE_STS_WEB_ID_TOKEN", "STS_ASSUME_ROLE_WEB_ID"),
    "sso": ("PROFILE_SSO", "SSO"),
    "login": ("PROFILE_LOGIN", "LOGIN"),
    "process": ("PROFILE_PROCESS", "PROCESS"),
}
"""What is in the profile, and what has come of it once there are credentials."""


def source_features(plan: Plan, *, legacy_sso: bool) -> frozenset[str]:
    """Return the ids of our own calls: what they start from.

    ``legacy_sso`` tells an SSO source without an ``sso_session``.
    """
    return _features(plan, legacy_sso=legacy_sso, of_client=False)


def client_features(plan: Plan, *, legacy_sso: bool) -> frozenset[str]:
    """Return the ids of a client whose credentials a plan leads to."""
    return _features(plan, legacy_sso=legacy_sso, of_client=True)


def _features(plan: Plan, *, legacy_sso: bool, of_client: bool) -> frozenset[str]:
    kind = plan.source.kind
    roles = sum(call.action == "AssumeRole" for call in plan.calls)
    found = set()
    if kind in NAMED:
        found |= {"PROFILE_NAMED_PROVIDER", NAMED[kind]}
    for name in IN_PROFILE.get(kind, ())[: 2 if of_client else 1]:
        found.add(f"{name}_LEGACY" if kind == "sso" and legacy_sso else name)
    if roles > (kind in NAMED):  # one of them has a source_profile
        found |= {"PROFILE", "PROFILE_SOURCE_PROFILE"}
    if roles and of_client:
        found.add("STS_ASSUME_ROLE")
    return frozenset(found)


def method(names: Iterable[str]) -> str | None:
    """Return botocore's own name for what a client's ids tell of, if it has one.

    Programs look at it, and people: ``aws configure list`` shows it.
    """
    known = set(names)
    if "STS_ASSUME_ROLE" in known:
        return "assume-role"
    if "STS_ASSUME_ROLE_WEB_ID" in known:
        return "assume-role-with-web-identity"
    return None


def register(names: Iterable[str]) -> None:
    """Let the request that is being made, or the client, carry these ids."""
    # Private to botocore, and younger than the oldest one we work with.
    try:
        from botocore.useragent import register_feature_id  # noqa: PLC0415 - in memory
    except ImportError:
        return
    for name in names:
        register_feature_id(f"CREDENTIALS_{name}")
