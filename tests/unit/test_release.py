"""One place says the version; the changelog, the metadata and the program follow it."""

from __future__ import annotations

import configparser
import importlib.metadata
import re
import subprocess
import sys
from pathlib import Path

import sts_plugin

ROOT = Path(__file__).parents[2]


def read(name):
    return (ROOT / name).read_text(encoding="utf-8")


def test_setup_cfg_and_the_docs_take_the_version_from_the_package():
    setup = configparser.ConfigParser()
    setup.read_string(read("setup.cfg"))
    assert setup["metadata"]["version"] == "attr: sts_plugin.__version__"
    assert "release = __version__" in read("docs/conf.py").splitlines()


def test_what_is_installed_and_what_runs_say_the_same_version():
    assert importlib.metadata.version("sts-plugin") == sts_plugin.__version__
    done = subprocess.run(
        [sys.executable, "-m", "sts_plugin", "--version"],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert (done.returncode, done.stdout.strip()) == (0, sts_plugin.__version__)


def test_nothing_else_says_the_version():
    version = re.escape(sts_plugin.__version__)
    assert re.fullmatch(r"\d+\.\d+\.\d+", sts_plugin.__version__)
    for name in ("setup.cfg", "setup.py", "pyproject.toml", "README.md", "tox.ini"):
        assert not re.search(rf"sts-plugin\W{{0,3}}v?{version}\b", read(name)), name
    assert sts_plugin.__version__ not in read("docs/man/sts-plugin.1")


def test_the_changelog_begins_with_what_is_to_come_or_with_this_version():
    """CONTRIBUTING says when it is which."""
    newest, *older = re.findall(r"^## (.*)$", read("CHANGELOG.md"), re.MULTILINE)
    released = rf"{re.escape(sts_plugin.__version__)} - \d{{4}}-\d\d-\d\d"
    assert newest == "Unreleased" or re.fullmatch(released, newest)
    assert all(re.fullmatch(r"\d+\.\d+\.\d+ - \d{4}-\d\d-\d\d", one) for one in older)
