"""AWS STS credentials for every SDK on a machine: one engine, one prompt, one cache.

In a Python program::

    import boto3, sts_plugin

    session = sts_plugin.register(boto3.Session(profile_name="prod-admin"))
    session.client("s3")

    audit = sts_plugin.assume_role(session, "arn:aws:iam::222222222222:role/Audit")
    audit.client("s3")

    sts_plugin.Client("alice").assume_role("arn:aws:iam::222222222222:role/Audit")

For every other program, ``credential_process = sts-plugin credential-process
--profile NAME`` in ``~/.aws/config``. What goes wrong is in ``sts_plugin.errors``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from typing import Unpack

    from sts_plugin.client import Client
    from sts_plugin.given import RoleOptions
    from sts_plugin.model import Credentials
    from sts_plugin.plugins.boto3 import Session

__all__ = [
    "Client",
    "Credentials",
    "Session",
    "__version__",
    "assume_role",
    "register",
    "register_everywhere",
]
__version__ = "0.1.0"

SessionT = TypeVar("SessionT")


def register(session: SessionT) -> SessionT:
    """Let a session of an SDK get its credentials through sts-plugin.

    Returns the session. Profile and region are read when credentials are first
    needed, so they may be set after this call. Credentials that the session had
    found before are forgotten; those that were given to it in so many words stay.
    May be called more than once. Raises TypeError for anything but a session of
    botocore, boto3, aiobotocore or aioboto3.

    From then on the session raises botocore's ``CredentialRetrievalError`` for what
    goes wrong here (an ``InvalidConfigError``, too, where a profile is wrong); its
    ``__cause__`` is one of ``sts_plugin.errors``.
    """
    # Imported late: the executable imports this package before every AWS command.
    from sts_plugin.plugins import botocore  # noqa: PLC0415

    return botocore.register(session)


def register_everywhere() -> None:
    """Let each session of botocore and boto3 that is made from now on do the same.

    For programs that make their sessions themselves. Imports nothing of botocore, so
    that it may stand in a ``.pth`` file, for all programs of an interpreter.
    """
    from sts_plugin.plugins import everywhere  # noqa: PLC0415 - for the same reason

    everywhere.register_everywhere()


def assume_role(
    session: SessionT,
    role_arn: str,
    *,
    region_name: str | None = None,
    **options: Unpack[RoleOptions],
) -> SessionT:
    """Return a session of a role, assumed from another session, of the same kind.

    The credentials are got when they are first used, cached for every process of this
    user, and renewed for as long as the session lives, MFA included. What is returned
    may be a parent again: a chain of sessions is a chain of roles. It keeps the
    settings of ``session``, and its region unless ``region_name`` is another.

    ``session`` is of botocore, boto3, aiobotocore or aioboto3. ``options`` are those of
    ``Client.assume_role``. A role session name that nobody
    gave is the ``source_identity``, or tells the Lambda function, the container or the
    user. A ``session`` that is not registered is not changed.

    Raises ConfigurationError for arguments that STS would refuse, before anything is
    asked of anybody, and TypeError for what is no session; what goes wrong later is
    raised as ``register`` tells.
    """
    from sts_plugin.plugins import roles  # noqa: PLC0415 - for the same reason

    return roles.assume_role(session, role_arn, region_name, options)


def __getattr__(name: str) -> Any:  # noqa: ANN401 - a class
    # Late, for the same reason.
    if name == "Client":
        from sts_plugin.client import Client  # noqa: PLC0415

        return Client
    if name == "Credentials":
        from sts_plugin.model import Credentials  # noqa: PLC0415

        return Credentials
    if name == "Session":  # boto3's own: with the extra [boto3]
        from sts_plugin.plugins.boto3 import Session  # noqa: PLC0415

        return Session
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
