"""Where the data of this package is, for a user of the machine."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import TYPE_CHECKING

from sts_plugin.errors import CacheUnusable, ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

__all__ = ["NoHome", "border", "data_folder", "trouble"]


class NoHome(ConfigurationError):
    """There is no home folder: nothing can be kept, and nothing is."""


def data_folder(environ: Mapping[str, str]) -> Path:
    """Return the folder of seeds and records of keys, which need not exist.

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

    # No HOME, and a user id that the system does not know; no folder of the profile.
    with contextlib.suppress(RuntimeError, ValueError, KeyError, OSError):
        path = user_data_path("sts-plugin", appauthor=False)
        if path.is_absolute():
            return path
    raise NoHome(
        "there is no home folder for seeds and records of keys",
        hint="set STS_PLUGIN_DATA_DIR",
    )


@contextlib.contextmanager
def border(what: str) -> Iterator[None]:
    """Make an error of what is no more than bad luck for a cache.

    ``what`` is in the folder for data.
    """
    try:
        yield
    except CacheUnusable as error:
        raise trouble(what, error) from None


def trouble(what: str, error: CacheUnusable) -> ConfigurationError:
    """Return what to raise where the folder for data is no use."""
    return ConfigurationError(
        f"the folder of {what} cannot be used: {error.message}",
        hint=error.hint.replace("STS_PLUGIN_CACHE_DIR", "STS_PLUGIN_DATA_DIR"),
    )
