from __future__ import annotations

import time
import traceback

import pytest

from sts_plugin import settings
from sts_plugin.errors import (
    CannotAsk,
    CodeRefused,
    ConfigurationError,
    Declined,
    NoAnswer,
    Refused,
    StsPluginError,
    Unreachable,
)
from sts_plugin.keys import digest
from sts_plugin.mfa import Question
from sts_plugin.mfa.asking import Asking
from sts_plugin.model import Secret
from sts_plugin.watcher import Watcher

DEVICE = "arn:aws:iam::111111111111:mfa/alice"
NOT_DIGITS = "that was not six digits"
USED = "that code was used before"
REFUSED = "AWS refused that code"


class Answers:
    """A code source that gives the answers it was made with."""

    def __init__(self, *answers, automatic=False, attempts=None, name="test"):
        self.answers = list(answers)
        self.name = name
        self.automatic = automatic
        self.attempts = attempts or (2 if automatic else 3)
        self.questions = []

    def ask(self, question):
        self.questions.append(question)
        answer = self.answers.pop(0)
        if isinstance(answer, BaseException):
            raise answer
        return answer

    @property
    def reasons(self):
        return [question.reason for question in self.questions]


def once(answer, name="variable"):
    """A source that has one answer and no other."""
    return Answers(answer, automatic=True, attempts=1, name=name)


class Told(Watcher):
    """Writes down what it is told; waits in no time."""

    def __init__(self):
        self.lines, self.waits = [], []
        super().__init__(self.lines.append)

    def wait(self, line, seconds, *, why):
        self.waits.append((line, seconds, why))


class Bench:
    """Asks at 10 s past a step, with an hour to answer, and sends to nowhere."""

    def __init__(self):
        self.watcher = Told()
        self.used = set()
        self.sent = []
        self.outcomes = []  # what sending a code comes to: errors, then results
        self.clock = 1_000_000_010.0
        self.deadline = time.monotonic() + 3600
        self.quiet = {}  # source -> why it is not to be bothered

    def send(self, code):
        self.sent.append(code.reveal())
        outcome = self.outcomes.pop(0) if self.outcomes else "sent"
        if isinstance(outcome, BaseException):
            raise outcome
        return outcome

    def ask(self, *sources):
        asking = Asking(
            Question("p", DEVICE, self.deadline, account="333333333333"),
            {digest(DEVICE, code) for code in self.used},
            self.send,
            self.watcher,
            quiet=lambda source: self.quiet.get(source.name, ""),
            now=lambda: self.clock,
        )
        return asking.ask(iter(sources))

    def fails(self, kind, *sources, match=None):
        with pytest.raises(kind, match=match) as caught:
            self.ask(*sources)
        return caught.value


@pytest.fixture
def bench():
    return Bench()


def refused(text="AWS refused it"):
    return CodeRefused(text, code="AccessDenied")


# --- What an answer is worth ---


@pytest.mark.parametrize(
    "answer",
    [
        "123456",
        " 123456\n",
        "123 456",
        "123-456",
        "\t1 2 3 4 5 6\r\n",
        "12 34 56",
        "1-2-3-4-5-6",
        "\u00a0123\u2009456",
        "\x1b[200~123456\x1b[201~",
        "\x1b[200~ 123 456\n\x1b[201~\n",
    ],
    ids=ascii,
)
def test_blanks_and_brackets_are_taken_out_of_an_answer(bench, answer):
    source = Answers(answer)
    assert bench.ask(source) == "sent"
    assert bench.sent == ["123456"]
    (question,) = source.questions
    assert question == Question("p", DEVICE, bench.deadline, "333333333333", "")


