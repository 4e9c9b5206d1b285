"""Where the cases are played: a sandbox, an empty home folder, a cache of their own."""

from __future__ import annotations

import contextlib
import shutil
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from timing import CannotRun, Process

from sts_plugin.sandbox import Sandbox

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

__all__ = ["BIN", "FLOOR", "HELPERS", "NATIVE", "PYTHON", "Snapshot", "Stage", "staged"]

BIN = Path(sys.executable).parent
HELPERS = Path(__file__).parents[1] / "tests" / "helpers"
FLOOR = "python -I -S -c pass"
PYTHON = "python -c pass"

SETTLED_SECONDS = 3.0
"""A file that was written a moment ago might change once more without a trace: what
was learned of it counts only when it is older."""

NATIVE = """
[profile native]
region = us-east-1
role_arn = arn:aws:iam::222222222222:role/Batch
source_profile = alice
"""
"""The role of ``batch``, in the SDKs' own keys: for those who are not us."""


class Stage:
    """A running sandbox, and processes in it. ``environ`` is for all of them."""

    def __init__(self, sandbox: Sandbox, home: Path, extra: Mapping[str, str]) -> None:
        self.sandbox = sandbox
        self.home = home
        self.environ = sandbox.environ() | {"HOME": str(home), **extra}
        for name in ("XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME"):
            self.environ.pop(name, None)
        self.config = sandbox.folder / "config"
        self.cache = sandbox.folder / "cache"

    def add_config(self, text: str) -> None:
        """Add profiles to the config file."""
        with self.config.open("a", encoding="utf-8") as file:
            file.write(text)

    def python(self, *words: str) -> Process:
        """Return a run of the interpreter."""
        return Process((sys.executable, *words), self.environ)

    def program(self, code: str, *words: str) -> Process:
        """Return a run of a program, with what is installed and not the checkout."""
        return self.python("-P", "-c", code, *words)

    def floor(self) -> Process:
        """Return the least that any Python program costs."""
        return self.python("-I", "-S", "-c", "pass")

    def command(self, *words: str) -> Process:
        """Return a run of one of our commands."""
        return Process((str(BIN / "sts-plugin"), *words), self.environ)

    def ours(self, profile: str) -> Process:
        """Return a run of ours that prints a profile's credentials."""
        words = (str(BIN / "sts-plugin"), "credential-process", "--profile", profile)
        return Process(words, self.environ, says='"SessionToken"')

    def warm(self, profile: str) -> Process:
        """Return the same, warm from now on; raise CannotRun if nothing is kept."""
        process = self.ours(profile)
        process.output()
        time.sleep(
            max(0.0, self.config.stat().st_mtime + SETTLED_SECONDS - time.time())
        )
        calls = self.sandbox.journal.count()
        for _ in range(3):
            process.output()
            if self.sandbox.journal.count() > calls:  # each would wait for a code
                raise CannotRun("nothing stays in the cache: is keyring installed?")
        return process


@contextlib.contextmanager
def staged(**extra: str) -> Iterator[Stage]:
    """Set up a stage; ``extra`` are variables for its processes."""
    # What was started in the background may still write there at the end.
    with tempfile.TemporaryDirectory(
        prefix="bench-", ignore_cleanup_errors=True
    ) as name:
        folder = Path(name)
        home = folder / "home"
        home.mkdir(mode=0o700)
        sandbox = Sandbox(
            folder / "sandbox", command=str(BIN / "sts-plugin"), totp_file=True
        )
        with sandbox:
            yield Stage(sandbox, home, extra)


class Snapshot:
    """A folder as it was, to be put back: what a run changed is gone then."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._copy = folder.with_name(f"{folder.name}.snapshot")
        shutil.copytree(folder, self._copy)

    def restore(self) -> None:
        """Put the folder back."""
        shutil.rmtree(self._folder)
        shutil.copytree(self._copy, self._folder)
