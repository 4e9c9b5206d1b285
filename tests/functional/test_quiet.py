"""After a prompt that nobody answered: no other one, until somebody is there."""

from __future__ import annotations

import pytest

ONE = "sts-plugin credential-process --profile audit"
LOGIN = "sts-plugin login --profile audit"


@pytest.fixture
def unanswered(terminal):
    """A prompt has just ended without an answer."""
    one = terminal(ONE, STS_PLUGIN_PROMPT_SECONDS="0.5")
    assert one.end()[0] == 4
    assert one.prompts == 1


def test_an_unattended_loop_shows_one_prompt(terminal):
    loop = f"for n in 1 2 3 4 5 6 7 8; do {ONE}; echo $? >&2; done"
    one = terminal(loop, STS_PLUGIN_PROMPT_SECONDS="0.5")
    _, out, err = one.end()
    assert one.prompts == 1
    assert out == ""
    lines = err.splitlines()
    assert lines[1::2] == ["4"] * 8
    assert "nobody typed" in lines[0]
    assert all("nobody answered at" in line for line in lines[2::2])
    assert all(LOGIN in line for line in lines[2::2])


def test_the_quiet_is_for_every_profile_behind_the_device(unanswered, terminal):
    one = terminal("sts-plugin credential-process --profile partner")
    assert one.end()[0] == 4
    assert one.prompts == 0


def test_login_asks_all_the_same_and_ends_the_quiet(unanswered, terminal, sandbox):
    one = terminal(LOGIN)
    one.answer(sandbox.code())
    assert one.end()[0] == 0
    again = terminal("sts-plugin logout --all; " + ONE)
    again.child.expect_exact("): ")  # a human was here: they may be asked


@pytest.mark.parametrize("answer", ["Ctrl-C", "Ctrl-D", "three wrong ones"])
def test_whoever_says_no_to_a_login_is_there_and_ends_the_quiet(
    unanswered, terminal, answer
):
    one = terminal(LOGIN)
    if answer == "three wrong ones":
        for text in ("1", "2", "3"):
            one.answer(text)
    else:
        one.child.expect_exact("): ")
        {"Ctrl-C": one.child.sendintr, "Ctrl-D": one.child.sendeof}[answer]()
    assert one.end()[0] != 0
    again = terminal(ONE)
    again.child.expect_exact("): ")


def test_a_code_that_needs_no_person_is_taken_all_the_same(
    unanswered, program, sandbox, write_config
):
    config = (sandbox.folder / "config").read_text(encoding="utf-8")
    head = "[profile audit]\n"
    process = f"mfa_process = echo {sandbox.code()}\n"
    write_config(config.replace(head, head + process))
    assert program("credential-process", "--profile", "audit").returncode == 0


def test_a_command_that_is_silent_silences_nobody_else(
    terminal, program, sandbox, write_config
):
    config = (sandbox.folder / "config").read_text(encoding="utf-8")
    head = "[profile audit]\n"
    process = "mfa_process = sh -c 'echo again >&2; exec sleep 100'\n"
    write_config(config.replace(head, head + process))
    brief = {"STS_PLUGIN_PROMPT_SECONDS": "1"}
    done = program("credential-process", "--profile", "audit", environ=brief)
    assert done.returncode == 4
    assert "did not answer within 1 seconds" in done.stderr
    # It is not run again and again for nobody ...
    done = program("credential-process", "--profile", "audit", environ=brief)
    assert done.returncode == 4
    assert "nobody answered at" in done.stderr
    assert "again\n" not in done.stderr
    # ... but a person may be asked.
    one = terminal("sts-plugin credential-process --profile partner")
    one.answer(sandbox.code())
    assert one.end()[0] == 0


def test_the_quiet_ends_by_itself(unanswered, terminal):
    one = terminal(ONE, STS_PLUGIN_QUIET_SECONDS="0")
    one.child.expect_exact("): ")


def test_somebody_who_says_no_is_there_and_may_be_asked_again(terminal):
    for end in ("sendintr", "sendeof", "sendintr"):
        one = terminal(ONE)
        one.child.expect_exact("): ")
        getattr(one.child, end)()
        one.end()
        assert one.prompts == 1
