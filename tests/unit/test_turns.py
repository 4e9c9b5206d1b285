from __future__ import annotations

import threading
import time

import pytest

from sts_plugin import settings
from sts_plugin.cache import Cache
from sts_plugin.errors import (
    Busy,
    CacheUnusable,
    CallerRejected,
    CannotAsk,
    CodeRefused,
    ConfigurationError,
    Declined,
    DurationRefused,
    HumanNeeded,
    NoAnswer,
    NothingHere,
    Refused,
    Throttled,
    Unreachable,
)
from sts_plugin.ledger import NO_ANSWER, Failure
from sts_plugin.model import Secret
from sts_plugin.store import DiskStore
from sts_plugin.turns import Turns, Want

NAME = "arn:aws:iam::111111111111:mfa/alice"
CODE = {"code": "AccessDenied", "hint": "mend it"}


class Run(threading.Thread):
    """One who wants a result, and works for it until told how that ends."""

    def __init__(self, folder, results, *, want, gone, seconds):
        super().__init__(daemon=True)
        self.cache = Cache(DiskStore(folder, wait_seconds=seconds), tell=print)
        self.turns = Turns(self.cache, gone=lambda: gone)
        self.results, self.want, self.scope = results, want, want.scope
        self.notices = threading.Semaphore(0)
        self.works, self.go = threading.Event(), threading.Event()
        self.ending = self.outcome = None

    def run(self):
        try:
            self.outcome = self.turns.take(
                self.want,
                found=lambda: self.results.get(self.scope),
                work=self.work,
                waiting=lambda _holder: self.notices.release(),
            )
        except BaseException as error:  # noqa: BLE001 - the test judges it
            self.outcome = error

    def work(self):
        self.works.set()
        assert self.go.wait(60)
        if isinstance(self.ending, BaseException):
            raise self.ending
        self.results[self.scope] = self.ending
        return self.ending

    # --- What a test does with it ---

    def working(self):
        """Return it once it is its turn."""
        self.start()
        assert self.works.wait(60)
        return self

    def waiting(self):
        """Return it once it waits."""
        self.start()
        return self.told()

    def told(self):
        """Return it once it has said, once more, that it waits."""
        assert self.notices.acquire(timeout=20)
        return self

    def end(self, ending):
        """Let its work end so; return what the run made of it."""
        self.ending = ending
        self.go.set()
        return self.ended()

    def ended(self):
        self.join(30)
        assert not self.is_alive()
        return self.outcome


@pytest.fixture
def results():
    """What has been got: scope -> result."""
    return {}


@pytest.fixture
def run(tmp_path, results, monkeypatch):
    """Make a run that wants the result of a scope."""
    monkeypatch.setattr(settings, "LOCK_NOTICE_SECONDS", 0.02)
    monkeypatch.setattr(settings, "LOCK_POLL_SECONDS", (0.01, 0.01))
    monkeypatch.setattr(settings, "LOCK_CROWD_SECONDS", 0.01)
    made = []

    def make(scope="mine", *, signer="A", person=True, gone=False, seconds=1e6):
        want = Want(NAME, scope, signer=signer, person=person)
        made.append(Run(tmp_path, results, want=want, gone=gone, seconds=seconds))
        return made[-1]

    yield make
    for one in made:  # nobody is left behind
        if one.ident:
            one.end(SystemExit())


@pytest.fixture
def cache(tmp_path):
    """What any other run sees."""
    return Cache(DiskStore(tmp_path), tell=print)


# --- Results ---


def test_one_alone_does_the_work(run, cache, tmp_path):
    assert run().working().end("result") == "result"
    assert cache.failure(NAME) is None
    assert list(tmp_path.glob("*.ledger")) == []  # nothing to note


def test_what_is_there_is_taken(run, results):
    results["mine"] = "result"
    one = run()
    one.start()
    assert one.ended() == "result"
    assert not one.works.is_set()


def test_those_who_wait_share_the_result(run):
    first = run().working()
    waiters = [run().waiting() for _ in range(3)]
    assert first.end("result") == "result"
    assert {waiter.ended() for waiter in waiters} == {"result"}
    assert not any(waiter.works.is_set() for waiter in waiters)


def test_who_waits_takes_a_result_as_soon_as_it_is_there(run, results):
    # Twenty profiles of one device: nobody queues for what is done already.
    first, second = run("other").working(), run().waiting()
    results["mine"] = "result"
    assert second.ended() == "result"
    assert first.is_alive()


def test_who_wants_something_else_has_a_turn_of_their_own(run):
    first, second = run().working(), run("other").waiting()
    first.end("result")
    assert second.works.wait(60)
    assert second.end("another") == "another"


# --- Failures that are shared ---

