"""AWS STS credentials for every SDK on a machine: one engine, one prompt, one cache.

In a Python program::

    import boto3, sts_plugin

    session = sts_plugin.register(boto3.Session(profile_name="prod-admin"))
    session.client("s3")

For every other program, ``credential_process = sts-plugin credential-process
--profile NAME`` in ``~/.aws/config``. What goes wrong is in ``sts_plugin.errors``.
"""

from __future__ import annotations

from typing import TypeVar

__all__ = ["__version__", "register"]
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
    goes wrong here; its ``__cause__`` is one of ``sts_plugin.errors``.
    """
    # Imported late: the executable imports this package before every AWS command.
    from sts_plugin.plugins import botocore  # noqa: PLC0415

    return botocore.register(session)
