"""The sandbox as a pytest fixture: name this module in ``pytest_plugins``.

Owns: the fixture. Never: is imported by the rest of the sandbox, which must
work without pytest.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest

from sts_plugin.sandbox.sandbox import Sandbox

__all__ = ["sts_sandbox"]


@pytest.fixture
def sts_sandbox(tmp_path: Path) -> Iterator[Sandbox]:
    """Yield a running sandbox whose files are in a folder of its own."""
    with Sandbox(tmp_path / "sandbox") as sandbox:
        yield sandbox
