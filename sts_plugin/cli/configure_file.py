"""The config file that ``configure`` edits: read as text, written with a backup."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from sts_plugin import aws_files
from sts_plugin.cli.common import tell
from sts_plugin.cli.diffs import holds_secret
from sts_plugin.errors import ConfigurationError
from sts_plugin.ini import decoded, encoded, sections_of
from sts_plugin.profiles import paths, profile_sections

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from sts_plugin.aws_files import AwsFile
    from sts_plugin.ini import Section

__all__ = ["ConfigFile"]


def _local_time() -> datetime:
    return datetime.now().astimezone()


@dataclass(frozen=True, slots=True)
class ConfigFile:
    """What it says, and the section of each profile. It need not exist."""

    path: str
    file: AwsFile
    text: str = field(repr=False)
    sections: Mapping[str, Section]

    @classmethod
    def read(cls, environ: Mapping[str, str]) -> ConfigFile:
        """Read it; raise ConfigurationError for one that must not be written."""
        path, _ = paths(environ)
        try:
            file = aws_files.read(Path(path))
        except (OSError, ValueError) as error:
            raise ConfigurationError(
                f"{path} cannot be read: {getattr(error, 'strerror', None) or error}",
                hint="check its owner and its mode",
            ) from None
        if file.unfit:
            raise ConfigurationError(
                f"{path} {file.unfit}",
                hint="make it writable, or name another file: AWS_CONFIG_FILE",
            )
        text = decoded(file.data, path)
        if encoded(text, path) != file.data:  # an encoding with more than one way
            raise ConfigurationError(
                f"{path} cannot be written as it was read", hint="save it as UTF-8"
            )
        return cls(path, file, text, profile_sections(sections_of(text, path)))

    def write(
        self, text: str, now: Callable[[], datetime] = _local_time
    ) -> Path | None:
        """Write a text in the place of this one; return where that is kept.

        Raises ConfigurationError, and leaves the file as it is.
        """
        data = encoded(text, self.path)
        backup = None
        try:
            if self.file.state and self._may_be_copied():
                backup = aws_files.back_up(self.file, now())
            if self.file.replace(data):
                if backup:
                    aws_files.keep_few(self.file.path)
                return backup
            why = "was changed meanwhile, and is left as it is"
        except OSError as error:
            why = f"cannot be replaced: {error.strerror or error}"
        if backup:
            backup.unlink(missing_ok=True)
        raise ConfigurationError(f"{self.path} {why}", hint="run it again")

    def _may_be_copied(self) -> bool:
        if not holds_secret(self.text):
            return True
        # Whoever removes the secret from the file would not look for it elsewhere.
        tell(f"{self.path} holds a secret: no backup is made, which would be a copy")
        return False
