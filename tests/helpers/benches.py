"""The installed executable with a cache of its own for each run."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

PROGRAM = Path(sys.executable).parent / "sts-plugin"

WITHOUT_A_CACHE = "going on without the cache: "


class Bench:
    """Runs of one profile in a sandbox; ``folder`` is where their caches are."""

    def __init__(self, sandbox, folder, profile="batch"):
        self.sandbox, self.folder, self.profile = sandbox, folder, profile
        # Nothing that makes one run do what another does not.
        self.environ = {
            name: value
            for name, value in sandbox.environ().items()
            if not name.startswith("COVERAGE_")
        } | {"PYTHONDONTWRITEBYTECODE": "1", "PYTHONHASHSEED": "0"}

    def cache(self, name):
        """The cache of this name, which no run has used yet."""
        return self.folder / str(name) / "cache"

    def start(self, cache, *before, profile=None, **environ):
        """Start a run, with words before the command; its streams are pipes."""
        profile = profile or self.profile
        return subprocess.Popen(
            [*before, PROGRAM, "credential-process", "--profile", profile],
            env=self.environ | {"STS_PLUGIN_CACHE_DIR": str(cache)} | environ,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def run(self, cache, *before, profile=None, **environ):
        """Run it to its end; return (exit code, stdout, lines of stderr)."""
        with self.start(cache, *before, profile=profile, **environ) as process:
            try:
                out, err = process.communicate(timeout=180)
            finally:
                process.kill()
        return process.returncode, out, err.splitlines()

    def check(self, done, *, warnings=0):
        """A run delivered credentials, and warned so many times."""
        code, out, lines = done
        assert code == 0, lines
        document = json.loads(out)
        assert document["Version"] == 1
        assert document["SessionToken"]
        said = [line for line in lines if WITHOUT_A_CACHE in line]
        assert (len(said), len(lines)) == (warnings, warnings), lines
        return document

    def check_healed(self, cache, profile=None):
        """Two more runs need nobody, and leave nothing but sound files."""
        first = self.check(self.run(cache, profile=profile))
        assert self.check(self.run(cache, profile=profile)) == first
        assert left_over(cache) == []
        return first


def left_over(cache):
    """Names of temporary files in a cache."""
    return sorted(path.name for path in cache.parent.rglob("*.tmp"))


def modes(cache):
    """The mode of a cache, and the modes of what is in it."""
    return oct(cache.stat().st_mode & 0o7777), {
        oct(path.lstat().st_mode & 0o7777) for path in cache.iterdir()
    }


def snapshot(folder):
    """All that is in a folder: names, owners, modes and what the files hold."""
    found = {}
    for path in sorted(Path(folder).rglob("*")):
        at = path.lstat()
        held = path.read_bytes() if path.is_file() and not path.is_symlink() else b""
        target = path.readlink() if path.is_symlink() else None
        found[path.relative_to(folder)] = (at.st_uid, at.st_mode, held, target)
    return found
