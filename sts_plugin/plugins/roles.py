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
from inspect import iscoroutinefunction
from typing import TYPE_CHECKING, Any, TypeVar

from botocore.credentials import CredentialResolver
from botocore.session import Session

from sts_plugin.errors import NothingHere
from sts_plugin.given import checked_link, role_link
from sts_plugin.keys import digest
from sts_plugin.model import Credentials, Secret
from sts_plugin.plugins.botocore import StsPluginProvider, settled
from sts_plugin.session_names import session_name

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from sts_plugin.chain import Link
    from sts_plugin.plugins.botocore import Asked

__all__ = ["RoleProvider", "assume_role"]

SessionT = TypeVar("SessionT")

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
    if not isinstance(core, Session) or iscoroutinefunction(core.get_credentials):
        raise TypeError(
            "assume_role wants a botocore or boto3 session, not"
            f" {type(session).__name__}"
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
    child = _child_of(core, region_name or core.get_config_variable("region"))
    child.register_component(COMPONENT, role)
    provider: Any = RoleProvider(child, role)
    child.register_component("credential_provider", CredentialResolver([provider]))
    if core is session:
        made: Any = child
    else:
        from boto3.session import Session as Boto3Session  # noqa: PLC0415 - they have it

        made = Boto3Session(botocore_session=child)
    return made  # type: ignore[no-any-return]


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


def _child_of(core: Any, region: str | None) -> Any:  # noqa: ANN401 - the botocore seam
    """Return a session with the settings of another, and none of its credentials."""
    child: Any = Session()
    for name, value in core.instance_variables().items():
        child.set_config_variable(name, value)
    if region:
        child.set_config_variable("region", region)
    if (config := core.get_default_client_config()) is not None:
        child.set_default_client_config(config)
    child.user_agent_name = core.user_agent_name
    child.user_agent_version = core.user_agent_version
    child.user_agent_extra = core.user_agent_extra
    return child


class RoleProvider(StsPluginProvider):
    """The credential provider of a session of ours: its only one."""

    def __init__(self, session: Any, role: Role) -> None:  # noqa: ANN401 - the botocore seam
        super().__init__(session)
        self._parent, self._then = role.parent, role.links

    def _asked(self) -> Asked:
        (words, environ), self._given = _standing(self._parent)
        said = [
            sorted((key, one.value) for key, one in link.profile.config.items())
            for link in self._then
        ]
        return [*words, digest(said)], environ


def _standing(
    parent: Any,  # noqa: ANN401 - the botocore seam
) -> tuple[Asked, Callable[[], Credentials] | None]:
    """Return what a parent asks, and what it has instead of an answer."""
    loaded = parent._credentials  # noqa: SLF001 - asking for them would load them
    if asked := getattr(loaded, "settled", None):
        return asked, None
    profile = parent.get_config_variable("profile") or "default"
    asked = settled(parent, profile, None)
    if loaded is None and _as_botocore_made_it(parent):
        return asked, None

    def given() -> Credentials:
        found = parent.get_credentials()
        if found is None:
            raise NothingHere(
                "the session that the role is assumed from has no credentials",
                hint="give it a profile, or keys",
            )
        frozen = found.get_frozen_credentials()
        return Credentials(
            access_key_id=frozen.access_key,
            secret_access_key=Secret(frozen.secret_key),
            session_token=Secret(frozen.token) if frozen.token else None,
            expiration=getattr(found, "_expiry_time", None),
        )

    return asked, given


def _as_botocore_made_it(core: Any) -> bool:  # noqa: ANN401 - the botocore seam
    """Whether a session that has not looked for credentials will look where we do."""
    components = core._components  # noqa: SLF001 - there is no other way to look
    if resolver := components._components.get("credential_provider"):  # noqa: SLF001
        whose = [type(one).__module__ for one in resolver.providers]
    else:
        make = components._deferred.get("credential_provider")  # noqa: SLF001
        whose = [getattr(make, "__module__", "")]
    return all(one.partition(".")[0] in {"botocore", "sts_plugin"} for one in whose)
