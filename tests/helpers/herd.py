"""Many processes at once on one terminal, each with its own output files."""

from __future__ import annotations

import time


def await_that(condition, seconds=60):
    """Wait until something is so; fail when it never is."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it never happened"
        time.sleep(0.02)


class Herd:
    """Processes of ours, started at once in the background of one terminal's shell."""

    def __init__(self, terminal, folder, profiles, **variables):
        folder.mkdir()
        self.folder, self.count = folder, len(profiles)
        jobs = [
            f"(sts-plugin credential-process --profile {profile}"
            f" >{folder}/out.{n} 2>{folder}/err.{n}; echo $? >{folder}/code.{n}) &"
            for n, profile in enumerate(profiles)
        ]
        # Ctrl-C is for the processes, which a shell's background jobs would ignore.
        self.terminal = terminal(" ".join(jobs) + " wait; :", **variables)

    def _texts(self, kind):
        return [(self.folder / f"{kind}.{n}").read_text() for n in range(self.count)]

    outputs = property(lambda self: self._texts("out"))
    errors = property(lambda self: self._texts("err"))
    prompts = property(lambda self: self.terminal.prompts)

    @property
    def waiting(self):
        """How many have said that they wait: each does so after two seconds."""
        files = self.folder.glob("err.*")
        return sum("waiting for process" in file.read_text() for file in files)

    def wait_for_notices(self, but=0, seconds=60):
        """Wait until all but some have said that they wait."""
        await_that(lambda: self.waiting >= self.count - but, seconds)

    def end(self):
        """Wait for the end of all; return their exit codes as a set."""
        self.terminal.end()
        return {int(text) for text in self._texts("code")}
