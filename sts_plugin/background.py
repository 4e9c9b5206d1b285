"""Renewal that nobody waits for: a process in the background, started by whoever comes.

    a set that should be renewed, and is still good -> ``sts-plugin renew``, detached

Owns: which plans may be renewed so, and how that process is started. It asks nobody,
has no terminal, ends by itself, and one is started for each set and minute, on the
whole machine. ``warm`` starts the same one by its own means.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final

from sts_plugin import warm
from sts_plugin.forms import yes
from sts_plugin.mfa_settings import spoken

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sts_plugin.model import Plan

__all__ = ["renewable", "silent", "start"]

VARIABLE: Final = "STS_PLUGIN_BACKGROUND"

CODE: Final = warm.CODE.decode()


def renewable(plan: Plan, environ: Mapping[str, str]) -> bool:
    """Whether a plan's last set may be renewed in the background.

    Raises ConfigurationError for a variable that is neither yes nor no.
    """
    said = spoken(VARIABLE, environ)
    return silent(plan) and not (said and not yes(said))


def silent(plan: Plan) -> bool:
    """Whether a plan's last set may be renewed where nobody is.

    Not what a command has a part in, or a person: some commands ask somebody, and so
    does a keychain that is locked.
    """
    proofs = [plan.source.proof, *(call.proof for call in plan.calls)]
    commands = plan.source.kind == "process" or any(
        proof.how == "process" for proof in proofs if proof
    )
    with_session = any(call.action == "GetSessionToken" for call in plan.calls)
    keychain = plan.sealed or (plan.source.kind == "keychain" and not with_session)
    last = plan.calls[-1] if plan.calls else None
    asks = last is None or (last.mfa_serial and not plan.codes.silent)
    return not (commands or keychain or asks)


def start(arguments: Sequence[str], environ: Mapping[str, str]) -> None:
    """Start ``sts-plugin renew`` with arguments, so that nobody waits for it."""
    if os.name == "posix" and os.getppid() == 1:
        return  # a container's own program, which may never ask what its children did
    import subprocess  # noqa: PLC0415 - for this only

    subprocess.Popen(  # noqa: S603 - our own program
        [*warm.itself(), "renew", *arguments],
        env={key: one for key, one in environ.items() if key != CODE},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
        # Windows has these in the place of sessions.
        creationflags=getattr(subprocess, "DETACHED_PROCESS", 0)
        | getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0),
    )