@pytest.mark.parametrize(
    "answer",
    [
        "",
        "\n",
        "12345",
        "1234567",
        "123456 654321",
        "abcdef",
        "12345a",
        "\uff11\uff12\uff13\uff14\uff15\uff16",
        "\u0661\u0662\u0663\u0664\u0665\u0666",
        "+12345",
        "12345\x00",
        "\x1b[A123456",
        "123\ufffd456",
        "\x1b[200~12345\x1b[201~",
    ],
    ids=ascii,
)
def test_what_is_not_six_digits_is_asked_again_with_the_reason(bench, answer):
    source = Answers(answer, "123456")
    bench.ask(source)
    assert bench.sent == ["123456"]  # only six digits leave the machine
    assert source.reasons == ["", NOT_DIGITS]


TOUCH = "cccccbcgujhingjrdejhgfnuetrgigvejhhgbkugded"


@pytest.mark.parametrize(
    "answer",
    [
        TOUCH + "\n",
        TOUCH.upper(),
        TOUCH[:32],
        f"{TOUCH}cbdef",
        f"\x1b[200~{TOUCH}\x1b[201~",
    ],
)
def test_the_touch_of_a_yubikey_is_recognised(bench, answer):
    source = Answers(answer, "123456")
    bench.ask(source)
    assert source.reasons[1].startswith("that was the touch of a YubiKey (Yubico OTP)")
    assert bench.sent == ["123456"]


@pytest.mark.parametrize("answer", [TOUCH[:31], TOUCH + "cbdefg", "a" + TOUCH, "hello"])
def test_what_no_yubikey_types_is_no_touch(bench, answer):
    source = Answers(answer, "123456")
    bench.ask(source)
    assert source.reasons == ["", NOT_DIGITS]


def test_a_used_code_is_asked_again_and_never_sent(bench):
    bench.used = {"111111", "222222"}
    source = Answers("111111", "222 222", "333333")
    bench.ask(source)
    assert bench.sent == ["333333"]
    assert source.reasons == ["", USED, USED]


def test_a_code_that_another_device_used_is_good(bench):
    used = [digest("other", "123456")]
    asking = Asking(
        Question("p", DEVICE, bench.deadline), used, bench.send, bench.watcher
    )
    assert asking.ask([Answers("123456")]) == "sent"


def test_a_code_goes_about_as_a_secret(bench):
    bench.send = lambda code: code
    assert bench.ask(Answers("123456")) == Secret("123456")


# --- One source, several times ---


def test_a_refused_code_is_asked_for_again_with_the_reason(bench):
    bench.outcomes = [refused(), refused(), "third"]
    source = Answers("111111", "222222", "333333")
    assert bench.ask(source) == "third"
    assert bench.sent == ["111111", "222222", "333333"]
    assert source.reasons == ["", REFUSED, REFUSED]


def test_the_reason_is_that_of_the_last_answer(bench):
    bench.outcomes = [refused()]
    source = Answers("x", "111111", "222222")
    bench.ask(source)
    assert source.reasons == ["", NOT_DIGITS, REFUSED]


def test_a_code_that_was_refused_is_not_sent_again(bench):
    # R8: a code reaches STS at most once.
    bench.outcomes = [refused()]
    source = Answers("111111", "111111", "222222")
    bench.ask(source)
    assert bench.sent == ["111111", "222222"]
    assert source.reasons == ["", REFUSED, USED]


def test_three_questions_are_all_whatever_was_wrong_with_the_answers(bench):
    # R10: a slip of the finger and two wrong codes are three prompts, not five.
    bench.outcomes = [refused("first"), refused("second")]
    source = Answers("x", "111111", "222222", "333333")
    assert bench.fails(CodeRefused, source).message == "second"
    assert bench.sent == ["111111", "222222"]
    assert source.reasons == ["", NOT_DIGITS, REFUSED]


def test_a_refusal_is_told_though_the_last_answer_was_no_code(bench):
    bench.outcomes = [refused("of AWS")]
    bench.fails(CodeRefused, Answers("111111", "x", "y"), match="of AWS")


