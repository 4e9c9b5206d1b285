"""A miss behind a fresh MFA session, as a whole process (bar S2: 1.6 x a bare call).

The role's entry is gone, the session's is good, STS answers at once: a plan, one
signed call, one entry to publish. The peer is the least that a program with botocore
does for a role: it imports ``botocore.session``, makes a client with static keys and
makes one call. Two calls are a role that is assumed by way of another one.

The cache is put back before each run, untimed; what a run publishes is part of its
time.
"""

from __future__ import annotations

import contextlib
import sys
from typing import TYPE_CHECKING

from cases import Bar, Case
from stage import Snapshot, staged
from timing import Process

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from cases import Options
    from stage import Stage

__all__ = ["BARS", "PEER", "ROUNDS_MAX", "bare_call", "cases"]

MISS = "sts-plugin, a miss, one call"
CHAIN = "sts-plugin, a miss, two calls"
PEER = "botocore, one client, one call"
ROUNDS_MAX = 1000
BARS = (Bar("S2", MISS, PEER, 1.6),)

BARE = """
import os, sys
import botocore.session

client = botocore.session.Session().create_client(
    "sts",
    region_name="us-east-1",
    endpoint_url=os.environ["AWS_ENDPOINT_URL_STS"],
    aws_access_key_id=os.environ["BENCH_KEY"],
    aws_secret_access_key=os.environ["BENCH_SECRET"],
)
answer = client.assume_role(RoleArn=sys.argv[1], RoleSessionName="bench")
print(answer["Credentials"]["AccessKeyId"])
"""


@contextlib.contextmanager
def cases(options: Options) -> Iterator[list[Case]]:
    """Set up a stage whose cache holds the session and nothing else."""
    del options
    with staged() as stage:
        stage.ours("alice").output()
        cache = Snapshot(stage.cache)
        one, two, bare = stage.ours("jump"), stage.ours("prod-admin"), bare_call(stage)
        for process in (one, two, bare):
            process.output()
        yield [
            Case(PEER, bare.milliseconds),
            Case(MISS, _missing(cache, one.milliseconds), PEER),
            Case(CHAIN, _missing(cache, two.milliseconds), PEER),
        ]


def bare_call(stage: Stage) -> Process:
    """Return a program that assumes a role with nothing but botocore."""
    alice = stage.sandbox.organisation.user("alice")
    keys = {"BENCH_KEY": alice.access_key_id, "BENCH_SECRET": alice.secret_access_key}
    role = stage.sandbox.organisation.role("Batch").arn
    words = (sys.executable, "-P", "-c", BARE, role)
    return Process(words, stage.environ | keys, says="ASIA")


def _missing(cache: Snapshot, run: Callable[[], float]) -> Callable[[], float]:
    def restored() -> float:
        cache.restore()
        return run()

    return restored
