"""The engine as a credential provider of aiobotocore and aioboto3 sessions.

The provider of ``botocore``, whose work is done in another thread (``flight``): no
event loop waits for a disk, a lock, a person or AWS. Refreshing is aiobotocore's.

Its sessions cannot make clients that are called without ``await``: the engine calls AWS
with sessions of its own, which get what the program has set for its network.
Imported by ``botocore.register`` alone, for such a session.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from aiobotocore.credentials import (
    AioCredentials,
    AioDeferredRefreshableCredentials,
    AioRefreshableCredentials,
)
from botocore.config import Config
from botocore.credentials import RefreshableCredentials

from sts_plugin.botocore_session import make_session
from sts_plugin.plugins import features
from sts_plugin.plugins.botocore import (
    LONG_SINCE,
    StsPluginProvider,
    speaking_botocore,
)
from sts_plugin.plugins.flight import Shared, unwanted
from sts_plugin.plugins.forks import import_late

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from sts_plugin.engine import Engine
    from sts_plugin.plugins.quick import Metadata

__all__ = ["AioStsPluginProvider"]

Loaded = tuple[Any, "Iterable[str]"]

NETWORK = ("client_cert", "proxies", "proxies_config")
"""What a program may have set for the clients of its session, and counts for ours."""


class Turn:
    """What stands in the place of a lock in credentials of aiobotocore's.

    It excludes nobody, since those who refresh at a time share one flight. A lock of
    asyncio's belongs to the first loop that meets it; this one has none.
    """

    def __init__(self, refresh: Shared[Metadata]) -> None:
        self._refresh = refresh

    def locked(self) -> bool:
        """Whether somebody refreshes: who can do with the old set goes on with it."""
        return self._refresh.under_way()

    async def __aenter__(self) -> None:
        """Go on."""

    async def __aexit__(self, *_error: object) -> None:
        """Go on."""


class Refreshable(AioRefreshableCredentials):  # type: ignore[misc] # has no types
    """aiobotocore's own, without its lock."""

    def __init__(self, *args: Any, refresh_using: Any, **named: Any) -> None:  # noqa: ANN401 - as they come
        super().__init__(*args, refresh_using=refresh_using, **named)
        self._refresh_lock = Turn(refresh_using)


class Deferred(AioDeferredRefreshableCredentials):  # type: ignore[misc] # has no types
    """The same as ``botocore.Deferred``, without aiobotocore's lock."""

    refresh_needed = RefreshableCredentials.refresh_needed

    def __init__(self, refresh_using: Any, method: str) -> None:  # noqa: ANN401 - the botocore seam
        super().__init__(refresh_using, method)
        self._refresh_lock = Turn(refresh_using)
        self._expiry_time = LONG_SINCE


class AioStsPluginProvider(StsPluginProvider):
    """``StsPluginProvider`` for sessions whose chain awaits its providers.

    Tasks that load at a time get the same credentials.
    """

    STATIC = AioCredentials
    REFRESHABLE = Refreshable
    DEFERRED = Deferred

    def __init__(self, session: Any, **named: Any) -> None:  # noqa: ANN401 - as they come
        super().__init__(session, **named)
        self._loading: tuple[object, Shared[Loaded]] | None = None

    async def load(self) -> Any:  # noqa: ANN401 - the botocore seam
        """Do the same as the provider of botocore."""
        asked = speaking_botocore(self._asked)()
        if asked is None:
            return None
        if self._loading is None or self._loading[0] != asked:
            work = speaking_botocore(lambda: self._load(*asked))
            self._loading = asked, Shared(work)
        credentials, notes = await self._loading[1]()
        features.register(notes)
        return credentials

    def _make_engine(self, environ: Mapping[str, str]) -> Engine:
        long_way = import_late()
        from sts_plugin.profiles import load_profiles  # noqa: PLC0415 - as the engine

        def session(name: str | None) -> Any:  # noqa: ANN401 - the botocore seam
            return self._like_ours(make_session(name, load_profiles(environ)))

        engine: Engine = long_way.make_engine(environ, session, unwanted=unwanted)
        return engine

    def _like_ours(self, session: Any) -> Any:  # noqa: ANN401 - the botocore seam
        """Give a session what the program has set for its network."""
        if bundle := self._session.get_config_variable("ca_bundle"):
            session.set_config_variable("ca_bundle", bundle)
        if config := self._session.get_default_client_config():
            settings = {name: getattr(config, name) for name in NETWORK}
            session.set_default_client_config(Config(**settings))
        return session

    def _refresh_using(self, fetch: Callable[[], Metadata]) -> Shared[Metadata]:
        return Shared(fetch)

    def _kept(self, credentials: Any) -> Any:  # noqa: ANN401 - the botocore seam
        return credentials  # a fork finds no lock in it
