from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta

import pytest

from sts_plugin import supply as module
from sts_plugin.errors import Declined, Refused, StsPluginError
from sts_plugin.model import Credentials, Life, Secret
from sts_plugin.supply import Supply

BEGAN = datetime(2026, 11, 25, 12, tzinfo=UTC)


class World:
    """A clock, and sets of an hour that are got when ``gate`` is open."""

    def __init__(self):
        self.time = BEGAN
        self.how, self.news, self.trouble = [], [], []
        self.error = None
        self.gate = threading.Event()
        self.gate.set()
        self.supply = Supply(
            self.get,
            news=self.news.append,
            trouble=self.trouble.append,
            now=lambda: self.time,
        )

    def get(self, how):
        self.how.append(how)
        assert self.gate.wait(30)
        if self.error:
            raise self.error
        until = self.time + timedelta(hours=1)
        key = f"ASIA{len(self.how)}"
        return Credentials(key, Secret("s"), Secret("t"), until), Life(self.time, until)

    def later(self, **span):
        self.time += timedelta(**span)

    def done(self):
        self.supply.join(30)


@pytest.fixture
def world(monkeypatch):
    for name in ("PAUSE_SECONDS", "PERSON_PAUSE_SECONDS", "AHEAD_PAUSE_SECONDS"):
        monkeypatch.setattr(module, name, 1000.0)
    return World()


def key_of(answer):
    return answer.access_key_id


def test_a_fresh_set_is_answered_from_memory(world):
    first = world.supply.fill()
    world.gate.clear()
    assert [world.supply.answer(0) for _ in range(9)] == [first] * 9
    assert world.how == ["ask"]


def test_a_set_that_was_asked_for_is_renewed_ahead_of_time_and_no_other(world):
    world.supply.fill()
    world.later(minutes=29)
    world.supply.tick()
    assert world.how == ["ask"]  # it is young
    world.later(minutes=2)
    world.supply.tick()
    world.done()
    assert world.how == ["ask", "ahead"]
    assert key_of(world.supply.answer(0)) == "ASIA2"
    world.later(minutes=31)
    world.supply.tick()
    world.done()
    assert world.how == ["ask", "ahead", "ahead"]
    world.later(minutes=31)  # nobody has asked since
    world.supply.tick()
    assert world.how == ["ask", "ahead", "ahead"]


def test_while_the_next_set_is_got_the_old_one_is_the_answer_as_long_as_it_is_good(
    world,
):
    first = world.supply.fill()
    world.later(minutes=46)  # not fresh
    world.gate.clear()
    assert world.supply.answer(0.01) == first
    world.later(minutes=14)  # over
    assert world.supply.answer(0.01) is None
    world.gate.set()
    assert key_of(world.supply.answer(30)) == "ASIA2"
    assert world.how == ["ask", "ask"]


def test_however_many_ask_one_resolution_is_the_answer_to_all(world):
    world.gate.clear()
    found = []
    threads = [
        threading.Thread(target=lambda: found.append(world.supply.answer(30)))
        for _ in range(50)
    ]
    for thread in threads:
        thread.start()
    world.gate.set()
    for thread in threads:
        thread.join(30)
    assert {key_of(one) for one in found} == {"ASIA1"}
    assert (len(found), world.how) == (50, ["ask"])


@pytest.mark.parametrize("error", [Declined("no"), Refused("no", code="AccessDenied")])
def test_after_an_error_only_what_others_get_counts_for_a_while(world, error):
    world.error = error
    for _ in range(4):
        assert world.supply.answer(30) is error
    assert (world.how, world.trouble) == (["ask"] + ["look"] * 3, ["no"])
    world.error = None
    assert key_of(world.supply.answer(30)) == "ASIA5"


def test_after_the_pause_somebody_is_asked_again(world, monkeypatch):
    world.error = Refused("no", code="AccessDenied")
    monkeypatch.setattr(module, "PAUSE_SECONDS", 0.0)
    world.supply.answer(30)
    world.supply.answer(30)
    assert (world.how, world.trouble) == (["ask", "ask"], ["no"])


def test_a_person_who_declined_is_not_asked_for_each_request_while_the_old_set_is_good(
    world,
):
    first, life = world.get("first")

    def engine(how):  # which hands the old set out where a renewal fails
        world.how.append(how)
        return first, life

    world.supply._get = engine
    world.supply.fill()
    world.later(minutes=46)
    for _ in range(3):
        assert world.supply.answer(30) == first
    assert world.how[2:] == ["ask", "look", "look"]


def test_a_renewal_ahead_of_time_that_fails_is_let_be_for_a_while(world):
    first = world.supply.fill()
    world.later(minutes=31)
    world.error = Declined("nobody is here")
    for _ in range(3):
        world.supply.tick()
        world.done()
    assert world.how == ["ask", "ahead"]
    assert world.trouble == []
    assert world.supply.answer(0) == first


def test_a_defect_is_an_error_that_tells_its_kind_and_not_its_text(world):
    world.error = RuntimeError("a s3cret")
    found = world.supply.answer(30)
    assert isinstance(found, StsPluginError)
    assert "RuntimeError" in found.line
    assert "s3cret" not in found.line


def test_ctrl_c_at_a_prompt_in_the_thread_is_an_error(world):
    world.error = KeyboardInterrupt()
    assert "Ctrl-C" in world.supply.answer(30).line
