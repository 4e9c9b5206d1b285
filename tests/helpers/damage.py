"""Files of the cache as no version of ours writes them: for those who read them."""

from __future__ import annotations

import json
import math
import time
from datetime import UTC, datetime, timedelta

from hypothesis import strategies as st

from sts_plugin import settings
from sts_plugin.document import timestamp
from sts_plugin.keys import digest
from sts_plugin.ledger import NO_ANSWER, Failure
from sts_plugin.model import Life
from sts_plugin.store import DiskStore, Entry

KEY = digest("one")
DEVICE = "arn:aws:iam::111111111111:mfa/alice"
NOW = datetime.now(UTC)
LIFE = Life(NOW, NOW + timedelta(hours=1))
DOCUMENT = {
    "Version": 1,
    "AccessKeyId": "ASIAEXAMPLE",
    "SecretAccessKey": "secret",
    "SessionToken": "token",
    "Expiration": timestamp(LIFE.expires),
}
ENTRY = Entry(KEY, LIFE, DOCUMENT, {"kind": "role", "profile": "p"})


class Sample:
    """A store with one entry and one ledger, whose files are rewritten at will."""

    def __init__(self, folder):
        self.store = DiskStore(folder)
        self.store.publish(ENTRY)
        self.store.record_code(DEVICE, "123456")
        failure = Failure("1f", time.time(), NO_ANSWER, "nobody", "hint", "c", "s")
        self.store.record_failure(DEVICE, failure)
        self.entry = folder / f"{KEY}.json"
        (self.ledger,) = folder.glob("*.ledger")

    def judge_entry(self, data):
        """Write a file in the place of the entry; what is read of it must be sound."""
        self.entry.write_bytes(data)
        found = self.store.read(KEY)
        listed = list(self.store.entries())
        assert listed == ([found] if found else [])
        if found is None:
            return None
        assert found.key == KEY
        assert found.life.issued.tzinfo is found.life.expires.tzinfo is UTC
        seconds = (found.life.expires - found.life.issued).total_seconds()
        assert 0 < seconds <= settings.ENTRY_AGE_SECONDS_MAX
        assert all(isinstance(value, str) for value in found.label.values())
        assert isinstance(found.document, dict)
        ends = found.document.get("Expiration")
        assert ends in {None, timestamp(found.life.expires)}
        return found

    def judge_ledger(self, data):
        """Write a file in the place of the ledger; what is read of it must be sound."""
        self.ledger.write_bytes(data)
        now = time.time()
        codes = self.store.used_codes(DEVICE)
        assert all(isinstance(code, str) for code in codes)
        failure = self.store.failure(DEVICE)
        assert failure is None or (
            math.isfinite(failure.at)
            and all(isinstance(v, str) for v in (failure.kind, failure.message))
        )
        for scope, moment in self.store.unanswered(DEVICE).items():
            assert isinstance(scope, str)
            assert isinstance(now - moment, float)


# --- Strategies ---

ODD = st.sampled_from(
    [
        float("nan"),
        float("inf"),
        -float("inf"),
        10**400,
        -1,
        0,
        1e308,
        True,
        "\ud800",
        "\x00",
        "9" * 400,
        "9999-12-31T23:59:59-23:59",
        "0001-01-01T00:00:00+23:59",
        "2030-01-01T00:00:00",
        LIFE.expires.isoformat(),
        KEY,
    ]
)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | ODD,
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4)
    ),
    max_leaves=8,
)


def places(value, at=()):
    """Every place in a JSON value, as the keys that lead there."""
    yield at
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from places(inner, (*at, key))


def changed(value, at, change):
    if not at:
        return change(value)
    rest = {key: inner for key, inner in value.items() if key != at[0]}
    inner = changed(value[at[0]], at[1:], change)
    return rest if inner is GONE else {**rest, at[0]: inner}


GONE = object()


@st.composite
def values_changed(draw, whole):
    """A JSON value with up to three places changed, its digest made right or not."""
    value = whole
    for _ in range(draw(st.integers(1, 3))):
        at = draw(st.sampled_from(list(places(value))))
        new = draw(VALUES | st.just(GONE) | st.just("deep"))
        if new == "deep":
            depth = draw(st.integers(900, 1100) | st.integers(1, 40_000))
            return text_of(whole).replace(b'"p"', b"[" * depth + b"]" * depth)
        if new is GONE and not at:
            continue
        value = changed(value, at, lambda _, new=new: new)
    right = draw(st.booleans())
    if right and isinstance(value, dict) and "digest" in whole:
        value = {k: v for k, v in value.items() if k not in {"digest", "stamp"}}
        value = {**value, "digest": digest(value)}
    return text_of(value)


def text_of(value):
    return json.dumps(value).encode()


@st.composite
def bytes_changed(draw, whole):
    """The bytes of a file, cut, flipped, doubled or mixed with others."""
    data = bytearray(whole)
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, max(0, len(data) - 1)))
        kind = draw(st.sampled_from(["cut", "flip", "insert", "drop", "double"]))
        if kind == "cut":
            del data[at:]
        elif kind == "flip" and data:
            data[at] ^= 1 << draw(st.integers(0, 7))
        elif kind == "insert":
            data[at:at] = draw(st.binary(max_size=40))
        elif kind == "drop":
            del data[at : at + draw(st.integers(1, 40))]
        elif kind == "double":
            data[at:at] = data[at : at + draw(st.integers(1, 40))]
    return bytes(data)


def damaged(path):
    """Whatever may stand in a file, most of it close to what stands there now."""
    whole = path.read_bytes()
    return (
        values_changed(json.loads(whole))
        | bytes_changed(whole)
        | st.binary(max_size=80)
    )
