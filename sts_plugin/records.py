"""What a run that took the long way leaves, so that the next one need not: a record.

    question + plan + what was printed -> record, for ``warm``

Owns: which files a plan was read from, and when it is certain that they say what they
said to the plan. Writes no secret. Where anything is in doubt there is no record, and
the next run takes the long way as well.
"""

from __future__ import annotations

import os
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final, Self

from sts_plugin import warm
from sts_plugin.engine import MACHINE_KINDS
from sts_plugin.folders import data_folder
from sts_plugin.profiles import paths

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from sts_plugin.model import Plan
    from sts_plugin.store import DiskStore

__all__ = ["Asked", "remember"]

FINE_NANOSECONDS: Final = 100_000_000
COARSE_NANOSECONDS: Final = 2_100_000_000
"""How old the last change of a file must be, so that the next one has another time: a
tick of the kernel, with room; or the two seconds of file systems with coarse times."""

FILE: Final = "file://"

FILE_VARIABLES: Final = ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE")

PACKAGE: Final = Path(__file__).parent


@dataclass(frozen=True, slots=True)
class Asked:
    """What was asked, and how the two AWS files were before any was read.

    ``began`` is in nanoseconds of the epoch.
    """

    arguments: Sequence[str]
    environ: Mapping[str, str] = field(repr=False)  # it may hold secrets
    files: Mapping[str, bytes | None]
    began: int

    @classmethod
    def now(cls, arguments: Sequence[str], environ: Mapping[str, str]) -> Self:
        """Return what is asked now."""
        files = paths(environ)
        found = {path: _identity(path) for path in files}
        return cls(arguments, dict(environ), found, time.time_ns())


def remember(  # noqa: PLR0913 - what a record says
    asked: Asked,
    plan: Plan,
    store: DiskStore,
    *,
    printed: bytes,
    renewable: bool,
    notes: tuple[str, ...] = (),
) -> None:
    """Write a record, if the plan's last entry is certain to answer the question.

    ``printed`` is what was answered this time; ``renewable`` as ``background`` says;
    ``notes`` as for ``warm.record``. Raises CacheUnusable.
    """
    if not plan.calls or plan.sealed or plan.source.kind in MACHINE_KINDS:
        return
    environ = {os.fsencode(key): os.fsencode(one) for key, one in asked.environ.items()}
    question = warm.question(list(asked.arguments), environ, str(PACKAGE))
    if question is None or warm.folder_of(environ) != os.fsencode(store.path):
        return
    files = _files(asked, plan)
    key = plan.calls[-1].key
    if files is None or store.printed(key) != printed:
        return
    name = warm.record_name(list(asked.arguments), question)
    store.record(
        name, warm.record(question, key, files, renewable=renewable, notes=notes)
    )


def _files(asked: Asked, plan: Plan) -> dict[bytes, bytes] | None:
    """Return the identities of what the plan was read from; None: not certain."""
    found: dict[bytes, bytes | None] = {}
    said = [asked.environ.get(name, "") for name in FILE_VARIABLES]
    if any("$" in path or _of_somebody(path) for path in said):
        return None  # it may lead elsewhere the next time
    home = asked.environ.get("HOME")
    if not home or os.environ.get("HOME") != home:
        return None  # a program has changed it: a tilde leads elsewhere by now
    for path, before in asked.files.items():
        found[os.fsencode(path)] = before if _identity(path) == before else None
    for named in _named(asked, plan):
        if named is None or _of_somebody(named):
            return None
        path = os.path.expanduser(named)  # noqa: PTH111
        after = _identity(path)
        found[os.fsencode(path)] = None if after == b"-" else after
    certain = {
        path: one
        for path, one in found.items()
        if one
        and path.startswith(b"/")
        and b"\n" not in path
        and _settled(one, asked.began)
    }
    return certain if len(certain) == len(found) else None


def _of_somebody(path: str) -> bool:
    """Whether a path is in the home folder of a user that it names."""
    return path.startswith("~") and not path.startswith("~/")


def _named(asked: Asked, plan: Plan) -> Iterator[str | None]:
    """Yield the files that the profiles name; None for what is not one."""
    proofs = [plan.source.proof, *(call.proof for call in plan.calls)]
    for proof in filter(None, proofs):
        if proof.how == "file":
            yield proof.setting.value
        elif proof.how == "given":
            yield None
    if plan.source.kind == "keychain":
        from sts_plugin.access_keys import AccessKeys  # noqa: PLC0415 - few keep keys there

        records = AccessKeys(data_folder(asked.environ))
        yield str(records.path(plan.source.profile))
    for call in plan.calls:
        for setting in call.settings.values():
            if setting.value.startswith(FILE):
                yield setting.value.removeprefix(FILE)
            elif FILE in setting.value:
                yield None


def _identity(path: str) -> bytes | None:
    try:
        return warm.identity(os.fsencode(path))
    except ValueError:  # a path that is none
        return None


def _settled(found: bytes, began: int) -> bool:
    """Whether a file was as it is before we began, beyond doubt."""
    if found == b"-":
        return True
    changed = int(found.rpartition(b":")[2])
    fine = changed % 1_000_000 != 0
    return changed < began - (FINE_NANOSECONDS if fine else COARSE_NANOSECONDS)
