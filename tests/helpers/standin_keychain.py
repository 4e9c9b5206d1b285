"""A keychain in a JSON file, for tests: what keyring is told to use.

STANDIN_KEYCHAIN is the file; beside it, in ``<file>.calls``, is a line for each call.
STANDIN_KEYCHAIN_MODE makes it misbehave: always, or with ``@3`` behind the mode from
the third call of a process on. ``kill`` ends the process at that call, before it has an
effect, and ``killed`` as soon as it has had it.
"""

from __future__ import annotations

import itertools
import json
import os
import signal
import threading
from pathlib import Path

from keyring import errors
from keyring.backend import KeyringBackend

RELEASE = threading.Event()
"""Ends the calls that hang."""

COUNT = itertools.count(1)


class Keyring(KeyringBackend):
    priority = 1
    name = "stand-in"
    mode = ""

    def get_password(self, service, username):
        found = self._content("get", username).get(f"{service} {username}")
        self._done()
        return found

    def set_password(self, service, username, password):
        content = self._content("set", username)
        if self.mode == "full":
            raise errors.PasswordSetError(f"no room for {password}")
        if self.mode != "forgetful":
            content[f"{service} {username}"] = password
        self._file.write_text(json.dumps(content))
        self._done()

    def delete_password(self, service, username):
        content = self._content("delete", username)
        if f"{service} {username}" not in content:
            raise errors.PasswordDeleteError("not found")
        del content[f"{service} {username}"]
        self._file.write_text(json.dumps(content))
        self._done()

    def _done(self):
        if self.mode == "killed":
            os.kill(os.getpid(), signal.SIGKILL)

    @property
    def _file(self):
        return Path(os.environ["STANDIN_KEYCHAIN"])

    def _content(self, call, username):
        with Path(f"{self._file}.calls").open("a", encoding="utf-8") as calls:
            calls.write(f"{call} {username}\n")
        said, _, first = os.environ.get("STANDIN_KEYCHAIN_MODE", "").partition("@")
        count = next(COUNT)
        self.mode = mode = said if count >= int(first or 1) else ""
        if mode == "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        if mode == "hang":
            RELEASE.wait(300)
            raise errors.KeyringError("nobody waits any more")
        if mode == "locked":
            raise errors.KeyringLocked("Failed to unlock the collection!")
        if mode == "odd":
            raise OSError(f"an odd error\n\x1b[2Jabout {self._file.read_text()}")
        return json.loads(self._file.read_text()) if self._file.exists() else {}
