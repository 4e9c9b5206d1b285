"""The guided tour: the product's commands, run for real, with a word before each.

Runs the executable as a user would; it never imports the engine.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sts_plugin.sandbox.sandbox import Sandbox

__all__ = ["give"]

MAIN = "prod-admin"
MORE = ("audit", "partner")


def give(sandbox: Sandbox, program: Sequence[str], *, asked: bool) -> int:
    """Give the tour and return 0, or the exit code of the first step that fails.

    ``program`` is the command line of the executable; ``asked`` says that a person
    is there to type the code.
    """
    tour = _Tour(sandbox, program, asked=asked)
    return (
        tour.profiles()
        or tour.plan()
        or tour.first()
        or tour.others()
        or tour.again()
        or tour.calls()
    )


class _Tour:
    def __init__(
        self, sandbox: Sandbox, program: Sequence[str], *, asked: bool
    ) -> None:
        self._sandbox = sandbox
        self._program = list(program)
        self._asked = asked

    def profiles(self) -> int:
        url = self._sandbox.endpoint_url
        _say(f"A strict STS listens on {url}; nothing here leaves this machine.")
        _title("The profiles (config)")
        text = (self._sandbox.folder / "config").read_text(encoding="utf-8")
        for block in text.strip().split("\n\n"):
            if block.startswith(("[profile alice]", f"[profile {MAIN}]", "[profile j")):
                _say(block + "\n")
        _say(f"... and {', '.join(MORE)}, batch, bob, ci.")
        return 0

    def plan(self) -> int:
        _title(f"The plan of {MAIN}")
        return self._run("explain", "--profile", MAIN)

    def first(self) -> int:
        _title(f"Credentials for {MAIN}: one MFA code")
        if self._asked:
            _say(f"alice's MFA device shows {self._sandbox.code()}: type it below.")
        else:
            _say("(alice's code is supplied from the sandbox's own seed file)")
        return self._credentials(MAIN)

    def others(self) -> int:
        _title("Two more profiles behind the same device: no prompt")
        return next(filter(None, map(self._credentials, MORE)), 0)

    def again(self) -> int:
        _title("The first one again: from the cache, without a call")
        return self._credentials(MAIN)

    def calls(self) -> int:
        _title("What STS saw")
        for call in self._sandbox.journal.calls():
            mfa = "with an MFA code" if call.mfa else ""
            what = f"{call.action:16} {call.role_arn or '':40} {mfa:16} {call.outcome}"
            when = f"{call.at:%H:%M:%S}"
            _say(
                f"{call.number:2}  {when}  {what} {call.elapsed_seconds * 1000:4.0f} ms"
            )
        count = self._sandbox.journal.count("GetSessionToken", outcome="ok")
        _title(f"Done: {count} MFA code for {1 + len(MORE)} profiles")
        _say("Look around by yourself:   sts-plugin sandbox -- $SHELL")
        _say("Use it for your profiles:  see README, section Use")
        return 0

    def _run(self, *arguments: str) -> int:
        command = [*self._program, *arguments]
        environ = self._sandbox.environ()
        return subprocess.run(command, env=environ, check=False).returncode  # noqa: S603

    def _credentials(self, profile: str) -> int:
        command = [*self._program, "credential-process", "--profile", profile]
        began = time.perf_counter()
        done = subprocess.run(  # noqa: S603 - our own executable
            command, env=self._sandbox.environ(), stdout=subprocess.PIPE, check=False
        )
        milliseconds = (time.perf_counter() - began) * 1000
        if done.returncode == 0:
            document = json.loads(done.stdout)
            _say(
                f"{profile:12} {document['AccessKeyId']}  until"
                f" {document['Expiration']}  {milliseconds:6.0f} ms"
            )
        return done.returncode


def _title(text: str) -> None:
    _say(f"\n--- {text} ---")


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()  # what our commands print must come after it
