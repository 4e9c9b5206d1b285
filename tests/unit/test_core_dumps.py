from __future__ import annotations

import subprocess
import sys

import pytest

from sts_plugin import core_dumps

resource = pytest.importorskip("resource", reason="there are no limits here")

LEAST = 1 if sys.platform == "linux" else 0
PROGRAM = """
import resource, subprocess, sys
from sts_plugin.core_dumps import switch_off
limit = resource.RLIMIT_CORE
resource.setrlimit(limit, (int(sys.argv[1]), int(sys.argv[2])))
switch_off()
switch_off()
print(*resource.getrlimit(limit))
"""


def limits(soft, hard):
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(soft), str(hard)],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    return tuple(map(int, done.stdout.split()))


@pytest.mark.parametrize("soft", [0, 1, 4096])
def test_the_soft_limit_is_lowered_and_the_hard_one_stays(soft):
    assert limits(soft, 8192) == (LEAST, 8192)


def test_the_limit_is_one_where_dumps_are_piped_to_a_program():
    # 0 would not do: core(5), "Piping core dumps to a program".
    unlimited = resource.RLIM_INFINITY
    if resource.getrlimit(resource.RLIMIT_CORE)[1] != unlimited:
        pytest.skip("the hard limit of this run is lower")
    assert limits(unlimited, unlimited) == (LEAST, unlimited)


def test_a_hard_limit_of_nothing_is_left_alone():
    assert limits(0, 0) == (0, 0)


def test_where_there_are_no_limits_nothing_happens(monkeypatch):
    monkeypatch.setitem(sys.modules, "resource", None)
    core_dumps.switch_off()


def test_what_it_was_can_be_put_back(monkeypatch):
    given = {"limits": (4096, 8192)}

    def set_(_which, limits):
        given["limits"] = limits

    monkeypatch.setattr(resource, "getrlimit", lambda _which: given["limits"])
    monkeypatch.setattr(resource, "setrlimit", set_)
    before = core_dumps.switch_off()
    assert given["limits"] == (LEAST, 8192)
    core_dumps.put_back(before)
    assert given["limits"] == (4096, 8192)
    core_dumps.put_back(None)
    assert given["limits"] == (4096, 8192)
