from __future__ import annotations

import contextlib
import json
import os
import shlex
import signal
import subprocess
import sys
import threading
import time
import traceback

import pexpect
import pytest

from sts_plugin import commands, terminal
from sts_plugin.commands import output_of, without_secrets
from sts_plugin.errors import ConfigurationError, Declined, NoAnswer
from sts_plugin.files import BYTES_MAX
from sts_plugin.model import Origin, Setting

HERE = Origin("/config", 7)


@pytest.fixture(autouse=True)
def no_terminal(monkeypatch):
    """Whoever runs the tests may sit at one."""
    monkeypatch.setattr(terminal, "DEVICE", "/nowhere")
    monkeypatch.setattr(commands, "_at_a_terminal", lambda: False)


def output(command, *, environ=None, extra=(), **options):
    setting = Setting("the_process", command, HERE, "p")
    environ = {"PATH": os.environ["PATH"]} if environ is None else environ
    options = {"seconds": 30} | options
    return output_of(setting, environ=environ, extra=dict(extra), **options)


DRIVER = """
import os, sys
from sts_plugin.commands import output_of
from sts_plugin.errors import StsPluginError
from sts_plugin.model import Origin, Setting
command, seconds, flag = sys.argv[1:]
try:
    print(
        output_of(
            Setting("the_process", command, Origin("/config", 7), "p"),
            seconds=float(seconds),
            environ=os.environ,
            extra={},
            abandoned=lambda: os.path.exists(flag),
        ),
        end="|",
    )
except (StsPluginError, KeyboardInterrupt) as error:
    print(type(error).__name__, error)
"""
"""A process that runs a command: for ``seconds``, and while there is no ``flag``."""

ENVIRON = {"PATH": os.environ["PATH"], "PYTHONPATH": ":".join(sys.path)}


def driving(command, *, seconds=60, flag="/nowhere"):
    """The words that start the driver."""
    return [sys.executable, "-c", DRIVER, command, str(seconds), str(flag)]


@pytest.fixture
def driver():
    """Run Python code as the command of a process without a terminal."""

    def run(code, stderr=subprocess.PIPE):
        words = [sys.executable, "-c", 'import sys; print(sys.stdin.read(), end="")']
        both = shlex.join(driving(python(code))), shlex.join(words)
        return subprocess.run(
            ["sh", "-c", "; ".join(both)],
            env=ENVIRON,
            input="for others",
            stdout=subprocess.PIPE,
            stderr=stderr,
            text=True,
            check=True,
            timeout=60,
            start_new_session=True,
        )

    return run


@pytest.fixture
def fifo(tmp_path):
    """Where whoever opens it for writing keeps a reader from the end."""
    path = tmp_path / "fifo"
    os.mkfifo(path)
    return path


def wait_for_the_last_writer(fifo):
    """Return once nobody holds the FIFO any more; fail after 20 s."""
    reader = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)
    os.set_blocking(reader, True)
    thread = threading.Thread(target=os.read, args=(reader, 1), daemon=True)
    thread.start()
    thread.join(20)
    assert not thread.is_alive()
    os.close(reader)


def python(code):
    return shlex.join([sys.executable, "-c", code])


# --- What is run ---


@pytest.mark.parametrize(
    ("command", "printed"),
    [
        ("printf 123456", "123456"),
        ("echo 123456", "123456\n"),
        ("printf 'one\\ntwo\\n'", "one\ntwo\n"),
        ("printf '\\377\\n'", "\ufffd\n"),
        ("printf '\\303\\274'", "ü"),
        ("true", ""),
        ("echo '12 34' \"56\"", "12 34 56\n"),
        ("echo $HOME ~ | cat; echo `id`", "$HOME ~ | cat; echo `id`\n"),
    ],
)
def test_what_is_printed_is_the_answer_and_no_shell_has_a_hand_in_it(command, printed):
    assert output(command) == printed


