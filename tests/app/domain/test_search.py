"""The arithmetic of vector search."""

from __future__ import annotations

import math
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.search import finite, similarity
from app.store.record import Metric

LARGEST = sys.float_info.max


@pytest.mark.parametrize(
    ("metric", "distance", "expected"),
    [
        (Metric.COSINE, 0.0, 1.0),
        (Metric.COSINE, 1.0, 0.5),
        (Metric.COSINE, 2.0, 0.0),
        (Metric.COSINE, -1e-9, 1.0),
        (Metric.COSINE, 2.0000001, 0.0),
        (Metric.DOT_PRODUCT, -1.0, 1.0),
        (Metric.DOT_PRODUCT, 1.0, 0.0),
        (Metric.DOT_PRODUCT, -5.0, 3.0),
        (Metric.EUCLIDEAN, 0.0, 1.0),
        (Metric.EUCLIDEAN, 1.0, 0.5),
        (Metric.EUCLIDEAN, 3.0, 0.1),
    ],
)
def test_similarity_is_as_the_metric_has_it(metric: Metric, distance: float, expected: float) -> None:
    assert similarity(metric, distance) == pytest.approx(expected)


@given(st.floats(), st.floats())
def test_what_is_farther_is_never_more_similar(one: float, other: float) -> None:
    nearer, farther = sorted([finite(one), finite(other)])
    for metric in Metric:
        assert math.isfinite(similarity(metric, nearer))
        if metric is not Metric.EUCLIDEAN or nearer >= 0:
            assert similarity(metric, nearer) >= similarity(metric, farther)


def test_similarity_lies_between_0_and_1_but_for_the_dot_product() -> None:
    for distance in (0.0, 1e-300, 1.5, 1e200, LARGEST):
        for metric in (Metric.COSINE, Metric.EUCLIDEAN):
            assert 0 <= similarity(metric, distance) <= 1


def test_distances_beyond_numbers_become_the_largest_number() -> None:
    assert finite(math.inf) == finite(math.nan) == LARGEST
    assert finite(-math.inf) == -LARGEST
    assert finite(1.25) == 1.25
