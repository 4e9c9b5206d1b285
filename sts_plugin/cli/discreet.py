"""Parsers that repeat no argument that they do not know: it might be a secret."""

from __future__ import annotations

import argparse
import functools
import re
from typing import TYPE_CHECKING, Any, NoReturn

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sts_plugin.cli.common import Subparsers

__all__ = ["discreet"]


def discreet(group: argparse.ArgumentParser, secret: str) -> Subparsers:
    """Add commands to a group, none of which takes ``secret`` as an argument.

    It is one with its article, such as ``a seed``.
    """
    _silence(group)
    make: Any = functools.partial(_Parser, secret=secret)
    return group.add_subparsers(metavar="COMMAND", required=True, parser_class=make)


class _Parser(argparse.ArgumentParser):
    """Shows no argument that it does not know."""

    def __init__(self, *, secret: str, **options: Any) -> None:  # noqa: ANN401 - argparse's
        super().__init__(**options)
        self._secret = secret

    def parse_known_args(  # type: ignore[override]
        self,
        args: Sequence[str] | None = None,
        namespace: argparse.Namespace | None = None,
    ) -> tuple[argparse.Namespace, list[str]]:
        found, surplus = super().parse_known_args(args, namespace)
        if surplus:
            self.error(
                f"there is an argument too many ({self._secret} is no argument: whoever"
                " is on this machine could read it; leave it out, and it is asked for)"
            )
        return found, surplus

    def error(self, message: str) -> NoReturn:
        super().error(re.sub(r"(?s)(ignored explicit argument) .*", r"\1", message))


def _silence(parser: argparse.ArgumentParser) -> None:
    """Let a parser that is there already not repeat what is no command of its own."""
    complain = parser.error

    def error(message: str) -> NoReturn:
        complain(re.sub(r"(?s)invalid choice: .* \(", "no such command (", message))

    parser.error = error  # type: ignore[method-assign]
