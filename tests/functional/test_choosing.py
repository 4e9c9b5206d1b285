"""A profile is chosen from a list where nobody named one, on a terminal alone."""

from __future__ import annotations

import re
import signal

import pytest
from tmux import MISSING, Tmux

pytestmark = MISSING

LIST = "prod-admin  arn:aws:iam::333333333333:role/Admin"


@pytest.fixture
def screen(environ, tmp_path):
    """A terminal in the sandbox, without a line about mail."""
    opened = []

    def start(**variables):
        opened.append(Tmux(tmp_path, environ | variables))
        return opened[-1]

    yield start
    for one in opened:
        one.close()


def test_what_is_typed_narrows_the_list_and_enter_takes_the_first(screen, tmp_path):
    one = screen()
    one.line(f"sts-plugin explain >{tmp_path}/out; echo ended $?")
    shown = one.wait(LIST)
    assert "Profile:" in shown
    assert "partner" in shown
    one.type("padm")  # letters of it, in their order
    while "partner" in one.screen:
        pass
    one.press("Enter")
    shown = one.wait("ended 0")
    assert "Profile:" not in shown  # it left nothing
    assert (tmp_path / "out").read_text().startswith("prod-admin\n")


def test_arrows_choose_in_the_list(screen, tmp_path):
    one = screen()
    one.line(f"sts-plugin explain >{tmp_path}/out; echo ended $?")
    one.wait(LIST)
    one.press("Down", "Down")
    one.wait("Profile: alice")
    one.press("Enter")
    one.wait("ended 0")
    assert (tmp_path / "out").read_text().startswith("alice\n")


@pytest.mark.parametrize(
    ("key", "said", "code"),
    [("C-c", "sts-plugin: interrupted", 130), ("C-d", "no profile was chosen", 4)],
)
def test_whoever_wants_none_gets_out(screen, sandbox, key, said, code):
    one = screen()
    one.line("sts-plugin exec -- echo ran; echo ended $?")
    one.wait(LIST)
    one.press(key)
    shown = one.wait(f"ended {code}")
    assert said in shown
    assert not re.search("^ran$", shown, re.MULTILINE)
    assert sandbox.journal.calls() == ()
    one.line("stty -a | grep -c ' echo '; echo asked $?")  # as it was
    assert "\n1\nasked 0" in one.wait("asked 0")


def test_ctrl_z_stops_it_and_fg_goes_on(screen, tmp_path):
    one = screen()
    one.line(f"sts-plugin explain >{tmp_path}/out; echo ended $?")
    one.wait(LIST)
    one.press("C-z")
    # 128 + SIGTSTP: the shell has the terminal, in the modes that it knows.
    assert "Profile:" not in one.wait(f"ended {128 + signal.SIGTSTP}")
    one.line("stty -a | grep -c ' echo '; echo asked $?")
    assert "\n1\nasked 0" in one.wait("asked 0")
    one.line("fg; echo over $?")
    one.wait(LIST)
    one.type("audit")
    one.wait("Profile: audit")
    one.press("Enter")
    one.wait("over 0")
    assert (tmp_path / "out").read_text().startswith("audit\n")


def test_nobody_is_waited_for_longer_than_at_a_prompt(screen):
    one = screen(STS_PLUGIN_PROMPT_SECONDS="1")
    one.line("sts-plugin exec -- echo ran; echo ended $?")
    shown = one.wait("ended 4")
    assert "nobody chose a profile" in shown


@pytest.mark.parametrize(
    "command",
    [
        "AWS_PROFILE=audit sts-plugin explain",
        "sts-plugin explain --profile audit",
        "AWS_ACCESS_KEY_ID=AKIAX AWS_SECRET_ACCESS_KEY=x sts-plugin explain",
        "sts-plugin explain --all",
        "sts-plugin credential-process",
        "sts-plugin explain 2>/dev/null",
        "TERM=dumb sts-plugin explain",
    ],
)
def test_nobody_is_asked_where_it_is_clear_or_not_for_people(screen, command):
    one = screen()
    one.line(f"{command} >/dev/null; echo ended $((1 + 1))")
    assert "Profile:" not in one.wait("ended 2")


def test_a_default_with_credentials_is_taken_as_everywhere(screen, sandbox):
    config = sandbox.folder / "config"
    text = config.read_text()
    role = "role_arn = arn:aws:iam::222222222222:role/Batch\nsource_profile = alice\n"
    config.write_text(text.replace("[default]\n", f"[default]\n{role}"))
    one = screen()
    one.line("sts-plugin explain | head -1; echo ended $?")
    shown = one.wait("ended 0")
    assert "Profile:" not in shown
    assert "\ndefault\n" in shown


def test_without_a_terminal_it_ends_as_before(program):
    done = program("explain")
    assert (done.returncode, done.stdout) == (3, "")
    assert "has no credentials" in done.stderr
