"""JSON and vectors between Python and PostgreSQL, both in binary: as text, a vector takes three times as long."""

from __future__ import annotations

from typing import Any

import numpy as np
import orjson
from numpy.typing import NDArray
from pgvector import Vector

JSONB_VERSION = b"\x01"
"""What PostgreSQL puts before the text of a jsonb value in its binary format."""


async def register_codecs(connection: Any) -> None:  # noqa: ANN401 - asyncpg hands a bare connection to a pool's init, not the proxy of its stubs
    """JSON as Python values and vectors as float32 arrays, both in binary."""
    await connection.set_type_codec(
        "jsonb", schema="pg_catalog", encoder=_encode_json, decoder=_decode_json, format="binary"
    )
    await connection.set_type_codec(
        "vector", schema="public", encoder=_encode_vector, decoder=_decode_vector, format="binary"
    )


def _encode_json(value: object) -> bytes:
    return JSONB_VERSION + orjson.dumps(value)


def _decode_json(data: bytes) -> object:
    return orjson.loads(data[1:])


def _encode_vector(value: Vector | NDArray[np.float32]) -> bytes:
    return (value if isinstance(value, Vector) else Vector(value)).to_binary()


def _decode_vector(data: bytes) -> object:
    return Vector.from_binary(data).to_numpy()
