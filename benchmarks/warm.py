"""A warm hit, as a whole process (bar S1: no slower than ``python -c pass``).

The floor is the interpreter without ``site``; the peers answer from their own caches.
The sealed cache has its key in the keychain that PYTHON_KEYRING_BACKEND names, else in
a stand-in for one, a file.
"""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING

from cases import Bar, Case, LeftOut
from peers import peer_cases
from stage import FLOOR, HELPERS, PYTHON, staged
from timing import CannotRun

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cases import Options
    from stage import Stage

__all__ = ["BARS", "ROUNDS_MAX", "cases"]

WARM = "sts-plugin, warm"
SEALED = "sts-plugin, warm, sealed"
ROUNDS_MAX = 1000
BARS = (Bar("S1", WARM, PYTHON, 1.0),)


@contextlib.contextmanager
def cases(options: Options) -> Iterator[list[Case | LeftOut]]:
    """Set up three stages, so that nobody waits for another code of one device."""
    with contextlib.ExitStack() as stack:
        stage = stack.enter_context(staged())
        sealed = stack.enter_context(staged(**_sealing()))
        theirs = stack.enter_context(staged())
        sealed.environ |= {"STANDIN_KEYCHAIN": str(sealed.home / "keychain")}
        peers = stack.enter_context(peer_cases(theirs, options.peers, PYTHON))
        yield [
            Case(FLOOR, stage.floor().milliseconds, PYTHON),
            Case(PYTHON, stage.python("-c", "pass").milliseconds),
            Case(WARM, stage.warm("prod-admin").milliseconds, PYTHON),
            _sealed_case(sealed),
            *peers,
        ]


def _sealed_case(stage: Stage) -> Case | LeftOut:
    """Return the case whose key is in a keychain, if there is one."""
    try:
        return Case(SEALED, stage.warm("prod-admin").milliseconds, PYTHON)
    except CannotRun as error:
        return LeftOut(SEALED, str(error))


def _sealing() -> dict[str, str]:
    """Return the variables with which a cache is sealed."""
    chain = {
        "PYTHONPATH": str(HELPERS),
        "PYTHON_KEYRING_BACKEND": "standin_keychain.Keyring",
    }
    if "PYTHON_KEYRING_BACKEND" in os.environ:
        chain = {}
    return {"STS_PLUGIN_CACHE_ENCRYPTION": "keychain", **chain}
