"""AWS STS credentials for every SDK on a machine: one engine, one prompt, one cache.

A session of boto3, botocore, aiobotocore or aioboto3 that gets what its profile gives,
MFA code and all, from the cache of this user, and renews it in time:

>>> import boto3, sts_plugin
>>> session = sts_plugin.register(boto3.Session(profile_name="prod-admin"))
>>> session.client("sts").get_caller_identity()["Arn"]
'arn:aws:sts::333333333333:assumed-role/Admin/...'

A role in code, as a session that is renewed like that one:

>>> audit = sts_plugin.assume_role(
...     boto3.Session(profile_name="alice"), "arn:aws:iam::222222222222:role/Audit"
... )
>>> audit.client("sts").get_caller_identity()["Arn"]
'arn:aws:sts::222222222222:assumed-role/Audit/...'

A single call of STS:

>>> alice = sts_plugin.Client("alice")
>>> alice.get_caller_identity().arn
'arn:aws:iam::111111111111:user/alice'

What there is, and ``help()`` of each tells more:

register(session)                 a session gets its credentials from here
register_everywhere()             so does each session that is made from now on
assume_role(session, role_arn)    a session of a role
Session(...)                      a boto3.Session that is registered; needs boto3
Client(profile)                   every call of STS
Credentials                       what its methods return; secrets are masked
errors                            what goes wrong: all are errors.StsPluginError
__version__                       the version of this package

For every other program there is ``credential_process = sts-plugin credential-process
--profile NAME`` in ``~/.aws/config``. A strict STS for tests is in
``sts_plugin.sandbox``. All other modules are the inside of this package, and may be
others in its next version.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from typing import Unpack

    from sts_plugin import errors
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
    "errors",
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

    >>> import botocore.session
    >>> session = register(botocore.session.Session(profile="jump"))
    >>> session.create_client("sts").get_caller_identity()["Account"]
    '222222222222'
    """
    # Imported late: the executable imports this package before every AWS command.
    from sts_plugin.plugins import botocore  # noqa: PLC0415

    return botocore.register(session)


def register_everywhere() -> None:
    """Let each session of botocore and boto3 that is made from now on do the same.

    For programs that make their sessions themselves. Imports nothing of botocore, so
    that it may stand in a ``.pth`` file, for all programs of an interpreter. May be
    called more than once; what it did is not undone.
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

    ``session`` is of botocore, boto3, aiobotocore or aioboto3; one that is not
    registered is not changed. Its credentials sign the call. Those of the role are got
    when they are first used, cached for every process of this user, and renewed for as
    long as the new session lives, MFA included. What is returned may be a parent again:
    a chain of sessions is a chain of roles. It keeps the settings of ``session``, and
    its region unless ``region_name`` is another.

    ``options`` are those of ``Client.assume_role``. A role session name that nobody
    gave is the ``source_identity``, or tells the Lambda function, the container or the
    user.

    Raises ConfigurationError for arguments that STS would refuse, before anything is
    asked of anybody, and TypeError for what is no session; what goes wrong later is
    raised as ``register`` tells.

    >>> import boto3
    >>> jump = assume_role(
    ...     boto3.Session(profile_name="alice"),
    ...     "arn:aws:iam::222222222222:role/Jump",
    ...     duration=900,
    ...     role_session_name="nightly",
    ... )
    >>> admin = assume_role(jump, "arn:aws:iam::333333333333:role/Admin")
    >>> admin.client("sts").get_caller_identity()["Account"]
    '333333333333'
    """
    from sts_plugin.plugins import roles  # noqa: PLC0415 - for the same reason

    return roles.assume_role(session, role_arn, region_name, options)


if not TYPE_CHECKING:  # with it, every misspelt name would be one to type checkers

    def __getattr__(name: str) -> object:
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
        if name == "errors":
            from importlib import import_module  # noqa: PLC0415

            return import_module("sts_plugin.errors")
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    # Whoever lists the names looks at each, help() and shells that complete them: for
    # boto3's sake only where it is there anyway.
    return [name for name in __all__ if name != "Session" or "boto3" in sys.modules]
