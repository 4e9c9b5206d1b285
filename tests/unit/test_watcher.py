from __future__ import annotations

import time

import pytest

from sts_plugin.watcher import Watcher


@pytest.fixture
def told():
    return []


@pytest.fixture
def watcher(told):
    return Watcher(told.append)


def test_every_line_goes_to_the_log_once_whomever_it_is_about(watcher, told):
    watcher.tell("one")
    watcher.warn("two")
    watcher.warn("three", session=7)
    assert told == ["one", "two", "three"]


def test_a_wait_is_told_before_it_begins_and_lasts(watcher, told, mocker):
    order = mocker.patch("time.sleep", side_effect=lambda _: told.append("slept"))
    watcher.wait("waiting for the next code", 17.4, why="used before")
    assert told == ["used before; waiting for the next code (17 s)", "slept"]
    order.assert_called_once_with(17.4)


def test_time_passes_while_it_waits(watcher):
    began = time.monotonic()
    watcher.wait("x", 0.05, why="y")
    assert time.monotonic() - began >= 0.05


def test_a_program_is_there_for_all_we_know(watcher):
    assert watcher.gone() is False
    assert watcher.orphaned() is False


@pytest.mark.parametrize("gone", [True, False])
def test_whoever_is_gone_does_not_answer_a_prompt(told, gone):
    class Other(Watcher):
        def gone(self):
            return gone

    assert Other(told.append).orphaned() is gone
