from __future__ import annotations

import contextlib
import fcntl
import os
import pty
import socket
import subprocess
import sys
import threading

import pytest
from frames import frames_of

from sts_plugin.errors import ConfigurationError, NoAnswer
from sts_plugin.mfa import descriptor
from sts_plugin.mfa.descriptor import VARIABLE, inherited
from sts_plugin.model import Secret

SEED = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"
TEXT = SEED.encode()


@pytest.fixture(autouse=True)
def nothing_read(monkeypatch):
    monkeypatch.setattr(descriptor, "_READ", {})


@pytest.fixture
def opened():
    """Descriptors to close, those that are still open."""
    found = []
    yield found
    for one in found:
        with contextlib.suppress(OSError):
            os.close(one)


@pytest.fixture
def handed_on(opened):
    """Make of a descriptor one that looks inherited.

    Of a high number: what is closed here shall not become another's meanwhile.
    """

    def make(descriptor):
        high = fcntl.fcntl(descriptor, fcntl.F_DUPFD, 500)
        os.close(descriptor)
        opened.append(high)
        return high

    return make


@pytest.fixture
def piped(opened, handed_on):
    """Make a pipe that holds some bytes; return the end to read."""

    def make(data=TEXT, *, end=True):
        reading, writing = os.pipe()
        os.write(writing, data)
        writing = handed_on(writing)
        if end:
            os.close(writing)
        return handed_on(reading)

    return make


def take(number, seconds=20.0):
    return inherited({VARIABLE: str(number)}, seconds=seconds)


def is_open(number):
    try:
        os.fstat(number)
    except OSError:
        return False
    return True


def refused(number, kind=ConfigurationError, seconds=20.0):
    with pytest.raises(kind) as caught:
        take(number, seconds)
    error = caught.value
    assert type(error) is kind
    assert error.message.startswith(f"STS_PLUGIN_TOTP_FD={number}")
    assert error.hint
    shown = frames_of(error)
    assert "_take: number = " in shown
    assert SEED[:8] not in shown
    return error.message


@pytest.mark.parametrize("environ", [{}, {VARIABLE: ""}])
def test_without_the_variable_there_is_nothing(environ):
    assert inherited(environ, seconds=1) is None


def test_a_pipe_is_read_to_its_end_and_closed(piped):
    number = piped(f"{SEED}\n".encode())
    assert take(number) == Secret(f"{SEED}\n")
    assert not is_open(number)


def test_it_is_kept_for_the_next_time(piped):
    number = piped()
    assert take(number) is take(number)


def test_threads_that_want_it_at_once_all_get_it(piped):
    number = piped()
    found = []
    threads = [
        threading.Thread(target=lambda: found.append(take(number))) for _ in range(8)
    ]
    for one in threads:
        one.start()
    for one in threads:
        one.join(20)
    assert found == [Secret(SEED)] * 8


def test_a_pipe_that_fills_slowly_is_waited_for(piped, opened):
    number = piped(b"JBSW", end=False)
    writing = opened[-2]

    def rest():
        os.write(writing, SEED[4:].encode())
        os.close(writing)

    threading.Timer(0.1, rest).start()
    assert take(number) == Secret(SEED)


def test_a_pipe_that_does_not_block_is_waited_for_all_the_same(piped, opened):
    number = piped(end=False)
    os.set_blocking(number, False)
    threading.Timer(0.1, os.close, [opened[-2]]).start()
    assert take(number) == Secret(SEED)


def test_a_socket_will_do(handed_on):
    ours, theirs = socket.socketpair()
    theirs.sendall(SEED.encode())
    theirs.close()
    assert take(handed_on(ours.detach())) == Secret(SEED)


def test_a_file_is_read_from_its_beginning_and_left_where_it_is(
    tmp_path, opened, handed_on
):
    path = tmp_path / "seed"
    path.write_text(f"\ufeff{SEED}", encoding="utf-8")
    number = handed_on(os.open(path, os.O_RDONLY))
    other = os.dup(number)
    opened.append(other)
    os.lseek(number, 0, os.SEEK_END)
    assert take(number) == Secret(SEED)
    assert os.lseek(other, 0, os.SEEK_CUR) == path.stat().st_size
    assert not is_open(number)


@pytest.mark.parametrize(
    "number", ["x", "-1", "3x", " 3", "3.0", "1e3", "٣", "9999999", "\n3"]
)
def test_what_is_no_number_is_refused(number):
    with pytest.raises(ConfigurationError, match="is not the number of a file"):
        take(number)


