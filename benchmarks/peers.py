"""Other tools that hand out AWS credentials, as they install from PyPI.

    python benchmarks/peers.py FOLDER

installs each into a virtual environment of its own in the folder, for their
dependencies need not agree with ours, and says what could not be had; what is there
already stays. A peer is made to answer from its own cache, without a call where it can,
in an empty home folder, against the sandbox.

Programs that are not Python's (aws-vault, aws-runas, Granted, saml2aws) are not among
them: PyPI does not have them.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import subprocess
import sys
import time
import venv
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING

from cases import Case, LeftOut
from stage import BIN, NATIVE
from timing import CannotRun, Process

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from stage import Stage

__all__ = ["INSTALLED", "PEERS", "peer_cases", "versions"]


@dataclass(frozen=True, slots=True)
class Peer:
    """A tool: its name on PyPI, what is timed of it, and how it is set up.

    ``ready`` yields the command, given the folder of the peer's programs. ``with_`` are
    requirements without which it does not work.
    """

    package: str
    does: str
    ready: Callable[[Stage, Path], contextlib.AbstractContextManager[Process]]
    with_: Sequence[str] = ()

    @property
    def name(self) -> str:
        """The name of the case."""
        return f"{self.package}: {self.does}"


@contextlib.contextmanager
def _aws_cli(stage: Stage, programs: Path) -> Iterator[Process]:
    # It finds the role in its own cache, which it keeps in the home folder, and shows
    # the last four characters of each key: no call.
    words = (str(programs / "aws"), "configure", "list", "--profile", "native")
    yield Process(words, stage.environ, says="assume-role")


@contextlib.contextmanager
def _aws_cli_call(stage: Stage, programs: Path) -> Iterator[Process]:
    identity = ("sts", "get-caller-identity", "--profile", "native")
    yield Process((str(programs / "aws"), *identity), stage.environ, says="role/Batch")


@contextlib.contextmanager
def _awsume(stage: Stage, programs: Path) -> Iterator[Process]:
    # Roles are never cached, MFA sessions are: the session is what needs no call.
    program = str(programs / "awsumepy")
    # It does not know AWS_CONFIG_FILE and its like.
    files = ("--config-file", str(stage.config), "--credentials-file")
    words = (program, *files, str(stage.sandbox.folder / "credentials"), "alice")
    code = ("--mfa-token", stage.sandbox.code())
    Process((*words, *code), stage.environ, says="ASIA").output()
    yield Process(words, stage.environ, says="ASIA")


@contextlib.contextmanager
def _aws_export_credentials(stage: Stage, programs: Path) -> Iterator[Process]:
    cache = ("--cache-file", str(stage.home / "export" / "native.json"))
    program = str(programs / "aws-export-credentials")
    words = (program, "--profile", "native", "--json", *cache)
    yield Process(words, stage.environ, says="ASIA")


@contextlib.contextmanager
def _aws_sso_util(stage: Stage, programs: Path) -> Iterator[Process]:
    # It knows roles of IAM Identity Center only. Its entry is written here as it writes
    # it itself, in the place of a portal to sign in at.
    role = {
        "accountId": "222222222222",
        "roleName": "Batch",
        "startUrl": "https://sandbox.awsapps.com/start",
    }
    key = json.dumps(role, sort_keys=True, separators=(",", ":"))
    ends = datetime.now(UTC) + timedelta(hours=8)
    entry = {
        "ProviderType": "sso",
        "Credentials": {
            "AccessKeyId": "ASIAEXAMPLEEXAMPLE00",
            "SecretAccessKey": "not-a-secret",
            "SessionToken": "not-a-token",
            "Expiration": f"{ends:%Y-%m-%dT%H:%M:%SZ}",
        },
    }
    name = hashlib.sha1(key.encode(), usedforsecurity=False).hexdigest()
    file = stage.home / ".aws" / "cli" / "cache" / f"{name}.json"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(entry), encoding="utf-8")
    stage.add_config(
        "\n[profile sso]\n"
        f"sso_start_url = {role['startUrl']}\n"
        "sso_region = us-east-1\n"
        f"sso_account_id = {role['accountId']}\n"
        f"sso_role_name = {role['roleName']}\n"
    )
    words = (str(programs / "aws-sso-util"), "credential-process", "--profile", "sso")
    yield Process(words, stage.environ, says="ASIA")


@contextlib.contextmanager
def _elhaz(stage: Stage, programs: Path) -> Iterator[Process]:
    # A daemon of its own keeps the role; what is timed is the question to it.
    program = str(programs / "elhaz")
    configs = stage.home / ".elhaz" / "configs"
    configs.mkdir(parents=True)
    (configs / "batch.yaml").write_text(
        "AssumeRole:\n"
        "  RoleArn: arn:aws:iam::222222222222:role/Batch\n"
        "  RoleSessionName: bench\n"
        "Session:\n"
        "  profile_name: alice\n"
        "  region_name: us-east-1\n",
        encoding="utf-8",
    )
    # Started as "daemon start" does it, but as a child, which is sure to end with us.
    with subprocess.Popen(
        [program, "daemon", "_serve"],
        env=stage.environ,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as daemon:
        try:
            _await(stage.home / ".elhaz" / "sock" / "daemon.sock")
            export = ("export", "--format", "credential-process", "--name", "batch")
            yield Process((program, *export), stage.environ, says="ASIA")
        finally:
            daemon.terminate()


def _await(path: Path, seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while not path.exists():
        if time.monotonic() > deadline:
            raise CannotRun(f"no {path.name} after {seconds} s")
        time.sleep(0.05)


CLI = "awscli"
INSTALLED = (
    Peer(CLI, "its own cached role, no call", _aws_cli),
    Peer(CLI, "its own cached role and a call", _aws_cli_call),
)
"""What is installed beside us: the tests need it."""

OLD_BOTO = ("boto3<1.35",)
"""Its last release, 0.18.0, takes credentials to have no account id."""

PEERS = (
    Peer("awsume", "its cached MFA session", _awsume),
    Peer(
        "aws-export-credentials", "its cached role", _aws_export_credentials, OLD_BOTO
    ),
    Peer("aws-sso-util", "its cached SSO role", _aws_sso_util),
    Peer("elhaz", "a role from its daemon", _elhaz),
)
"""What ``main`` installs."""


@contextlib.contextmanager
def peer_cases(
    stage: Stage, folder: Path | None, against: str
) -> Iterator[list[Case | LeftOut]]:
    """Set all peers up; yield those that work, and why others do not."""
    stage.add_config(NATIVE)
    with contextlib.ExitStack() as stack:
        found: list[Case | LeftOut] = []
        for peer in INSTALLED + PEERS:
            programs = BIN
            if peer in PEERS:
                if folder is None:
                    found.append(LeftOut(peer.name, "--peers names no folder"))
                    continue
                programs = folder / peer.package / "bin"
            try:
                process = stack.enter_context(peer.ready(stage, programs))
                process.output()  # fills its cache, and says whether it works
            except (CannotRun, OSError) as error:  # it does not work; it is not there
                found.append(LeftOut(peer.name, str(error)))
            else:
                found.append(Case(peer.name, process.milliseconds, against))
        yield found


def install(folder: Path, peer: Peer) -> str:
    """Install a peer; return what became of it, for whoever is watching."""
    place, wanted = folder / peer.package, [peer.package, *peer.with_]
    done = place / "installed"  # what was wanted, once all of it is there
    if done.exists() and done.read_text(encoding="utf-8").split("\n") == wanted:
        return f"is in {place} already"
    venv.create(place, clear=True, with_pip=True)
    options = ["--quiet", "--disable-pip-version-check"]
    words = [str(place / "bin" / "python"), "-m", "pip", "install", *options, *wanted]
    ended = subprocess.run(words, check=False).returncode
    if ended:
        return f"is left out: pip ended with exit code {ended}"
    done.write_text("\n".join(wanted), encoding="utf-8")
    return f"is in {place}"


def versions(folder: Path | None) -> dict[str, str]:
    """Return the versions of the peers that are installed, ours beside them."""
    places = dict.fromkeys(("sts-plugin", "botocore", "boto3", CLI), sys.path)
    for peer in PEERS if folder else ():
        paths = Path(folder or "").glob(f"{peer.package}/lib/*/site-packages")
        places[peer.package] = [str(path) for path in paths]
    return {
        name: one.version
        for name, paths in places.items()
        for one in metadata.distributions(name=name, path=paths)
    }


def main(folder: Path) -> None:
    """Install all of them that can be had."""
    for peer in PEERS:
        print(f"{peer.package} {install(folder, peer)}", flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
