"""Which sources are asked for a code, and in what order.

``mfa_prompt`` (or ``STS_PLUGIN_MFA_PROMPT``, which wins) names the ways; where nothing
does, what the profiles name for the purpose comes first, then what a person can answer.
A code in the environment comes before all of them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sts_plugin.mfa.variable import VARIABLE, VariableSource

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from contextlib import AbstractContextManager

    from sts_plugin.mfa import CodeSource
    from sts_plugin.model import CodeSettings
    from sts_plugin.watcher import Watcher

__all__ = ["sources"]


def sources(
    codes: CodeSettings,
    environ: Mapping[str, str],
    *,
    turn: Callable[[str], AbstractContextManager[object]],
    watcher: Watcher,
) -> Iterator[CodeSource]:
    """Yield the sources in their order; each is made only when it is its turn.

    ``turn`` holds a lock of a name while one terminal is in use.
    """
    # Each driver is imported only where it is used: they have their price.
    if environ.get(VARIABLE):
        yield VariableSource(environ)
    for way in codes.ways:
        match way:
            case "command":
                from sts_plugin.mfa.command import CommandSource  # noqa: PLC0415

                yield CommandSource(
                    codes.process, environ=environ, abandoned=watcher.gone
                )
            case "totp":
                from sts_plugin.mfa.totp import TotpSource  # noqa: PLC0415
                from sts_plugin.seeds import Seeds, data_folder  # noqa: PLC0415

                yield TotpSource(
                    codes.totp_file,
                    environ=environ,
                    seeds=lambda: Seeds(data_folder(environ)),
                )
            case "terminal":
                from sts_plugin.mfa.terminal import TerminalSource  # noqa: PLC0415

                yield TerminalSource(environ, abandoned=watcher.orphaned, turn=turn)
            case "dialog":
                from sts_plugin.mfa.dialog import DialogSource  # noqa: PLC0415

                yield DialogSource(environ, abandoned=watcher.orphaned)
            case "pinentry":
                from sts_plugin.mfa.pinentry import PinentrySource  # noqa: PLC0415

                yield PinentrySource(environ, abandoned=watcher.orphaned, turn=turn)