@pytest.mark.parametrize("number", [1, 2])
def test_where_output_goes_no_seed_comes_from(number):
    assert "is where output goes" in refused(number)
    assert is_open(number)


def test_a_closed_descriptor_is_told(piped):
    number = piped()
    os.close(number)
    assert "is closed" in refused(number)
    assert "is closed" in refused(999_999)


def test_a_descriptor_of_our_own_is_left_alone(piped):
    # Such as the lock that is held while a code is asked for.
    number = piped()
    os.set_inheritable(number, False)  # noqa: FBT003 - its own
    assert "was not left open" in refused(number)
    assert is_open(number)
    assert os.read(number, 99) == SEED.encode()


def test_a_terminal_is_refused(opened, handed_on):
    master, slave = pty.openpty()
    opened.append(master)
    number = handed_on(slave)
    assert "is a terminal" in refused(number)
    assert is_open(number)


@pytest.mark.parametrize("path", ["/dev/null", "/dev/zero", "/"])
def test_what_is_neither_a_pipe_nor_a_file_is_refused(path, handed_on):
    number = handed_on(os.open(path, os.O_RDONLY))
    assert "is neither a pipe nor a file" in refused(number)


@pytest.mark.parametrize("file", [True, False])
@pytest.mark.parametrize(("size", "fits"), [(4096, True), (4097, False)])
def test_there_is_a_most_that_is_read(piped, tmp_path, handed_on, file, size, fits):
    if file:
        path = tmp_path / "seed"
        path.write_bytes(b"A" * size)
        number = handed_on(os.open(path, os.O_RDONLY))
    else:
        number = piped(b"A" * size)
    if fits:
        assert take(number) == Secret("A" * size)
    else:
        assert "more than 4096 bytes" in refused(number)
    assert not is_open(number)


def test_a_pipe_without_an_end_is_not_read_without_one(piped):
    number = piped(b"A" * 9000, end=False)
    assert "more than 4096 bytes" in refused(number)


def test_the_writing_end_of_a_pipe_is_told(opened, handed_on):
    reading, writing = os.pipe()
    opened.append(reading)
    assert "cannot be read" in refused(handed_on(writing))


def test_half_a_seed_is_not_taken_for_one(piped, opened):
    number = piped(TEXT[:24], end=False)
    writing = opened[-2]
    assert "within 0 seconds" in refused(number, NoAnswer, seconds=0.1)
    assert "is closed" in refused(number)  # and not the half that was read
    # Whoever opens something now may get the same number, and keeps what is in it.
    reading, other = os.pipe()
    os.write(other, b"x")
    os.dup2(reading, number)
    os.write(writing, b"y")
    os.close(writing)
    assert os.read(number, 9) == b"x"
    opened += [reading, other]


def test_nobody_answering_is_not_about_a_person(piped):
    with pytest.raises(NoAnswer) as caught:
        take(piped(end=False), 0.05)
    assert not caught.value.person


def test_stdin_can_bring_it_and_stays_a_stdin():
    script = (
        "import os\n"
        "from sts_plugin.mfa.descriptor import inherited\n"
        "print(inherited(os.environ, seconds=20).reveal())\n"
        "print(os.open('/', os.O_RDONLY) != 0, os.read(0, 9))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        input=SEED,
        env={**os.environ, VARIABLE: "0"},
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert done.stdout.split() == [SEED, "True", "b''"]


def test_it_comes_from_whoever_started_us(piped):
    number = piped()
    script = (
        "import os\n"
        "from sts_plugin.mfa.descriptor import inherited\n"
        "print(inherited(os.environ, seconds=20).reveal())\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        pass_fds=[number],
        env={**os.environ, VARIABLE: str(number)},
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert done.stdout.split() == [SEED]


def test_a_file_is_read_from_its_beginning_where_there_is_no_pread(
    tmp_path, handed_on, monkeypatch
):
    monkeypatch.delattr(os, "pread")  # Windows
    monkeypatch.delattr(os, "set_blocking")
    path = tmp_path / "seed"
    path.write_bytes(TEXT)
    number = os.open(path, os.O_RDONLY)
    os.read(number, 5)
    high = handed_on(number)
    os.set_inheritable(high, True)  # noqa: FBT003 - so it is
    assert inherited({VARIABLE: str(high)}, seconds=60).reveal() == SEED
