"""The engine in the credential chain of the AWS SDK for Python v4 (smithy).

The chain finds it by the entry point ``smithy_aws_core.identity.chain_providers``, so
that to install this package is enough. It takes the same profiles as the provider for
botocore, after the environment and before all that a profile says; what goes wrong with
one of them is said when credentials are needed, and never by the chain itself.

The chain asks for every request; it is handed what it had while that is good. All work
is done in another thread (``flight``).
"""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

# They are in memory: it is the chain that imports us.
from smithy_aws_core.identity import AWSCredentialsIdentity
from smithy_aws_core.identity.chain import Before, StandardProvider
from smithy_core.exceptions import SmithyIdentityError

from sts_plugin.errors import StsPluginError
from sts_plugin.plugins import quick
from sts_plugin.plugins.concern import concerns_us
from sts_plugin.plugins.fetch import Fetch
from sts_plugin.plugins.flight import Shared, unwanted
from sts_plugin.plugins.forks import import_late

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from sts_plugin.engine import Engine
    from sts_plugin.plugins.quick import Metadata

__all__ = ["StsPluginProvider", "StsPluginResolver"]

ENOUGH: Final = timedelta(minutes=15)
"""With more left than this nobody is asked again, as in botocore."""


class StsPluginProvider:
    """A provider of the chain (``smithy_aws_core.identity.chain``)."""

    name = "sts-plugin"
    ordering = Before(slot=StandardProvider.PROFILE_ASSUME_ROLE)

    async def setup(self, identity_type: type, setup: Any) -> None:  # noqa: ANN401 - the SDK's
        """Take the profile that the chain is for, if it is one of ours."""
        if identity_type is not AWSCredentialsIdentity or setup.config_file is None:
            return
        profile = setup.profile_name or "default"
        section = setup.config_file.get_profile(profile)
        said = section.properties if section else {}
        if not concerns_us(said):
            return
        # Settled now: a variable that changes later makes nobody else of a client.
        environ = dict(os.environ)
        region = setup.region_override or environ.get("AWS_REGION")
        # Keys and tokens in the environment have had their turn in the chain.
        words = quick.question(profile, region, explicit=True)
        fetch = Fetch(
            words,
            environ,
            said=lambda name: said if name == profile else {},
            engine=Engines(),
        )
        if await Shared(lambda: _agrees(said, profile, environ) and _ours(fetch))():
            setup.add_terminal_resolver(StsPluginResolver(fetch))


class Engines:
    """The engine of one chain, made when it is needed."""

    def __init__(self) -> None:
        self._engine: Engine | None = None

    def __call__(self, environ: Mapping[str, str]) -> Engine:
        """Return the engine of an environment: of the first one."""
        if self._engine is None:
            self._engine = import_late().make_engine(environ, unwanted=unwanted)
        return self._engine


def _agrees(said: Mapping[str, object], name: str, environ: Mapping[str, str]) -> bool:
    """Whether the files that we read say of a profile what those of the SDK say.

    A program may name others to it. Blank and comment end a value for the SDK.
    """
    # Late: read in another thread.
    from sts_plugin.profiles import load_profiles  # noqa: PLC0415

    try:
        profile = load_profiles(environ).get(name)
    except StsPluginError:
        return False
    ours = {**profile.config, **profile.credentials} if profile else {}
    return said.keys() == ours.keys() and all(
        ours[key].value.startswith(value)
        for key, value in said.items()
        if isinstance(value, str)
    )


def _ours(fetch: Fetch) -> bool:
    """Whether the profile of a question is one of ours."""
    if fetch.known():
        return True
    try:
        return fetch.long_way().ours() is not None
    except StsPluginError:
        return True  # whoever needs the credentials is to hear of it


class StsPluginResolver:
    """Resolves the identity of one profile."""

    def __init__(self, fetch: Callable[[], Metadata]) -> None:
        self._shared = Shared(fetch)
        self._kept: AWSCredentialsIdentity | None = None

    async def get_identity(self, *, properties: Mapping[str, Any]) -> Any:  # noqa: ANN401 - the SDK's
        """Return an identity that may be used now; raise SmithyIdentityError."""
        del properties
        kept = self._kept
        if kept is not None and _good(kept):
            return kept
        try:
            metadata = await self._shared()
        except StsPluginError as error:
            raise SmithyIdentityError(error.line) from error
        self._kept = _identity(metadata)
        return self._kept

    def __deepcopy__(self, memo: dict[int, object]) -> StsPluginResolver:
        """Stay as it is: a client copies its configuration for each call."""
        return self

    async def invalidate(self) -> None:
        """Forget what was handed out; the cache, which others share, stays."""
        self._kept = None


def _good(identity: Any) -> bool:  # noqa: ANN401 - the SDK's
    return bool(identity.expiration - datetime.now(UTC) > ENOUGH)


def _identity(metadata: Metadata) -> Any:  # noqa: ANN401 - the SDK's
    ends = metadata["expiry_time"]
    assert ends is not None  # ``metadata_of``
    return AWSCredentialsIdentity(
        access_key_id=metadata["access_key"],
        secret_access_key=metadata["secret_key"],
        session_token=metadata["token"],
        expiration=datetime.fromisoformat(ends),
        account_id=metadata.get("account_id"),
    )
