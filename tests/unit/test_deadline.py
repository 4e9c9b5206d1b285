from __future__ import annotations

import contextvars
import threading

import pytest

from sts_plugin.deadline import within


def test_work_that_ends_in_time_gives_what_it_gives():
    assert within(60, lambda: "answer") == "answer"
    assert within(60, lambda: None) is None


def test_work_that_fails_in_time_fails_as_it_does():
    def fail():
        raise LookupError("no")

    with pytest.raises(LookupError, match="no"):
        within(60, fail)


def test_work_that_takes_too_long_is_left_behind():
    end = threading.Event()
    with pytest.raises(TimeoutError):
        within(0.01, end.wait)
    end.set()


def test_work_sees_the_context_that_it_was_asked_in():
    variable = contextvars.ContextVar("variable")
    token = variable.set("traced")
    assert within(60, variable.get) == "traced"
    variable.reset(token)
