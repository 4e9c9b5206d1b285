from __future__ import annotations

import pytest

from sts_plugin import settings
from sts_plugin.errors import Throttled, Unreachable
from sts_plugin.retries import Again, Budget, again

UNSENT = Unreachable("nobody there", sent=False, passing=True)
LOST = Unreachable("reset", sent=True, passing=True)
PAGE = Unreachable("a page", sent=True)
CERTIFICATE = Unreachable("a certificate", sent=False)
THROTTLED = Throttled("too many", sent=True, passing=True)


@pytest.mark.parametrize(
    ("trouble", "coded", "calls", "calls_with_another_region"),
    [
        (UNSENT, False, 3, 3),
        (UNSENT, True, 3, 3),
        (LOST, False, 3, 3),
        (LOST, True, 1, 1),
        (THROTTLED, False, 3, 3),
        (THROTTLED, True, 1, 1),
        (PAGE, False, 1, 1),
        (PAGE, True, 1, 1),
        (CERTIFICATE, False, 1, 1),
        (CERTIFICATE, True, 1, 1),
    ],
    ids=str,
)
def test_the_table(trouble, coded, calls, calls_with_another_region):
    assert len(tries(trouble, coded=coded, elsewhere=False)) == calls - 1
    assert (
        len(tries(trouble, coded=coded, elsewhere=True))
        == calls_with_another_region - 1
    )


def tries(trouble, *, coded, elsewhere):
    """What is done, one after the other, while the trouble stays."""
    found, there = [], elsewhere
    for done in range(10):
        one = again(trouble, coded=coded, done=done, elsewhere=there)
        if one is None:
            return found
        there = there and not one.elsewhere
        found.append(one)
    raise AssertionError("it never ends")


@pytest.mark.parametrize(
    ("trouble", "coded"), [(UNSENT, False), (UNSENT, True), (LOST, False)]
)
def test_the_other_region_comes_after_one_more_attempt(trouble, coded):
    first, second = tries(trouble, coded=coded, elsewhere=True)
    assert (first.elsewhere, second) == (False, Again(0.0, elsewhere=True))


def test_throttling_is_waited_for_longer_and_stays_in_its_region():
    quick = [one.seconds for one in tries(LOST, coded=False, elsewhere=False)]
    slow = [one.seconds for one in tries(THROTTLED, coded=False, elsewhere=True)]
    assert all(mine < theirs for mine, theirs in zip(quick, slow, strict=True))
    assert not any(
        one.elsewhere for one in tries(THROTTLED, coded=False, elsewhere=True)
    )


def test_the_waits_are_random_and_grow_and_fit_into_two_seconds():
    most = settings.RETRY_WAIT_SECONDS
    for _ in range(50):
        first, second = (
            one.seconds for one in tries(UNSENT, coded=False, elsewhere=False)
        )
        assert most / 2 <= first <= most <= second <= 2 * most
    assert len({tries(UNSENT, coded=False, elsewhere=False)[0] for _ in range(50)}) > 1
    assert 3 * most < 2  # bar R31: a closed port, and the start of the process


class Clock:
    def __init__(self):
        self.now = 100.0
        self.slept = []

    def sleep(self, seconds):
        self.slept.append(seconds)
        self.now += seconds


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def budget(clock):
    return Budget(10, clock=lambda: clock.now, sleep=clock.sleep)


def test_what_is_done_within_it_is_taken_from_a_budget(budget, clock):
    with budget:
        clock.now += 4
    clock.now += 50  # somebody types a code
    with pytest.raises(RuntimeError):
        fail_within(budget, clock)
    assert budget.left == 3


def fail_within(budget, clock):
    with budget:
        clock.now += 3
        raise RuntimeError


def test_a_wait_is_taken_from_a_budget_and_has_to_fit(budget, clock):
    assert budget.wait(4)
    assert not budget.wait(6)
    assert (clock.slept, budget.left) == ([4], 6)
