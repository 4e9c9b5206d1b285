"""The organisation as a person would have it on disk.

Owns: ``config``, ``credentials``, ``web-identity-token`` and ``alice.totp`` in the
sandbox's folder. Never: overwrites a file that no sandbox wrote.
"""

import os
import stat
from collections.abc import Iterator
from pathlib import Path

from sts_plugin.sandbox.organisation import Organisation, Profile

__all__ = ["write_files"]

_MARK = "# Written by the sandbox of sts-plugin, which overwrites it."


def write_files(
    folder: Path,
    organisation: Organisation,
    *,
    command: str,
    web_identity_token: str,
    totp_file: bool,
) -> None:
    """Write all files, 0600, into a folder that is made 0700 if missing.

    Raises ``FileExistsError`` when the folder has a config or credentials file
    of somebody's own: ``Sandbox(Path.home() / ".aws")`` must not cost them.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    for name in ("config", "credentials"):
        path = folder / name
        if path.exists() and not path.read_text("utf-8").startswith(_MARK):
            raise FileExistsError(f"not written by a sandbox, left alone: {path}")
    config = "\n\n".join(_config(folder, organisation, command, totp_file=totp_file))
    _write(folder / "config", f"{_MARK}\n{config}\n")
    _write(folder / "credentials", f"{_MARK}\n{_credentials(organisation)}")
    _write(folder / "web-identity-token", web_identity_token)
    for user in organisation.users:
        if user.totp_seed is not None:
            _write(folder / f"{user.name}.totp", f"{user.totp_seed}\n")


def _config(
    folder: Path, organisation: Organisation, command: str, *, totp_file: bool
) -> Iterator[str]:
    yield "[default]\nregion = us-east-1"
    seeds = {
        user.mfa_serial: folder / f"{user.name}.totp"
        for user in organisation.users
        if user.mfa_serial is not None
    }
    for profile in organisation.profiles:
        lines = [f"[profile {profile.name}]", "region = us-east-1"]
        lines += _profile(folder, profile, command)
        if totp_file and profile.mfa_serial in seeds:
            lines.append(f"sts_plugin_totp_file = {seeds[profile.mfa_serial]}")
        yield "\n".join(lines)


def _profile(folder: Path, profile: Profile, command: str) -> Iterator[str]:
    if profile.web_identity:
        yield f"role_arn = {profile.role_arn}"
        yield f"web_identity_token_file = {folder / 'web-identity-token'}"
        return
    if profile.role_arn is None:
        if profile.mfa_serial is not None:
            yield f"mfa_serial = {profile.mfa_serial}"
        return
    # SDKs take the credential_process line; only we read sts_plugin_ keys.
    yield (
        f"credential_process = {command} credential-process --profile {profile.name}"
    )
    for key, value in (
        ("role_arn", profile.role_arn),
        ("source_profile", profile.source_profile),
        ("mfa_serial", profile.mfa_serial),
        ("external_id", profile.external_id),
        ("duration_seconds", profile.duration_seconds),
    ):
        if value is not None:
            yield f"sts_plugin_{key} = {value}"


def _credentials(organisation: Organisation) -> str:
    return "".join(
        f"\n[{user.name}]\n"
        f"aws_access_key_id = {user.access_key_id}\n"
        f"aws_secret_access_key = {user.secret_access_key}\n"
        for user in organisation.users
    )


def _write(path: Path, text: str) -> None:
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | getattr(os, "O_NOFOLLOW", 0)
    descriptor = os.open(path, flags, stat.S_IRUSR | stat.S_IWUSR)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        # The mode above is for a new file; one that was there keeps its own.
        path.chmod(0o600)
        file.write(text)
