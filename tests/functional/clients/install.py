"""Install the clients of other languages, each into a folder of the one that is given.

    python install.py FOLDER

Does nothing for what is there already. What cannot be had on this machine is left out,
and said; its tests are skipped then.
"""

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
GOPATH = "/usr/share/gocode"
"""Where Debian's packages have the Go SDKs: no module is fetched."""


class LeftOutError(Exception):
    """This part cannot be had here."""


def javascript(folder):
    """The AWS SDK for JavaScript v3, from npm."""
    shutil.copy(HERE / "javascript" / "package.json", folder)
    options = ["--no-audit", "--no-fund", "--no-package-lock", "--ignore-scripts"]
    run(["npm", "install", "--loglevel=error", *options], folder)


def go(folder, which):
    """A program with one of the AWS SDKs for Go, from Debian's packages."""
    settings = {"GO111MODULE": "off", "GOPATH": GOPATH, "GOFLAGS": ""}
    words = ["go", "build", "-o", str(folder / "whoami"), "."]
    run(words, HERE / which, **settings, GOCACHE=str(folder / "cache"))
    shutil.rmtree(folder / "cache")


def wheels(folder):
    """The AWS SDKs for C++ and Rust, in an environment of their own."""
    run([sys.executable, "-m", "venv", str(folder)], HERE)
    wanted = ["--requirement", str(HERE / "wheels" / "requirements.txt")]
    pip = [str(folder / "bin" / "python"), "-m", "pip", "install", "--quiet"]
    run([*pip, "--only-binary", ":all:", "--no-compile", *wanted], HERE)


PARTS = {
    "javascript": javascript,
    "go1": lambda folder: go(folder, "go1"),
    "go2": lambda folder: go(folder, "go2"),
    "wheels": wheels,
}


def run(words, folder, **variables):
    """Run a command; raise LeftOutError."""
    program = shutil.which(words[0])
    if program is None:
        raise LeftOutError(f"there is no {words[0]}")
    environ = os.environ | variables
    done = subprocess.run([program, *words[1:]], cwd=folder, env=environ, check=False)
    if done.returncode:
        raise LeftOutError(f"{words[0]} ended with exit code {done.returncode}")


def fingerprint(folder):
    """Return what tells whether the files of a part have changed."""
    files = [one for one in sorted(folder.rglob("*")) if one.is_file()]
    digest = hashlib.sha256(Path(__file__).read_bytes())
    for file in files:
        digest.update(file.read_bytes())
    return digest.hexdigest()


def install(name, folder):
    """Install a part; return what was done, for whoever is watching."""
    done = folder / "installed"  # the fingerprint, once all of it is there
    wanted = fingerprint(HERE / name)
    if done.is_file() and done.read_text("utf-8") == wanted:
        return "is there already"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    try:
        PARTS[name](folder)
    except LeftOutError as error:
        return f"is left out: {error}"
    done.write_text(wanted, "utf-8")
    return "is there"


if __name__ == "__main__":
    for part in PARTS:
        told = install(part, Path(sys.argv[1]).resolve() / part)
        sys.stdout.write(f"clients: {part} {told}\n")
