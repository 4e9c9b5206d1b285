"""Files that others can read, and folders that cannot be used.

    paths, who we are -> findings

Looks at modes and owners, and opens nothing but our own entries and records. Windows
has no modes: there a user's own folder is private.
"""

from __future__ import annotations

import errno
import os
import shlex
import stat
from pathlib import Path
from typing import TYPE_CHECKING, Final

from sts_plugin.doctor.finding import Finding, Mend
from sts_plugin.errors import CacheUnusable, ConfigurationError
from sts_plugin.folders import NoHome
from sts_plugin.source_kinds import KEY_ID, SECRET, static_keys

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from sts_plugin.access_keys import AccessKeys
    from sts_plugin.profiles import Profiles
    from sts_plugin.seeds import Seeds
    from sts_plugin.store import DiskStore

__all__ = [
    "aws_file_findings",
    "cache_findings",
    "data_findings",
    "key_findings",
    "seed_file_findings",
]

OTHERS: Final = 0o007
OTHERS_WRITE: Final = 0o022
LONG_TERM: Final = "AKIA"
"""Key ids of users begin so (IAM User Guide, "Unique identifiers")."""


def aws_file_findings(
    config: str, credentials: str, *, secrets: bool, user: int
) -> Iterator[Finding]:
    """Yield what is wrong with the two files and their folders.

    ``secrets``: the config file holds secrets as well. ``user`` is our user id.
    """
    named = filter(None, (config, credentials))
    for folder in dict.fromkeys(str(Path(path).parent) for path in named):
        yield from _owned(folder, user)
        yield from _open_to_others(folder, user, least=OTHERS_WRITE, mode=0o700)
    for path, private in ((config, secrets), (credentials, True)):
        if _no_file(path):
            yield Finding(
                "config-unreadable",
                "warning",
                "is a folder, a pipe or a loop of links: it counts as empty",
                path,
                fix="put a file there, or name another one",
            )
            continue  # nobody could enter a folder with a file's mode
        yield from _owned(path, user)
        least = 0o077 if private else OTHERS_WRITE
        yield from _open_to_others(path, user, least=least, mode=0o600)


def _owned(path: str, user: int) -> Iterator[Finding]:
    found = _state(path)
    # What root owns is nobody's to change behind our back.
    if found and found.st_uid not in {user, 0}:
        yield Finding(
            "file-owner",
            "warning",
            "belongs to another user, who can change what it says",
            path,
            fix=f"chown $(id -un) {shlex.quote(path)}",
        )


def _open_to_others(
    path: str, user: int, *, least: int, mode: int
) -> Iterator[Finding]:
    """Yield a finding if a mode lets more people in than it should.

    ``least`` are the bits that should not be there, ``mode`` is what is right.
    """
    found = _state(path)
    if found is None:
        return
    if stat.S_ISDIR(found.st_mode) and found.st_mode & stat.S_ISVTX:
        return  # as in /tmp: nobody can take away what is another's
    loose = found.st_mode & least
    if _alone(found):
        loose &= ~stat.S_IRWXG
    if not loose:
        return
    everybody = bool(loose & OTHERS)
    who = "everybody on this machine" if everybody else "its group"
    what = "change" if loose & OTHERS_WRITE else "read"
    mend = None
    if found.st_uid == user and not Path(path).is_symlink():
        # No more than it takes: what others may read stays so where that does no harm.
        right = mode
        if least == OTHERS_WRITE:
            right = stat.S_IMODE(found.st_mode) & ~OTHERS_WRITE
        mend = Mend("chmod", path, right)
    yield Finding(
        "file-mode",
        "error" if everybody else "warning",
        f"{who} can {what} it",
        path,
        fix=str(mend) if mend else f"chmod {mode:o} {shlex.quote(path)}",
        mend=mend,
    )


def _alone(found: os.stat_result) -> bool:
    """Whether the group of a file is its owner's own: some systems make such."""
    import grp  # noqa: PLC0415 - there is none on Windows
    import pwd  # noqa: PLC0415

    try:
        owner, group = pwd.getpwuid(found.st_uid), grp.getgrgid(found.st_gid)
    except KeyError:
        return False
    own = (owner.pw_gid, owner.pw_name) == (group.gr_gid, group.gr_name)
    return own and set(group.gr_mem) <= {owner.pw_name}


def _state(path: str) -> os.stat_result | None:
    """Return what is known of a path, None where it is not there or no business."""
    if os.name != "posix":
        return None
    try:
        found = Path(path).stat()
    except (OSError, ValueError):
        return None
    plain = stat.S_ISREG(found.st_mode) or stat.S_ISDIR(found.st_mode)
    return found if plain else None  # /dev/null is everybody's


