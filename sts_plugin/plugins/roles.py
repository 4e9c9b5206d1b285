"""``sts_plugin.assume_role``: a session of a role, from any session.

    session + role + options -> session

The new session asks the engine for what its parent is, and for the role behind it: one
plan, so that a chain of sessions is a chain of roles, with one MFA session and one
cache. A parent whose credentials did not come from here, or were given to it in so many
words, signs the call with what it has.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from botocore.credentials import CredentialResolver
from botocore.session import Session

from sts_plugin.errors import NothingHere
from sts_plugin.given import checked_link, role_link
from sts_plugin.keys import digest
from sts_plugin.model import Credentials, Secret
from sts_plugin.plugins.botocore import StsPluginProvider, provider_of, settled
from sts_plugin.session_names import session_name

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from sts_plugin.chain import Link
    from sts_plugin.plugins.botocore import Asked

__all__ = ["Host", "OfRole", "RoleProvider", "assume_role", "nothing_here", "own"]

SessionT = TypeVar("SessionT")

BOTOCORES = ("aiobotocore", "awscli", "botocore", "sts_plugin")
"""Whose providers look for credentials where the engine looks."""

COMPONENT = "sts_plugin_role"
"""Under this name a session of ours keeps what it stands for."""


def assume_role(
    session: SessionT,
    role_arn: str,
    region_name: str | None,
    options: Mapping[str, Any],
) -> SessionT:
    """Do what ``sts_plugin.assume_role`` says."""
    core: Any = getattr(session, "_session", session)  # boto3 wraps botocore's
    kind = provider_of(core)
    if kind is None:
        raise TypeError(
            "assume_role wants a session of botocore, boto3, aiobotocore or aioboto3,"
            f" not {type(session).__name__}"
        )
    named = {name: value for name, value in options.items() if value is not None}
    if "role_session_name" not in named:
        # Who can be told from the source identity is to have one name.
        named["role_session_name"] = named.get("source_identity") or session_name(
            os.environ
        )
    link = checked_link(role_link(role_arn, {**options, **named}))
    before = _role_of(core)
    role = Role(
        parent=before.parent if before else core,
        links=(*(before.links if before else ()), link),
    )
    host = _host(kind)
    child = host.session()
    _settle(child, core, region_name or core.get_config_variable("region"))
    child.register_component(COMPONENT, role)
    chain = host.chain([host.provider(child, role)])
    child.register_component("credential_provider", chain)
    if core is session:
        return child  # type: ignore[no-any-return]
    made: SessionT = host.wrapper()(botocore_session=child)
    return made


@dataclass(frozen=True, slots=True)
class Host:
    """What sessions of a kind are made of; ``wrapper`` is boto3's or aioboto3's."""

    session: Callable[[], Any]
    chain: Callable[[list[Any]], Any]
    provider: Callable[[Any, Role], Any]
    wrapper: Callable[[], Any]


def _host(kind: type[StsPluginProvider]) -> Host:
    if kind is StsPluginProvider:
        return Host(Session, CredentialResolver, RoleProvider, _boto3)
    from sts_plugin.plugins import aio_roles  # noqa: PLC0415 - for such sessions alone

    return aio_roles.HOST


def _boto3() -> Any:  # noqa: ANN401 - a class
    from boto3.session import Session  # noqa: PLC0415 - whoever asks has it

    return Session


@dataclass(frozen=True, slots=True)
class Role:
    """What a session of ours stands for: roles, one after the other, behind a parent.

    ``parent`` is the botocore session whose credentials sign the first call.
    """

    parent: Any
    links: tuple[Link, ...]


def _role_of(core: Any) -> Role | None:  # noqa: ANN401 - the botocore seam
    try:
        found: Role = core.get_component(COMPONENT)
    except ValueError:  # as botocore says that there is none
        return None
    return found


def _settle(child: Any, core: Any, region: str | None) -> None:  # noqa: ANN401 - the botocore seam
    """Give a session the settings of another, and none of its credentials."""
    for name, value in core.instance_variables().items():
        child.set_config_variable(name, value)
    if region:
        child.set_config_variable("region", region)
    if (config := core.get_default_client_config()) is not None:
        child.set_default_client_config(config)
    child.user_agent_name = core.user_agent_name
    child.user_agent_version = core.user_agent_version
    child.user_agent_extra = core.user_agent_extra


class OfRole(StsPluginProvider):
    """What a provider for a role asks; ``_own`` is to be what its parent has itself."""

    def __init__(self, session: Any, role: Role) -> None:  # noqa: ANN401 - the botocore seam
        super().__init__(session)
        self._parent, self._then = role.parent, role.links

    def _asked(self) -> Asked:
        loaded = self._parent._credentials  # noqa: SLF001 - asking would load them
        asked: Asked | None = getattr(loaded, "settled", None)
        if asked is None:
            profile = self._parent.get_config_variable("profile") or "default"
            asked = settled(self._parent, profile, None)
            if loaded is not None or not _as_botocore_made_it(self._parent):
                self._given = self._own
        words, environ = asked
        said = [
            sorted((key, one.value) for key, one in link.profile.config.items())
            for link in self._then
        ]
        return [*words, digest(said)], environ

    def _own(self) -> Credentials:
        raise NotImplementedError


class RoleProvider(OfRole):
    """The credential provider of a session of ours: its only one."""

    def _own(self) -> Credentials:
        found = self._parent.get_credentials()
        if found is None:
            raise nothing_here()
        frozen = found.get_frozen_credentials()
        expiration = getattr(found, "_expiry_time", None)
        return own(frozen.access_key, frozen.secret_key, frozen.token, expiration)


def nothing_here() -> NothingHere:
    """Return the error for a parent that has no credentials."""
    return NothingHere(
        "the session that the role is assumed from has no credentials",
        hint="give it a profile, or keys",
    )


def own(
    access_key: str, secret_key: str, token: str | None, expiration: datetime | None
) -> Credentials:
    """Return a parent's credentials as ours."""
    return Credentials(
        access_key_id=access_key,
        secret_access_key=Secret(secret_key),
        session_token=Secret(token) if token else None,
        expiration=expiration,
    )


def _as_botocore_made_it(core: Any) -> bool:  # noqa: ANN401 - the botocore seam
    """Whether a session that has not looked for credentials will look where we do."""
    components = core._components  # noqa: SLF001 - there is no other way to look
    if resolver := components._components.get("credential_provider"):  # noqa: SLF001
        whose = [type(one).__module__ for one in resolver.providers]
    else:
        make = components._deferred.get("credential_provider")  # noqa: SLF001
        whose = [getattr(make, "__module__", "")]
    return all(one.partition(".")[0] in BOTOCORES for one in whose)
