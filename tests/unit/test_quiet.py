from __future__ import annotations

import logging
import threading

import pytest
from frames import frames_of

from sts_plugin.deadline import within
from sts_plugin.quiet import _not_ours, quietly

CANARY = "wJalrXUtnFEMI"
COPIES = [
    "botocore",
    "botocore.endpoint",
    "urllib3.connectionpool",
    "awscli.botocore.parsers",
    "botocore.vendored.requests.packages.urllib3.connectionpool",
]


class Kept(logging.Handler):
    """Keeps what is logged, as text."""

    def __init__(self):
        super().__init__()
        self.texts = []

    def emit(self, record):
        self.texts.append(record.getMessage())


@pytest.fixture
def kept():
    """What reaches the root logger, at every level."""
    handler, root = Kept(), logging.getLogger()
    before = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    yield handler.texts
    root.removeHandler(handler)
    root.setLevel(before)


def log(name, text=CANARY):
    logging.getLogger(name).warning("it is %s", text)


@pytest.mark.parametrize("name", COPIES)
def test_what_a_library_logs_of_our_call_is_dropped(kept, name):
    logging.getLogger(name)
    quietly(lambda: log(name))()
    assert kept == []


@pytest.mark.parametrize("name", COPIES)
def test_what_it_logs_before_and_after_our_call_is_not(kept, name):
    log(name, "1")
    quietly(lambda: log(name, "2"))()
    log(name, "3")
    assert kept == ["it is 1", "it is 3"]


@pytest.mark.parametrize("name", ["a_program", "botocore_of_ours", "sts_plugin", ""])
def test_what_others_log_within_our_call_is_theirs(kept, name):
    quietly(lambda: log(name))()
    assert kept == [f"it is {CANARY}"]


def test_a_logger_that_is_made_by_the_next_call_is_covered_as_well(kept):
    name = f"botocore.made.{id(kept)}"
    quietly(lambda: None)()
    logging.getLogger(f"{name}.below")  # a place holder stands for the one above
    quietly(lambda: log(f"{name}.below"))()
    logging.getLogger(name)
    quietly(lambda: log(name))()
    assert kept == []


def test_a_handler_and_a_filter_of_the_logger_itself_meet_nothing_either(kept):
    seen, handler = [], Kept()
    logger = logging.getLogger(f"botocore.watched.{id(kept)}")
    logger.addFilter(lambda record: seen.append(record) or True)
    logger.addHandler(handler)
    quietly(lambda: log(logger.name))()
    assert (seen, handler.texts) == ([], [])
    log(logger.name, "theirs")
    assert len(seen) == len(handler.texts) == 1


def test_a_logger_has_the_filter_once_however_many_calls_there_are():
    for _ in range(3):
        quietly(lambda: None)()
    assert logging.getLogger("botocore").filters.count(_not_ours) == 1


def test_our_call_may_go_on_in_another_thread_for_as_long_as_it_likes(kept):
    go, done = threading.Event(), threading.Event()

    def work():
        go.wait(60)
        log("botocore.endpoint")
        done.set()

    with pytest.raises(TimeoutError):
        within(0.01, quietly(work))
    log("botocore.endpoint", "the next one's")
    go.set()
    assert done.wait(60)
    assert kept == ["it is the next one's"]


def test_another_thread_logs_its_own_calls_during_ours(kept):
    inside, logged = threading.Event(), threading.Event()

    def work():
        inside.set()
        logged.wait(60)
        log("botocore.endpoint")

    ours = threading.Thread(target=quietly(work))
    ours.start()
    assert inside.wait(60)
    log("botocore.endpoint", "the program's")
    logged.set()
    ours.join()
    assert kept == ["it is the program's"]


def test_a_call_within_a_call_does_not_end_the_quiet_of_the_outer_one(kept):
    def outer():
        quietly(lambda: log("botocore.endpoint"))()
        log("botocore.endpoint")

    quietly(outer)()
    assert kept == []


def test_it_returns_what_the_work_returns_and_says_what_that_was(kept):
    assert quietly(lambda: 5, "AssumeRole of X")() == 5
    (text,) = kept
    assert text.startswith("AssumeRole of X: ")


def test_the_quiet_ends_with_an_error_and_its_frames_are_empty(kept):
    def send():
        answer = {"SessionToken": "-".join(CANARY)}
        try:
            return answer["SessionTokne"]
        except KeyError:
            raise ValueError("no such thing") from None

    def nested():
        try:
            send()
        except ValueError as error:
            raise RuntimeError("it failed") from error

    with pytest.raises(RuntimeError, match="it failed") as caught:
        quietly(nested)()
    places = [frame.name for frame in caught.traceback]
    assert places[-1] == "nested"  # a defect can still be found
    shown = frames_of(caught.value)
    assert "KeyError" in shown
    assert "-".join(CANARY) not in shown
    log("botocore.endpoint")
    assert kept == [f"it is {CANARY}"]
