"""Vectors from outside: a list of numbers, or base64 of big-endian float32 values, checked for where they go (rules 22 and 34)."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Hashable, Mapping, Sequence
from typing import TypeVar

import numpy as np

from app.errors import GatewayError, InvalidVector, InvalidVectorLength, UnsupportedVectorDimension
from app.store.record import Metric, Vector
from app.store.vector import MAX_HALF_VALUE, MAX_STORED, indexed_type

K = TypeVar("K", bound=Hashable)

NUMBERS = {int, float}
"""The types that JSON's numbers come as; a boolean, in Python a kind of int, is none."""

PLAIN_SQUARES = (1e-6, 4e9)
"""Between these squared lengths a vector is fit for everything: finite, with a direction, and its largest component a number in
half precision, neither infinite nor, spread over 4,000 components, zero."""


def check_dimension(length: int | None) -> None:
    """Raises UnsupportedVectorDimension for a length that no column can have."""
    if length is not None and not 1 <= length <= MAX_STORED:
        message = f"A vector can have 1 to {MAX_STORED} components, and {length} are asked for."
        raise UnsupportedVectorDimension(message, limit=MAX_STORED, actual=length)


def parse_vector(value: object, dimension: int, metric: Metric | None) -> Vector:
    """The vector, shape (dimension,), float32, fit for a metric (see `check_vector`). Raises InvalidVector or InvalidVectorLength."""
    vector = _from_base64(value) if isinstance(value, str) else _from_list(value)
    if len(vector) != dimension:
        raise InvalidVectorLength(
            f"The vector has {len(vector)} components, and {dimension} are needed.", limit=dimension, actual=len(vector)
        )
    check_vector(vector, metric)
    return vector


def check_vector(vector: Vector, metric: Metric | None) -> None:
    """Raises InvalidVector for a vector that could not be stored, compared, or found through the index. None: of a column without one."""
    if _is_plain(vector):
        return
    if not np.isfinite(vector).all():
        raise InvalidVector("The vector has a component that is not finite as a 32-bit float.")
    if metric is None:
        return
    if metric is Metric.COSINE:
        with np.errstate(over="ignore"):
            norm = float(np.sqrt(np.dot(vector, vector)))
        if norm == 0 or not np.isfinite(norm):
            raise InvalidVector(
                "A vector of length zero, or of one beyond 32-bit floats, has no direction that COSINE could compare."
            )
    if indexed_type(len(vector)) == "halfvec":
        _check_half(float(np.abs(vector).max()), metric)


def checked(made: Mapping[K, Vector | GatewayError], metric: Metric | None) -> dict[K, Vector | GatewayError]:
    """Vectors that a provider made, all of one length, with InvalidVector in the place of those that `check_vector` refuses."""
    result = dict(made)
    vectors = {key: each for key, each in made.items() if not isinstance(each, GatewayError)}
    for key in _not_plain(vectors):
        try:
            check_vector(vectors[key], metric)
        except InvalidVector as error:
            result[key] = error
    return result


def usable(made: Mapping[K, Vector | GatewayError], metric: Metric | None) -> dict[K, Vector]:
    """Those of them that can be stored."""
    return {key: each for key, each in checked(made, metric).items() if not isinstance(each, GatewayError)}


def _not_plain(vectors: Mapping[K, Vector]) -> Sequence[K]:
    """Those that need a closer look: one look at a thousand takes as long as ten at one each."""
    if not vectors:
        return []
    stacked = np.stack(list(vectors.values()))
    with np.errstate(over="ignore", invalid="ignore"):
        squares = np.einsum("ij,ij->i", stacked, stacked)
    least, most = PLAIN_SQUARES
    return [key for key, plain in zip(vectors, (squares > least) & (squares < most), strict=True) if not plain]


def _is_plain(vector: Vector) -> bool:
    """Whether its length alone says that nothing is wrong with it."""
    least, most = PLAIN_SQUARES
    with np.errstate(over="ignore", invalid="ignore"):
        return least < float(np.dot(vector, vector)) < most


def _check_half(largest: float, metric: Metric) -> None:
    """Raises InvalidVector for a vector that the half-precision index could not hold, or would hold as zero."""
    if largest > MAX_HALF_VALUE:
        raise InvalidVector(
            f"A component is beyond ±{MAX_HALF_VALUE:g}, which the half-precision index of this dimension cannot hold."
        )
    if metric is Metric.COSINE and np.float16(largest) == 0:
        raise InvalidVector(
            "Every component is zero in half precision, as the index of this dimension holds it: scale it up."
        )


def _from_list(value: object) -> Vector:
    if not isinstance(value, list) or not value:
        raise InvalidVector("A vector is a list of numbers, or base64 of big-endian 32-bit floats.")
    if not set(map(type, value)) <= NUMBERS:
        raise InvalidVector("A vector's components are numbers, and one here is not.")
    try:
        with np.errstate(over="ignore"):
            return np.array(value, dtype=np.float64).astype(np.float32)
    except OverflowError:
        raise InvalidVector("The vector has a component that is not finite as a 32-bit float.") from None


def _from_base64(text: str) -> Vector:
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise InvalidVector("The vector is a string that is no base64.") from None
    if not data or len(data) % 4:
        raise InvalidVector(f"The vector's base64 holds {len(data)} bytes, which is no whole number of 32-bit floats.")
    return np.frombuffer(data, dtype=">f4").astype(np.float32)
