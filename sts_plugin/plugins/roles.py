"""``sts_plugin.assume_role``: a session of a role, from any session.

    session + role + options -> session

The new session asks the engine for what its parent is, and for the role behind it: one
plan, so that a chain of sessions is a chain of roles, with one MFA session and one
cache. A parent whose credentials did not come from here, or were given to it in so many
words, signs the call with what it has.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, TypeVar

from botocore.credentials import CredentialResolver
from botocore.session import Session

from sts_plugin.errors import ConfigurationError, NothingHere
from sts_plugin.given import checked_link, role_link
from sts_plugin.keys import digest
from sts_plugin.model import Credentials, Secret
from sts_plugin.plugins.botocore import StsPluginProvider, provider_of, settled
from sts_plugin.session_names import session_name

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from datetime import datetime

    from sts_plugin.chain import Link
    from sts_plugin.plugins.botocore import Asked, Wanted
    from sts_plugin.plugins.fetch import Fetch

__all__ = ["Host", "OfRole", "RoleProvider", "assume_role", "nothing_here", "own"]

SessionT = TypeVar("SessionT")

BOTOCORES = ("aiobotocore", "awscli", "botocore", "sts_plugin")
"""Whose providers look for credentials where the engine looks."""


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
    host = _host(kind)
    child = host.session()
    _settle(child, core, region_name or core.get_config_variable("region"))
    chain = host.chain([host.provider(child, core, link)])
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
    provider: Callable[[Any, Any, Link], Any]
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
class Standing:
    """What a session asks for, or has: roles, one after the other, behind a start.

    ``words`` and ``environ`` are as ``settled`` returns them; ``given`` returns what
    signs the first call, where that is not what they lead to.
    """

    words: list[str]
    environ: Mapping[str, str] = field(repr=False)  # it may hold secrets
    given: Callable[[], Credentials] | None = None
    links: tuple[Link, ...] = ()


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
    """What a provider for a role asks; ``_own`` is to be what its parent has itself.

    What the session stands for is settled once, when somebody needs to know it.
    """

    def __init__(self, session: Any, parent: Any, link: Link) -> None:  # noqa: ANN401 - the botocore seam
        super().__init__(session)
        self._parent = parent
        self._link = link
        self._settled: dict[str, Standing] = {}
        self._profile = session.instance_variables().get("profile")

    @property
    def standing(self) -> Standing:
        """What the session stands for: its role, behind what its parent does."""
        if not self._settled:
            before = self._before()
            links = (*before.links, self._link)
            # In one step: threads may come at a time.
            self._settled.setdefault("", replace(before, links=links))
        return self._settled[""]

    def _before(self) -> Standing:
        """Return what the parent stands for now.

        One that has its credentials stays who it is, whoever gave them to it.
        """
        parent = self._parent
        loaded = parent._credentials  # noqa: SLF001 - asking for them would load them
        if standing := getattr(loaded, "standing", None):
            return standing  # type: ignore[no-any-return] # that of another OfRole
        if asked := getattr(loaded, "settled", None):
            return Standing(*asked)
        if loaded is None and (ours := _role_of(parent)):
            return ours.standing
        profile = parent.get_config_variable("profile") or "default"
        words, environ = settled(parent, profile, None)
        if loaded is None and _as_botocore_made_it(parent):
            return Standing(words, environ)
        return Standing(words, environ, self._own)

    def _asked(self) -> Asked:
        profile = self._session.instance_variables().get("profile")
        if profile != self._profile:  # boto3.Session(botocore_session=, profile_name=)
            raise ConfigurationError(
                f'the session of a role was given the profile "{profile}" afterwards',
                hint="make a session of its own for the profile",
            )
        standing = self.standing
        said = [
            sorted((key, one.value) for key, one in link.profile.config.items())
            for link in standing.links
        ]
        return [*standing.words, digest(said)], standing.environ

    def _wanted(self) -> Wanted:
        return self.standing.links, self.standing.given

    def _deferred(self, fetch: Fetch, notes: Iterable[str]) -> Any:  # noqa: ANN401 - the botocore seam
        made = super()._deferred(fetch, notes)
        # They tell whose they are, in whatever session somebody puts them.
        made.standing = self.standing
        return made

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


def _resolver_of(core: Any) -> Any:  # noqa: ANN401 - the botocore seam
    """Return the chain of a session, None if it has yet to be made."""
    components = core._components  # noqa: SLF001 - there is no other way to look
    return components._components.get("credential_provider")  # noqa: SLF001


def _role_of(core: Any) -> OfRole | None:  # noqa: ANN401 - the botocore seam
    """Return the provider of a session of ours, if it is still all of its chain."""
    resolver = _resolver_of(core)
    match resolver.providers if resolver else []:
        case [OfRole() as ours]:
            return ours
    return None


def _as_botocore_made_it(core: Any) -> bool:  # noqa: ANN401 - the botocore seam
    """Whether a session that has not looked for credentials will look where we do.

    A chain that is there may have lost a provider, or have one of botocore's that
    reads another file, or be from before the profile was named.
    """
    resolver = _resolver_of(core)
    if resolver is None:
        make = core._components._deferred.get("credential_provider")  # noqa: SLF001 - as above
        return getattr(make, "__module__", "").partition(".")[0] in BOTOCORES
    others = [
        one for one in resolver.providers if not isinstance(one, StsPluginProvider)
    ]
    usual = core._create_credential_resolver().providers  # noqa: SLF001 - as botocore does
    return [_told_by(one) for one in others] == [_told_by(one) for one in usual]


def _told_by(provider: Any) -> tuple[type, dict[str, Any]]:  # noqa: ANN401 - the botocore seam
    """Return what tells a provider of botocore's from one that looks elsewhere."""
    said = {
        name: value
        for name, value in vars(provider).items()
        if isinstance(value, str) or name in {"environ", "_mapping"}
    }
    return type(provider), said
