"""Where the data of this package is, for a user of the machine."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import TYPE_CHECKING

from sts_plugin.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["NoHome", "data_folder"]


class NoHome(ConfigurationError):
    """There is no home folder: no seed can be kept, and none is."""


def data_folder(environ: Mapping[str, str]) -> Path:
    """Return the folder of the seeds, which need not exist.

    ``STS_PLUGIN_DATA_DIR``, an absolute path, else the platform's own for data. Raises
    ConfigurationError; NoHome where there is no home folder.
    """
    folder = os.path.expanduser(environ.get("STS_PLUGIN_DATA_DIR", ""))  # noqa: PTH111
    if folder and not os.path.isabs(folder):  # noqa: PTH117
        raise ConfigurationError(
            f"STS_PLUGIN_DATA_DIR={folder} is not an absolute path",
            hint="write the path from the root: programs run in many folders",
        )
    if folder:
        return Path(folder)
    from platformdirs import user_data_path  # noqa: PLC0415 - only where it is asked

    with contextlib.suppress(RuntimeError):
        path = user_data_path("sts-plugin", appauthor=False)
        if path.is_absolute():
            return path
    raise NoHome(
        "there is no home folder for the seeds of MFA devices",
        hint="set STS_PLUGIN_DATA_DIR",
    )
