"""Bar R35 at its full size: every fault of the network, at every kind of call."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import get_args

import pytest
from canaries import Sweep

from sts_plugin.sandbox import Fault, Sandbox
from sts_plugin.sandbox.faults import FaultKind

pytestmark = pytest.mark.stress

PROGRAM = Path(sys.executable).parent / "sts-plugin"
CALLS = {
    "GetSessionToken": "prod-admin",
    "AssumeRole": "prod-admin",
    "AssumeRoleWithWebIdentity": "ci",
}
TELLING = {
    "PYTHONDEVMODE": "1",
    "PYTHONFAULTHANDLER": "1",
    "PYTHONWARNINGS": "always",
    "PYTHONASYNCIODEBUG": "1",
    "PYTHONTRACEMALLOC": "20",
}


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("action", CALLS)
@pytest.mark.parametrize("kind", get_args(FaultKind))
def test_no_fault_brings_a_secret_to_light(tmp_path, kind, action, after):
    for name in ("home", "temporary"):
        (tmp_path / name).mkdir()
    with Sandbox(tmp_path / "sandbox", command=f'"{PROGRAM}"') as sandbox:
        sweep = Sweep(sandbox, tmp_path)
        sandbox.add_fault(Fault(kind, action, times=None, seconds=1, after=after))
        done = subprocess.run(
            [PROGRAM, "credential-process", "--profile", CALLS[action]],
            env=sandbox.environ()
            | TELLING
            | {
                "HOME": str(tmp_path / "home"),
                "TMPDIR": str(tmp_path / "temporary"),
                "PATH": os.defpath,
                "STS_PLUGIN_MFA_CODE": sweep.code(),
            },
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
            start_new_session=True,
        )
        assert sandbox.journal.count(action) > 0
        sweep.check(done.stdout, done.stderr)
