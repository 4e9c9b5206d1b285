"""The page on what differs from botocore and the list of tests that fail agree."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "compatibility.md").read_text(encoding="utf-8")
REASONS = tomllib.loads(
    (ROOT / "tests" / "conformance" / "deviations.toml").read_text(encoding="utf-8")
)["reason"]
UNREACHABLE = PAGE.partition("\n## How this is checked")[2]


def headings(text):
    """The anchors of the headings of a page, as GitHub and MyST make them."""
    titles = re.findall(r"^### (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize("reason", REASONS, ids=lambda reason: reason["id"])
def test_every_reason_is_on_the_page(reason):
    assert reason["kind"] in {"deliberate", "unreachable"}
    at_the_end = reason["id"] in headings(UNREACHABLE)
    assert at_the_end == (reason["kind"] == "unreachable")
    assert reason["id"] in headings(PAGE)
    assert reason["test"]


def test_what_the_page_calls_unreachable_is_so_for_some_test():
    assert headings(UNREACHABLE) <= {reason["id"] for reason in REASONS}


def test_every_test_has_one_reason_on_each_route_and_says_how_it_fails():
    listed = [
        (test["id"], route)
        for reason in REASONS
        for test in reason["test"]
        for route in test["routes"]
    ]
    assert len(listed) == len(set(listed))
    assert {route for _, route in listed} <= {"swapped", "registered"}
    assert all(test["shows"] for reason in REASONS for test in reason["test"])
