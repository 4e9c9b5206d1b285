"""Build the sdist and the wheel, twice, and insist on the same bytes.

    python tests/packaging/build.py FOLDER

Each time from a fresh clone of the commit that is checked out. The second one has
another place, mask of file modes, time zone, locale and times of its files. What is
built goes to FOLDER with a list of its digests. Anybody who builds the commit this way,
with the same release of setuptools, gets these bytes.

The sdist that setuptools makes keeps the times, owners and modes of the files at hand;
it is packed anew without them.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import os
import subprocess
import sys
import tarfile
import tempfile
import time
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
ONE = {"TZ": "UTC", "LC_ALL": "C"}
OTHER = {"TZ": "Asia/Kathmandu", "LC_ALL": "C.UTF-8", "PYTHONHASHSEED": "7"}

# What the sdist must have, beside the package, for whoever packages it further.
WANTED = (
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "LICENSE",
    "PKG-INFO",
    "README.md",
    "SECURITY.md",
    "docs/conf.py",
    "docs/man/sts-plugin.1",
    "pyproject.toml",
    "setup.cfg",
    "sts_plugin/bin/sts-plugin",
    "tests/helpers/canaries.py",
    "tests/unit/test_plan.py",
    "tox.ini",
)


def output(*command):
    return subprocess.run(
        command, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True
    ).stdout.strip()


def build(folder, variables, *, mask, age):
    """Clone into a folder and build there; return the files that were made."""
    old = os.umask(mask)
    try:
        output("git", "clone", "--quiet", "--no-local", str(ROOT), str(folder))
    finally:
        os.umask(old)
    moment = time.time() - age
    for path in folder.rglob("*"):
        if ".git" not in path.relative_to(folder).parts:
            os.utime(path, (moment, moment))
            # Modes of a checkout are those of whoever made it, but for the one bit
            # that git keeps; the wheel keeps them all.
            executable = path.is_dir() or path.stat().st_mode & 0o100
            path.chmod(0o755 if executable else 0o644)
    epoch = output("git", "log", "-1", "--format=%ct")
    os.umask(0o022)
    subprocess.run(
        [sys.executable, "-m", "build", "--outdir", str(folder / "dist"), str(folder)],
        env={**os.environ, **variables, "SOURCE_DATE_EPOCH": epoch},
        stdout=subprocess.DEVNULL,
        check=True,
    )
    sdist, wheel = sorted((folder / "dist").iterdir(), key=lambda path: path.suffix)
    sdist.write_bytes(packed(sdist, int(epoch)))
    return sdist, wheel


def packed(sdist, epoch):
    """Return an sdist with its files in order, of one time and of nobody."""
    plain = io.BytesIO()
    with (
        tarfile.open(sdist) as old,
        tarfile.open(fileobj=plain, mode="w", format=tarfile.PAX_FORMAT) as new,
    ):
        for member in sorted(old.getmembers(), key=lambda one: one.name):
            one = tarfile.TarInfo(member.name)
            one.type, one.size, one.mtime = member.type, member.size, epoch
            executable = member.isdir() or member.mode & 0o100
            one.mode = 0o755 if executable else 0o644
            new.addfile(one, old.extractfile(member) if member.isfile() else None)
    return gzip.compress(plain.getvalue(), mtime=epoch)


def check_contents(sdist, wheel):
    """End with a message unless both hold what they should, and no more."""
    with tarfile.open(sdist) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    if missing := set(WANTED) - names:
        sys.exit(f"{sdist.name} is without {', '.join(sorted(missing))}")
    with zipfile.ZipFile(wheel) as archive:
        tops = {name.partition("/")[0] for name in archive.namelist()}
        compiled = [name for name in archive.namelist() if name.endswith(".pyc")]
        modes = {one.filename: one.external_attr >> 16 for one in archive.infolist()}
    name = "-".join(wheel.name.split("-")[:2])
    data = [one for one in modes if one.startswith(f"{name}.data/")]
    if tops != {"sts_plugin", f"{name}.dist-info", f"{name}.data"} or compiled:
        sys.exit(f"{wheel.name} holds {', '.join(sorted([*tops, *compiled]))}")
    launcher = f"{name}.data/scripts/sts-plugin"
    page = f"{name}.data/data/share/man/man1/sts-plugin.1"
    if sorted(data) != [page, launcher] or not modes[launcher] & 0o111:
        sys.exit(f"{wheel.name} holds {', '.join(data)}: not a launcher and a man page")


def main():
    target = Path(sys.argv[1])
    target.mkdir(parents=True, exist_ok=True)
    with (
        tempfile.TemporaryDirectory() as here,
        tempfile.TemporaryDirectory(prefix="another place ") as there,
    ):
        one = build(Path(here, "a"), ONE, mask=0o022, age=0)
        other = build(Path(there, "a longer name"), OTHER, mask=0o077, age=10**8)
        for first, second in zip(one, other, strict=True):
            if first.read_bytes() != second.read_bytes():
                sys.exit(f"{first.name}: two builds of it differ")
        check_contents(*one)
        lines = []
        for path in one:
            data = path.read_bytes()
            (target / path.name).write_bytes(data)
            lines.append(f"{hashlib.sha256(data).hexdigest()}  {path.name}\n")
    (target / "SHA256SUMS").write_text("".join(lines))
    sys.stdout.write("".join(lines))


if __name__ == "__main__":
    main()
