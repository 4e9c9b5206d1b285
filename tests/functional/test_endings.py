"""How a prompt ends when nobody answers it: soon, and leaving nothing behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from herd import await_that

ONE = "sts-plugin credential-process --profile audit"

needs_proc = pytest.mark.skipif(
    not Path("/proc/self/stat").exists(), reason="there is no /proc"
)

PARENT = """
import subprocess, sys
child = subprocess.Popen(sys.argv[2:], stdout=subprocess.PIPE)
open(sys.argv[1], "w").write(str(child.pid))
child.communicate()
"""


def runs(pid):
    """Whether a process is there and is no zombie."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except FileNotFoundError:
        return False
    return stat.rpartition(")")[2].split()[0] != "Z"


def foreground(pid, command=ONE):
    """A shell command that runs ours in the foreground, and tells its process id."""
    return f"sh -c 'echo $$ >{pid}; exec {command}'; :"


@pytest.fixture
def free(terminal, sandbox):
    """Prove that the lock is free: somebody else is asked at once, and answers."""
    yield
    after = terminal(ONE)
    after.answer(sandbox.code())
    assert after.end()[0] == 0


@pytest.mark.parametrize(
    ("number", "said"),
    [
        (signal.SIGINT, "sts-plugin: interrupted\n"),
        (signal.SIGTERM, ""),
        (signal.SIGHUP, ""),
    ],
)
def test_a_signal_at_the_prompt(terminal, tmp_path, free, number, said):
    pid = tmp_path / "pid"
    one = terminal(foreground(pid))
    one.child.expect_exact("): ")
    os.kill(int(pid.read_text()), number)
    await_that(lambda: not runs(pid.read_text()))
    _, out, err = one.end()
    assert (out, err) == ("", said)
    assert one.echoes
    assert one.screen.endswith("\x1b[K")  # it has erased itself


@needs_proc
def test_the_death_of_whoever_started_it(terminal, tmp_path, free):
    pid, script = tmp_path / "pid", tmp_path / "parent.py"
    script.write_text(PARENT)
    one = terminal(
        f"{sys.executable} {script} {pid} {ONE} & echo $! >{pid}.parent; wait $!;"
        " sleep 99"
    )
    one.child.expect_exact("): ")
    assert not one.child.getecho()
    os.kill(int((tmp_path / "pid.parent").read_text()), signal.SIGKILL)
    await_that(lambda: not runs(pid.read_text()))
    assert one.child.getecho()
    one.child.close(force=True)


@needs_proc
def test_nobody_is_left_who_reads_the_answer(terminal, tmp_path, free):
    # The process that wanted the document is gone, though a shell is between us.
    pid = tmp_path / "pid"
    os.mkfifo(f"{pid}.go")  # before there is somebody who reads it
    one = terminal(f"(echo $$ >{pid}; {ONE}; :) | (read line <{pid}.go); sleep 99")
    one.child.expect_exact("): ")
    Path(f"{pid}.go").write_text("\n")
    await_that(one.child.getecho)
    one.child.close(force=True)


@needs_proc
@pytest.mark.parametrize("command", [ONE, f"nohup {ONE}"])
def test_a_terminal_that_is_closed(terminal, tmp_path, free, command):
    pid = tmp_path / "pid"
    one = terminal(foreground(pid, command))
    one.child.expect_exact("): ")
    nowhere = os.open(os.devnull, os.O_RDWR)
    os.dup2(nowhere, one.child.child_fd)  # that is: closed
    os.close(nowhere)
    await_that(lambda: not runs(pid.read_text()))
    assert one.out.read_text() == ""


THREADS = """
import sys, threading
from concurrent.futures import ThreadPoolExecutor
import botocore.session, sts_plugin

def work():
    session = sts_plugin.register(botocore.session.Session(profile="audit"))
    print(session.get_credentials().get_frozen_credentials().access_key)

if sys.argv[1] == "pool":
    with ThreadPoolExecutor() as pool:
        pool.submit(work).result()
else:
    thread = threading.Thread(target=work, daemon=sys.argv[1] == "daemon")
    thread.start()
    thread.join()
"""


@pytest.mark.parametrize("kind", ["pool", "daemon", "plain"])
def test_ctrl_c_at_a_prompt_of_another_thread_ends_the_program(
    terminal, tmp_path, free, kind
):
    script = tmp_path / "threads.py"
    script.write_text(THREADS)
    one = terminal(f"{sys.executable} {script} {kind}")
    one.child.expect_exact("): ")
    one.child.sendintr()
    status, out, _ = one.end()
    assert status != 0
    assert out == ""
    assert one.echoes


@pytest.mark.parametrize("kind", ["pool", "daemon"])
def test_a_code_at_a_prompt_of_another_thread(terminal, sandbox, tmp_path, kind):
    script = tmp_path / "threads.py"
    script.write_text(THREADS)
    one = terminal(f"{sys.executable} {script} {kind}")
    one.answer(sandbox.code())
    status, out, _ = one.end()
    assert status == 0
    assert out.startswith("ASIA")
    assert one.echoes


def test_a_prompt_that_was_stopped_goes_on_without_an_echo(terminal, sandbox):
    one = terminal(f"set -m; {ONE}; stty echo </dev/tty; fg >/dev/null")
    one.child.expect_exact("): ")
    one.child.send("\x1a")  # Ctrl-Z
    one.child.expect_exact("): ")  # fg: it is drawn again
    await_that(lambda: not one.child.getecho())
    code = sandbox.code()
    one.child.sendline(code)
    assert one.end()[0] == 0
    assert code not in one.screen


def test_a_prompt_that_was_put_into_the_background_gives_up(terminal, free):
    one = terminal(f"set -m; {ONE}; bg >/dev/null; wait %1; echo $? >/dev/tty")
    one.child.expect_exact("): ")
    one.child.send("\x1a")
    one.child.expect_exact("4\r\n")
    _, out, err = one.end()
    assert out == ""
    assert "the terminal was closed, or given to another job" in err


INTERRUPTED_EARLY = """\
import sys

class Early:
    def find_spec(self, name, *_):
        if name == "sts_plugin.cli":
            raise KeyboardInterrupt

from sts_plugin.__main__ import main

sys.argv = ["sts-plugin", "list"]
sys.meta_path.insert(0, Early())
main()
"""


def test_ctrl_c_while_it_starts_leaves_no_traceback():
    done = subprocess.run(
        [sys.executable, "-c", INTERRUPTED_EARLY],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "")
