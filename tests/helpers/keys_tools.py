"""What the tests of the ``keys`` commands share: a keychain, IAM, STS, a user."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

from cloud import Cloud
from keychains import Chain

from sts_plugin.sandbox import Sandbox
from sts_plugin.sandbox.organisation import Organisation

OUR_LINE = "sts_plugin_keychain = yes"
PROGRAM = Path(sys.executable).parent / "sts-plugin"


class Bench:
    """Alice, whose one key is in the keychain and in no file: what can become of it."""

    def __init__(self, folder, moto):
        self.folder, self.moto = folder, moto
        self.chain = Chain(folder / "keychain")

    def __enter__(self):
        self.first, secret = self.moto.new_user("alice")
        folder = self.folder / "sandbox"
        self.sandbox = sandbox_of(folder, self.first, secret, f'"{PROGRAM}"')
        self.sandbox.__enter__()
        self.cloud = Cloud(
            self.moto, self.sandbox, self.sandbox.organisation.user("alice")
        )
        self.cloud.__enter__()
        self.cloud.secrets.add(secret)
        self.configure("")
        self.environ = self.sandbox.environ() | self.cloud.environ | self.chain.environ
        for name in ("DISPLAY", "WAYLAND_DISPLAY", "GPG_TTY", "GNUPGHOME"):
            self.environ.pop(name, None)
        done = self.run("add", "--import", "--remove-from-file")
        assert done.returncode == 0, done.stderr
        self.cloud.asked.clear()
        return self

    def __exit__(self, *error):
        self.cloud.__exit__(*error)
        self.sandbox.__exit__(*error)

    def configure(self, more):
        text = f"[profile alice]\nregion = us-east-1\n{OUR_LINE}\n{more}"
        (self.sandbox.folder / "config").write_text(text)

    def start(self, *arguments, mode=""):
        """Run a ``keys`` command; return the process, which the cloud may end."""
        process = subprocess.Popen(
            [PROGRAM, "keys", *arguments, "--profile", "alice"],
            env=self.environ | {"STANDIN_KEYCHAIN_MODE": mode},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        self.cloud.victim(process.pid)
        return process

    def run(self, *arguments, mode=""):
        with self.start(*arguments, mode=mode) as process:
            out, err = process.communicate(timeout=120)
        self.unseen(out + err)
        done = subprocess.CompletedProcess(arguments, process.returncode, out, err)
        assert len(re.findall("defect", err)) == 0
        return done

    def document(self):
        """What a program is handed out for alice now."""
        done = subprocess.run(
            [PROGRAM, "credential-process", "--profile", "alice"],
            env=self.environ,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
            start_new_session=True,
        )
        assert (done.returncode, done.stderr) == (0, "")
        return json.loads(done.stdout)

    def unseen(self, text):
        assert not [one for one in self.cloud.secrets if one in text]

    def assert_safe(self):
        """Alice has a key that works, and no secret is anywhere but in the keychain."""
        found = self.document()
        registry = self.sandbox._estate.registry
        known = registry.find(found["AccessKeyId"])
        assert known
        assert known.secret_access_key == found["SecretAccessKey"]
        assert found["AccessKeyId"] in self.cloud.keys
        for secret in self.cloud.secrets:
            assert places_of(secret, self.folder, but=self.chain.file) == []
        return found["AccessKeyId"]

    def assert_rotated(self):
        """There is one key, another one than at first, at AWS and in the keychain."""
        now = self.assert_safe()
        assert now != self.first
        assert self.cloud.keys == {now}
        assert set(self.chain.keys) == {now}
        [row] = json.loads(self.run_list().stdout)
        assert (row["access_key_id"], row["rotating"]) == (now, False)

    def run_list(self):
        return subprocess.run(
            [PROGRAM, "keys", "list", "--json"],
            env=self.environ,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
        )


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
