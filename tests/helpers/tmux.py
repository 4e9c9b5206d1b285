"""A terminal as people have it, by tmux: keys go in, a screen comes out."""

from __future__ import annotations

import os
import shutil
import subprocess
import time

import pytest

MISSING = pytest.mark.skipif(not shutil.which("tmux"), reason="there is no tmux")


class Tmux:
    """One window with a shell, on a server of its own."""

    def __init__(self, folder, environ, columns=100, rows=30):
        self._socket = str(folder / "tmux")
        self._environ = {
            name: value for name, value in environ.items() if name != "TMUX"
        }
        size = ["-x", str(columns), "-y", str(rows)]
        self._run("-f", os.devnull, "new-session", "-d", *size, "env PS1='$ ' sh -i")
        self.wait("$")

    def _run(self, *words):
        done = subprocess.run(
            ["tmux", "-S", self._socket, *words],
            env=self._environ,
            capture_output=True,
            check=True,
            text=True,
            timeout=30,
        )
        return done.stdout

    def line(self, text):
        """Type a line, and Enter."""
        self.type(text)
        self.press("Enter")

    def type(self, text):
        self._run("send-keys", "-l", text)

    def press(self, *names):
        self._run("send-keys", *names)

    @property
    def screen(self):
        """What is on the screen, without what is behind the last line."""
        return self._run("capture-pane", "-p").rstrip()

    def wait(self, text):
        """Return the screen, once it shows a text.

        Not one that is in the line typed: the shell shows that too, and at once.
        """
        deadline = time.monotonic() + 90
        while text not in (screen := self.screen):
            assert time.monotonic() < deadline, f"{text!r} is not on\n{screen}"
            time.sleep(0.02)
        return screen

    def close(self):
        self._run("kill-server")
