from __future__ import annotations

import base64
import json
import sys
from datetime import UTC, datetime, timedelta

import hypothesis
import pytest
from frames import frames_of
from hypothesis import strategies as st

from sts_plugin.document import timestamp
from sts_plugin.keys import digest
from sts_plugin.model import Life, Secret
from sts_plugin.sealing import PLAIN, UNOPENED, KeySeal, new_key
from sts_plugin.store import DiskStore, Entry

KEY, OTHER = digest("one"), digest("other")
NOW = datetime.now(UTC)
HOUR = timedelta(hours=1)
DOCUMENT = {
    "Version": 1,
    "AccessKeyId": "ASIACANARYCANARY0001",
    "SecretAccessKey": "canary/secret+key",
    "SessionToken": "canary-token" * 30,
    "Expiration": "2030-01-01T00:00:00Z",
    "AccountId": "111111111111",
}
LABEL = {
    "kind": "role",
    "action": "AssumeRole",
    "subject": "arn:aws:iam::222222222222:role/R",
    "profile": "p",
    "caller": "ASIACANARYCALLER0001",
}
SEAL_KEY = new_key()


def make_entry(key=KEY, expires=NOW + HOUR, **document):
    document = {**DOCUMENT, "Expiration": timestamp(expires), **document}
    return Entry(key, Life(NOW, expires), document, LABEL)


@pytest.fixture
def seal():
    return KeySeal(SEAL_KEY)


@pytest.fixture
def open_store(tmp_path):
    return lambda seal: DiskStore(tmp_path / "cache", seal=seal)


@pytest.fixture
def store(open_store, seal):
    return open_store(seal)


def file_of(store, key=KEY):
    return store.path / f"{key}.json"


def fields_of(store, key=KEY):
    return json.loads(file_of(store, key).read_text())


def rewrite(store, fields, key=KEY):
    """Write fields with a digest that is right: anybody can compute that one."""
    fields = {name: value for name, value in fields.items() if name != "digest"}
    text = json.dumps({**fields, "digest": digest(fields)})
    file_of(store, key).write_text(text)


# --- What is sealed ---


def test_what_is_published_is_read_by_whoever_has_the_key(store, open_store):
    store.publish(make_entry())
    assert store.read(KEY) == make_entry()
    assert open_store(KeySeal(SEAL_KEY)).read(KEY) == make_entry()


def test_nothing_of_the_document_and_no_access_key_id_can_be_read(store):
    store.publish(make_entry())
    data = file_of(store).read_bytes()
    for value in (*map(str, DOCUMENT.values()), LABEL["caller"], SEAL_KEY.reveal()):
        if value == "1":
            continue
        assert value.encode() not in data
        # In base64, a text looks in one of three ways, but for its ends.
        for before in range(3):
            coded = base64.b64encode(b"x" * before + value.encode())[4:-4]
            assert coded not in data


def test_the_same_entry_never_looks_the_same_twice(store):
    seen = set()
    for _ in range(50):
        store.publish(make_entry())
        sealed = fields_of(store)["document"]
        seen |= {sealed["Nonce"], sealed["Text"]}
    assert len(seen) == 100
    assert len(base64.b64decode(sealed["Nonce"])) == 12


def test_what_status_and_logout_go_by_stays_readable(store, open_store):
    store.publish(make_entry())
    [entry] = open_store(UNOPENED).entries()
    assert entry.life == make_entry().life
    assert entry.label == {**LABEL, "caller": ""}
    assert "AccessKeyId" not in entry.document


def test_a_later_field_of_the_label_is_hidden_until_somebody_lets_it_be_seen(store):
    entry = make_entry()
    store.publish(Entry(KEY, entry.life, entry.document, {"new": "canary"}))
    assert "canary" not in file_of(store).read_text()
    assert store.read(KEY).label == {"new": "canary"}


def test_a_token_of_the_longest_kind_fits(store):
    entry = make_entry(SessionToken="t" * 32_768)
    store.publish(entry)
    assert store.read(KEY) == entry


# --- What does not open ---


