"""The engine as a credential provider of botocore and boto3 sessions.

The provider stands before botocore's own ``assume-role``, so that keys in the
environment keep the place that botocore gives them, and takes every profile whose
credentials are not simply there: roles, MFA sessions, keys in the OS keychain, and
profiles whose ``credential_process`` is sts-plugin. All others it leaves to botocore.

Refreshing is botocore's (``RefreshableCredentials`` with our ``refresh_using``);
what is new is that a refresh never fails for want of an MFA code that we have.
"""

from __future__ import annotations

import logging
import os
from inspect import iscoroutinefunction
from typing import TYPE_CHECKING, Any, TypeVar

# botocore is in memory already: it is what calls us.
from botocore.credentials import Credentials as StaticCredentials
from botocore.credentials import (
    DeferredRefreshableCredentials,
    RefreshableCredentials,
)
from botocore.exceptions import CredentialRetrievalError, InvalidConfigError

from sts_plugin.document import timestamp
from sts_plugin.engine import Engine
from sts_plugin.errors import ConfigurationError, NothingHere, StsPluginError
from sts_plugin.plugins import features
from sts_plugin.plugins.forks import safe_to_fork
from sts_plugin.profiles import OWN_PREFIX
from sts_plugin.watcher import Watcher

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from sts_plugin.model import Credentials, Plan

__all__ = ["StsPluginProvider", "register"]

SessionT = TypeVar("SessionT")
T = TypeVar("T")
logger = logging.getLogger("sts_plugin")


def register(session: SessionT) -> SessionT:
    """Do what ``sts_plugin.register`` says."""
    core: Any = getattr(session, "_session", session)  # boto3 wraps botocore's
    if not hasattr(core, "lazy_register_component") or iscoroutinefunction(
        core.get_credentials
    ):
        raise TypeError(
            f"register wants a botocore or boto3 session, not {type(session).__name__}"
        )
    components = core._components  # noqa: SLF001 - there is no other way to look
    if resolver := components._components.get("credential_provider"):  # noqa: SLF001
        # Its profile and region are settled, and others may have changed it.
        _insert(core, resolver)
    else:
        # Made late on purpose: a resolver that exists early freezes profile and
        # region, and with them the STS endpoint. botocore makes one for each thread
        # that is there first; what the engine keeps in memory is kept once.
        make, engines = components._deferred["credential_provider"], Engines()  # noqa: SLF001
        core.lazy_register_component(
            "credential_provider", lambda: _insert(core, make(), engines)
        )
    if getattr(core._credentials, "method", "explicit") != "explicit":  # noqa: SLF001
        core._credentials = None  # noqa: SLF001 - what the chain had found
    return session


def _insert(core: Any, resolver: Any, engines: Engines | None = None) -> Any:  # noqa: ANN401 - the botocore seam
    """Insert our provider into a chain, unless it is there."""
    names = [provider.METHOD for provider in resolver.providers]
    if StsPluginProvider.METHOD not in names:
        region = core._last_client_region_used  # noqa: SLF001 - as botocore's own
        provider = StsPluginProvider(core, region=region, engines=engines)
        # Without assume-role it is a chain of the program's own making.
        place = names.index("assume-role") if "assume-role" in names else 0
        resolver.providers.insert(place, provider)
    return resolver


class Engines(dict[frozenset[tuple[str, str]], Engine]):
    """The engines of one session, by their environment."""


