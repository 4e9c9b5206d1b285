"""Inside of a program (bar S3: 5 ms over static keys, then as fast as botocore).

First credentials: each in a fresh process, which tells how long it took from after
``import boto3``, the same for both, to the first frozen set. Ours has its role in the
cache; the peer is a boto3 session whose profile has static keys. Then 20,000
``get_frozen_credentials()`` beside those of botocore's own ``RefreshableCredentials``,
a thousand of each in turn within one process.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from cases import Bar, Case
from stage import staged
from timing import Shared

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from cases import Options
    from stage import Stage

__all__ = ["BARS", "ROUNDS_MAX", "cases"]

FIRST = "sts-plugin, first credentials"
STATIC = "boto3, static keys"
WHOLE_FIRST = "sts-plugin, first credentials, whole process"
WHOLE_STATIC = "boto3, static keys, whole process"
FROZEN = "sts-plugin, 20,000 times frozen"
FROZEN_PEER = "botocore, 20,000 times frozen"
ROUNDS_MAX = 1000
BARS = (
    Bar("S3", FIRST, STATIC, 5, "ms over"),
    # As fast as botocore, but for what two runs of the same program differ by.
    Bar("S3", FROZEN, FROZEN_PEER, 1.05),
)

FIRST_PROGRAM = """
import time
import boto3

began = time.perf_counter()
import sts_plugin

session = sts_plugin.register(boto3.Session(profile_name="prod-admin"))
assert session.get_credentials().get_frozen_credentials().token
print((time.perf_counter() - began) * 1000)
"""
STATIC_PROGRAM = """
import time
import boto3

began = time.perf_counter()
session = boto3.Session(profile_name="bob")
assert session.get_credentials().get_frozen_credentials().secret_key
print((time.perf_counter() - began) * 1000)
"""
FROZEN_PROGRAM = """
import time
import boto3, sts_plugin
from botocore.credentials import RefreshableCredentials
from datetime import datetime, timedelta, timezone

ends = datetime.now(timezone.utc) + timedelta(hours=1)
theirs = RefreshableCredentials("key", "secret", "token", ends, None, "bench")
session = sts_plugin.register(boto3.Session(profile_name="prod-admin"))
ours = session.get_credentials()
assert ours.get_frozen_credentials().token
took = [0.0, 0.0]
for turn in range(20):
    for number, credentials in enumerate((theirs, ours)):
        began = time.perf_counter()
        for _ in range(1_000):
            credentials.get_frozen_credentials()
        took[number] += (time.perf_counter() - began) * 1000
print(*took)
"""


@contextlib.contextmanager
def cases(options: Options) -> Iterator[list[Case]]:
    """Set up a stage with the role in its cache."""
    del options
    with staged() as stage:
        stage.warm("prod-admin")
        both = stage.program(FROZEN_PROGRAM)
        frozen = Shared(lambda: [float(took) for took in both.output().split()])
        yield [
            Case(STATIC, _told(stage, STATIC_PROGRAM)),
            Case(FIRST, _told(stage, FIRST_PROGRAM), STATIC),
            Case(WHOLE_STATIC, stage.program(STATIC_PROGRAM).milliseconds),
            Case(
                WHOLE_FIRST,
                stage.program(FIRST_PROGRAM).milliseconds,
                WHOLE_STATIC,
            ),
            Case(FROZEN_PEER, frozen.each(lambda took: took[0])),
            Case(FROZEN, frozen.each(lambda took: took[1]), FROZEN_PEER),
        ]


def _told(stage: Stage, program: str) -> Callable[[], float]:
    """Return a run of a program that tells itself how long it took."""
    process = stage.program(program)
    return lambda: float(process.output())