def test_what_is_printed_is_read_however_late_a_busy_machine_gets_to_it(monkeypatch):
    readable = commands.readable

    def late(pipe, seconds):
        time.sleep(3 * commands.LAST_WORDS_SECONDS)  # a machine that is busy
        return readable(pipe, seconds)

    monkeypatch.setattr(commands, "readable", late)
    assert output("echo 123456") == "123456\n"


def test_a_command_may_print_more_than_a_pipe_holds():
    assert output(python("print('x' * 200_000)")) == "x" * 200_000 + "\n"


def test_a_command_may_print_as_much_as_a_file_may_hold():
    command = f"head -c {BYTES_MAX} /dev/zero"
    assert len(output(command)) == BYTES_MAX


@pytest.mark.parametrize("command", ["yes", f"head -c {BYTES_MAX + 1} /dev/zero"])
def test_a_command_that_prints_without_an_end_is_ended(command):
    # It would fill the memory before its time is over.
    with pytest.raises(ConfigurationError) as caught:
        output(command)
    assert f"printed more than {BYTES_MAX} bytes" in caught.value.message
    assert caught.value.hint


def test_without_a_terminal_stdin_is_empty_and_stderr_is_passed_on(driver):
    done = driver("import sys; print([sys.stdin.read()]); sys.stderr.write('touch')")
    assert (done.stdout, done.stderr) == ("['']\n|for others", "touch")


def test_without_a_terminal_what_is_left_running_does_not_hold_our_stderr(driver):
    # The SDK at its other end would wait until it is closed.
    done = driver(
        "import subprocess; print(subprocess.Popen(['sleep', '100']).pid, flush=True)"
    )
    os.kill(int(done.stdout.partition("\n")[0]), signal.SIGKILL)


def test_without_a_terminal_the_command_has_a_process_group_of_its_own():
    group, pid = output(python("import os; print(os.getpgrp(), os.getpid())")).split()
    assert group == pid


def test_at_a_terminal_that_is_not_our_own_stderr_is_left_to_the_command(driver):
    # Nobody can be asked there, but what is said is seen.
    here, there = os.openpty()
    said = "touch" if os.isatty(there) else ""
    done = driver(
        "import os, sys; sys.stderr.write('touch');"
        "print([sys.stdin.read()], os.getpgrp() == os.getpgid(os.getppid()))",
        stderr=there,
    )
    assert done.stdout == "[''] True\n|for others"
    assert os.read(here, 100).decode() == said
    os.close(here)
    os.close(there)


# --- The environment ---

SECRETS = (
    "STS_PLUGIN_MFA_CODE",
    "STS_PLUGIN_TOTP_FD",
    "AWS_ACCESS_KEY_ID",
    "AWS_BEARER_TOKEN_BEDROCK",
    "AWS_BEARER_TOKEN_OTHER",
    "AWS_CONTAINER_AUTHORIZATION_TOKEN",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SECURITY_TOKEN",
    "AWS_SESSION_TOKEN",
)
HARMLESS = (
    "AWS_CONFIG_FILE",
    "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE",
    "AWS_ENDPOINT_URL_SECRETS_MANAGER",
    "AWS_PROFILE",
    "AWS_REGION",
    "AWS_SHARED_CREDENTIALS_FILE",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "OTHER_TOKEN",
    "STS_PLUGIN_CACHE_DIR",
    "STS_PLUGIN_MFA_PROMPT",
)


def seen(environ, extra=()):
    command = python("import json, os; print(json.dumps({**os.environ}))")
    return json.loads(output(command, environ=environ, extra=extra))


def test_the_command_sees_no_credentials():
    shown = seen(dict.fromkeys(SECRETS, "canary"))
    assert "canary" not in shown.values()
    assert not set(SECRETS) & set(shown)


def test_the_command_sees_what_is_no_secret():
    shown = seen(dict.fromkeys(HARMLESS, "kept"))
    assert [shown.get(name) for name in HARMLESS] == ["kept"] * len(HARMLESS)


def test_the_command_sees_the_environment_it_is_given_and_not_our_own(monkeypatch):
    monkeypatch.setenv("ONLY_OURS", "x")
    shown = seen({"A": "given", "B": "given"}, {"B": "extra", "C": "extra"})
    assert "ONLY_OURS" not in shown
    assert [shown[name] for name in "ABC"] == ["given", "extra", "extra"]


