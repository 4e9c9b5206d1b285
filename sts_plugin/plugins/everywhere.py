"""``sts_plugin.register_everywhere``: each session that a program will make.

By botocore's own hook (``botocore.register_initializer``). Where botocore is not
imported yet, it is waited for: whoever says this for all programs of an interpreter
must not make those slower that have nothing to do with AWS; and an AWS CLI v1 that met
another botocore before its own would go on with that.
"""

from __future__ import annotations

import sys
from importlib.abc import Loader, MetaPathFinder
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence
    from importlib.machinery import ModuleSpec
    from types import ModuleType

__all__ = ["register_everywhere"]

NAME = "botocore"


def register_everywhere() -> None:
    """Do what ``sts_plugin.register_everywhere`` says."""
    if (botocore := sys.modules.get(NAME)) is not None:
        _register_at(botocore)
    elif not any(isinstance(one, _Waiting) for one in sys.meta_path):
        sys.meta_path.insert(0, _Waiting())


def _register_at(botocore: Any) -> None:  # noqa: ANN401 - a module
    if _initialize not in botocore._INITIALIZERS:  # noqa: SLF001 - it takes it twice
        botocore.register_initializer(_initialize)


def _initialize(session: Any) -> None:  # noqa: ANN401 - the botocore seam
    from sts_plugin.plugins.botocore import register  # noqa: PLC0415 - it needs botocore

    register(session)


class _Waiting(MetaPathFinder):
    """Finds botocore as the others do, and registers us when it has been imported.

    Whoever only looks whether it is installed changes nothing.
    """

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if name != NAME:
            return None
        others = [one for one in sys.meta_path if not isinstance(one, _Waiting)]
        found = (one.find_spec(name, path, target) for one in others)
        spec = next(filter(None, found), None)
        if spec is not None and spec.loader is not None:
            spec.loader = _Registering(spec.loader)
        return spec


class _Registering(Loader):
    """Another loader, and us afterwards."""

    def __init__(self, loader: Loader) -> None:
        self._loader = loader

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        return self._loader.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        if module.__spec__ is not None:
            module.__spec__.loader = self._loader
        module.__loader__ = self._loader
        self._loader.exec_module(module)
        sys.meta_path[:] = [one for one in sys.meta_path if type(one) is not _Waiting]
        _register_at(module)
