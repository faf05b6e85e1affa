"""Cursors of rankings: what they hold, and which are refused."""

from __future__ import annotations

import math
from typing import Any
from uuid import uuid4

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.search_cursor import Place, decode_place, encode_place, fingerprint
from app.errors import BadInput
from app.page import encode_cursor
from app.store.key import encode_key, is_encoded
from app.store.record import Metric, Vector

RANKING = "0123456789abcdef"


def vector(*components: float) -> Vector:
    return np.array(components, np.float32)


@given(
    distance=st.floats(allow_nan=False),
    key=st.integers(-5, 5) | st.sampled_from(["", "a", "é", '"']),
    depth=st.integers(1, 10_000),
    query_id=st.none() | st.uuids(),
)
def test_a_place_comes_back_as_it_was(distance: float, key: object, depth: int, query_id: Any) -> None:  # noqa: ANN401 - hypothesis' own UUIDs
    place = Place(distance, encode_key(key), depth, query_id)
    assert decode_place(encode_place(place, RANKING), RANKING, is_encoded) == place


def test_a_distance_that_is_no_number_comes_back() -> None:
    place = decode_place(encode_place(Place(math.nan, "1", 1, None), RANKING), RANKING, is_encoded)
    assert math.isnan(place.distance)


@pytest.mark.parametrize(
    "cursor",
    [
        "",
        "x",
        "é",
        "\ud800",
        "AAAA",
        encode_cursor(),
        encode_cursor(0.5, "1", 1, None),
        encode_cursor(None, "1", 1, None, RANKING),
        encode_cursor("near", "1", 1, None, RANKING),
        encode_cursor({}, "1", 1, None, RANKING),
        encode_cursor([0.5], "1", 1, None, RANKING),
        encode_cursor(0.5, 1, 1, None, RANKING),
        encode_cursor(0.5, "", 1, None, RANKING),
        encode_cursor(0.5, '"\0"', 1, None, RANKING),
        encode_cursor(0.5, "1", 0, None, RANKING),
        encode_cursor(0.5, "1", -(10**9), None, RANKING),
        encode_cursor(0.5, "1", "1", None, RANKING),
        encode_cursor(0.5, "1", 1, "x", RANKING),
        encode_cursor(0.5, "1", 1, 5, RANKING),
        encode_cursor(0.5, "1", 1, "", RANKING),
    ],
)
def test_what_this_server_did_not_make_is_refused(cursor: str) -> None:
    with pytest.raises(BadInput, match="after is not a cursor"):
        decode_place(cursor, RANKING, is_encoded)


def test_a_cursor_of_another_ranking_is_refused() -> None:
    cursor = encode_place(Place(0.5, "1", 1, None), RANKING)
    with pytest.raises(BadInput, match="other arguments"):
        decode_place(cursor, RANKING[::-1], is_encoded)


def test_a_ranking_is_told_by_everything_that_it_depends_on() -> None:
    target = uuid4()
    rankings = [
        fingerprint([target], "text", Metric.COSINE, None, None),
        fingerprint([uuid4()], "text", Metric.COSINE, None, None),
        fingerprint([target], "other", Metric.COSINE, None, None),
        fingerprint([target], vector(1, 2), Metric.COSINE, None, None),
        fingerprint([target], vector(2, 1), Metric.COSINE, None, None),
        fingerprint([target], vector(1, 2).tobytes().hex(), Metric.COSINE, None, None),
        fingerprint([target], "text", Metric.EUCLIDEAN, None, None),
        fingerprint([target], "text", Metric.COSINE, {"a": 1}, None),
        fingerprint([target], "text", Metric.COSINE, {"a": "1"}, None),
        fingerprint([target], "text", Metric.COSINE, None, 0.0),
        fingerprint([target], "text", Metric.COSINE, None, 0.5),
        fingerprint([target, uuid4()], "text", Metric.COSINE, None, None),
    ]
    assert len(set(rankings)) == len(rankings)


def test_the_order_of_names_in_a_filter_does_not_matter() -> None:
    target = uuid4()
    one = fingerprint([target], "text", Metric.COSINE, {"a": 1, "b": {"$gt": 1, "$lt": 2}}, None)
    other = fingerprint([target], "text", Metric.COSINE, {"b": {"$lt": 2, "$gt": 1}, "a": 1}, None)
    assert one == other
    assert fingerprint([target], "text", Metric.COSINE, {}, None) == fingerprint(
        [target], "text", Metric.COSINE, None, None
    )