SHARED = {
    "no answer": NoAnswer("nobody typed it", hint="mend it"),
    "configuration": ConfigurationError("f:1: it is wrong", hint="mend it"),
    "declined": Declined("no", hint="mend it"),
    "code refused": CodeRefused("AWS refused it", **CODE),
    "caller rejected": CallerRejected("AWS rejected it", **CODE),
    "refused": Refused("AWS refused it", **CODE),
    "unreachable": Unreachable("an answer that is none", sent=True, hint="mend it"),
}


@pytest.mark.parametrize("person", [True, False])
@pytest.mark.parametrize("kind", SHARED)
def test_those_who_waited_fail_of_the_same(run, kind, person):
    error = SHARED[kind]
    first = run(person=person).working()
    waiters = [run(person=person).waiting() for _ in range(3)]
    assert first.end(error) is error
    for waiter in waiters:
        found = waiter.ended()
        assert type(found) is type(error)
        assert (found.message, found.hint) == (error.message, error.hint)
        assert getattr(found, "code", "") == getattr(error, "code", "")
        assert not waiter.works.is_set()


@pytest.mark.parametrize("kind", SHARED)
def test_who_comes_after_a_failure_tries_for_themselves(run, kind):
    run().working().end(SHARED[kind])
    assert run().working().end("result") == "result"


@pytest.mark.parametrize("kind", SHARED)
def test_the_next_failure_is_shared_as_well(run, kind):
    run().working().end(SHARED[kind])
    second = run().working()
    third = run().waiting()
    second.end(SHARED[kind])
    assert type(third.ended()) is type(SHARED[kind])
    assert not third.works.is_set()


def test_a_shorter_session_may_not_do_for_all_but_its_refusal_is_one(run):
    first, second = run().working(), run().waiting()
    first.end(DurationRefused("too long", **CODE))
    assert type(second.ended()) is Refused


@pytest.mark.parametrize("kind", SHARED)
def test_a_failure_is_noted_with_all_that_an_error_says_and_no_more(run, cache, kind):
    error = SHARED[kind]
    error.__cause__ = ValueError("canary")
    error.args = (*error.args, "canary")
    before = time.time()
    run("scope").working().end(error)
    noted = cache.failure(NAME)
    assert (noted.kind, noted.message, noted.hint) == (kind, error.message, error.hint)
    assert noted.code == getattr(error, "code", "")
    assert before <= noted.at <= time.time()
    assert "canary" not in repr(noted)


@pytest.mark.parametrize("letter", ["x", "\u4f60", "\udcff"])
def test_an_error_of_any_length_does_not_cost_the_codes_beside_it(run, cache, letter):
    # R8: STS quotes what it refuses, and a ledger that is too long is not read.
    cache.record_code(NAME, Secret("123456"))
    used = cache.used_codes(NAME)
    text = letter * 70_000
    first, second = run().working(), run().waiting()
    first.end(Refused(text, code=text, hint=text))
    assert second.ended().message in text
    assert Cache(DiskStore(cache._store.path), tell=print).used_codes(NAME) == used


def test_each_failure_has_a_number_of_its_own(run, cache):
    numbers = set()
    for _ in range(3):
        run().working().end(SHARED["declined"])
        numbers.add(cache.failure(NAME).number)
    assert len(numbers - {""}) == 3


def test_who_waits_leaves_at_a_failure_though_the_lock_is_held(run, cache):
    # Those who waited for the same leave together, and not one after the other.
    first, second = run().working(), run().waiting()
    cache.record_failure(NAME, Failure("f", 0.0, "declined", "no", "hint"))
    found = second.ended()
    assert first.is_alive()
    assert isinstance(found, Declined)
    assert (found.message, found.hint) == ("no", "hint")


def test_a_failure_of_a_kind_that_is_not_known_ends_a_wait_as_well(run, cache):
    first, second = run().working(), run().waiting()
    cache.record_failure(NAME, Failure("f", 0.0, "of a later version", "it says so"))
    found = second.ended()
    assert first.is_alive()
    assert isinstance(found, HumanNeeded)
    assert found.message == "it says so"


def test_a_result_counts_more_than_a_failure(run, results):
    first, second = run().working(), run().waiting()
    results["mine"] = "result"
    first.end(SHARED["declined"])
    assert second.ended() == "result"


# --- A network that is away, and an STS that is asked too often ---

AWAY = Unreachable("no usable answer", sent=True, passing=True, hint="mend it")
THROTTLED = Throttled("too many", sent=True, passing=True, hint="mend it")


def test_a_network_that_was_away_for_a_moment_is_nobody_elses_affair(run):
    first, second = run().working(), run().waiting()
    assert first.end(AWAY) is AWAY
    assert second.works.wait(60)
    assert second.end("result") == "result"


