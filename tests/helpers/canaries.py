"""Secrets to look for, in every spelling in which they might get out."""

from __future__ import annotations

import base64
import json
import re
import stat
from pathlib import Path
from urllib.parse import quote, quote_plus


def spellings(secret):
    """The spellings of a secret: itself, base64, hexadecimal, and as in a URL."""
    data = secret.encode()
    if len(secret) <= 8:  # a code: digits that may be part of many another number
        yield re.compile(rb"(?<![0-9A-Za-z])" + data + rb"(?![0-9A-Za-z])")
    else:
        yield re.compile(re.escape(data))
        # A long one may be cut: as "wJalrXUt...".
        yield re.compile(re.escape(data[: len(data) // 2]))
    yield re.compile(data.hex().encode(), re.IGNORECASE)
    for text in {quote(secret, safe=""), quote(secret), quote_plus(secret)} - {secret}:
        yield re.compile(re.escape(text.encode()), re.IGNORECASE)
    for text in {repr(secret)[1:-1], secret.replace("/", "\\/")} - {secret}:
        yield re.compile(re.escape(text.encode()))
    for before in range(3):  # wherever it stands in what was encoded
        first, end = -(-before * 8 // 6), (before + len(data)) * 8 // 6
        encoded = base64.b64encode(bytes(before) + data + bytes(3))[first:end]
        yield re.compile(re.escape(encoded))
        yield re.compile(re.escape(encoded.translate(bytes.maketrans(b"+/", b"-_"))))


class Canaries:
    """Named secrets; ``allowed`` files may hold them."""

    def __init__(self, **secrets):
        self.secrets = {}
        self.patterns = []
        self.add(**secrets)

    def add(self, **secrets):
        for name, secret in secrets.items():
            assert len(secret) >= 6, name
            if self.secrets.get(name) != secret:
                self.secrets[name] = secret
                self.patterns += [(name, pattern) for pattern in spellings(secret)]

    def in_bytes(self, data):
        """The names of the secrets that are in some bytes or a text."""
        if isinstance(data, str):
            data = data.encode(errors="surrogateescape")
        return sorted({name for name, one in self.patterns if one.search(data)})

    def in_folder(self, folder, but=lambda _path: False):
        """(path, names) of all names and contents of files that hold a secret."""
        found = []
        for path in sorted(Path(folder).rglob("*")):
            names = self.in_bytes(str(path))
            if path.is_file() and not but(path):
                names += self.in_bytes(path.read_bytes())
            if names:
                found.append((str(path), names))
        return found


class Sweep(Canaries):
    """Looks through all that the runs in a sandbox have left in ``folder``.

    Secrets may be in files of a person's own, in the document on stdout that they are
    for, and, if STS has issued them, in entries of the cache that have mode 0600.
    """

    def __init__(self, sandbox, folder):
        super().__init__()
        self.sandbox, self.folder, self.own = sandbox, folder, set()
        for user in sandbox.organisation.users:
            self.add(**{f"key of {user.name}": user.secret_access_key})
            if user.totp_seed:
                self.add(**{f"seed of {user.name}": user.totp_seed})
        token = sandbox.folder / "web-identity-token"
        self.add(web_identity_token=token.read_text())
        for name in ("credentials", "alice.totp", token.name):
            self.own.add(sandbox.folder / name)

    def code(self):
        """What the device shows now: a secret from now on."""
        code = self.sandbox.code()
        self.add(**{f"code {code}": code})
        return code

    @property
    def issued(self):
        """The names of the secrets of each set that was issued."""
        return {
            key.access_key_id: {f"key of {one}", f"token of {one}"}
            for one, key in self.sandbox._estate.registry._keys.items()
            if key.session_token
        }

    def learn(self):
        """Take in what STS has issued by now."""
        for one, key in list(self.sandbox._estate.registry._keys.items()):
            if key.session_token:
                self.add(
                    **{
                        f"key of {one}": key.secret_access_key,
                        f"token of {one}": key.session_token,
                    }
                )

    def check(self, document="", *others):
        """Fail for a secret that is where none belongs; return what was learned."""
        self.learn()
        allowed = set()
        if document:
            allowed = self.issued[json.loads(document)["AccessKeyId"]]
        assert set(self.in_bytes(document)) == allowed
        for text in others:
            assert self.in_bytes(text) == [], text
        found = dict(self.in_folder(self.folder, but=self.own.__contains__))
        for path, names in found.items():
            file, may = Path(path), set().union(*self.issued.values())
            entry = file.parent.name == "cache" and file.suffix == ".json"
            assert entry, (path, names)
            assert stat.S_IMODE(file.stat().st_mode) == 0o600
            assert set(names) <= may, (path, names)
        return self.secrets
