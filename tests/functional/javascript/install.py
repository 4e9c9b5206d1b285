"""Install what test_javascript.py needs, into the folder that is given.

    python install.py FOLDER

Does nothing where it is there already. Without npm, or where npm cannot, it says so and
ends well: the test is skipped then.
"""

import shutil
import subprocess
import sys
from pathlib import Path

WANTED = Path(__file__).with_name("package.json")


def main(folder: Path) -> str:
    """Return what was done, for whoever is watching."""
    there = folder / "package.json"
    done = folder / "installed"  # a copy of package.json, once all of it is there
    if done.is_file() and done.read_bytes() == WANTED.read_bytes():
        return f"is in {folder} already"
    npm = shutil.which("npm")
    if npm is None:
        return "is left out: there is no npm"
    done.unlink(missing_ok=True)
    shutil.rmtree(folder / "node_modules", ignore_errors=True)
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(WANTED, there)
    options = ["--no-audit", "--no-fund", "--no-package-lock", "--ignore-scripts"]
    words = [npm, "install", "--loglevel=error", *options]
    code = subprocess.run(words, cwd=folder, check=False).returncode
    if code:
        return f"is left out: npm ended with exit code {code}"
    shutil.copyfile(there, done)
    return f"is in {folder}"


if __name__ == "__main__":
    sys.stdout.write(f"the JavaScript SDK {main(Path(sys.argv[1]))}\n")