def test_other_programs_of_ours_see_no_secrets_either():
    environ = dict.fromkeys([*SECRETS, *HARMLESS], "x")
    assert without_secrets(environ) == dict.fromkeys(HARMLESS, "x")


# --- What does not work ---


@pytest.mark.parametrize(
    ("command", "words"),
    [
        ("false", "ended with exit code 1"),
        (python("raise SystemExit(3)"), "ended with exit code 3"),
        (python("import os; os.kill(os.getpid(), 9)"), "ended with exit code -9"),
        ("/nowhere/command", "cannot be run: No such file or directory"),
        ("/", "cannot be run: Permission denied"),
        ("echo 'open", "cannot be run: it is no command line"),
        ("", "cannot be run: it is no command line"),
        ("  ", "cannot be run: it is no command line"),
        ("echo \x00", "cannot be run: it is no command line"),
    ],
)
def test_a_command_that_does_not_work_is_told_with_its_place(command, words):
    with pytest.raises(ConfigurationError) as caught:
        output(command)
    message = caught.value.message
    assert message == f'/config:7: the_process of profile "p" {words}'
    assert caught.value.hint


@pytest.mark.parametrize(
    "command",
    [
        "false | true",
        "cd /nowhere && true",
        "false; true",
        "false $HOME",
        "false ~",
        "false `id`",
        "false >/dev/null",
        "false *",
    ],
)
def test_a_command_that_was_written_for_a_shell_is_told_how_to_have_one(command):
    with pytest.raises(ConfigurationError) as caught:
        output(command)
    assert "sh -c '...'" in caught.value.hint


@pytest.mark.parametrize("command", ["false", "false --option=x,y /a/b.c", "/nowhere"])
def test_another_command_is_not_told_of_a_shell(command):
    with pytest.raises(ConfigurationError) as caught:
        output(command)
    assert "sh -c" not in caught.value.hint


CANARY = "wJalrXUtnFEMI"


@pytest.mark.parametrize(
    "end",
    ["raise SystemExit(1)", "raise SystemExit(130)", "import time; time.sleep(60)"],
)
def test_no_error_shows_what_a_command_printed(end):
    command = python(f"print('wJalrX' 'UtnFEMI', flush=True); {end}")
    with pytest.raises((ConfigurationError, Declined, NoAnswer)) as caught:
        output(command, seconds=0.5)
    told = traceback.TracebackException.from_exception(
        caught.value, capture_locals=True
    )
    assert CANARY not in "".join(told.format())
    assert CANARY not in caught.value.line


# --- The end of it ---


def test_a_command_that_takes_too_long_is_ended():
    started = time.monotonic()
    with pytest.raises(NoAnswer) as caught:
        output("sleep 60", seconds=0.5)
    assert time.monotonic() - started < 30
    assert caught.value.line.startswith(
        '/config:7: the_process of profile "p" did not answer'
    )
    assert caught.value.hint


def test_what_a_command_leaves_running_is_not_waited_for():
    assert output("sh -c 'sleep 70 & echo token'", seconds=60) == "token\n"


@pytest.mark.parametrize("script", ["exec >&-; exec sleep 60", "exec sleep 60"])
def test_a_command_has_its_time_whatever_becomes_of_its_output(script):
    started = time.monotonic()
    with pytest.raises(NoAnswer):
        output(f"sh -c '{script}'", seconds=0.5)
    assert time.monotonic() - started < 30


def test_nothing_is_left_of_a_command_that_takes_too_long(fifo):
    holder = os.open(fifo, os.O_RDWR)
    with pytest.raises(NoAnswer):
        output(f"sh -c 'exec sleep 100 >{fifo}'", seconds=1)
    os.close(holder)
    wait_for_the_last_writer(fifo)


