"""The engine inside the AWS CLI, v1 and v2: the module that its config file names.

    [plugins]
    sts-plugin = sts_plugin.plugins.aws_cli

Each CLI has a botocore of its own, and an importer that lets ``import botocore`` mean
that one, wherever else there is another: ours as well are made of it.

What goes wrong with us is no affair of a command that can do without us, so that it is
told and the command goes on. For the same reason this module can be read by a Python
that is too old for all others.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["awscli_initialize"]

PYTHON = (3, 11)
"""``python_requires`` of this package: a folder of plugins does not insist on it."""


def awscli_initialize(hooks: Any) -> None:  # noqa: ANN401 - the CLI's emitter
    """Do what the CLI asks of its plugins: say what we want to be told."""
    hooks.register("session-initialized", _on_session, unique_id="sts-plugin")


def _on_session(session: Any, **_: Any) -> None:  # noqa: ANN401 - the botocore seam
    """Register with the session of a command, which knows its profile by now."""
    try:
        _registering()(session)
    except Exception as error:  # noqa: BLE001 - an unknown host's
        if sys.stderr is not None:
            sys.stderr.write(f"sts-plugin: not used: {type(error).__name__}: {error}\n")


def _registering() -> Callable[[Any], Any]:
    if sys.version_info < PYTHON:
        here = ".".join(map(str, sys.version_info[:2]))
        raise RuntimeError(f"this AWS CLI runs on Python {here}, too old for it")
    # Late: see above.
    from sts_plugin.plugins.botocore import register  # noqa: PLC0415

    return register
