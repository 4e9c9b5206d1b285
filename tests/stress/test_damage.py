"""Bar R18 at its full size: a hundred thousand files that cannot be trusted."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest
from damage import ENTRY, KEY, Sample, damaged
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

pytestmark = pytest.mark.stress

INPUTS = 50_000

MANY = settings(
    max_examples=INPUTS,
    deadline=None,
    database=None,
    suppress_health_check=list(HealthCheck),
)


@pytest.fixture
def sample(tmp_path):
    return Sample(tmp_path / "cache")


@pytest.mark.parametrize("kind", ["entry", "ledger"])
def test_damaged_files_are_absent_or_sound(sample, kind):
    files, seen = damaged(getattr(sample, kind)), []
    judge = getattr(sample, f"judge_{kind}")

    @MANY
    @given(data=st.data())
    def check(data):
        seen.append(judge(data.draw(files)) is not None)

    check()
    assert len(seen) >= INPUTS
    if kind == "entry":
        assert any(seen)  # it was not all rubbish
    sample.store.publish(ENTRY)
    assert sample.store.read(KEY) == ENTRY


@pytest.mark.skipif(
    importlib.util.find_spec("atheris") is None, reason="atheris is not installed"
)
@pytest.mark.parametrize("kind", ["entry", "ledger"])
def test_a_fuzzer_that_sees_the_code_finds_nothing(tmp_path, kind):
    harness = Path(__file__).parent / "fuzz_store.py"
    done = subprocess.run(
        [sys.executable, harness, kind, tmp_path, f"-runs={INPUTS}", "-max_len=4096"],
        env={"PYTHONPATH": ":".join([*sys.path, str(harness.parents[1] / "helpers")])},
        capture_output=True,
        text=True,
        timeout=1200,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-4000:]
    assert f"Done {INPUTS} runs" in done.stderr
