"""AWS STS credentials for every SDK on a machine: one engine, one prompt, one cache.

In a Python program::

    import boto3, sts_plugin

    session = sts_plugin.register(boto3.Session(profile_name="prod-admin"))
    session.client("s3")

    sts_plugin.Client("alice").assume_role("arn:aws:iam::222222222222:role/Audit")

For every other program, ``credential_process = sts-plugin credential-process
--profile NAME`` in ``~/.aws/config``. What goes wrong is in ``sts_plugin.errors``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from sts_plugin.client import Client
    from sts_plugin.model import Credentials

__all__ = ["Client", "Credentials", "__version__", "register"]
__version__ = "0.1.0"

SessionT = TypeVar("SessionT")


def register(session: SessionT) -> SessionT:
    """Let a botocore or boto3 session get its credentials through sts-plugin.

    Returns the session. Profile and region are read when credentials are first
    needed, so they may be set after this call. Credentials that the session had
    found before are forgotten; those that were given to it in so many words stay.
    May be called more than once. Raises TypeError for anything but a session of
    botocore or boto3.

    From then on the session raises botocore's ``CredentialRetrievalError`` for what
    goes wrong here (an ``InvalidConfigError``, too, where a profile is wrong); its
    ``__cause__`` is one of ``sts_plugin.errors``.
    """
    # Imported late: the executable imports this package before every AWS command.
    from sts_plugin.plugins import botocore  # noqa: PLC0415

    return botocore.register(session)


def __getattr__(name: str) -> Any:  # noqa: ANN401 - a class
    # Late, for the same reason.
    if name == "Client":
        from sts_plugin.client import Client  # noqa: PLC0415

        return Client
    if name == "Credentials":
        from sts_plugin.model import Credentials  # noqa: PLC0415

        return Credentials
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
