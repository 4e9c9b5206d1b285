"""``sts_plugin.Session``: boto3's own, registered from the beginning."""

from __future__ import annotations

from typing import Any

import boto3.session

from sts_plugin.plugins.botocore import register

__all__ = ["Session"]


class Session(boto3.session.Session):  # type: ignore[misc] # boto3 has no types
    """A boto3 session that gets its credentials through sts-plugin.

    Takes the arguments of ``boto3.Session``.
    """

    def __init__(self, *args: Any, **options: Any) -> None:  # noqa: ANN401 - boto3's
        super().__init__(*args, **options)
        register(self)
