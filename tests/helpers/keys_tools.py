"""What the tests of the ``keys`` commands share: a keychain, IAM, STS, a user."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path

import standin_keychain

from sts_plugin.sandbox import Sandbox
from sts_plugin.sandbox.organisation import Organisation

HELPERS = Path(standin_keychain.__file__).parent


class Chain:
    """The stand-in for a keychain, as other processes see it."""

    def __init__(self, file):
        self.file = file
        self.environ = {
            "PYTHONPATH": str(HELPERS),
            "PYTHON_KEYRING_BACKEND": "standin_keychain.Keyring",
            "STANDIN_KEYCHAIN": str(file),
        }

    @property
    def content(self):
        return json.loads(self.file.read_text()) if self.file.exists() else {}

    @property
    def keys(self):
        """What it has: access key id -> secret access key."""
        found = [json.loads(item) for item in self.content.values()]
        return {one["AccessKeyId"]: one["SecretAccessKey"] for one in found}

    @property
    def calls(self):
        """How often it was asked so far."""
        file = Path(f"{self.file}.calls")
        return len(file.read_text().splitlines()) if file.exists() else 0


def sandbox_of(folder, key_id, secret, command):
    """A sandbox in which alice has this key."""
    organisation = Organisation.example()
    users = tuple(
        replace(one, access_key_id=key_id, secret_access_key=secret)
        if one.name == "alice"
        else one
        for one in organisation.users
    )
    return Sandbox(
        folder, command=command, organisation=replace(organisation, users=users)
    )


def places_of(text, folder, *, but):
    """The files below a folder that hold a text, but for one of them."""
    found = []
    for path, _, names in os.walk(folder):
        for name in names:
            file = Path(path, name)
            if file != but and file.is_file() and text.encode() in file.read_bytes():
                found.append(file)
    return found
