"""A code that came with the environment, for one run: ``STS_PLUGIN_MFA_CODE``."""

from __future__ import annotations

import os
from collections.abc import MutableMapping
from typing import TYPE_CHECKING, Final

from sts_plugin.errors import CannotAsk

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sts_plugin.mfa import Question

__all__ = ["VARIABLE", "VariableSource"]

VARIABLE: Final = "STS_PLUGIN_MFA_CODE"


class VariableSource:
    """Hands the variable out once, and takes it out of the environment: it is used."""

    name = "variable"
    automatic = True
    attempts = 1

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ

    def ask(self, question: Question) -> str:  # noqa: ARG002 - one code, one device
        """Return what the variable says."""
        if VARIABLE not in self._environ:
            raise CannotAsk(f"the code in {VARIABLE} is used up")
        code = self._environ[VARIABLE]
        # The environment that we were given may be a copy: children see the other.
        for environ in (self._environ, os.environ):
            if isinstance(environ, MutableMapping) and environ.get(VARIABLE) == code:
                del environ[VARIABLE]
        return code