@pytest.mark.parametrize(
    ("answers", "reason"),
    [(("x", "y", "z"), NOT_DIGITS), (("987654", "987654", "987654"), USED)],
)
def test_three_answers_of_no_use_are_no_answer(bench, answers, reason):
    bench.used = {"987654"}
    source = Answers(*answers, "123456")
    error = bench.fails(Declined, source, match=reason)  # who types is there
    assert len(source.questions) == 3
    assert DEVICE in error.message
    assert "987654" not in error.line
    assert error.hint
    assert bench.sent == []


def test_every_question_names_profile_device_and_account(bench):
    source = Answers("x", "y", "123456")
    bench.ask(source)
    assert {(it.profile, it.device, it.account) for it in source.questions} == {
        ("p", DEVICE, "333333333333")
    }


@pytest.mark.parametrize(
    "error",
    [
        Unreachable("lost", sent=True),
        Refused("no", code="AccessDenied"),
        KeyboardInterrupt(),
    ],
)
def test_what_comes_of_a_code_otherwise_goes_through(bench, error):
    bench.outcomes = [error]
    source = Answers("123456", "654321")
    assert bench.fails(type(error), source, Answers("1")) is error
    assert len(source.questions) == 1


# --- Deadlines ---


def test_somebody_who_is_typing_gets_the_time_to_type_once_more(bench):
    bench.deadline = time.monotonic() + 1
    source = Answers("x", "y", "123456")
    before = time.monotonic()
    bench.ask(source)
    first, *others = [question.deadline for question in source.questions]
    assert first == bench.deadline
    least = settings.ANOTHER_PROMPT_SECONDS
    assert all(
        before + least <= deadline <= time.monotonic() + least for deadline in others
    )


def test_one_deadline_is_for_all_attempts_while_there_is_time(bench):
    source = Answers("x", "y", "123456")
    bench.ask(source)
    assert {question.deadline for question in source.questions} == {bench.deadline}


@pytest.mark.parametrize(
    "first",
    [Answers(CannotAsk("slow")), Answers(ConfigurationError("slow")), once("12345")],
    ids=["cannot", "wrong", "useless"],
)
def test_a_source_that_has_its_turn_late_gets_the_time_to_answer_as_well(bench, first):
    # A command that fails after 50 of 55 seconds; a code that AWS took long to refuse.
    bench.deadline = time.monotonic() + settings.ANOTHER_PROMPT_SECONDS / 2
    source = Answers("123456")
    bench.ask(first, source)
    assert source.questions[0].deadline > bench.deadline


def test_no_source_gets_more_time_than_the_first_one_had(bench):
    bench.deadline = time.monotonic() + 5
    source = Answers("123456")
    bench.ask(Answers(CannotAsk("no")), source)
    assert source.questions[0].deadline <= time.monotonic() + 5


# --- Machines ---


@pytest.mark.parametrize(("clock", "wait"), [(10.0, 20.0), (0.0, 30.0), (29.5, 0.5)])
def test_a_machine_waits_for_the_next_step_and_says_so(bench, clock, wait):
    bench.clock, bench.used = 1_000_000_020.0 + clock, {"111111"}
    source = Answers("111111", "222222", automatic=True)
    bench.ask(source)
    assert bench.sent == ["222222"]
    assert bench.watcher.waits == [
        (f"waiting for the next code of {DEVICE}", wait, USED)
    ]
    assert source.reasons == ["", USED]


def test_a_machine_whose_code_was_refused_is_asked_once_more(bench):
    bench.outcomes = [refused("first"), refused("second")]
    source = Answers("111111", "222222", "333333", automatic=True)
    assert bench.fails(CodeRefused, source).message == "second"
    assert bench.sent == ["111111", "222222"]
    assert [why for _, _, why in bench.watcher.waits] == [REFUSED]


def test_a_machine_that_says_a_used_code_twice_has_no_answer(bench):
    bench.used = {"111111"}
    source = Answers("111111", "111111", automatic=True)
    assert not bench.fails(NoAnswer, source, match=USED).person
    assert len(bench.watcher.waits) == 1


