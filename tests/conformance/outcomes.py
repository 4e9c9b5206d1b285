"""A pytest plugin that writes down what became of each test, for ``run.py``.

``{test id: {"outcome": ..., "message": ..., "reached": ...}}`` as JSON. The outcome is
the worst of a test's phases and subtests, the message that of the exception which
decided it. ``reached`` says whether the test made the engine work out a plan: a route
that no test takes any more would prove nothing.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from sts_plugin.engine import Engine

WORST = ("passed", "skipped", "failed")


def pytest_addoption(parser):
    parser.addoption("--outcomes", required=True, help="the file to write")


def pytest_configure(config):
    config.pluginmanager.register(Outcomes(Path(config.getoption("--outcomes"))))


class Outcomes:
    """What is known of the tests so far."""

    def __init__(self, path):
        self._path = path
        self._found = {}

    @pytest.fixture(autouse=True)
    def _engine_that_tells(self, request, monkeypatch):
        plan = Engine.plan

        def telling(engine, *args, **kwargs):
            self._of(request.node.nodeid)["reached"] = True
            return plan(engine, *args, **kwargs)

        monkeypatch.setattr(Engine, "plan", telling)

    def _of(self, test):
        unknown = {"outcome": "passed", "message": "", "reached": False}
        return self._found.setdefault(test, unknown)

    def _note(self, report):
        known = self._of(report.nodeid)
        if WORST.index(report.outcome) > WORST.index(known["outcome"]):
            crash = getattr(report.longrepr, "reprcrash", None)
            known["outcome"] = report.outcome
            known["message"] = crash.message if crash else str(report.longrepr)

    def pytest_runtest_logreport(self, report):
        self._note(report)

    def pytest_collectreport(self, report):
        if report.failed:
            self._note(report)

    def pytest_sessionfinish(self):
        self._path.write_text(json.dumps(self._found, indent=1), encoding="utf-8")
