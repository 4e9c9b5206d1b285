"""The engine as a credential provider of botocore and boto3 sessions.

The provider stands before botocore's own ``assume-role``, so that keys in the
environment keep the place that botocore gives them, and takes every profile whose
credentials are not simply there: roles, MFA sessions, keys in the OS keychain, and
profiles whose ``credential_process`` is sts-plugin. All others it leaves to botocore.

Refreshing is botocore's (``RefreshableCredentials`` with our ``refresh_using``);
what is new is that a refresh never fails for want of an MFA code that we have.

What is in the cache is handed out by ``quick``; the engine is imported where that does
not know the answer (``long_way``).
"""

from __future__ import annotations

import os
import sys
from datetime import UTC, datetime
from inspect import iscoroutinefunction
from typing import TYPE_CHECKING, Any, TypeVar

# botocore is in memory already: it is what calls us.
from botocore.credentials import Credentials as StaticCredentials
from botocore.credentials import (
    DeferredRefreshableCredentials,
    RefreshableCredentials,
)
from botocore.exceptions import CredentialRetrievalError, InvalidConfigError

from sts_plugin.errors import ConfigurationError, StsPluginError
from sts_plugin.plugins import features, quick
from sts_plugin.plugins.bundle import without_bundle
from sts_plugin.plugins.concern import concerns_us
from sts_plugin.plugins.fetch import Fetch
from sts_plugin.plugins.forks import import_late, safe_to_fork

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from sts_plugin.chain import Link
    from sts_plugin.engine import Engine
    from sts_plugin.model import Credentials
    from sts_plugin.plugins.quick import Metadata

__all__ = ["StsPluginProvider", "provider_of", "register", "settled"]

SessionT = TypeVar("SessionT")
T = TypeVar("T")


def register(session: SessionT) -> SessionT:
    """Do what ``sts_plugin.register`` says."""
    core: Any = getattr(session, "_session", session)  # boto3 wraps botocore's
    provider = provider_of(core)
    if provider is None:
        raise TypeError(
            "register wants a session of botocore, boto3, aiobotocore or aioboto3, not"
            f" {type(session).__name__}"
        )
    components = core._components  # noqa: SLF001 - there is no other way to look
    if resolver := components._components.get("credential_provider"):  # noqa: SLF001
        # Its profile and region are settled, and others may have changed it.
        _insert(provider, core, resolver)
    else:
        # Made late on purpose: a resolver that exists early freezes profile and
        # region, and with them the STS endpoint. botocore makes one for each thread
        # that is there first; what the engine keeps in memory is kept once.
        make, engines = components._deferred["credential_provider"], Engines()  # noqa: SLF001
        core.lazy_register_component(
            "credential_provider", lambda: _insert(provider, core, make(), engines)
        )
    if getattr(core._credentials, "method", "explicit") != "explicit":  # noqa: SLF001
        core._credentials = None  # noqa: SLF001 - what the chain had found
    return session


def provider_of(core: Any) -> type[StsPluginProvider] | None:  # noqa: ANN401 - the botocore seam
    """Return what serves a session; None: it is none."""
    if not hasattr(core, "lazy_register_component"):
        return None
    if not iscoroutinefunction(core.get_credentials):
        return StsPluginProvider
    # Whoever has such a session has imported it long since.
    aio = sys.modules.get("aiobotocore.session")
    if aio is None or not isinstance(core, aio.AioSession):
        return None
    from sts_plugin.plugins.aio import AioStsPluginProvider  # noqa: PLC0415 - as above

    return AioStsPluginProvider


def _insert(
    provider: type[StsPluginProvider],
    core: Any,  # noqa: ANN401 - the botocore seam
    resolver: Any,  # noqa: ANN401
    engines: Engines | None = None,
) -> Any:  # noqa: ANN401
    """Insert our provider into a chain, unless it is there."""
    names = [one.METHOD for one in resolver.providers]
    if provider.METHOD not in names:
        region = core._last_client_region_used  # noqa: SLF001 - as botocore's own
        # Without assume-role it is a chain of the program's own making.
        place = names.index("assume-role") if "assume-role" in names else 0
        resolver.providers.insert(place, provider(core, region=region, engines=engines))
    return resolver


class Engines:
    """The engines of one session, by their environment.

    All threads that find a session without credentials load them: they share one.
    """

    def __init__(self) -> None:
        self._made: dict[frozenset[tuple[str, str]], Engine] = {}

    def get(
        self, environ: Mapping[str, str], make: Callable[[Mapping[str, str]], Engine]
    ) -> Engine:
        """Return the engine of an environment."""
        one = frozenset(environ.items())
        if one not in self._made:
            self._made.setdefault(one, make(environ))
        return self._made[one]


LONG_SINCE = datetime.min.replace(tzinfo=UTC)


class Deferred(DeferredRefreshableCredentials):
    """botocore's own, which asks itself with each request whether it was ever used.

    Credentials that have expired long since are got anew by the first request as well,
    and the others are as quick as those of RefreshableCredentials.
    """

    refresh_needed = RefreshableCredentials.refresh_needed

    def __init__(self, refresh_using: Callable[[], Metadata], method: str) -> None:
        super().__init__(refresh_using, method)
        self._expiry_time = LONG_SINCE


