"""The name of a role session that nobody has named: who, where, in CloudTrail's words.

    environment -> RoleSessionName

The same each time for the same function, container or user, so that a session that is
cached is found again. Asks nobody and calls nothing.
"""

from __future__ import annotations

import getpass
import os
import re
import socket
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["session_name"]

NAME_MAX: Final = 64
OTHERS: Final = r"[^A-Za-z0-9_+=,.@-]"
CONTAINER_FILES: Final = ("/.dockerenv", "/run/.containerenv")
"""What Docker and Podman put into their containers."""


def session_name(environ: Mapping[str, str]) -> str:
    r"""Return a name that STS takes: 2 to 64 characters of ``[\w+=,.@-]``.

    The function and its version in Lambda; the task or the container in ECS, in a pod
    its name, in another container the host name, which is the container's id; else
    ``user@host``.
    """
    function = environ.get("AWS_LAMBDA_FUNCTION_NAME")
    if function:  # AWS Lambda Developer Guide, "Defined runtime environment variables"
        version = environ.get("AWS_LAMBDA_FUNCTION_VERSION", "")
        return _fitting(function, version.strip("$"))
    task = environ.get("ECS_CONTAINER_METADATA_URI_V4")
    if task:  # ECS Developer Guide, "Task metadata endpoint version 4": .../v4/ID
        return _fitting("ecs", task.rstrip("/").rpartition("/")[2])
    host = socket.gethostname().partition(".")[0]
    if "KUBERNETES_SERVICE_HOST" in environ:  # a pod's host name is its own
        return _fitting("pod", host)
    if any(map(os.path.exists, CONTAINER_FILES)):
        return _fitting("container", host)
    return _fitting(_user(), host, "@")


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError, ImportError):  # an id that the system does not know
        return f"uid-{os.getuid()}" if hasattr(os, "getuid") else "nobody"


def _fitting(first: str, second: str, between: str = ".") -> str:
    """Return both parts as STS takes them; the first is cut where they are too long."""
    first, second = (re.sub(OTHERS, "-", one) for one in (first, second))
    end = f"{between}{second}"[: NAME_MAX // 2] if second else ""
    return f"{first[: NAME_MAX - len(end)]}{end}".ljust(2, "-")
