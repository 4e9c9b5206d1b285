from __future__ import annotations

import hashlib
import itertools
import re

import pytest

from sts_plugin.keys import digest

PARTS = [
    (),
    ("ab",),
    ("a", "b"),
    ("b", "a"),
    (["a", "b"],),
    (["a"], "b"),
    ("a,b",),
    ('a","b',),
    (None,),
    ("None",),
    ("null",),
    (1,),
    ("1",),
    (True,),
    ({"a": "b"},),
    ("ä",),
    ("\udc80",),
]


@pytest.mark.parametrize("parts", PARTS)
def test_a_digest_is_64_hexadecimal_digits(parts):
    assert re.fullmatch("[0-9a-f]{64}", digest(*parts))


def test_different_parts_have_different_digests():
    for one, other in itertools.combinations(PARTS, 2):
        assert digest(*one) != digest(*other), (one, other)


def test_the_order_of_a_table_does_not_matter():
    assert digest({"a": 1, "b": 2}) == digest({"b": 2, "a": 1})


def test_a_digest_is_the_same_in_every_process_and_release():
    # Another value would leave every cache entry on every machine behind.
    assert digest("a", None) == hashlib.sha256(b'["a",null]').hexdigest()