def test_another_key_opens_nothing_and_its_next_entry_takes_the_place(
    store, open_store
):
    store.publish(make_entry())
    other = open_store(KeySeal(new_key()))
    assert other.read(KEY) is None
    assert list(other.entries()) == []
    other.publish(make_entry(AccessKeyId="ASIANEW"))
    assert other.read(KEY).document["AccessKeyId"] == "ASIANEW"
    assert store.read(KEY) is None


def test_another_key_opens_nothing_even_under_the_id_of_the_right_one(
    store, open_store
):
    store.publish(make_entry())
    other = KeySeal(new_key())
    other._key_id = fields_of(store)["document"]["KeyId"]
    assert open_store(other).read(KEY) is None


def test_the_id_of_a_key_is_not_a_part_of_it(store):
    store.publish(make_entry())
    raw = base64.b64decode(SEAL_KEY.reveal())
    key_id = fields_of(store)["document"]["KeyId"]
    assert len(key_id) == 16
    assert key_id not in raw.hex()


def test_a_plain_entry_is_no_entry_for_a_seal_and_is_replaced(store, open_store):
    open_store(PLAIN).publish(make_entry())
    assert store.read(KEY) is None
    store.publish(make_entry())
    assert store.read(KEY) == make_entry()
    assert "Sealed" in fields_of(store)["document"]


def test_a_sealed_entry_is_no_entry_without_a_seal_and_is_replaced(store, open_store):
    store.publish(make_entry())
    plain = open_store(PLAIN)
    assert plain.read(KEY) is None
    plain.publish(make_entry())
    assert plain.read(KEY) == make_entry()


def test_an_entry_is_not_passed_off_as_another(store):
    store.publish(make_entry())
    rewrite(store, {**fields_of(store), "key": OTHER}, OTHER)
    assert store.read(OTHER) is None
    store.publish(make_entry(OTHER))
    mixed = {**fields_of(store, OTHER), "document": fields_of(store)["document"]}
    rewrite(store, mixed, OTHER)
    assert store.read(OTHER) is None
    assert store.read(KEY) == make_entry()


def test_an_older_document_does_not_get_the_life_of_a_newer_one(store):
    store.publish(make_entry())
    old = fields_of(store)
    store.publish(make_entry(expires=NOW + 2 * HOUR))
    rewrite(store, {**fields_of(store), "document": old["document"]})
    assert store.read(KEY) is None


@pytest.mark.parametrize("name", ["issued", "expires"])
def test_the_life_of_an_entry_is_what_it_was(store, name):
    store.publish(make_entry())
    fields = fields_of(store)
    moment = datetime.fromisoformat(fields[name]) + timedelta(seconds=1)
    rewrite(store, {**fields, name: moment.isoformat()})
    assert store.read(KEY) is None


@pytest.mark.parametrize("name", [*LABEL, "new"])
def test_the_label_of_an_entry_is_what_it_was(store, name):
    store.publish(make_entry())
    fields = fields_of(store)
    rewrite(store, {**fields, "label": {**fields["label"], name: "other"}})
    assert store.read(KEY) is None


@pytest.mark.parametrize("name", ["Sealed", "Cipher", "KeyId", "Nonce", "Text"])
@pytest.mark.parametrize(
    "value", [None, 1.5, "", "AAAA", "A" * 16, "\u00e4", [], {}, False, "x=y"], ids=repr
)
def test_what_is_not_ours_is_no_entry(store, name, value):
    store.publish(make_entry())
    fields = fields_of(store)
    rewrite(store, {**fields, "document": {**fields["document"], name: value}})
    assert store.read(KEY) is None
    fields["document"].pop(name)
    rewrite(store, fields)
    assert store.read(KEY) is None


@pytest.mark.parametrize("document", [None, [], "Sealed", 1, {}], ids=repr)
def test_a_document_of_another_shape_is_no_entry(store, open_store, document):
    store.publish(make_entry())
    rewrite(store, {**fields_of(store), "document": document})
    assert store.read(KEY) is None
    # An empty one is sound for a store that knows nothing of what it holds.
    plain = open_store(PLAIN).read(KEY)
    assert plain is None or plain.document == {}


FAST = hypothesis.settings(
    max_examples=150,
    deadline=None,
    suppress_health_check=[hypothesis.HealthCheck.function_scoped_fixture],
)