def _no_file(path: str) -> bool:
    """Whether there is something that no SDK reads; /dev/null is empty on purpose."""
    try:
        mode = Path(path).stat().st_mode
    except ValueError:
        return False
    except OSError as error:
        return error.errno == errno.ELOOP
    return bool(path) and not (stat.S_ISREG(mode) or stat.S_ISCHR(mode))


def key_findings(profiles: Profiles) -> Iterator[Finding]:
    """Yield long-term keys that lie in a file."""
    for name in profiles.profiles:
        in_file, token = static_keys(profiles.profiles[name])
        key_id = in_file.get(KEY_ID)
        if key_id and SECRET in in_file and not token:
            if not key_id.value.startswith(LONG_TERM):
                continue
            yield Finding(
                "key-in-file",
                "note",
                "a long-term access key lies in a file, for all programs of yours",
                str(key_id.origin),
                name,
                "sts-plugin keys add --import moves it to the keychain of the system",
            )


def cache_findings(store: Callable[[], DiskStore], *, user: int) -> Iterator[Finding]:
    """Yield why the cache cannot be used, and what in it is of no use."""
    try:
        cache = store()
        folder = cache.path
        useless = list(cache.useless())
    except (CacheUnusable, ConfigurationError) as error:
        yield _unusable(error, "cache-unusable", user)
        return
    nearest = next((one for one in (folder, *folder.parents) if one.exists()), folder)
    if not (nearest.is_dir() and os.access(nearest, os.W_OK | os.X_OK)):
        yield Finding(
            "cache-unusable",
            "error",
            "cannot be written: every program asks for an MFA code again",
            str(nearest),
            fix="set STS_PLUGIN_CACHE_DIR to a folder of your own",
        )
    for name, damaged in useless:
        path = folder / name
        what = "an entry of the cache that cannot be read: it counts as absent"
        mend = Mend("remove", str(path))
        yield Finding(
            "cache-entry" if damaged else "cache-left-over",
            "warning" if damaged else "note",
            what if damaged else "a temporary file of the cache that a crash left",
            str(path),
            fix=str(mend),
            mend=mend,
        )


def data_findings(
    seeds: Callable[[], Seeds], keys: Callable[[], AccessKeys], *, user: int
) -> Iterator[Finding]:
    """Yield what is wrong with the seeds and records that are kept."""
    try:
        _, damaged = seeds().enrolled()
        _, others = keys().records()
    except NoHome:
        return  # nothing can be kept, and nothing is
    except ConfigurationError as error:
        yield _unusable(error, "data-unusable", user)
        return
    for path in (*damaged, *others):
        found = _state(str(path))
        open_to_others = found and found.st_mode & 0o077
        mend = None
        if found and open_to_others and found.st_uid == user and not path.is_symlink():
            mend = Mend("chmod", str(path), 0o600)
        again = "sts-plugin mfa add --replace, or sts-plugin keys add --replace"
        yield Finding(
            "seed-unusable",
            "error",
            "others can read it, so it is not used"
            if open_to_others
            else "it is damaged, and not used",
            str(path),
            fix=str(mend) if mend else again,
            mend=mend,
        )


def _unusable(
    error: CacheUnusable | ConfigurationError, check: str, user: int
) -> Finding:
    """Return an error about a folder of ours; a mode can be put right."""
    mend = None
    path = error.hint.removeprefix("chmod 700 ")
    if path != error.hint and (found := _state(path)) and found.st_uid == user:
        mend = Mend("chmod", path, 0o700)
    return Finding(check, "error", error.message, "", "", error.hint, mend)


def seed_file_findings(
    named: Iterable[tuple[str, str, str]], *, user: int
) -> Iterator[Finding]:
    """Yield what is wrong with files of seeds; each is (profile, place, path)."""
    for profile, place, path in named:
        file = Path(path)
        try:
            found = file.lstat()
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or "no such path"
            yield Finding(
                "seed-unusable",
                "error",
                f"the seed file {path} cannot be read: {reason}",
                place,
                profile,
                "put the base32 seed of the device there, or remove the key",
            )
            continue
        if os.name != "posix" or (
            stat.S_ISREG(found.st_mode)
            and not found.st_mode & 0o077
            and found.st_uid == user
        ):
            continue
        mendable = stat.S_ISREG(found.st_mode) and found.st_uid == user
        mend = Mend("chmod", path, 0o600) if mendable else None
        yield Finding(
            "seed-unusable",
            "error",
            f"the seed file {path} is not one that only you can read",
            place,
            profile,
            str(mend) if mend else "name a file of your own, with mode 600",
            mend,
        )
