from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from sts_plugin.files import BYTES_MAX, read_text


@pytest.mark.parametrize("text", ["", "text", "two\r\nlines\n", "ü\u65e5\U0001f600"])
def test_a_regular_file_is_read_whole(tmp_path, text):
    (tmp_path / "file").write_bytes(text.encode())
    assert read_text(tmp_path / "file") == text


def test_a_link_to_a_regular_file_is_fine(tmp_path):
    # Kubernetes mounts tokens as links to links.
    (tmp_path / "file").write_text("token")
    (tmp_path / "data").symlink_to(tmp_path / "file")
    (tmp_path / "link").symlink_to(tmp_path / "data")
    assert read_text(tmp_path / "link") == "token"


def test_a_file_of_the_greatest_size_is_read_and_no_larger_one(tmp_path):
    file = tmp_path / "file"
    file.write_bytes(b"x" * BYTES_MAX)
    assert len(read_text(file)) == BYTES_MAX
    file.write_bytes(b"x" * (BYTES_MAX + 1))
    with pytest.raises(OSError, match=f"more than {BYTES_MAX} bytes") as caught:
        read_text(file)
    assert caught.value.filename == str(file)


def test_the_greatest_size_is_counted_in_bytes(tmp_path):
    (tmp_path / "file").write_text("ü" * (BYTES_MAX // 2 + 1), encoding="utf-8")
    with pytest.raises(OSError, match="more than"):
        read_text(tmp_path / "file")


@pytest.mark.parametrize("data", [b"\xff", b"text \xc3", "ü".encode("utf-16")])
def test_what_is_no_utf_8_is_a_value_error(tmp_path, data):
    (tmp_path / "file").write_bytes(data)
    with pytest.raises(ValueError, match="utf-8"):
        read_text(tmp_path / "file")


def listen(path):
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))


@pytest.mark.parametrize(
    "make",
    [
        lambda _path: None,
        lambda path: path.mkdir(),
        lambda path: path.symlink_to(path),
        lambda path: path.symlink_to("nowhere"),
        lambda path: path.symlink_to("/dev/null"),
        lambda path: path.symlink_to("/dev/zero"),
        listen,
        os.mkfifo,
    ],
    ids=[
        "missing",
        "folder",
        "link to itself",
        "broken link",
        "empty device",
        "endless device",
        "socket",
        "pipe",
    ],
)
def test_anything_else_is_refused_in_a_moment_and_with_a_reason(
    tmp_path, monkeypatch, make
):
    monkeypatch.chdir(tmp_path)  # the name of a socket must be short
    make(tmp_path / "x")
    # In a process of its own, which can be ended: a pipe would be waited for.
    code = (
        "import sys; from pathlib import Path; from sts_plugin.files import read_text\n"
        "try:\n    read_text(Path('x'))\n"
        "except OSError as error:\n    print(error.strerror)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={"PYTHONPATH": ":".join(sys.path)},
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert len(done.stdout.strip()) > 5


def test_a_file_that_others_keep_to_themselves_is_refused_with_a_reason(
    tmp_path, unprivileged
):
    (tmp_path / "file").touch(mode=0)
    code = (
        "from pathlib import Path; from sts_plugin.files import read_text\n"
        "try:\n    read_text(Path('file'))\n"
        "except OSError as error:\n    print(error.strerror)\n"
    )
    done = subprocess.run(
        [*unprivileged, sys.executable, "-c", code],
        cwd=tmp_path,
        env={"PYTHONPATH": ":".join(sys.path)},
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert done.stdout == "Permission denied\n"


def test_no_descriptor_is_left_open(tmp_path):
    (tmp_path / "good").write_text("text")
    (tmp_path / "bad").write_bytes(b"\xff")
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "pipe")
    before = len(list(Path("/dev/fd").iterdir()))
    read_text(tmp_path / "good")
    for name in ("bad", "folder", "pipe", "missing"):
        with pytest.raises((OSError, ValueError), match=r"\w"):
            read_text(tmp_path / name)
    assert len(list(Path("/dev/fd").iterdir())) == before
