from __future__ import annotations

import os
from types import MappingProxyType

import pytest

from sts_plugin.errors import CannotAsk
from sts_plugin.mfa import Question
from sts_plugin.mfa.variable import VARIABLE, VariableSource

QUESTION = Question("p", "device", 0.0)


def test_the_code_is_handed_out_as_it_came_and_once():
    environ = {VARIABLE: " 123 456\n", "PATH": "/bin"}
    source = VariableSource(environ)
    assert source.ask(QUESTION) == " 123 456\n"
    assert environ == {"PATH": "/bin"}  # nobody that we start finds it
    with pytest.raises(CannotAsk, match="the code in STS_PLUGIN_MFA_CODE is used up"):
        source.ask(QUESTION)


def test_an_error_of_it_ends_a_sentence_and_has_no_hint():
    with pytest.raises(CannotAsk) as caught:
        VariableSource({}).ask(QUESTION)
    assert caught.value.hint == ""
    assert not caught.value.message.endswith(".")


def test_another_source_of_the_same_environment_finds_it_used():
    environ = {VARIABLE: "123456"}
    VariableSource(environ).ask(QUESTION)
    with pytest.raises(CannotAsk):
        VariableSource(environ).ask(QUESTION)


@pytest.mark.parametrize(("code", "left"), [("123456", None), ("654321", "654321")])
def test_what_was_copied_from_the_environment_is_used_up_there(monkeypatch, code, left):
    # A plugin copies it for each renewal: no code goes to AWS twice.
    monkeypatch.setenv(VARIABLE, code)
    VariableSource({VARIABLE: "123456"}).ask(QUESTION)
    assert os.environ.get(VARIABLE) == left


def test_an_environment_that_cannot_be_changed_is_left_alone():
    environ = MappingProxyType({VARIABLE: "123456"})
    assert VariableSource(environ).ask(QUESTION) == "123456"
    assert VARIABLE in environ


def test_it_asks_nobody_and_has_one_answer():
    source = VariableSource({})
    assert (source.name, source.automatic, source.attempts) == ("variable", True, 1)
