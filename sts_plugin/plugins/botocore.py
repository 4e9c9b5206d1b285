"""The engine as a credential provider of botocore and boto3 sessions.

The provider stands before botocore's own ``assume-role``, so that keys in the
environment keep the place that botocore gives them, and takes every profile whose
credentials are not simply there: roles, MFA sessions, and profiles whose
``credential_process`` is sts-plugin. All others it leaves to botocore.

Refreshing is botocore's (``RefreshableCredentials`` with our ``refresh_using``);
what is new is that a refresh never fails for want of an MFA code that we have.
"""

from __future__ import annotations

import logging
import os
from typing import TYPE_CHECKING, Any, TypeVar

from sts_plugin.document import timestamp
from sts_plugin.engine import Engine
from sts_plugin.errors import NothingHere, StsPluginError

if TYPE_CHECKING:
    from collections.abc import Callable

    from sts_plugin.model import Credentials, Plan

__all__ = ["StsPluginProvider", "register"]

SessionT = TypeVar("SessionT")
T = TypeVar("T")
logger = logging.getLogger("sts_plugin")


def register(session: SessionT) -> SessionT:
    """Let a botocore or boto3 session get its credentials through sts-plugin.

    Returns the session. Profile and region are read when credentials are first
    needed, so they may be set after this call; credentials that the session had
    loaded before are forgotten. May be called more than once.

    From then on the session raises botocore's ``CredentialRetrievalError`` for what
    goes wrong here; its ``__cause__`` is our own error.
    """
    core: Any = getattr(session, "_session", session)  # boto3 wraps botocore's

    def make_resolver() -> Any:  # noqa: ANN401 - the botocore seam
        # Made late on purpose: a resolver that exists early freezes profile and
        # region, and with them the STS endpoint.
        region = core._last_client_region_used  # noqa: SLF001 - as botocore's own
        resolver = core._create_credential_resolver()  # noqa: SLF001
        provider = StsPluginProvider(core, region=region)
        if any(known.METHOD == "assume-role" for known in resolver.providers):
            resolver.insert_before("assume-role", provider)
        else:  # a program that made a chain of its own
            resolver.providers.insert(0, provider)
        return resolver

    core.lazy_register_component("credential_provider", make_resolver)
    core._credentials = None  # noqa: SLF001 - there is no public way to forget them
    return session


class StsPluginProvider:
    """A botocore credential provider (``botocore.credentials.CredentialProvider``).

    Keeps no state between loads: botocore's own fails on the second one.
    """

    METHOD = "sts-plugin"
    CANONICAL_NAME = "customStsPlugin"  # botocore reserves the plain names for itself

    def __init__(self, session: Any, *, region: str | None = None) -> None:  # noqa: ANN401
        self._session = session
        self._region = region

    def load(self) -> Any:  # noqa: ANN401 - the botocore seam
        """Return refreshable credentials, or None for a profile that is not ours.

        Makes no call and asks nobody: that waits until the credentials are used.
        Raises CredentialRetrievalError for a profile that can never work.
        """
        # botocore is in memory already: it is what calls us.
        from botocore import credentials  # noqa: PLC0415

        plan = _speaking_botocore(self._plan)()
        if plan is None or (not plan.calls and plan.source.profile == plan.profile):
            return None
        if plan.calls or plan.source.kind != "static":
            refresh = _speaking_botocore(lambda: _metadata(self._resolve()))
            return credentials.DeferredRefreshableCredentials(
                refresh_using=refresh, method=self.METHOD
            )
        # A credential_process of ours that leads to somebody's long-term keys.
        found = _speaking_botocore(self._resolve)()
        token = found.session_token
        return credentials.Credentials(
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
        return Engine(
            {**os.environ, **{name: path for name, path in files.items() if path}},
            tell=logger.warning,
            # The host's own session, so that its proxies and certificates count.
            session=lambda _profile: session,
        )

    def _plan(self) -> Plan | None:
        session = self._session
        profile = session.get_config_variable("profile") or "default"
        region = self._region or session.get_config_variable("region")
        try:
            return self._engine().plan(profile, region=region)
        except NothingHere:
            return None

    def _resolve(self) -> Credentials:
        plan = self._plan()
        if plan is None:  # the profile was there when we loaded
            raise NothingHere("the profile has no credentials any more")
        return self._engine().credentials(plan)


def _metadata(found: Credentials) -> dict[str, str | None]:
    """Return credentials as botocore wants them from ``refresh_using``."""
    token, expiration = found.session_token, found.expiration
    if expiration is None:
        raise NothingHere("the profile leads to keys without an expiry")
    metadata = {
        "access_key": found.access_key_id,
        "secret_key": found.secret_access_key.reveal(),
        "token": token.reveal() if token else None,
        "expiry_time": timestamp(expiration),
    }
    if found.account_id:
        metadata["account_id"] = found.account_id
    return metadata


def _speaking_botocore(work: Callable[[], T]) -> Callable[[], T]:
    """Return ``work`` whose errors are botocore's: what its callers catch."""

    def translated() -> T:
        from botocore.exceptions import CredentialRetrievalError  # noqa: PLC0415

        try:
            return work()
        except StsPluginError as error:
            raise CredentialRetrievalError(
                provider=StsPluginProvider.METHOD, error_msg=error.line
            ) from error

    return translated