@FAST
@hypothesis.given(data=st.data())
def test_no_changed_bit_of_what_is_sealed_opens_and_none_crashes(seal, data):
    fields = {"key": KEY, "label": LABEL, "document": DOCUMENT}
    closed = seal.close(fields)
    name = data.draw(st.sampled_from(["Nonce", "Text"]))
    raw = bytearray(base64.b64decode(closed["document"][name]))
    change = data.draw(
        st.sampled_from(["flip", "cut", "grow"]) if name == "Text" else st.just("flip")
    )
    place = data.draw(st.integers(0, len(raw) - 1))
    if change == "flip":
        raw[place] ^= 1 << data.draw(st.integers(0, 7))
    elif change == "cut":
        del raw[place:]
    else:
        raw += data.draw(st.binary(min_size=1, max_size=40))
    changed = {**closed["document"], name: base64.b64encode(raw).decode()}
    with pytest.raises(ValueError, match="not sealed with this key"):
        seal.open({**closed, "document": changed})
    assert seal.open(closed) == fields


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner)
    ),
    max_leaves=6,
)


@FAST
@hypothesis.given(
    name=st.sampled_from(["version", "key", "issued", "expires"]), to=JSON
)
def test_no_other_field_that_stays_readable_can_be_changed(seal, name, to):
    fields = {
        "version": 1,
        "key": KEY,
        "issued": NOW.isoformat(),
        "expires": (NOW + HOUR).isoformat(),
        "label": LABEL,
        "document": DOCUMENT,
    }
    closed = seal.close(fields)
    hypothesis.assume(json.dumps(closed[name]) != json.dumps(to))
    with pytest.raises(ValueError, match="not sealed with this key"):
        seal.open({**closed, name: to})


@FAST
@hypothesis.given(
    document=st.dictionaries(st.text(), JSON),
    label=st.dictionaries(st.text(), st.text()),
)
def test_whatever_is_closed_opens_to_the_same(seal, document, label):
    fields = {"key": KEY, "label": label, "document": document}
    closed = json.loads(json.dumps(seal.close(fields)))
    assert seal.open(closed) == fields


# --- Removing, and the key ---


def test_an_entry_is_removed_unless_a_newer_one_has_taken_its_place(store):
    old, new = make_entry(), make_entry(AccessKeyId="ASIANEW")
    store.publish(new)
    store.remove(old)
    assert store.read(KEY) == new
    store.remove(new)
    assert store.read(KEY) is None
    assert list(store.path.iterdir()) == []


def test_who_only_looks_can_remove_what_was_seen_and_write_nothing(store, open_store):
    looking = open_store(UNOPENED)
    store.publish(make_entry())
    old = looking.read(KEY)
    store.publish(make_entry())
    looking.remove(old)
    assert store.read(KEY)
    with pytest.raises(TypeError):
        looking.publish(looking.read(KEY))
    looking.remove(looking.read(KEY))
    assert list(store.path.iterdir()) == []


def test_keys_are_32_bytes_and_never_the_same():
    keys = {new_key() for _ in range(20)}
    assert len(keys) == 20
    assert {len(base64.b64decode(key.reveal())) for key in keys} == {32}


@pytest.mark.parametrize(
    "text", ["", "short", "QUJD", "\u00e4" * 44, "A" * 42, "=" * 44]
)
def test_what_is_no_key_is_refused_and_not_shown(text):
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - any of them
        KeySeal(Secret(text))
    assert not text or text not in str(caught.value)


def test_a_seal_shows_no_key(seal):
    assert SEAL_KEY.reveal() not in repr(seal)
    closed = seal.close({"label": {}, "document": DOCUMENT})
    closed["document"]["Text"] = "AAAA" * 10
    with pytest.raises(ValueError, match="not sealed") as caught:
        seal.open(closed)
    frames = frames_of(caught.value)
    raw = base64.b64decode(SEAL_KEY.reveal())
    assert [SEAL_KEY.reveal() in frames, repr(raw) in frames] == [False, False]


def test_without_cryptography_there_is_no_seal(monkeypatch):
    monkeypatch.setitem(sys.modules, "cryptography.exceptions", None)
    with pytest.raises(ImportError):
        KeySeal(SEAL_KEY)
