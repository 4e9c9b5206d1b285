from __future__ import annotations

import contextlib
import json
import os
import signal
import sys
import threading
import time
import traceback

import pytest

from sts_plugin.errors import Declined
from sts_plugin.mfa import program as module
from sts_plugin.mfa.program import Broken, running


@contextlib.contextmanager
def python(code, *words, seconds=60, abandoned=lambda: False, environ=None, **how):
    how = {"apart": True, **how}
    with running(
        [sys.executable, "-c", code, *words],
        os.environ if environ is None else environ,
        deadline=time.monotonic() + seconds,
        abandoned=abandoned,
        **how,
    ) as program:
        yield program


def all_of(program):
    printed = b""
    while data := program.read():
        printed += data
    return printed


def line_of(program):
    printed = b""
    while not printed.endswith(b"\n"):
        printed += program.read()
    return printed


def gone(pid):
    """Whether a process has ended, given the time to do so."""
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return True
        with contextlib.suppress(OSError), open(f"/proc/{pid}/stat") as file:  # noqa: PTH123
            if file.read().rpartition(")")[2].split()[0] == "Z":
                return True
        time.sleep(0.01)
    return False


WAITING = "import os, time; print(os.getpid(), flush=True); time.sleep(600)"
FAMILY = (
    "import subprocess, sys, time\n"
    "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'])\n"
    "print(child.pid, flush=True)\n"
)


def test_what_it_prints_is_read_until_it_ends():
    with python("print('one'); print('two'); raise SystemExit(3)") as program:
        assert all_of(program).split() == [b"one", b"two"]
        assert program.wait() == 3


def test_what_it_printed_is_read_however_late_a_busy_machine_gets_to_it(monkeypatch):
    readable = module.readable

    def late(pipe, seconds):
        if seconds:  # the thread that reads
            time.sleep(4 * module.settings.PROMPT_TICK_SECONDS)
        return readable(pipe, seconds)

    monkeypatch.setattr(module, "readable", late)
    with python("print('123456')") as program:
        assert all_of(program) == b"123456\n"


def test_after_the_end_there_is_nothing_more_however_often_it_is_asked():
    with python("print('one')") as program:
        assert all_of(program) == b"one\n"
        assert [program.read(), program.read()] == [b"", b""]


def test_it_can_be_spoken_to():
    with python("print(input()[::-1])", spoken_to=True) as program:
        program.write(b"abc\n")
        assert all_of(program) == b"cba\n"


def test_whom_we_do_not_speak_to_has_an_empty_stdin():
    reading, writing = os.pipe()
    os.write(writing, b"meant for us")
    os.close(writing)
    ours = os.dup(0)
    os.dup2(reading, 0)
    try:
        with python("import sys; print(repr(sys.stdin.read()))") as program:
            assert all_of(program) == b"''\n"
    finally:
        os.dup2(ours, 0)
        os.close(ours)
        os.close(reading)


def test_what_it_says_on_stderr_is_not_shown_and_does_not_block_it(capfd):
    code = "import sys; sys.stderr.write('Gtk-WARNING' * 100_000); print('done')"
    with python(code) as program:
        assert all_of(program) == b"done\n"
    assert capfd.readouterr() == ("", "")


def test_it_sees_the_given_environment_without_secrets():
    environ = {"AWS_SECRET_ACCESS_KEY": "canary", "DISPLAY": ":7"}
    code = "import json, os; print(json.dumps(dict(os.environ)))"
    with python(code, environ=environ) as program:
        shown = json.loads(all_of(program))
    assert shown["DISPLAY"] == ":7"
    assert "canary" not in shown.values()
    assert "HOME" not in shown


@pytest.mark.parametrize("apart", [True, False])
def test_only_who_is_apart_has_a_process_group_of_its_own(apart):
    with python("import os; print(os.getpgrp())", apart=apart) as program:
        group = int(all_of(program))
    assert (group != os.getpgrp()) is apart


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (["/nowhere/program"], "No such file or directory"),
        (["/"], "Permission denied"),
        (["/bin/echo", "a\0b"], "it is no command line"),
    ],
)
def test_what_cannot_be_started_is_told(words, reason):
    with (
        pytest.raises(Broken, match=reason),
        running(words, {}, deadline=9e9, abandoned=lambda: False, apart=True),
    ):
        pass


@pytest.mark.parametrize("apart", [True, False])
def test_at_the_deadline_it_is_ended(apart):
    with python(WAITING, apart=apart) as program:
        pid = int(line_of(program))
        program.deadline = time.monotonic() + 0.1
        with pytest.raises(TimeoutError):
            program.read()
    assert gone(pid)