def test_a_machine_that_prints_no_code_would_print_none_in_a_moment(bench):
    source, person = Answers("help!", automatic=True, name="command"), Answers("123456")
    assert bench.ask(source, person) == "sent"
    assert bench.watcher.waits == []
    assert len(source.questions) == 1
    assert person.reasons == [f"{NOT_DIGITS} (command)"]


def test_the_waiting_of_a_machine_is_not_taken_from_its_time(bench, monkeypatch):
    bench.used, bench.deadline = {"111111"}, time.monotonic() - 1
    source = Answers("111111", "222222", automatic=True)
    bench.ask(source)
    assert source.questions[1].seconds_left > 0


def test_a_person_is_asked_again_at_once(bench):
    bench.used = {"111111"}
    bench.ask(Answers("111111", "222222"))
    assert bench.watcher.waits == []


# --- One source after the other ---


def test_the_first_source_that_works_is_the_only_one(bench):
    first, second = Answers("123456"), Answers("654321")
    bench.ask(first, second)
    assert (bench.sent, second.questions) == (["123456"], [])


def test_sources_are_made_when_it_is_their_turn(bench):
    def sources():
        yield Answers(CannotAsk("no"))
        yield Answers("123456")
        raise AssertionError("made too early")

    asking = Asking(
        Question("p", DEVICE, bench.deadline), (), bench.send, bench.watcher
    )
    assert asking.ask(sources()) == "sent"


def test_a_source_that_cannot_work_here_is_followed_by_the_next_in_silence(bench):
    last = Answers("123456")
    bench.ask(Answers(CannotAsk("there is no terminal")), last)
    assert last.reasons == [""]  # it is not about an answer
    assert bench.watcher.lines == []


def test_where_nobody_can_be_asked_each_reason_is_told_once(bench):
    error = bench.fails(
        CannotAsk,
        Answers(CannotAsk("there is no terminal")),
        Answers(CannotAsk("there is no screen")),
        Answers(CannotAsk("there is no terminal")),
    )
    assert error.message == (
        f'profile "p" needs an MFA code of {DEVICE}, and nobody can be asked for it:'
        " there is no terminal; there is no screen"
    )
    assert "sts-plugin login --profile p" in error.hint


def test_a_source_with_one_answer_is_followed_by_the_next_which_is_told_why(bench):
    second = Answers("123456")
    bench.ask(once("12345"), second)
    assert second.reasons == [f"{NOT_DIGITS} (variable)"]
    assert bench.sent == ["123456"]


def test_a_refused_code_of_a_source_with_one_answer_is_followed_by_the_next(bench):
    bench.outcomes = [refused(), "second"]
    second = Answers("222222")
    assert bench.ask(once("111111"), second) == "second"
    assert second.reasons == [f"{REFUSED} (variable)"]
    assert bench.sent == ["111111", "222222"]
    assert bench.watcher.waits == []


def test_a_code_that_one_source_had_refused_is_not_sent_for_another(bench):
    # R8: STS_PLUGIN_MFA_CODE was wrong, and somebody types it once more.
    bench.outcomes = [refused(), "second"]
    second = Answers("111111", "222222")
    bench.ask(once("111111"), second)
    assert bench.sent == ["111111", "222222"]
    assert second.reasons[1] == USED


def test_the_only_answer_of_the_only_source_tells_why_it_was_of_no_use(bench):
    error = bench.fails(CannotAsk, once("12345"))
    assert f"{NOT_DIGITS} (variable)" in error.message
    assert "12345" not in error.line


def test_somebody_who_says_no_is_not_asked_in_another_way(bench):
    other = Answers("123456")
    for error in (Declined("no"), NoAnswer("nobody typed it"), KeyboardInterrupt()):
        assert bench.fails(type(error), Answers(error), other) is error
    assert other.questions == []


# --- Sources that are misconfigured ---

WRONG = ConfigurationError("f:1: mfa_process cannot be run", hint="mend it")


def test_a_source_that_is_misconfigured_is_followed_by_the_next_and_told(bench):
    second = Answers("x", "123456")
    bench.ask(Answers(WRONG, automatic=True), second)
    assert second.reasons == [WRONG.message, NOT_DIGITS]
    assert bench.watcher.lines == [WRONG.line]