def test_a_network_that_is_away_three_times_in_a_row_is_away_for_all(run):
    one = run().working()
    waiters = [run().waiting() for _ in range(5)]
    one.end(AWAY)
    worked = []
    while len(worked) < 2:
        (next_one,) = _whose_turn_it_is(waiters, worked)
        worked.append(next_one)
        next_one.end(AWAY)
    outcomes = [one.ended() for one in waiters]
    assert {type(one) for one in outcomes} == {Unreachable}
    assert sum(one.works.is_set() for one in waiters) == 2
    assert all(one.hint == "mend it" for one in outcomes)


def _whose_turn_it_is(waiters, before):
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        found = [one for one in waiters if one.works.is_set() and one not in before]
        if found:
            return found
        time.sleep(0.01)
    raise AssertionError("nobody had a turn")


def test_a_result_between_two_failures_ends_the_row(run, cache, results):
    for _ in range(2):
        run().working().end(AWAY)
    run().working().end("result")
    results.clear()
    run().working().end(AWAY)
    assert cache.failure(NAME).streak == 1


def test_failures_far_apart_are_no_row(run, cache, monkeypatch):
    run().working().end(AWAY)
    monkeypatch.setattr(settings, "STREAK_SECONDS", -1)
    run().working().end(AWAY)
    assert cache.failure(NAME).streak == 1


def test_who_comes_after_a_row_of_failures_tries_for_themselves(run):
    for _ in range(3):
        run().working().end(AWAY)
    assert run().working().end("result") == "result"


def test_a_herd_does_not_add_to_what_is_throttled(run):
    first = run().working()
    waiters = [run().waiting() for _ in range(3)]
    first.end(THROTTLED)
    late = run()
    late.start()
    for one in (*waiters, late):
        found = one.ended()
        assert (type(found), found.message) == (Throttled, "too many")
        assert not one.works.is_set()


def test_the_pause_after_throttling_ends(run, monkeypatch):
    monkeypatch.setattr(settings, "THROTTLED_PAUSE_SECONDS", (0.0, 0.0))
    run().working().end(THROTTLED)
    assert run().working().end("result") == "result"


def test_a_pause_that_would_last_long_is_a_clock_that_was_set_back(run, cache):
    later = Failure("1", time.time(), "throttled", "no", scope="mine", until=1e12)
    cache.record_failure(NAME, later)
    assert run().working().end("result") == "result"


def test_another_call_is_not_throttled_with_this_one(run):
    run().working().end(THROTTLED)
    assert run("other").working().end("result") == "result"


# --- Failures that are not ---


@pytest.mark.parametrize(
    "error",
    [
        CannotAsk("there is no terminal"),
        Busy("held"),
        NothingHere("nothing"),
        CacheUnusable("the disk is full"),
        RuntimeError("a defect"),
        SystemExit(143),
        GeneratorExit(),
    ],
    ids=lambda error: type(error).__name__,
)
def test_what_another_may_succeed_in_is_not_shared(run, cache, error):
    first, second = run().working(), run().waiting()
    assert first.end(error) is error
    assert cache.failure(NAME) is None
    assert second.works.wait(60)
    assert second.end("result") == "result"


@pytest.mark.parametrize("kind", SHARED)
def test_a_run_that_nobody_waits_for_any_more_tells_nobody(run, cache, kind):
    first, second = run(gone=True).working(), run().waiting()
    assert first.end(SHARED[kind]) is SHARED[kind]
    assert cache.failure(NAME) is None
    assert second.works.wait(60)


def test_a_failure_that_is_not_shared_leaves_the_one_before_it(run, cache):
    run().working().end(SHARED["no answer"])
    run().working().end(CannotAsk("there is no terminal"))
    assert cache.failure(NAME).kind == "no answer"


# --- Whom a failure concerns ---

OF_PERSON = [
    SHARED["declined"],
    SHARED["code refused"],
    NoAnswer("nobody typed it", person=True),
]
OF_SCOPE = [
    SHARED["configuration"],
    SHARED["refused"],
    NoAnswer("the command did not answer", person=False),
]


@pytest.mark.parametrize("error", OF_PERSON, ids=lambda error: type(error).__name__)
def test_what_a_person_does_concerns_all_who_would_ask_them(run, cache, error):
    first, other = run("mine").working(), run("other").waiting()
    first.end(error)
    assert isinstance(other.ended(), type(error))
    assert cache.failure(NAME).scope == ""


@pytest.mark.parametrize(
    ("error", "person"),
    [*((error, True) for error in OF_SCOPE), *((error, False) for error in OF_PERSON)],
    ids=repr,
)
def test_what_is_wrong_with_one_call_concerns_that_call(run, cache, error, person):
    first = run("mine", person=person).working()
    same, other = (
        run("mine", person=person).waiting(),
        run("other", person=person).waiting(),
    )
    first.end(error)
    assert isinstance(same.ended(), type(error))
    assert cache.failure(NAME).scope == "mine"
    assert other.works.wait(60)
    assert other.end("result") == "result"


