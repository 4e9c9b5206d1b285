"""What the engine's unit tests share: the two AWS files, and a stock botocore."""

from __future__ import annotations

import os
import shutil
import textwrap
from pathlib import Path

import botocore.session
import keyring
import pytest
import standin_keychain

from sts_plugin.profiles import load_profiles


class AwsFiles:
    """The two AWS files of a test; calling it writes them and reads them back."""

    def __init__(self, folder):
        self.config = folder / "config"
        self.credentials = folder / "credentials"
        self.environ = {
            "AWS_CONFIG_FILE": str(self.config),
            "AWS_SHARED_CREDENTIALS_FILE": str(self.credentials),
        }

    def write(self, config="", credentials=""):
        self.config.write_text(textwrap.dedent(config))
        self.credentials.write_text(textwrap.dedent(credentials))

    def __call__(self, config="", credentials=""):
        self.write(config, credentials)
        return load_profiles(self.environ)


@pytest.fixture
def aws(tmp_path):
    """The two AWS files, empty."""
    return AwsFiles(tmp_path)


@pytest.fixture
def stock(aws, tmp_path, monkeypatch):
    """Make a stock botocore session that sees the files of ``aws`` and no machine."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    for name, value in aws.environ.items():
        monkeypatch.setenv(name, value)

    def make(profile=None, environ=None):
        for name, value in (environ or {}).items():
            monkeypatch.setenv(name, value)
        return botocore.session.Session(profile=profile)

    return make


@pytest.fixture(scope="session")
def unprivileged():
    """Words before a command that take root's power over file modes away."""
    if os.geteuid() != 0:
        return []
    if not (setpriv := shutil.which("setpriv")):
        pytest.skip("setpriv is needed to give up root's power over file modes")
    return [setpriv, "--bounding-set", "-dac_override,-dac_read_search"]


@pytest.fixture
def snapshot():
    """Return what a folder holds: its names and the modes of its files."""

    def take(folder):
        return {
            file.name: file.lstat().st_mode & 0o777 for file in Path(folder).iterdir()
        }

    return take


class _OsOfWindows:
    """``os`` as it is, but for its name: pytest itself goes by that, too."""

    name = "nt"

    def __getattr__(self, name):
        return getattr(os, name)


@pytest.fixture
def on_windows(monkeypatch):
    """Let a module of ours take this for Windows."""
    return lambda module: monkeypatch.setattr(module, "os", _OsOfWindows())


@pytest.fixture
def standin(tmp_path, monkeypatch):
    """Let keyring use the stand-in for a keychain; return its file."""
    before = keyring.get_keyring()
    monkeypatch.setenv("STANDIN_KEYCHAIN", str(tmp_path / "keychain"))
    monkeypatch.delenv("STANDIN_KEYCHAIN_MODE", raising=False)
    standin_keychain.RELEASE.clear()
    keyring.set_keyring(standin_keychain.Keyring())
    yield tmp_path / "keychain"
    standin_keychain.RELEASE.set()
    keyring.set_keyring(before)
