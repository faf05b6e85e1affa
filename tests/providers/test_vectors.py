"""Only vectors that are what was asked for come through."""

from __future__ import annotations

import base64

import numpy as np
import pytest

from providers.errors import MalformedReplyError
from providers.vectors import to_matrix


def encoded(*values: float) -> str:
    return base64.b64encode(np.array(values, "<f4").tobytes()).decode()


@pytest.mark.parametrize("raw", [[1.5, -2], encoded(1.5, -2)])
def test_numbers_and_base64_are_the_same_vector(raw: object) -> None:
    matrix = to_matrix([raw, [0, 3]], count=2, dimension=2)
    assert matrix.dtype == np.float32
    assert matrix.tolist() == [[1.5, -2], [0, 3]]


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        ([[1.0, 2.0]], "1 vectors for 2 texts"),
        ([[1.0, 2.0]] * 3, "3 vectors for 2 texts"),
        ([], "0 vectors for 2 texts"),
        ([[1.0, 2.0], [1.0]], "a vector of 1 dimensions where 2 were asked for"),
        ([[1.0, 2.0], encoded(1, 2, 3)], "a vector of 3 dimensions"),
        ([[1.0, 2.0], []], "a vector of 0 dimensions"),
        ([[1.0, 2.0], None], "neither a list of numbers nor base64"),
        ([[1.0, 2.0], [1.0, None]], "neither a list of numbers nor base64"),
        ([[1.0, 2.0], [1.0, True]], "neither a list of numbers nor base64"),
        ([[1.0, 2.0], [1.0, "2"]], "neither a list of numbers nor base64"),
        ([[1.0, 2.0], [[1.0], [2.0]]], "neither a list of numbers nor base64"),
        ([[1.0, 2.0], "no base64!"], "not base64 of 32-bit numbers"),
        ([[1.0, 2.0], "ÄÄÄÄ"], "not base64 of 32-bit numbers"),
        ([[1.0, 2.0], base64.b64encode(b"12345").decode()], "not base64 of 32-bit numbers"),
        ([[1.0, 2.0], encoded(1, float("nan"))], "not a finite 32-bit number"),
        ([[1.0, 2.0], encoded(1, float("inf"))], "not a finite 32-bit number"),
        ([[1.0, 2.0], [1e39, 1]], "not a finite 32-bit number"),
        ([[1.0, 2.0], [10**40, 1]], "not a finite 32-bit number"),
    ],
)
def test_anything_else_is_refused_with_the_reason(raw: list[object], reason: str) -> None:
    with pytest.raises(MalformedReplyError, match=reason):
        to_matrix(raw, count=2, dimension=2)


def test_without_a_dimension_the_first_vector_has_it() -> None:
    assert to_matrix([[1.0, 2.0], [3.0, 4.0]], count=2, dimension=None).shape == (2, 2)
    with pytest.raises(MalformedReplyError, match="a vector of 1 dimensions where 2"):
        to_matrix([[1.0, 2.0], [3.0]], count=2, dimension=None)
