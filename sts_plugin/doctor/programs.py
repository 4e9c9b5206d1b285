"""Libraries and programs beside us: too old, of another place, or set up wrongly.

    versions, paths, the [plugins] section -> findings

What is too old for us is what our own package says of its requirements.
"""

from __future__ import annotations

import os
import re
import subprocess
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Final

from sts_plugin.doctor.finding import Finding

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from sts_plugin.ini import Section
    from sts_plugin.model import Setting

__all__ = [
    "AwsCli",
    "aws_cli",
    "aws_cli_findings",
    "library_findings",
    "own_findings",
    "version_of",
]

REQUIREMENT: Final = re.compile(r"([\w-]+)(?:\[\w+\])?>=([\d.]+)")
SAID: Final = re.compile(r"aws-cli/([\d.]+)")
BOTOCORE: Final = re.compile(r"botocore/([\d.]+)")

SECONDS: Final = 10.0
"""The AWS CLI takes a second to say its version, several on a cold disk."""

OLDEST: Final = {1: (1, 43), 2: (2, 9, 19)}
"""The oldest AWS CLI of each kind that is not older than our botocore, or is tested:
see docs/aws-cli.md."""

TELLING: Final = ("botocore", "boto3", "aiobotocore", "awscli")
LEGACY_PATH: Final = "cli_legacy_plugin_path"


def version_of(name: str) -> str | None:
    """Return the version of a library that is installed beside us, or None."""
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def library_findings(
    python: str, requirements: Iterable[str], version: Callable[[str], str | None]
) -> Iterator[Finding]:
    """Yield what we run on, and libraries that are too old for us.

    ``python`` is the name and version of it; ``requirements`` are our package's.
    """
    lowest: dict[str, str] = {}
    for text in requirements:
        if match := REQUIREMENT.match(text):
            lowest[match[1]] = match[2]
    for name, least in lowest.items():
        found = version(name)
        if found and _numbers(found) < _numbers(least):
            yield Finding(
                "library-old",
                "error",
                f"{name} {found} is too old: sts-plugin needs {least} or newer",
                fix=f"pip install --upgrade '{name}>={least}', where sts-plugin is",
            )
    named = [f"{name} {found}" for name in TELLING if (found := version(name))]
    yield Finding("libraries", "ok", ", ".join([python, *named]))


def _numbers(version: str) -> tuple[int, ...]:
    """Return a version as numbers; what stands behind them does not count."""
    match = re.match(r"\d+(?:\.\d+)*", version)
    numbers = list(map(int, match[0].split("."))) if match else []
    while numbers[1:] and not numbers[-1]:  # 1.41 is 1.41.0
        numbers.pop()
    return tuple(numbers)


@dataclass(frozen=True, slots=True)
class AwsCli:
    """The ``aws`` on the PATH: where, its version, and its botocore's if it says so.

    ``version`` is "" for one that does not say.
    """

    path: str
    version: str = ""
    botocore: str = ""


def aws_cli(path: str, environ: Mapping[str, str]) -> AwsCli:
    """Ask an AWS CLI for its version, without anybody's configuration."""
    # A plugin in it that is not found would end this, too.
    files = ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE")
    nothing = dict.fromkeys(files, os.devnull)
    hidden = ("AWS_PROFILE", "AWS_DEFAULT_PROFILE", "AWS_SECRET_ACCESS_KEY")
    clean = {key: one for key, one in environ.items() if key not in hidden}
    try:
        said = subprocess.run(  # noqa: S603 - the aws of the PATH, as a user runs it
            [path, "--version"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env={**clean, **nothing},
            timeout=SECONDS,
            check=False,
            encoding="utf-8",
            errors="replace",
        ).stdout
    except (OSError, subprocess.TimeoutExpired):
        said = ""
    version, botocore = SAID.search(said), BOTOCORE.search(said)
    return AwsCli(path, version[1] if version else "", botocore[1] if botocore else "")


def aws_cli_findings(
    cli: AwsCli | None, config: Iterable[Section]
) -> Iterator[Finding]:
    """Yield what is to be said of the AWS CLI, and of plugins in its config."""
    if cli is None:
        return
    numbers = _numbers(cli.version)
    if not numbers:
        yield Finding(
            "aws-cli-old",
            "warning",
            "the aws on the PATH does not say its version",
            cli.path,
            fix="run aws --version to see why",
        )
        return
    yield Finding("aws-cli", "ok", f"AWS CLI {cli.version}", cli.path)
    if numbers < OLDEST.get(numbers[0], ()):
        least = ".".join(map(str, OLDEST[numbers[0]]))
        yield Finding(
            "aws-cli-old",
            "note",
            f"AWS CLI {cli.version} is older than what sts-plugin is tested with",
            cli.path,
            fix=f"update it to {least} or newer",
        )
    plugins = next((one for one in config if one.header == "plugins"), None)
    if plugins:
        yield from _plugins(numbers[0], plugins.settings(""))


def _plugins(kind: int, plugins: Mapping[str, Setting]) -> Iterator[Finding]:
    """Yield how [plugins] is wrong for an AWS CLI of version 1 or 2."""
    folder = plugins.get(LEGACY_PATH)
    named = [one for one in plugins.values() if one.value.startswith("sts_plugin")]

    def tell(setting: Setting, what: str, fix: str) -> Finding:
        place = str(setting.origin)
        return Finding("aws-cli-plugins", "error", what, place, fix=fix)

    if kind == 1 and folder:
        yield tell(
            folder,
            f"AWS CLI v1 takes {LEGACY_PATH} for a plugin, and ends with a traceback at"
            " every command",
            "give v1 and v2 two config files (AWS_CONFIG_FILE), or use"
            " credential_process, which needs no plugin",
        )
    if kind == 1 or not named:
        return
    if folder is None:
        yield tell(
            named[0],
            f"AWS CLI v2 looks for plugins in {LEGACY_PATH} only, which is not there",
            "pip install --target ~/.aws/plugins sts-plugin, and add"
            f" {LEGACY_PATH} = /home/.../.aws/plugins",
        )
    elif not (Path(folder.value) / "sts_plugin").is_dir():
        yield tell(
            folder,
            "there is no sts_plugin in the folder of plugins: every command of the AWS"
            " CLI v2 ends with an error",
            "pip install --target that folder sts-plugin; write the path from the root",
        )


def own_findings(on_path: str | None, folders: Sequence[str]) -> Iterator[Finding]:
    """Yield a finding if ``sts-plugin`` on the PATH is not the one that runs.

    ``folders`` are where this one's may be.
    """
    if on_path is None:
        return
    there = Path(on_path).resolve().parent
    if there not in {Path(folder).resolve() for folder in folders}:
        yield Finding(
            "sts-plugin-other",
            "warning",
            f"the sts-plugin on the PATH is another one than this ({folders[0]}): they"
            " may be of two versions",
            on_path,
            fix="remove one of the two, or write absolute paths in credential_process",
        )