@pytest.mark.parametrize("person", [True, False])
def test_that_a_signer_was_rejected_concerns_who_would_sign_with_the_same(run, person):
    # Twenty processes whose session was revoked: whoever has a newer one goes on.
    first = run(signer="old", person=person).working()
    same = run(signer="old", person=person).waiting()
    newer = run(signer="new", person=person).waiting()
    other = run("other", signer="old", person=person).waiting()
    first.end(SHARED["caller rejected"])
    assert isinstance(same.ended(), CallerRejected)
    assert first.cache.failure(NAME).scope not in {"", "mine", "old"}
    for one in (newer, other):
        one.go.set()
    for one in (newer, other):
        assert one.ended() is None
        assert one.works.is_set()


# --- Ctrl-C ---


def test_ctrl_c_at_a_prompt_is_a_no_to_all_who_wait(run, cache):
    pressed = KeyboardInterrupt("canary")
    first, second = run("mine").working(), run("other").waiting()
    assert first.end(pressed) is pressed
    found = second.ended()
    assert isinstance(found, Declined)
    assert NAME in found.message
    assert "pressed Ctrl-C" in found.message
    assert found.hint
    assert (cache.failure(NAME).kind, cache.failure(NAME).scope) == ("declined", "")
    assert "canary" not in repr(cache.failure(NAME))


def test_ctrl_c_at_a_call_that_asks_nobody_is_about_that_run_only(run, cache):
    first, second = run(person=False).working(), run(person=False).waiting()
    assert isinstance(first.end(KeyboardInterrupt()), KeyboardInterrupt)
    assert cache.failure(NAME) is None
    assert second.works.wait(60)


# --- News that is about others ---


def test_news_about_others_is_no_reason_to_leave(run, cache):
    first, second = run().working(), run("mine").waiting()
    for number in "123":
        failure = Failure(number, 0.0, "refused", "no", scope="other")
        cache.record_failure(NAME, failure)
        second.told()  # it goes on waiting, and says so
    assert second.is_alive()
    first.end("result")
    assert second.ended() == "result"


def test_news_about_us_is_heard_after_news_about_others(run, cache):
    first, second = run().working(), run("mine").waiting()
    cache.record_failure(NAME, Failure("1", 0.0, "refused", "no", scope="other"))
    second.told()
    cache.record_failure(NAME, Failure("2", 0.0, "declined", "Ctrl-C"))
    assert isinstance(second.ended(), Declined)
    assert first.is_alive()


def test_who_gets_the_lock_after_a_failure_of_others_works(run):
    first, second = run("other").working(), run("mine").waiting()
    first.end(SHARED["refused"])
    assert second.works.wait(60)
    assert second.end("result") == "result"


def test_that_a_failure_is_over_is_no_reason_to_leave_and_none_to_run_hot(run, cache):
    # R6: "something is new" must not be so for ever, or the wait is a busy loop
    # that says nothing and has no end.
    run().working().end(SHARED["declined"])
    first, second = run("other").working(), run("mine").waiting()
    cache.record_failure(NAME, None)  # another one succeeded
    second.told()  # it goes on waiting, and says so
    assert second.is_alive()
    first.end("result")
    assert second.works.wait(60)
    assert second.end("result") == "result"


# --- After a failure ---


def test_a_success_clears_the_failure(run, cache):
    run().working().end(SHARED["no answer"])
    assert cache.failure(NAME)
    run("other").working().end("result")
    assert cache.failure(NAME) is None


def test_that_nobody_answered_is_known_until_somebody_succeeds(run, cache):
    run("mine").working().end(NoAnswer("the command did not answer", person=False))
    run("mine").working().end(SHARED["configuration"])
    run("other").working().end(SHARED["no answer"])
    run("other").working().end(SHARED["refused"])
    assert cache.unanswered(NAME).keys() == {"mine", ""}
    assert cache.failure(NAME).kind != NO_ANSWER
    run("other").working().end("result")
    assert cache.unanswered(NAME) == {}


def test_one_who_waited_for_a_failure_notes_none_of_their_own(run, cache):
    first, second = run().working(), run().waiting()
    first.end(SHARED["declined"])
    second.ended()
    number = cache.failure(NAME).number
    run().working()
    assert cache.failure(NAME).number == number


# --- No end in sight ---


def test_who_waits_too_long_gives_up_and_the_others_go_on(run, cache):
    first, second = run().working(), run(seconds=0.2)
    second.start()
    assert isinstance(second.ended(), Busy)
    assert cache.failure(NAME) is None
    assert first.end("result") == "result"