def test_a_command_that_is_deaf_to_a_gentle_end_is_ended(fifo):
    holder = os.open(fifo, os.O_RDWR)
    deaf = f"sh -c \"exec >{fifo}; trap '' TERM INT HUP; while :; do sleep 1; done\""
    with pytest.raises(NoAnswer):
        output(deaf, seconds=1)
    os.close(holder)
    wait_for_the_last_writer(fifo)


@pytest.mark.parametrize(
    "script", ["sleep 100 & wait", "sleep 100 | cat", "(sleep 100; :) & exec sleep 100"]
)
def test_without_a_terminal_nothing_is_left_of_what_it_had_started_either(fifo, script):
    holder = os.open(fifo, os.O_RDWR)
    with pytest.raises(NoAnswer):
        output(f"sh -c 'exec 7>{fifo}; {script}'", seconds=1)
    os.close(holder)
    wait_for_the_last_writer(fifo)


def test_nothing_is_left_of_a_command_that_prints_without_an_end(fifo):
    holder = os.open(fifo, os.O_RDWR)
    with pytest.raises(ConfigurationError):
        output(f"sh -c 'sleep 100 >{fifo} & exec yes'")
    os.close(holder)
    wait_for_the_last_writer(fifo)


@pytest.mark.parametrize(
    ("end", "error"), [("", None), ("; false", ConfigurationError)]
)
def test_what_a_command_leaves_running_when_it_ends_is_left_alone(fifo, end, error):
    # A browser in which one signs in, an agent that keeps a password.
    reader = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)
    with pytest.raises(error) if error else contextlib.nullcontext():
        output(f"sh -c 'exec 7>{fifo}; sleep 100 & echo $! >&7{end}'")
    pid = int(os.read(reader, 100))
    with pytest.raises(BlockingIOError):  # it is there; without a writer: b""
        os.read(reader, 1)
    os.kill(pid, signal.SIGKILL)
    os.close(reader)


def test_a_command_that_nobody_waits_for_any_more_is_ended(fifo):
    holder = os.open(fifo, os.O_RDWR)
    polled = []
    with pytest.raises(Declined) as caught:
        output(
            f"sh -c 'exec 7>{fifo}; sleep 100 & wait'",
            seconds=60,
            abandoned=lambda: polled.append(1) or len(polled) == 3,
        )
    os.close(holder)
    wait_for_the_last_writer(fifo)
    assert 'nobody waits for /config:7: the_process of profile "p"' in caught.value.line
    assert len(polled) == 3


def test_a_command_that_answers_is_not_abandoned():
    assert output("sh -c 'sleep 0.6; echo token'", abandoned=lambda: False) == "token\n"


@pytest.mark.parametrize(
    "command",
    [
        "sh -c 'exit 130'",
        python("import os; os.kill(os.getpid(), 2)"),
        "sh -c 'kill -2 $$'",
    ],
)
def test_a_command_whose_user_pressed_ctrl_c_has_been_declined(command):
    # A program that takes Ctrl-C for a key of its own: we get no signal.
    with pytest.raises(Declined) as caught:
        output(command)
    message = '/config:7: the_process of profile "p" was interrupted'
    assert caught.value.message == message