def test_its_end_is_not_waited_for_past_the_deadline():
    with python("import os, time; os.close(1); time.sleep(600)") as program:
        assert program.read() == b""
        program.deadline = time.monotonic() + 0.1
        with pytest.raises(TimeoutError):
            program.wait()


def test_who_prints_now_and_then_is_not_waited_for_past_the_deadline():
    code = "import time\nwhile True: print(end='.', flush=True); time.sleep(0.01)"
    began = time.monotonic()
    with python(code, seconds=1) as program, pytest.raises(TimeoutError):
        all_of(program)
    assert time.monotonic() - began < 30


@pytest.mark.parametrize("what", ["read", "wait"])
def test_it_is_ended_once_nobody_waits_any_more(what):
    over = []
    with python(WAITING, abandoned=lambda: bool(over)) as program:
        pid = int(line_of(program))
        threading.Timer(0.1, over.append, "x").start()
        with pytest.raises(Declined, match="nobody waits for the code any more"):
            getattr(program, what)()
    assert gone(pid)


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit, Broken])
def test_it_is_ended_whatever_happens(error):
    pids = []

    def fail():
        with python(WAITING) as program:
            pids.append(int(line_of(program)))
            raise error

    with pytest.raises(error):
        fail()
    assert gone(*pids)


def test_of_who_is_apart_the_children_are_ended_too():
    with python(f"{FAMILY}time.sleep(600)") as program:
        child = int(line_of(program))
    assert gone(child)


def test_what_it_leaves_behind_is_not_waited_for():
    with python(FAMILY) as program:
        child = int(line_of(program))
        assert all_of(program) == b""
        assert program.wait() == 0
    os.kill(child, signal.SIGKILL)


def test_it_may_put_a_terminal_right_before_it_ends(tmp_path):
    code = (
        "import pathlib, signal, sys, time\n"
        "def end(*_): pathlib.Path(sys.argv[1]).touch(); sys.exit()\n"
        "signal.signal(signal.SIGTERM, end)\n"
        "print(flush=True)\n"
        "time.sleep(600)\n"
    )
    with python(code, str(tmp_path / "right"), apart=False) as program:
        line_of(program)
    assert (tmp_path / "right").exists()


@pytest.mark.parametrize("apart", [True, False])
def test_who_does_not_want_to_end_is_ended(apart):
    code = f"import signal\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\n{WAITING}"
    began = time.monotonic()
    with python(code, apart=apart) as program:
        pid = int(line_of(program))
    assert gone(pid)
    assert time.monotonic() - began < 30


def test_a_stopped_one_is_ended():
    with python(WAITING) as program:
        pid = int(line_of(program))
        os.kill(pid, signal.SIGSTOP)
    assert gone(pid)


@pytest.mark.parametrize("end", ["\\n", ""])
def test_who_prints_without_an_end_is_broken(end):
    code = f"import sys\nwhile True: sys.stdout.write('x' * 1000 + '{end}')"
    with python(code) as program, pytest.raises(Broken, match="more than 65536 bytes"):
        all_of(program)


def test_who_has_ended_cannot_be_spoken_to():
    with python("", spoken_to=True) as program:
        program.wait()
        with pytest.raises(Broken, match="it has ended"):
            program.write(b"HELLO\n")


def test_the_deadline_can_be_moved():
    with python(WAITING) as program:
        line_of(program)
        program.deadline = time.monotonic()
        with pytest.raises(TimeoutError):
            program.read()


def test_no_frame_of_the_error_shows_what_was_printed():
    code = f"print(int('654321'[::-1]), flush=True)\n{WAITING}"
    with python(code) as program:
        line_of(program)
        program.deadline = time.monotonic() + 0.5
        with pytest.raises(TimeoutError) as caught:
            all_of(program)
    found = traceback.TracebackException.from_exception(
        caught.value, capture_locals=True
    )
    found.stack = traceback.StackSummary.from_list(
        [frame for frame in found.stack if frame.filename == module.__file__]
    )
    shown = "".join(found.format())
    assert "left = " in shown
    assert "123456" not in shown


def test_the_look_around_happens_several_times_a_second(monkeypatch):
    monkeypatch.setattr(module.settings, "PROMPT_TICK_SECONDS", 0.01)
    asked = []
    with (
        python(WAITING, seconds=2, abandoned=lambda: asked.append(1)) as program,
        pytest.raises(TimeoutError),
    ):
        all_of(program)
    assert len(asked) > 5
