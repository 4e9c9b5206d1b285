"""What ``tox -e conformance`` objects to; the run itself needs the network."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

PATH = Path(__file__).parents[1] / "conformance" / "run.py"
spec = importlib.util.spec_from_file_location("conformance_run", PATH)
run = importlib.util.module_from_spec(spec)
spec.loader.exec_module(run)


def outcome(outcome="passed", message="", *, reached=True):
    return {"outcome": outcome, "message": message, "reached": reached}


def reasons(shows="closes a loop", routes=("swapped",)):
    test = {"id": "t::listed", "routes": list(routes), "shows": shows}
    return [{"id": "why", "kind": "deliberate", "test": [test]}]


STOCK = {"t::listed": outcome(), "t::other": outcome(), "t::broken": outcome("failed")}
AS_LISTED = {
    "t::listed": outcome("failed", "it closes a loop"),
    "t::other": outcome(),
    "t::broken": outcome("failed"),
}


def judge(ours=None, listed=None, stock=None):
    return run.judge(
        "swapped", stock or STOCK, AS_LISTED | (ours or {}), listed or reasons()
    )


def test_differences_that_are_all_listed_are_no_problem():
    assert judge() == []


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (
            {"ours": {"t::other": outcome("failed", "wrong region")}},
            "t::other differs from botocore and is not listed: wrong region",
        ),
        (
            {"ours": {"t::other": outcome("skipped", "gone")}},
            "t::other differs from botocore and is not listed: gone",
        ),
        ({"listed": reasons(routes=["registered"])}, "t::listed differs from botocore"),
        ({"ours": {"t::listed": outcome()}}, "and passes: remove the entry"),
        ({"stock": {"t::other": outcome()}}, "does not exist, or fails on botocore"),
        (
            {"listed": reasons(shows="no role")},
            "fails in another way: it closes a loop",
        ),
    ],
)
def test_anything_else_is_one(change, problem):
    (found,) = judge(**change)
    assert problem in found


def test_a_test_that_was_not_run_and_a_route_that_leads_nowhere_are_problems():
    missing, nowhere = run.judge(
        "swapped", {"t::other": outcome()}, {"t::listed": outcome(reached=False)}, []
    )
    assert "t::other differs from botocore and is not listed: it was not run" in missing
    assert "no test leads to the engine any more" in nowhere
