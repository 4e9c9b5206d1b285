"""Install the wheel, and the sdist, each into an environment of its own, and use it.

    python tests/packaging/install.py FOLDER

FOLDER holds a wheel and an sdist. Each must say its version, give the tour of the
sandbox, have its man page, and pass ``pip check``.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import venv
from pathlib import Path


def run(*command, cwd):
    """Run a command outside of the checkout; return its stdout."""
    clean = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("AWS_", "PYTHON", "STS_PLUGIN_", "VIRTUAL_ENV"))
    }
    done = subprocess.run(
        command,
        cwd=cwd,
        env=clean | {"HOME": str(cwd)},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
        timeout=600,
        check=False,
    )
    if done.returncode:
        sys.exit(f"{' '.join(map(str, command))}: exit code {done.returncode}")
    return done.stdout


def check(distribution, folder):
    """Install a distribution into a new environment in a folder, and use it."""
    version = distribution.name.split("-")[1].removesuffix(".tar.gz")
    place = folder / "environment"
    venv.create(place, with_pip=True)
    binaries = place / ("Scripts" if os.name == "nt" else "bin")
    python = binaries / "python"
    run(python, "-m", "pip", "install", "--quiet", distribution, cwd=folder)
    run(python, "-m", "pip", "check", cwd=folder)
    said = run(binaries / "sts-plugin", "--version", cwd=folder).strip()
    if said != version:
        sys.exit(f"{distribution.name} says that it is {said}")
    tour = run(binaries / "sts-plugin", "sandbox", "--yes", cwd=folder)
    if "--- Done: 1 MFA code for 3 profiles" not in tour:
        sys.exit(f"{distribution.name}: the tour did not reach its end:\n{tour}")
    page = place / "share" / "man" / "man1" / "sts-plugin.1"
    if not page.is_file():
        sys.exit(f"{distribution.name}: there is no {page}")
    sys.stdout.write(f"{distribution.name} works\n")


def main():
    folder = Path(sys.argv[1]).resolve()
    found = [*folder.glob("*.whl"), *folder.glob("*.tar.gz")]
    if len(found) < 2:
        sys.exit(f"{folder} has no wheel and sdist")
    for distribution in found:
        with tempfile.TemporaryDirectory() as place:
            check(distribution, Path(place))


if __name__ == "__main__":
    main()
