"""Keys as they are stored: one text for one key."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.errors import BadInput
from app.store.key import MAX_EXACT, MAX_KEY_BYTES, decode_key, encode_key, is_encoded
from tests.app.store.plain import Json, same

KEYS = (
    st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=100)
    | st.integers(-MAX_EXACT, MAX_EXACT)
    | st.floats(-MAX_EXACT, MAX_EXACT)
)


@pytest.mark.parametrize(
    ("key", "stored"),
    [
        (1, "1"),
        (1.0, "1"),
        (-0.0, "0"),
        (1.5, "1.5"),
        (-3, "-3"),
        (MAX_EXACT, "9007199254740991"),
        (float(-MAX_EXACT), "-9007199254740991"),
        ("1", '"1"'),
        ("", '""'),
        ("NaN", '"NaN"'),
        ("null", '"null"'),
        ('quote " and \\', '"quote \\" and \\\\"'),
        ("é", '"é"'),
    ],
)
def test_a_key_is_stored_as_its_shortest_json(key: object, stored: str) -> None:
    assert encode_key(key) == stored
    assert decode_key(stored) == key


@given(key=KEYS, other=KEYS)
def test_keys_are_equal_exactly_when_they_are_the_same_json(key: Json, other: Json) -> None:
    stored = encode_key(key)
    assert same(json.loads(stored), key)
    assert is_encoded(stored)
    assert (encode_key(other) == stored) is same(key, other)


@pytest.mark.parametrize(
    "key",
    [
        None,
        True,
        False,
        [],
        ["a"],
        {},
        {"a": 1},
        float("nan"),
        float("inf"),
        -float("inf"),
        2**53,
        -(2**53),
        2.0**53,
        10**400,
    ],
)
def test_what_is_no_exact_number_and_no_string_is_no_key(key: object) -> None:
    with pytest.raises(BadInput, match="_id"):
        encode_key(key)


@pytest.mark.parametrize("key", ["\0", "a\0b", "\ud800", "\udfff."])
def test_what_postgresql_cannot_store_is_no_key(key: str) -> None:
    with pytest.raises(BadInput, match="cannot be stored"):
        encode_key(key)


def test_a_key_has_a_largest_size_in_bytes() -> None:
    assert len(encode_key("x" * (MAX_KEY_BYTES - 2))) == MAX_KEY_BYTES
    for too_long in ("x" * (MAX_KEY_BYTES - 1), "é" * (MAX_KEY_BYTES // 2)):
        with pytest.raises(BadInput) as refused:
            encode_key(too_long)
        assert refused.value.facts["limit"] == MAX_KEY_BYTES
        assert int(str(refused.value.facts["actual"])) > MAX_KEY_BYTES


@pytest.mark.parametrize(
    "text",
    ["", "a", "1.0", " 1", "01", "-0", "true", "null", "[1]", '"\\u0061"', '"\\u0000"', '"\0"', "\ud800", "1e400"],
)
def test_a_text_that_no_key_is_stored_as_is_recognized(text: str) -> None:
    assert not is_encoded(text)
