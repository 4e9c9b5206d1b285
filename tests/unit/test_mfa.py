from __future__ import annotations

import traceback

import pytest

from sts_plugin.errors import CannotAsk, CodeRefused, NoAnswer
from sts_plugin.keys import digest
from sts_plugin.mfa import Question, choose_source, with_code
from sts_plugin.mfa.command import CommandSource
from sts_plugin.mfa.terminal import TerminalSource
from sts_plugin.mfa.totp import TotpSource
from sts_plugin.model import CodeSettings, Origin, Secret, Setting

DEVICE = "arn:aws:iam::111111111111:mfa/alice"
QUESTION = Question("p", DEVICE)
NOT_DIGITS = "that was not six digits"
USED = "that code was used before"


class Answers:
    """A code source that gives the answers it was made with."""

    def __init__(self, *answers, automatic=False):
        self.answers = list(answers)
        self.automatic = automatic
        self.questions = []

    def ask(self, question):
        self.questions.append(question)
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    @property
    def reasons(self):
        return [question.reason for question in self.questions]


@pytest.fixture
def ask():
    """Call with_code at 10 s past a step; return the code, what was told and slept."""

    def call(source, used=(), *, question=QUESTION, clock=1_000_000_010.0):
        told, slept = [], []
        digests = {digest(DEVICE, code) for code in used}
        code = with_code(
            source,
            question,
            digests,
            lambda code: code.reveal(),
            tell=told.append,
            sleep=slept.append,
            now=lambda: clock,
        )
        return code, told, slept

    return call


@pytest.mark.parametrize(
    "answer",
    ["123456", " 123456\n", "123 456", "123-456", "\t1 2 3 4 5 6\r\n", "12 34 56"],
)
def test_blanks_are_taken_out_of_an_answer(ask, answer):
    source = Answers(answer)
    assert ask(source) == ("123456", [], [])
    assert source.questions == [QUESTION]


@pytest.mark.parametrize(
    "answer",
    [
        "",
        "12345",
        "1234567",
        "abcdef",
        "12345a",
        "\uff11\uff12\uff13\uff14\uff15\uff16",
        "+12345",
    ],
)
def test_what_is_not_six_digits_is_asked_again_with_the_reason(ask, answer):
    source = Answers(answer, "123456")
    assert ask(source) == ("123456", [], [])
    assert source.reasons == ["", NOT_DIGITS]


def test_a_used_code_is_asked_again_and_never_returned(ask):
    source = Answers("111111", "222222", "333333")
    assert ask(source, used=["111111", "222222"])[0] == "333333"
    assert source.reasons == ["", USED, USED]


def test_a_code_that_another_device_used_is_good(ask):
    used = [digest("other", "123456")]
    sent = []
    with_code(Answers("123456"), QUESTION, used, sent.append, tell=print)
    assert sent == [Secret("123456")]


def test_every_question_names_profile_and_device(ask):
    source = Answers("x", "123456")
    ask(source)
    assert source.reasons == ["", NOT_DIGITS]
    assert {(it.profile, it.device) for it in source.questions} == {("p", DEVICE)}


def test_three_questions_are_all_whatever_was_wrong_with_the_answers():
    # R10: a slip of the finger and two wrong codes are three prompts, not five.
    source, sent = Answers("x", "111111", "222222", "333333"), []

    def refuse(code):
        sent.append(code.reveal())
        raise CodeRefused("no", code="AccessDenied")

    with pytest.raises(CodeRefused):
        with_code(source, QUESTION, (), refuse, tell=print)
    assert sent == ["111111", "222222"]
    assert source.reasons == ["", NOT_DIGITS, "AWS refused that code"]


def test_no_frame_of_a_traceback_holds_a_code():
    def refuse(code):
        raise CodeRefused("no", code="AccessDenied")

    with pytest.raises(CodeRefused) as caught:
        with_code(Answers("1", "246813", "2"), QUESTION, (), refuse, tell=print)
    frames = list(traceback.walk_tb(caught.value.__traceback__))
    ours = [frame for frame, _ in frames if "sts_plugin" in frame.f_code.co_filename]
    assert ours
    assert all("246813" not in repr(dict(frame.f_locals)) for frame in ours)


@pytest.mark.parametrize(("automatic", "asked"), [(True, 2), (False, 3)])
@pytest.mark.parametrize(
    ("answers", "reason"),
    [(("x", "y", "z"), NOT_DIGITS), (("987654", "987654", "987654"), USED)],
)
def test_a_person_is_asked_three_times_and_a_machine_twice(
    ask, automatic, asked, answers, reason
):
    source = Answers(*answers, "123456", automatic=automatic)
    with pytest.raises(NoAnswer, match=reason) as caught:
        ask(source, used=["987654"])
    assert len(source.questions) == asked
    assert DEVICE in caught.value.message
    assert "987654" not in caught.value.line


@pytest.mark.parametrize(("clock", "wait"), [(10.0, 20.0), (0.0, 30.0), (29.5, 0.5)])
def test_an_automatic_source_waits_for_the_next_step_and_says_so(ask, clock, wait):
    source = Answers("111111", "222222", automatic=True)
    code, told, slept = ask(source, used=["111111"], clock=1_000_000_020.0 + clock)
    assert (code, slept) == ("222222", [wait])
    (line,) = told
    assert USED in line
    assert "waiting" in line
    assert "111111" not in line


def test_a_person_is_asked_again_at_once(ask):
    assert ask(Answers("111111", "222222"), used=["111111"]) == ("222222", [], [])


def test_what_a_source_raises_goes_through(ask):
    with pytest.raises(CannotAsk):
        ask(Answers(CannotAsk("there is no terminal")))


@pytest.mark.parametrize(
    ("codes", "kind", "automatic"),
    [
        (CodeSettings(), TerminalSource, False),
        (CodeSettings(Setting("mfa_process", "x", Origin("f"))), CommandSource, True),
        (
            CodeSettings(totp_file=Setting("totp_file", "x", Origin("f"))),
            TotpSource,
            True,
        ),
    ],
)
def test_the_source_is_the_one_that_the_profiles_name(codes, kind, automatic):
    source = choose_source(codes, prompt_seconds=1)
    assert isinstance(source, kind)
    assert source.automatic is automatic


def test_a_prompt_waits_as_long_as_it_was_told():
    assert choose_source(CodeSettings(), prompt_seconds=7)._seconds == 7
