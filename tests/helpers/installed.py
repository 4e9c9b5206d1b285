"""An installation as pip makes it, of the package that the tests run: a folder of it.

A virtual environment whose packages are those of this one. What an editable
installation lacks, it has: the launcher finds ``warm.py`` beside Python.
"""

from __future__ import annotations

import shutil
import site
import sys
import sysconfig
from pathlib import Path

import sts_plugin

PACKAGE = Path(sts_plugin.__file__).parent
ENTRY_POINT = "import sys\nfrom sts_plugin.__main__ import main\nsys.exit(main())\n"


class Installation:
    """A virtual environment in a folder; ``program`` is what people run."""

    def __init__(self, folder):
        self.folder = Path(folder)
        self.bin = self.folder / "bin"
        version = "python{}.{}".format(*sys.version_info)
        self.packages = self.folder / "lib" / version / "site-packages"
        self.packages.mkdir(parents=True)
        self.bin.mkdir()
        (self.folder / "pyvenv.cfg").write_text(
            f"home = {Path(sys._base_executable).parent}\n"
        )
        self.python = self.bin / "python"
        self.python.symlink_to(sys._base_executable)
        # Not the package itself, which may be in use with other files beside it.
        shutil.copytree(PACKAGE, self.packages / "sts_plugin", symlinks=True)
        paths = {sysconfig.get_path("purelib"), *site.getsitepackages()}
        (self.packages / "others.pth").write_text("\n".join(sorted(paths)))
        shutil.copy(Path(sys.executable).parent / "sts-plugin", self.program)
        self.write_script(f"#!{self.python}\n")

    program = property(lambda self: self.bin / "sts-plugin")
    script = property(lambda self: self.bin / "sts-plugin.py")
    warm = property(lambda self: self.packages / "sts_plugin" / "warm.py")

    def write_script(self, beginning, body=ENTRY_POINT):
        """Write what an installer makes of the entry point."""
        self.script.write_text(beginning + body)
        self.script.chmod(0o755)

    def break_the_long_way(self, beginning=None):
        """From now on only a warm hit succeeds."""
        self.write_script(beginning or f"#!{self.python}\n", "raise SystemExit(77)\n")