class StsPluginProvider:
    """A botocore credential provider (``botocore.credentials.CredentialProvider``).

    Loads anew each time: botocore's own fails on the second one. Loads that find the
    same environment share one of the ``engines``, with what it keeps in memory.
    """

    METHOD = "sts-plugin"
    CANONICAL_NAME = "customStsPlugin"  # botocore reserves the plain names for itself

    def __init__(
        self,
        session: Any,  # noqa: ANN401
        *,
        region: str | None = None,
        engines: Engines | None = None,
    ) -> None:
        self._session = session
        self._region = region
        self._engines = Engines() if engines is None else engines

    def load(self) -> Any:  # noqa: ANN401 - the botocore seam
        """Return refreshable credentials, or None for a profile that is not ours.

        Makes no call and asks nobody where that can wait until the credentials are
        used. Raises CredentialRetrievalError for a profile that can never work.
        """
        profile = self._session.get_config_variable("profile") or "default"
        # No trouble of ours may touch a session that has nothing to do with us.
        said = self._session.full_config["profiles"].get(profile, {})
        if not _concerns_us(said):
            return None
        return _speaking_botocore(lambda: self._load(profile))()

    def _load(self, profile: str) -> Any:  # noqa: ANN401 - the botocore seam
        # Profile, region and environment are settled now: a variable that changes
        # later must not turn a running client into somebody else.
        engine = self._engine()
        explicit = self._session.instance_variables().get("profile") is not None
        region = self._region or self._session.get_config_variable("region")

        def plan() -> Plan:
            return engine.plan(profile, explicit=explicit, region=region)

        try:
            now = plan()
        except NothingHere:
            return None
        if not now.calls and self._left_to_botocore(now, profile):
            return None
        said = self._session.full_config["profiles"].get(now.source.profile, {})
        legacy_sso = "sso_session" not in said

        def fetch() -> dict[str, str | None]:
            current = plan()
            if current.calls:
                used = features.source_features(current, legacy_sso=legacy_sso)
                features.register(used)
            return _metadata(engine.credentials(current))

        refresh = _speaking_botocore(fetch)
        if not now.calls:
            return self._found(engine.credentials(now), refresh)
        features.register(features.client_features(now, legacy_sso=legacy_sso))
        return safe_to_fork(
            DeferredRefreshableCredentials(refresh_using=refresh, method=self.METHOD)
        )

    def _left_to_botocore(self, plan: Plan, profile: str) -> bool:
        """Whether botocore finds in the profile what a plan without calls says."""
        if plan.source.kind == "keychain":
            return False
        said = self._session.full_config["profiles"].get(profile, {})
        including = {"include_profile", f"{OWN_PREFIX}include_profile"} & said.keys()
        return plan.source.profile == profile and not (
            including and plan.source.kind in {"sso", "login", "process"}
        )

    def _found(self, found: Credentials, refresh: Callable[[], Any]) -> Any:  # noqa: ANN401 - the botocore seam
        """Return credentials that no call of ours has issued as botocore's own."""
        if found.expiration is not None:
            return safe_to_fork(
                RefreshableCredentials.create_from_metadata(
                    _metadata(found), refresh_using=refresh, method=self.METHOD
                )
            )
        token = found.session_token
        return StaticCredentials(
            found.access_key_id,
            found.secret_access_key.reveal(),
            token.reveal() if token else None,
            method=self.METHOD,
        )

    def _engine(self) -> Engine:
        session = self._session
        files = {
            "AWS_CONFIG_FILE": session.get_config_variable("config_file"),
            "AWS_SHARED_CREDENTIALS_FILE": session.get_config_variable(
                "credentials_file"
            ),
        }
        environ = {**os.environ, **{name: path for name, path in files.items() if path}}
        engine = Engine(
            environ,
            watcher=Watcher(logger.warning),
            # The host's own session, so that its proxies and certificates count.
            session=lambda _profile: session,
        )
        # All threads that find a session without credentials load them.
        return self._engines.setdefault(frozenset(environ.items()), engine)


OUR_KEYS = frozenset(
    {
        "federation_name",
        "include_profile",
        "keychain",
        "mfa_serial",
        "role_arn",
        "saml_file",
        "saml_process",
        "target_principal",
        "trade_in_token_file",
        "trade_in_token_process",
        "web_identity_token_process",
    }
)
"""What may make a profile ours; the plan then tells."""


def _concerns_us(said: Mapping[str, Any]) -> bool:
    """Whether a profile may be one of ours, by its keys alone."""
    keys = {key.removeprefix(OWN_PREFIX) for key in said}
    process = str(said.get("credential_process", ""))
    ours = "sts-plugin" in process or "sts_plugin" in process
    return ours or not keys.isdisjoint(OUR_KEYS)


def _metadata(found: Credentials) -> dict[str, str | None]:
    """Return credentials as botocore wants them from ``refresh_using``."""
    token, expiration = found.session_token, found.expiration
    if expiration is None:
        raise NothingHere("the profile leads to long-term keys now")
    metadata = {
        "access_key": found.access_key_id,
        "secret_key": found.secret_access_key.reveal(),
        "token": token.reveal() if token else None,
        "expiry_time": timestamp(expiration),
    }
    if found.account_id:
        metadata["account_id"] = found.account_id
    return metadata


class ProfileError(CredentialRetrievalError, InvalidConfigError):  # type: ignore[misc]
    """A profile is wrong: both of the classes by which programs catch that."""


def _speaking_botocore(work: Callable[[], T]) -> Callable[[], T]:
    """Return ``work`` whose errors are botocore's: what its callers catch."""

    def translated() -> T:
        try:
            return work()
        except StsPluginError as error:
            wrong = isinstance(error, ConfigurationError)
            raise (ProfileError if wrong else CredentialRetrievalError)(
                provider=StsPluginProvider.METHOD, error_msg=error.line
            ) from error

    return translated
