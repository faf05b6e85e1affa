"""Vectors from outside: their forms, and what none may be."""

from __future__ import annotations

import base64
import math
import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.vector import check_vector, parse_vector
from app.errors import InvalidVector, InvalidVectorLength
from app.store.record import Metric, Vector

LARGEST = 3.4028234663852886e38
COMPONENTS = st.lists(st.floats(width=32, allow_nan=False, allow_infinity=False), min_size=1, max_size=20)


def big_endian(*components: float) -> str:
    return base64.b64encode(struct.pack(f">{len(components)}f", *components)).decode()


def parsed(value: object, dimension: int, metric: Metric = Metric.EUCLIDEAN) -> list[float]:
    vector = parse_vector(value, dimension, metric)
    assert vector.dtype == np.float32
    assert vector.flags.c_contiguous
    components: list[float] = vector.tolist()
    return components


def filled(component: float, dimension: int, first: float | None = None) -> Vector:
    vector = np.full(dimension, component, np.float32)
    vector[0] = component if first is None else first
    return vector


@given(components=COMPONENTS)
def test_a_list_and_the_base64_of_big_endian_floats_are_one_vector(components: list[float]) -> None:
    dimension = len(components)
    assert parsed(components, dimension) == parsed(big_endian(*components), dimension) == components


def test_components_are_rounded_to_32_bits() -> None:
    assert parsed([0.1, 1, 2**53 + 1, 10**30], 4) == [np.float32(0.1), 1, 2**53, np.float32(1e30)]


@pytest.mark.parametrize(
    "value",
    [
        [],
        "",
        5,
        {"a": 1},
        None,
        True,
        [1, "2"],
        [1, None],
        [1, True],
        [[1, 2]],
        [{}, 1],
        "no base64!",
        "AAAA",
        "AAAAAAA",
        "é",
        "\ud800",
        base64.urlsafe_b64encode(b"\xff" * 8).decode(),
        [math.nan, 1],
        [math.inf, 1],
        [1e39, 1],
        [-1e39, 1],
        [10**400, 1],
        big_endian(math.inf, 1),
        big_endian(math.nan, 1),
    ],
)
def test_what_is_no_vector_of_finite_numbers_is_refused(value: object) -> None:
    with pytest.raises(InvalidVector):
        parse_vector(value, 2, Metric.EUCLIDEAN)


@pytest.mark.parametrize(("value", "actual"), [([1], 1), ([1, 2, 3], 3), (big_endian(1), 1), ([math.nan] * 3, 3)])
def test_another_length_is_told_with_both(value: object, actual: int) -> None:
    with pytest.raises(InvalidVectorLength) as refused:
        parse_vector(value, 2, Metric.COSINE)
    assert refused.value.facts == {"limit": 2, "actual": actual}


@pytest.mark.parametrize("components", [[0, 0], [-0.0, 0], [1e-30, 1e-30], [1e-46, 0], [1e30, 1e30], [LARGEST, 0]])
def test_what_has_no_direction_in_32_bits_is_refused_for_cosine_alone(components: list[float]) -> None:
    with pytest.raises(InvalidVector, match="COSINE"):
        parse_vector(components, 2, Metric.COSINE)
    for metric in (Metric.EUCLIDEAN, Metric.DOT_PRODUCT):
        assert parsed(components, 2, metric) == [np.float32(each) for each in components]


@pytest.mark.parametrize("dimension", [2001, 4000])
def test_a_half_precision_index_holds_components_up_to_65504(dimension: int) -> None:
    check_vector(filled(1, dimension, 65_504), Metric.COSINE)
    check_vector(filled(1, dimension, -65_504), Metric.EUCLIDEAN)
    for beyond in (65_505, -65_505, 1e10):
        with pytest.raises(InvalidVector, match="65504"):
            check_vector(filled(1, dimension, beyond), Metric.EUCLIDEAN)


@pytest.mark.parametrize("dimension", [2000, 4001])
def test_other_dimensions_have_no_such_bound(dimension: int) -> None:
    check_vector(filled(1, dimension, 65_505), Metric.COSINE)
    check_vector(filled(1e-9, dimension), Metric.COSINE)


def test_what_a_half_precision_index_would_hold_as_zero_is_refused_for_cosine_alone() -> None:
    with pytest.raises(InvalidVector, match="half precision"):
        check_vector(filled(1e-9, 2001), Metric.COSINE)
    check_vector(filled(1e-9, 2001, 1e-4), Metric.COSINE)
    check_vector(filled(1e-9, 2001), Metric.EUCLIDEAN)
    check_vector(filled(0, 2001), Metric.DOT_PRODUCT)