@pytest.mark.parametrize("late", [False, True])
def test_where_no_other_can_be_asked_the_misconfiguration_is_the_error(bench, late):
    sources = [Answers(WRONG), Answers(CannotAsk("there is no terminal"))]
    sources += [once("12345")]
    if late:
        sources.reverse()
    assert bench.fails(ConfigurationError, *sources) is WRONG
    assert bench.watcher.lines == []  # whoever shows the error shows it once


@pytest.mark.parametrize(
    "error",
    [
        NoAnswer("nobody typed it"),
        Declined("no"),
        KeyboardInterrupt(),
        SystemExit(143),
    ],
)
def test_a_misconfiguration_is_told_once_though_the_next_source_fails(bench, error):
    assert bench.fails(type(error), Answers(WRONG), Answers(error)) is error
    assert bench.watcher.lines == [WRONG.line]


def test_a_misconfiguration_is_told_once_though_the_call_fails(bench):
    bench.outcomes = [Unreachable("lost", sent=True)]
    bench.fails(Unreachable, Answers(WRONG), Answers("123456"))
    assert bench.watcher.lines == [WRONG.line]


def test_of_two_misconfigurations_none_is_lost(bench):
    other = ConfigurationError("f:2: totp_file is not there", hint="mend it, too")
    last = Answers("123456")
    bench.ask(Answers(WRONG), Answers(other), last)
    (question,) = last.questions
    said = [*bench.watcher.lines, question.reason]
    assert WRONG.line in said
    assert any(other.message in line for line in said)


def test_a_call_that_cannot_be_sent_is_not_the_fault_of_a_source(bench):
    # Nobody is asked for a second code because the endpoint is wrong.
    bench.outcomes = [ConfigurationError("the endpoint is wrong")]
    other = Answers("654321")
    bench.fails(ConfigurationError, Answers("123456"), other, match="endpoint")
    assert (other.questions, bench.watcher.lines) == ([], [])


def test_nobody_to_ask_for_the_call_itself_is_not_the_sources_either(bench):
    bench.outcomes = [CannotAsk("of the call")]
    other = Answers("654321")
    bench.fails(CannotAsk, Answers("123456"), other, match="of the call")
    assert other.questions == []


# --- Quiet ---


def test_a_source_that_is_to_be_left_in_peace_is_not_asked(bench):
    bench.quiet = {"terminal": "nobody answered at 12:00:00"}
    terminal = Answers("111111", name="terminal")
    bench.ask(terminal, Answers("123456"))
    assert (terminal.questions, bench.sent) == ([], ["123456"])
    error = bench.fails(CannotAsk, terminal, Answers(CannotAsk("no screen")))
    assert "asked for it: nobody answered at 12:00:00; no screen" in error.message
    assert terminal.questions == []


# --- Secrets ---


def shown(error):
    """What a debugger, or a bad bug report, would show of an error."""
    frames = list(traceback.walk_tb(error.__traceback__))
    ours = [frame for frame, _ in frames if "sts_plugin" in frame.f_code.co_filename]
    assert ours
    return "".join(repr(dict(frame.f_locals)) for frame in ours)


def test_no_frame_of_a_traceback_holds_a_code(bench):
    def refuse(_code):
        raise refused()

    bench.send = refuse
    error = bench.fails(CodeRefused, Answers("246813", "24", "135799"))
    assert "246813" not in shown(error)
    assert "135799" not in shown(error)


def test_no_error_holds_an_answer(bench):
    bench.used = {"246813"}
    for sources in (
        [Answers("246813", "canary", "246813")],
        [once("246813")],
        [once("canary")],
        [Answers("246813", "246813", automatic=True)],
    ):
        error = bench.fails(StsPluginError, *sources)
        for text in ("246813", "canary"):
            assert text not in f"{error.line} {shown(error)} {bench.watcher.lines}"
