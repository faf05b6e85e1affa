"""From a reply's raw vectors to a matrix that can be trusted. Pure; what does not hold is a MalformedReplyError."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence

import numpy as np

from providers.embedding import Matrix, Vector
from providers.errors import MalformedReplyError


def to_matrix(raw: Sequence[object], *, count: int, dimension: int | None) -> Matrix:
    """Shape (count, dimension), every component finite in float32. A raw vector is a list of numbers or base64.

    Without a dimension the first vector has it. `count` is at least 1.
    """
    if len(raw) != count:
        raise MalformedReplyError(f"{len(raw)} vectors for {count} texts")
    length = len(_decode(raw[0])) if dimension is None else dimension
    matrix = np.empty((count, length), np.float32)
    for position, each in enumerate(raw):
        vector = _decode(each)
        if len(vector) != length:
            raise MalformedReplyError(f"a vector of {len(vector)} dimensions where {length} were asked for")
        matrix[position] = vector
    if not np.isfinite(matrix).all():
        raise MalformedReplyError("a vector with a component that is not a finite 32-bit number")
    return matrix


def _decode(raw: object) -> Vector:
    if isinstance(raw, str):
        return _from_base64(raw)
    if isinstance(raw, list) and set(map(type, raw)) <= {float, int}:
        with np.errstate(
            over="ignore"
        ):  # what is too large becomes infinite, and is refused with the other such values
            return np.array(raw, np.float32)
    raise MalformedReplyError("a vector that is neither a list of numbers nor base64")


def _from_base64(text: str) -> Vector:
    """Little-endian float32 values, as `encoding_format: base64` promises."""
    try:
        return np.frombuffer(base64.b64decode(text, validate=True), "<f4")
    except (binascii.Error, ValueError):
        raise MalformedReplyError("a vector that is not base64 of 32-bit numbers") from None
