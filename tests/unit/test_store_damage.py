"""What cannot be trusted is absent: neither a crash nor garbage, whatever it is."""

from __future__ import annotations

import pytest
from damage import ENTRY, KEY, Sample, damaged
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

FEW = settings(
    max_examples=150,
    deadline=None,
    database=None,
    suppress_health_check=list(HealthCheck),
)


@pytest.fixture(scope="module")
def sample(tmp_path_factory):
    return Sample(tmp_path_factory.mktemp("damage") / "cache")


def test_a_damaged_entry_is_absent_or_sound(sample):
    files = damaged(sample.entry)

    @FEW
    @given(data=st.data())
    def check(data):
        sample.judge_entry(data.draw(files))

    check()
    sample.store.publish(ENTRY)
    assert sample.store.read(KEY) == ENTRY


def test_a_damaged_ledger_is_empty_or_sound(sample):
    files = damaged(sample.ledger)

    @FEW
    @given(data=st.data())
    def check(data):
        sample.judge_ledger(data.draw(files))

    check()
    sample.store.record_code("device", "123456")
    assert len(sample.store.used_codes("device")) == 1


def test_a_sound_file_is_read(sample):
    # What the two above are worth: they see an entry where there is one.
    sample.store.publish(ENTRY)
    assert sample.judge_entry(sample.entry.read_bytes()) == ENTRY
