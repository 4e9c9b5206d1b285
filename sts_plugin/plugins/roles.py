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
from inspect import iscoroutinefunction
from typing import TYPE_CHECKING, Any, TypeVar

from botocore.credentials import CredentialResolver, create_credential_resolver
from botocore.session import Session

from sts_plugin.errors import NothingHere
from sts_plugin.given import checked_link, role_link
from sts_plugin.keys import digest
from sts_plugin.model import Credentials, Secret
from sts_plugin.plugins.botocore import (
    METHOD,
    Answers,
    Engines,
    StsPluginProvider,
    settled,
    speaking_botocore,
)
from sts_plugin.plugins.forks import import_late
from sts_plugin.session_names import session_name

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from sts_plugin.chain import Link
    from sts_plugin.plugins.long_way import LongWay

__all__ = ["RoleProvider", "assume_role"]

SessionT = TypeVar("SessionT")


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
    child = _child_of(core, region_name or core.get_config_variable("region"))
    provider: Any = RoleProvider(child, core, link)
    child.register_component("credential_provider", CredentialResolver([provider]))
    if core is session:
        made: Any = child
    else:
        from boto3.session import Session as Boto3Session  # noqa: PLC0415 - they have it

        made = Boto3Session(botocore_session=child)
    return made  # type: ignore[no-any-return]


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


class RoleAnswers(Answers):
    """The answers of a session of ours, and what it stood for when it was settled.

    They tell whose the credentials are, in whatever session somebody puts these.
    """

    standing: Standing


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


class RoleProvider:
    """The credential provider of a session of ours: its only one."""

    METHOD = METHOD
    CANONICAL_NAME = StsPluginProvider.CANONICAL_NAME

    def __init__(self, session: Any, parent: Any, link: Link) -> None:  # noqa: ANN401
        self._session = session
        self._parent = parent
        self._link = link
        self._engines = Engines()

    def standing(self) -> Standing:
        """Return what the session stands for: its role, behind what its parent does."""
        before = _standing(self._parent)
        return replace(before, links=(*before.links, self._link))

    def load(self) -> Any:  # noqa: ANN401 - the botocore seam
        """Return refreshable credentials; makes no call and asks nobody.

        Raises CredentialRetrievalError for a plan that can never work.
        """
        return speaking_botocore(self._load)()

    def _load(self) -> Any:  # noqa: ANN401 - the botocore seam
        standing = self.standing()
        environ, given, links = standing.environ, standing.given, standing.links
        said = [
            sorted((key, one.value) for key, one in link.profile.config.items())
            for link in links
        ]
        words = [*standing.words, digest(said)]

        def long_way() -> LongWay:
            engine = self._engines.get(self._session, environ)
            way: LongWay = import_late().LongWay(
                self._session, engine, words, environ, then=links, given=given
            )
            return way

        answers = RoleAnswers(None if given else words, environ, long_way)
        answers.standing = standing
        if known := answers.known():
            return answers.deferred(known.notes)
        way = long_way()
        return answers.deferred(way.client_features(way.plan()))


def _standing(parent: Any) -> Standing:  # noqa: ANN401 - the botocore seam
    """Return what a session stands for now.

    One that has its credentials stays who it is, whoever gave them to it.
    """
    loaded = parent._credentials  # noqa: SLF001 - asking for them would load them
    answers: Answers | None = getattr(loaded, "answers", None)
    if isinstance(answers, RoleAnswers):
        return answers.standing
    if answers and answers.words:
        return Standing(answers.words, answers.environ)
    if loaded is None and (ours := _role_of(parent)):
        return ours.standing()
    profile = parent.get_config_variable("profile") or "default"
    words, environ = settled(parent, profile, None)
    if loaded is None and _as_botocore_made_it(parent):
        return Standing(words, environ)

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

    return Standing(words, environ, given)


def _resolver_of(core: Any) -> Any:  # noqa: ANN401 - the botocore seam
    """Return the chain of a session, None if it has yet to be made."""
    return core._components._components.get("credential_provider")  # noqa: SLF001 - there is no other way to look


def _role_of(core: Any) -> RoleProvider | None:  # noqa: ANN401 - the botocore seam
    """Return the provider of a session of ours, if it is still all of its chain."""
    resolver = _resolver_of(core)
    match resolver.providers if resolver else []:
        case [RoleProvider() as ours]:
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
        module = getattr(make, "__module__", "")
        return module.partition(".")[0] in {"botocore", "sts_plugin"}
    others = [one for one in resolver.providers if one.METHOD != METHOD]
    usual = create_credential_resolver(core).providers
    return [_told_by(one) for one in others] == [_told_by(one) for one in usual]


def _told_by(provider: Any) -> tuple[type, dict[str, Any]]:  # noqa: ANN401 - the botocore seam
    """Return what tells a provider of botocore's from one that looks elsewhere."""
    said = {
        name: value
        for name, value in vars(provider).items()
        if isinstance(value, str) or name in {"environ", "_mapping"}
    }
    return type(provider), said
