"""Ask pip-audit about all that is installed here but sts-plugin itself.

    python tests/packaging/audit.py FOLDER

What cannot be audited is a failure: without its service, pip-audit knows nothing of
anything, and says so as if all were well. Ours is left out: it is on no index yet.
"""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import distributions
from pathlib import Path


def main():
    found = {one.name.lower(): one.version for one in distributions()}
    assert "botocore" in found
    found.pop("sts-plugin", None)
    found.pop("sts_plugin", None)
    listed = Path(sys.argv[1], "installed.txt")
    listed.parent.mkdir(parents=True, exist_ok=True)
    lines = [f"{name}=={version}\n" for name, version in sorted(found.items())]
    listed.write_text("".join(lines))
    options = ["--strict", "--no-deps", "--disable-pip", "--progress-spinner", "off"]
    command = [sys.executable, "-m", "pip_audit", *options, "--requirement", listed]
    sys.exit(subprocess.run(command, check=False).returncode)


if __name__ == "__main__":
    main()
