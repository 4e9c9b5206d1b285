"""A host that is a bundle of PyInstaller, as the AWS CLI v2 of AWS's installers is.

Such a program finds the libraries that it brings along by a variable, which programs
that it starts inherit: a command for a code, a dialog. They would run on libraries that
are not theirs.
"""

from __future__ import annotations

import sys
from typing import Final

__all__ = ["without_bundle"]

LIBRARIES: Final = "LD_LIBRARY_PATH"


def without_bundle(environ: dict[str, str]) -> dict[str, str]:
    """Return the environment as it was before the bundle was started.

    That is what PyInstaller asks of whoever starts programs ("Run-time Information").
    """
    if not getattr(sys, "frozen", False):
        return environ
    kept = {**environ, "PYINSTALLER_RESET_ENVIRONMENT": "1"}
    before = kept.pop(f"{LIBRARIES}_ORIG", None)
    kept.pop(LIBRARIES, None)
    return kept if before is None else {**kept, LIBRARIES: before}
