"""The benchmarks run: one group, one round."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

RUN = Path(__file__).parents[2] / "benchmarks" / "run.py"


def run(*words):
    return subprocess.run(
        [sys.executable, RUN, *words],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_a_group_is_measured_and_reported_as_json():
    done = run("miss", "--rounds", "1", "--json", "-", "--check")
    assert done.returncode == 0, done.stderr
    (group,) = json.loads(done.stdout)["groups"]
    assert [case["milliseconds"]["runs"] for case in group["cases"]] == [1, 1, 1]
    assert all(case["milliseconds"]["median"] > 0 for case in group["cases"])
    assert "S2" in done.stderr


def test_every_group_can_be_loaded_and_says_what_it_measures():
    done = run("--list")
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    groups = {path.stem for path in RUN.parent.glob("*.py")}
    parts = {"cases", "peers", "report", "run", "stage", "timing"}
    assert {line.partition(":")[0] for line in lines} == groups - parts
    assert all(line.partition(": ")[2].endswith(".") for line in lines)


@pytest.mark.parametrize("words", [["nothing"], ["--herd", "many"], ["--rounds", "0"]])
def test_a_wrong_word_is_refused(words):
    done = run(*words)
    assert done.returncode == 2
    assert words[-1] in done.stderr
