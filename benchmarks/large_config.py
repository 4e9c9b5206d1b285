"""Ten thousand profiles in both files (bar S4: a plan costs 1.5 x botocore's parse).

The plan is that of the last profile, in a fresh process that tells how long it took
from after its imports; the peer is botocore's own parse of the same two files,
``full_config`` of a session. ``list`` makes the plan of each. A warm hit is to take no
longer than with ten profiles: the bar allows for what two runs of the same program
differ by.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from cases import Bar, Case
from stage import staged

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cases import Options
    from stage import Stage

__all__ = ["BARS", "ROUNDS_MAX", "cases"]

PLAN = "sts-plugin, a plan"
PARSE = "botocore, its parse"
PARSE_WHOLE = "botocore, its parse, whole process"
LIST = "sts-plugin list, whole process"
WARM = "sts-plugin, warm, all profiles"
WARM_FEW = "sts-plugin, warm, 10 profiles"
ROUNDS_MAX = 11
FEW = 10
BARS = (Bar("S4", PLAN, PARSE, 1.5), Bar("S4", WARM, WARM_FEW, 1.1))

PLAN_PROGRAM = """
import os, sys, time
from sts_plugin.engine import Engine
from sts_plugin.watcher import Watcher

began = time.perf_counter()
plan = Engine(os.environ, watcher=Watcher(print)).plan(sys.argv[1])
print((time.perf_counter() - began) * 1000)
assert plan.calls
"""
PARSE_PROGRAM = """
import sys, time
import botocore.session

began = time.perf_counter()
profiles = botocore.session.Session().full_config["profiles"]
print((time.perf_counter() - began) * 1000)
assert sys.argv[1] in profiles
"""


@contextlib.contextmanager
def cases(options: Options) -> Iterator[list[Case]]:
    """Set up two stages, with many profiles and with few."""
    with staged() as many, staged() as few:
        last, tenth = _fill(many, options.profiles), _fill(few, FEW)
        plan = many.program(PLAN_PROGRAM, last)
        parse = many.program(PARSE_PROGRAM, last)
        yield [
            Case(PARSE, lambda: float(parse.output())),
            Case(PLAN, lambda: float(plan.output()), PARSE),
            Case(PARSE_WHOLE, parse.milliseconds),
            Case(LIST, many.command("list").milliseconds, PARSE_WHOLE),
            Case(WARM_FEW, few.warm(tenth).milliseconds),
            Case(WARM, many.warm(last).milliseconds, WARM_FEW),
        ]


def _fill(stage: Stage, count: int) -> str:
    """Add so many profiles to both files; return the name of the last one.

    Each is a role, and has keys beside it that nobody uses.
    """
    stage.add_config(
        "".join(
            f"\n[profile team{number:05}]\n"
            "region = us-east-1\n"
            "output = json\n"
            "role_arn = arn:aws:iam::222222222222:role/Batch\n"
            "source_profile = alice\n"
            f"role_session_name = team{number:05}\n"
            for number in range(count)
        )
    )
    with (stage.sandbox.folder / "credentials").open("a", encoding="utf-8") as file:
        file.writelines(
            f"\n[user{number:05}]\n"
            f"aws_access_key_id = AKIAEXAMPLE{number:09}\n"
            f"aws_secret_access_key = not-a-secret-{number:05}\n"
            for number in range(count)
        )
    return f"team{count - 1:05}"
