"""The stand-in for a keychain, as the processes of a test see it."""

from __future__ import annotations

import json
from pathlib import Path

import standin_keychain

HELPERS = Path(standin_keychain.__file__).parent


class Chain:
    def __init__(self, file):
        self.file = file
        self.environ = {
            "PYTHONPATH": str(HELPERS),
            "PYTHON_KEYRING_BACKEND": "standin_keychain.Keyring",
            "STANDIN_KEYCHAIN": str(file),
        }

    def environ_of(self, mode):
        """The same, for one that misbehaves."""
        return self.environ | {"STANDIN_KEYCHAIN_MODE": mode}

    @property
    def content(self):
        return json.loads(self.file.read_text()) if self.file.exists() else {}

    @property
    def keys(self):
        """What it has of access keys: id -> secret."""
        found = [json.loads(item) for item in self.content.values()]
        return {one["AccessKeyId"]: one["SecretAccessKey"] for one in found}

    @property
    def calls(self):
        """What it was asked so far."""
        log = Path(f"{self.file}.calls")
        return log.read_text().splitlines() if log.exists() else []


class OwnChain(Chain):
    """The same in this process; it can be told to misbehave."""

    def __init__(self, file, monkeypatch):
        super().__init__(file)
        self._monkeypatch = monkeypatch

    def mode(self, mode):
        self._monkeypatch.setenv("STANDIN_KEYCHAIN_MODE", mode)