def test_the_command_and_what_it_had_started_are_ended_when_we_are_interrupted(fifo):
    # More than a pipe holds: it has started when we read what it prints, and are no
    # longer about to.
    fill = "head -c 200000 /dev/zero"
    command = f"sh -c '{fill}; exec >{fifo}; echo started; sleep 100 & wait'"
    us = subprocess.Popen(
        driving(command),
        env=ENVIRON,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    with fifo.open() as started:
        assert started.readline() == "started\n"
        us.send_signal(signal.SIGINT)
        assert us.communicate(timeout=30)[0] == b"KeyboardInterrupt \n"
    wait_for_the_last_writer(fifo)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_in_the_middle_of_its_start_ends_the_command(
    fifo, monkeypatch, number
):
    def end(*_):
        raise KeyboardInterrupt

    class Interrupted(subprocess.Popen):
        def __init__(self, *arguments, **options):
            super().__init__(*arguments, **options)
            signal.raise_signal(number)  # it runs, and nobody has its id yet

    monkeypatch.setattr(subprocess, "Popen", Interrupted)
    before = signal.signal(number, end)
    holder = os.open(fifo, os.O_RDWR)
    try:
        with pytest.raises(KeyboardInterrupt):
            output(f"sh -c 'exec sleep 100 >{fifo}'")
    finally:
        signal.signal(number, before)
    os.close(holder)
    wait_for_the_last_writer(fifo)


def test_our_own_interrupt_may_come_a_moment_after_that_of_the_command():
    # The terminal sends it to both of us.
    late = "(sleep 0.3; kill -2 $us) >&- 2>&- &"
    words = driving(f"sh -c 'us=$PPID; {late} exit 130'")
    words[2] = (
        f"from sts_plugin import commands; commands.LAST_WORDS_SECONDS = 20;{words[2]}"
    )
    done = subprocess.run(
        words,
        env=ENVIRON,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
        start_new_session=True,
    )
    assert done.stdout == "KeyboardInterrupt \n"


# --- At a terminal ---


class Terminal:
    """A command on a terminal, run by a process whose own streams are files."""

    def __init__(self, folder, command, *, prelude="", after="", seconds=60):
        self.folder, self.flag = folder, folder / "flag"
        words = driving(command, seconds=seconds, flag=self.flag)
        words[2] = prelude + words[2]
        streams = f"</dev/null >{folder}/out 2>{folder}/err"
        self.child = pexpect.spawn(
            "/bin/sh",
            ["-c", f"{shlex.join(words)} {streams}; {after}"],
            env=ENVIRON,
            timeout=30,
            encoding="utf-8",
        )
        self.child.delaybeforesend = None

    def end(self):
        """Wait for the end; return what the process printed."""
        self.child.expect(pexpect.EOF)
        assert (self.folder / "err").read_text() == ""
        return (self.folder / "out").read_text()


@pytest.fixture
def at_a_terminal(tmp_path):
    started = []

    def start(command, **options):
        started.append(Terminal(tmp_path, command, **options))
        return started[-1]

    yield start
    for one in started:
        one.child.close(force=True)


def test_at_a_terminal_stdin_and_stderr_are_the_terminal(at_a_terminal):
    # Under the name by which an agent knows it, and not as /dev/tty.
    code = (
        "import os, sys; print('touch', file=sys.stderr);"
        "print(os.ttyname(0), os.ttyname(2), os.isatty(1),"
        "os.getpgrp() == os.getpgid(os.getppid()))"
    )
    one = at_a_terminal(python(code), after="tty")
    one.child.expect("touch\r\n(/dev/.*)\r\n")
    name = one.child.match[1]
    assert name != "/dev/tty"
    assert one.end() == f"{name} {name} False True\n|"


def test_a_terminal_whose_name_is_not_known_is_one_all_the_same(at_a_terminal):
    prelude = "from sts_plugin import tty_device; tty_device.TIOCGDEV = 0;"
    code = "import os; print(os.ttyname(0), os.ttyname(2))"
    assert at_a_terminal(python(code), prelude=prelude).end() == "/dev/tty /dev/tty\n|"


def test_another_terminal_of_that_name_is_not_taken_for_ours(at_a_terminal):
    # In a container the numbers of terminals may be those of another mount.
    here, there = os.openpty()
    prelude = (
        "from sts_plugin import tty_device;"
        f"tty_device._name = lambda _: {os.ttyname(there)!r};"
    )
    code = "import os; print(os.ttyname(0), os.ttyname(2))"
    assert at_a_terminal(python(code), prelude=prelude).end() == "/dev/tty /dev/tty\n|"
    os.close(here)
    os.close(there)


def test_the_command_may_ask_at_the_terminal(at_a_terminal):
    one = at_a_terminal('sh -c \'printf "PIN: " >&2; read pin; echo "$pin"\'')
    one.child.expect_exact("PIN: ")
    one.child.sendline("4711")
    assert one.end() == "4711\n|"


def test_ctrl_c_at_the_terminal_is_ours_as_well(at_a_terminal):
    one = at_a_terminal("sh -c 'echo ready >&2; exec sleep 100'")
    one.child.expect_exact("ready")
    one.child.sendintr()
    assert one.end() == "KeyboardInterrupt \n"


def test_a_terminal_is_left_as_it_was_where_a_command_is_killed(at_a_terminal):
    # Half of a password must not become the next command of the shell.
    one = at_a_terminal(
        "sh -c 'stty -echo; echo ready >&2; exec sleep 100'",
        after='echo next; read line; echo "<$line>"',
    )
    one.child.expect_exact("ready")
    one.child.sendline("secret")
    one.flag.touch()
    one.child.expect_exact("next")
    assert one.child.getecho()
    one.child.sendline("harmless")
    one.child.expect_exact("<")
    one.child.expect_exact(">")
    assert one.child.before == "harmless"
    assert "Declined" in one.end()


def test_what_was_typed_ahead_stays_where_a_command_fails(at_a_terminal):
    one = at_a_terminal(
        "sh -c 'echo ready >&2; read go; exit 1'",
        after='read line; echo "<$line>"',
    )
    one.child.expect_exact("ready")
    one.child.send("go\nahead\n")
    one.child.expect_exact("<ahead>")
    assert "ConfigurationError" in one.end()


SHELL = """
import os, signal, sys
fifo, *words = sys.argv[1:]
signal.signal(signal.SIGTTOU, signal.SIG_IGN)  # as every shell does
job = os.fork()
if not job:
    os.setpgid(0, 0)
    os.tcsetpgrp(0, os.getpgrp())
    signal.signal(signal.SIGTTOU, signal.SIG_DFL)
    terminal = os.dup(2)
    os.dup2(os.open(os.devnull, os.O_RDWR), 0)
    os.dup2(os.open(os.devnull, os.O_RDWR), 2)
    os.execv(words[0], words)
with open(fifo) as ready:
    ready.readline()
os.tcsetpgrp(0, os.getpgrp())
with open(fifo, "w") as go:
    go.write("go\\n")
_, status = os.waitpid(job, os.WUNTRACED)
print("stopped" if os.WIFSTOPPED(status) else "ended", flush=True)
os.killpg(job, signal.SIGKILL) if os.WIFSTOPPED(status) else None
"""
"""A shell with a job in its foreground, which it takes to the background."""


def test_a_command_that_asks_from_the_background_does_not_stop_us(fifo, tmp_path):
    # The kernel stops the group, and nobody would be left to end it in time.
    command = f"sh -c 'echo ready >{fifo}; read go <{fifo}; read pin; echo $pin'"
    words = [fifo, *driving(command, seconds=3)]
    shell = pexpect.spawn(
        sys.executable,
        ["-c", SHELL, *map(str, words)],
        env=ENVIRON,
        timeout=30,
        encoding="utf-8",
    )
    shell.expect(["NoAnswer", "stopped"])
    assert shell.after == "NoAnswer"
    shell.expect_exact("ended")
    shell.close(force=True)


# --- Windows ---


def test_a_command_that_takes_too_long_is_ended_where_there_are_no_groups(
    monkeypatch, mocker
):
    monkeypatch.delattr(os, "killpg")
    ended = mocker.spy(subprocess.Popen, "kill")
    with pytest.raises(NoAnswer):
        output(python("import time; time.sleep(100)"), seconds=0.3)
    assert ended.call_count == 1


@pytest.mark.parametrize("terminal", [True, False])
def test_no_window_flashes_up_where_nobody_can_be_asked(monkeypatch, mocker, terminal):
    # Of a program without a console: each one that it starts would open a window.
    monkeypatch.setattr(commands, "NO_WINDOW", 0x08000000)
    monkeypatch.setattr(commands, "_at_a_terminal", lambda: terminal)
    flags = []
    real = subprocess.Popen

    def start(*words, creationflags, **options):
        flags.append(creationflags)
        return real(*words, **options)

    monkeypatch.setattr(subprocess, "Popen", start)
    assert output(python("print(1)")) == "1\n"
    assert flags == [0 if terminal else 0x08000000]
