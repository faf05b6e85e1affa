"""One document on its way in: what it may hold, and what becomes of its text or vector."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

import pytest

from app.domain.item import Draft, draft, given_key
from app.domain.size import MOST_BYTES
from app.errors import (
    BadInput,
    EmbeddingNotConfigured,
    GatewayError,
    InvalidVector,
    InvalidVectorizeValue,
    InvalidVectorLength,
    LimitExceeded,
    VectorizeAndVector,
    VectorsNotEnabled,
)
from app.store.record import Collection, Resolved
from tests.app.domain.support import resolved

ATTACHED = resolved(attached=True)
BY_HAND = resolved()
WITHOUT_VECTORS = resolved(None)


def drafted(given: Mapping[str, Any], home: Resolved[Collection] = ATTACHED) -> Draft:
    return draft(home, given, 7, given_key(given))


def nested(depth: int) -> Any:  # noqa: ANN401 - JSON
    value: Any = 1
    for level in range(depth):
        value = {"a": value} if level % 2 else [value]
    return value


def test_a_document_is_its_key_its_fields_and_its_text_or_vector() -> None:
    given = {"_id": "it", "title": "Moby-Dick", "tags": ["sea"], "$vectorize": "a whale"}
    made = drafted(given)
    assert (made.position, made.key, made.key_was_given) == (7, '"it"', True)
    assert made.body == {"title": "Moby-Dick", "tags": ["sea"]}
    assert (made.text, made.text_to_embed, made.vector) == ("a whale", "a whale", None)
    by_vector = drafted({"_id": 1.0, "$vector": [3, 4]})
    assert by_vector.vector is not None
    assert (by_vector.key, by_vector.text, list(by_vector.vector)) == ("1", None, [3, 4])


@pytest.mark.parametrize("given", [{}, {"_id": None}])
def test_a_document_without_a_key_gets_a_uuid_of_version_7(given: Mapping[str, Any]) -> None:
    one, other = drafted(given), drafted(given)
    assert UUID(one.key.strip('"')).version == 7
    assert one.key < other.key
    assert not one.key_was_given


@pytest.mark.parametrize("text", [None, "", "  ", "\n\t\u00a0\u2003"])
@pytest.mark.parametrize("home", [ATTACHED, BY_HAND])
def test_blank_text_is_kept_and_needs_no_integration(text: str | None, home: Resolved[Collection]) -> None:
    made = drafted({"$vectorize": text}, home)
    assert (made.text, made.text_to_embed, made.vector) == (text, None, None)


def test_a_null_vector_is_no_vector() -> None:
    for home in (ATTACHED, BY_HAND):
        assert drafted({"$vector": None}, home).vector is None


@pytest.mark.parametrize(
    ("given", "home", "refusal"),
    [
        ({"$vectorize": "a", "$vector": [1, 2]}, ATTACHED, VectorizeAndVector),
        ({"$vectorize": None, "$vector": [1, 2]}, ATTACHED, VectorizeAndVector),
        ({"$vectorize": "a", "$vector": None}, ATTACHED, VectorizeAndVector),
        ({"$vectorize": None, "$vector": None}, WITHOUT_VECTORS, VectorizeAndVector),
        ({"$vectorize": 5}, ATTACHED, InvalidVectorizeValue),
        ({"$vectorize": ["a"]}, ATTACHED, InvalidVectorizeValue),
        ({"$vectorize": {"text": "a"}}, ATTACHED, InvalidVectorizeValue),
        ({"$vectorize": True}, BY_HAND, InvalidVectorizeValue),
        ({"$vectorize": "a"}, BY_HAND, EmbeddingNotConfigured),
        ({"$vectorize": "a\0"}, ATTACHED, BadInput),
        ({"$vectorize": "\ud800"}, ATTACHED, BadInput),
        ({"$vector": [1, 2, 3]}, ATTACHED, InvalidVectorLength),
        ({"$vector": [0, 0]}, ATTACHED, InvalidVector),
        ({"$vector": "?"}, BY_HAND, InvalidVector),
        ({"$vector": [1, 2]}, WITHOUT_VECTORS, VectorsNotEnabled),
        ({"$vector": None}, WITHOUT_VECTORS, VectorsNotEnabled),
        ({"$vectorize": "a"}, WITHOUT_VECTORS, VectorsNotEnabled),
        ({"$vectorize": ""}, WITHOUT_VECTORS, VectorsNotEnabled),
    ],
)
def test_wrong_uses_of_text_and_vector_have_their_codes(
    given: Mapping[str, Any], home: Resolved[Collection], refusal: type[GatewayError]
) -> None:
    with pytest.raises(GatewayError) as refused:
        drafted(given, home)
    assert type(refused.value) is refusal


@pytest.mark.parametrize(
    "given",
    [
        {"": 1},
        {"$set": {"a": 1}},
        {"$Vector": [1, 2]},
        {"a.b": 1},
        {"a": {"b.c": 1}},
        {"a": [{"$b": 1}]},
        {"a": {"": 1}},
        {"a\0": 1},
        {"a": "\0"},
        {"a": ["\ud800"]},
        {"\udfff": 1},
        {"a": float("nan")},
        {"a": [float("-inf")]},
        {"a": 2**64},
        {"a": 10**400},
        {"a": nested(101)},
        {"a": nested(900)},
        {"_id": True},
        {"_id": []},
        {"_id": 2**53},
        {"_id": 10**400},
        {"_id": "\0"},
    ],
)
def test_what_could_not_be_stored_or_reached_is_refused(given: Mapping[str, Any]) -> None:
    with pytest.raises(BadInput):
        drafted(given)


@pytest.mark.parametrize(
    "body",
    [
        {"a": nested(99)},
        {"a": 2**64 - 1, "b": -(2**63), "c": 1e308, "d": 5e-324},
        {"a b": 1, "é": 1, "a$": 1, "0": 1, "-1": 1, "id": 1, "'": '"'},
        {"a": {"_id": 1}},
        {"a": None, "b": [], "c": {}},
    ],
)
def test_all_else_is_stored_as_it_is(body: Mapping[str, Any]) -> None:
    assert drafted(body).body == body


def test_a_document_has_a_largest_size_with_its_text_and_its_numbers_in_full() -> None:
    """As PostgreSQL answers it: 1e308 with all of its zeros."""
    name = '{"a":""}'
    fits = {"_id": "x", "a": "x" * (MOST_BYTES - len(name))}
    assert drafted(fits).key == '"x"'
    with pytest.raises(LimitExceeded) as refused:
        drafted({"a": "é" * (MOST_BYTES // 2)})
    assert refused.value.facts == {"limit": MOST_BYTES, "actual": MOST_BYTES + len(name)}
    for too_large in ({**fits, "$vectorize": "x"}, {"$vectorize": "x" * MOST_BYTES}, {"a": [1e308] * 14_000}):
        with pytest.raises(LimitExceeded):
            drafted(too_large)
    assert drafted({"a": [1e308] * 12_000}).body
