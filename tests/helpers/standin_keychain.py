"""A keychain in a JSON file, for tests: what keyring is told to use.

STANDIN_KEYCHAIN is the file; beside it, in ``<file>.calls``, is a line for each call.
STANDIN_KEYCHAIN_MODE makes it misbehave.
"""

from __future__ import annotations

import json
import os
import threading
from pathlib import Path

from keyring import errors
from keyring.backend import KeyringBackend

RELEASE = threading.Event()
"""Ends the calls that hang."""


class Keyring(KeyringBackend):
    priority = 1
    name = "stand-in"

    def get_password(self, service, username):
        return self._content("get", username).get(f"{service} {username}")

    def set_password(self, service, username, password):
        content = self._content("set", username)
        if os.environ.get("STANDIN_KEYCHAIN_MODE") == "full":
            raise errors.PasswordSetError(f"no room for {password}")
        if os.environ.get("STANDIN_KEYCHAIN_MODE") != "forgetful":
            content[f"{service} {username}"] = password
        self._file.write_text(json.dumps(content))

    def delete_password(self, service, username):
        content = self._content("delete", username)
        if f"{service} {username}" not in content:
            raise errors.PasswordDeleteError("not found")
        del content[f"{service} {username}"]
        self._file.write_text(json.dumps(content))

    @property
    def _file(self):
        return Path(os.environ["STANDIN_KEYCHAIN"])

    def _content(self, call, username):
        with Path(f"{self._file}.calls").open("a", encoding="utf-8") as calls:
            calls.write(f"{call} {username}\n")
        mode = os.environ.get("STANDIN_KEYCHAIN_MODE")
        if mode == "hang":
            RELEASE.wait(300)
            raise errors.KeyringError("nobody waits any more")
        if mode == "locked":
            raise errors.KeyringLocked("Failed to unlock the collection!")
        if mode == "odd":
            raise OSError(f"an odd error\n\x1b[2Jabout {self._file.read_text()}")
        return json.loads(self._file.read_text()) if self._file.exists() else {}