class StsPluginProvider:
    """A botocore credential provider (``botocore.credentials.CredentialProvider``).

    Loads anew each time: botocore's own fails on the second one. Loads that find the
    same environment share one of the ``engines``, with what it keeps in memory.
    """

    METHOD = "sts-plugin"
    CANONICAL_NAME = "customStsPlugin"  # botocore reserves the plain names for itself

    # What credentials are, in the host.
    STATIC: Any = StaticCredentials
    REFRESHABLE: Any = RefreshableCredentials
    DEFERRED: Any = Deferred

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
        asked = speaking_botocore(self._asked)()
        if asked is None:
            return None
        credentials, notes = speaking_botocore(lambda: self._load(*asked))()
        features.register(notes)
        return credentials

    def _asked(self) -> Asked | None:
        """Return what is asked of us, from now on, or None."""
        profile = self._session.get_config_variable("profile") or "default"
        # No trouble of ours may touch a session that has nothing to do with us.
        if not concerns_us(self._said(profile)):
            return None
        return settled(self._session, profile, self._region)

    def _load(
        self, words: list[str], environ: Mapping[str, str]
    ) -> tuple[Any, Iterable[str]]:
        """Return credentials and the feature ids of their client."""
        fetch = self._fetch(words, environ)
        if known := fetch.known():
            return self._deferred(fetch, known.notes), known.notes
        way = fetch.long_way()
        plan = way.ours()
        if plan is None:
            return None, ()
        if not plan.calls:
            refresh = self._refresh_using(speaking_botocore(fetch))
            return self._found(way.found(plan), refresh), ()
        notes = way.client_features(plan)
        return self._deferred(fetch, notes), notes

    def _fetch(self, words: list[str], environ: Mapping[str, str]) -> Fetch:
        then, given = self._wanted()
        return Fetch(
            words,
            environ,
            said=self._said,
            engine=lambda environ: self._engines.get(environ, self._make_engine),
            then=then,
            given=given,
        )

    def _wanted(self) -> Wanted:
        return (), None

    def _deferred(self, fetch: Fetch, notes: Iterable[str]) -> Any:  # noqa: ANN401 - the botocore seam
        made = self.DEFERRED(
            refresh_using=self._refresh_using(speaking_botocore(fetch)),
            method=features.method(notes) or self.METHOD,
        )
        made.settled = fetch.settled  # for roles that are assumed from here
        return self._kept(made)

    def _found(self, found: Credentials, refresh: Any) -> Any:  # noqa: ANN401 - the botocore seam
        """Return credentials that no call of ours has issued as botocore's own."""
        if found.expiration is not None:
            return self._kept(
                self.REFRESHABLE.create_from_metadata(
                    import_late().metadata_of(found),
                    refresh_using=refresh,
                    method=self.METHOD,
                )
            )
        token = found.session_token
        return self.STATIC(
            found.access_key_id,
            found.secret_access_key.reveal(),
            token.reveal() if token else None,
            method=self.METHOD,
        )

    def _said(self, profile: str) -> Mapping[str, Any]:
        said: Mapping[str, Any] = self._session.full_config["profiles"].get(profile, {})
        return said

    # --- What differs in a host that waits in another way ---

    def _make_engine(self, environ: Mapping[str, str]) -> Engine:
        # The host's own session, so that its proxies and certificates count.
        engine: Engine = import_late().make_engine(environ, lambda _name: self._session)
        return engine

    def _refresh_using(self, fetch: Callable[[], Metadata]) -> Any:  # noqa: ANN401 - the botocore seam
        return fetch

    def _kept(self, credentials: T) -> T:
        return safe_to_fork(credentials)


Asked = tuple[list[str], "Mapping[str, str]"]
"""Words and an environment, as for ``Fetch``."""

Wanted = tuple["Sequence[Link]", "Callable[[], Credentials] | None"]
"""What a program wants besides, and has instead: see ``LongWay``."""


def settled(session: Any, profile: str, region: str | None) -> Asked:  # noqa: ANN401 - the botocore seam
    """Return what a session asks from now on.

    Profile, region and environment are settled now: a variable that changes later must
    not turn a running client into somebody else.
    """
    explicit = session.instance_variables().get("profile") is not None
    region = region or session.get_config_variable("region")
    files = {
        "AWS_CONFIG_FILE": session.get_config_variable("config_file"),
        "AWS_SHARED_CREDENTIALS_FILE": session.get_config_variable("credentials_file"),
    }
    said = {name: path for name, path in files.items() if path}
    environ = without_bundle({**os.environ, **said})
    return quick.question(profile, region, explicit=explicit), environ


class ProfileError(CredentialRetrievalError, InvalidConfigError):  # type: ignore[misc]
    """A profile is wrong: both of the classes by which programs catch that."""


def speaking_botocore(work: Callable[[], T]) -> Callable[[], T]:
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
