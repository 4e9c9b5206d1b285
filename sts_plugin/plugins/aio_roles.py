"""Sessions of roles for aiobotocore and aioboto3, as ``roles`` has them for others."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from aiobotocore.credentials import AioCredentialResolver
from aiobotocore.session import AioSession
from botocore.credentials import RefreshableCredentials

from sts_plugin.errors import ConfigurationError
from sts_plugin.plugins.aio import AioStsPluginProvider
from sts_plugin.plugins.roles import Host, OfRole, nothing_here, own

if TYPE_CHECKING:
    from sts_plugin.model import Credentials

__all__ = ["HOST", "AioRoleProvider"]


class AioRoleProvider(OfRole, AioStsPluginProvider):
    """The credential provider of a session of ours: its only one."""

    def _own(self) -> Credentials:
        # Not by await: this is a thread of ours, and they belong to the program's loop.
        found = self._parent._credentials  # noqa: SLF001 - see above
        if found is None:
            raise nothing_here()
        if isinstance(found, RefreshableCredentials):
            raise ConfigurationError(
                "the session that the role is assumed from has credentials that"
                f" another provider renews ({found.method}), in its own event loop",
                hint="register the session before it is used, or give it a profile",
            )
        return own(found.access_key, found.secret_key, found.token, None)


def _aioboto3() -> Any:  # noqa: ANN401 - a class
    from aioboto3 import Session  # noqa: PLC0415 - whoever asks has it

    return Session


HOST: Final = Host(AioSession, AioCredentialResolver, AioRoleProvider, _aioboto3)
