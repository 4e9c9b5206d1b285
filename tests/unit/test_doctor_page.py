"""The page of the doctor and its checks agree; and how findings are put in order."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

import sts_plugin.doctor
from sts_plugin.doctor.finding import CHECKS, LEVELS, Finding, by_cause, in_order

PAGE = (Path(__file__).parents[2] / "docs" / "doctor.md").read_text(encoding="utf-8")
TITLES = {
    "profiles": "Profiles",
    "files": "Files",
    "network": "Network",
    "codes": "MFA codes",
    "programs": "Programs",
}
NAMES = {check for checks in CHECKS.values() for check in checks}
ROOM = Path(sts_plugin.doctor.__file__).parent


def rows(family):
    section = PAGE.partition(f"\n## {TITLES[family]}\n")[2].partition("\n## ")[0]
    return re.findall(r"^\| `([a-z-]+)` \| ([a-z, ]+) \|", section, re.MULTILINE)


def levels_in_code():
    """Every level of each check that stands in a call of the code, by its name."""
    found = {}
    for path in ROOM.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if not isinstance(node, ast.Call) or len(node.args) < 2:
                continue
            checks, levels = (
                {one.value for one in ast.walk(it) if isinstance(one, ast.Constant)}
                for it in node.args[:2]
            )
            known = checks & NAMES
            if levels and levels <= set(LEVELS) and len(known) == 1:
                found.setdefault(known.pop(), set()).update(levels)
    return found


@pytest.mark.parametrize("family", CHECKS)
def test_the_page_has_every_check_in_the_order_of_the_code(family):
    assert tuple(check for check, _ in rows(family)) == CHECKS[family]


def test_the_page_says_the_levels_that_the_code_gives():
    code = levels_in_code()
    assert len(code) > 30
    page = {check: levels for family in CHECKS for check, levels in rows(family)}
    for check, levels in code.items():
        assert levels <= set(page[check].split(", ")), check


def test_no_check_has_two_families():
    assert sum(map(len, CHECKS.values())) == len(NAMES)


def test_findings_stand_by_family_level_and_check():
    wrong = [
        Finding("libraries", "ok", "a"),
        Finding("file-mode", "warning", "b"),
        Finding("file-mode", "error", "c"),
        Finding("bypassed", "warning", "d"),
        Finding("section-ignored", "warning", "e"),
        Finding("profile-broken", "error", "f"),
    ]
    assert "".join(one.what for one in in_order(wrong)) == "fdecba"


def test_one_cause_has_its_profiles_and_the_first_place():
    found = [
        Finding("bypassed", "warning", "x", "config:1", "a"),
        Finding("bypassed", "warning", "y", "config:2", "a"),
        Finding("bypassed", "warning", "x", "config:3", "b"),
        Finding("file-mode", "error", "x", "one"),
        Finding("file-mode", "error", "x", "two"),
    ]
    assert [(one.where, names) for one, names in by_cause(found)] == [
        ("config:1", ["a", "b"]),
        ("config:2", ["a"]),
        ("one", []),
        ("two", []),
    ]
