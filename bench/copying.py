"""Documents brought into a collection's own table by hand, past the gateway: the fastest way there is, for what is compared or prepared."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pgvector import Vector

from app.codec import register_codecs
from app.store.key import encode_key
from bench.collection import MOST, Collection
from bench.texts import Floats, Texts, embedded

COLUMNS = ("key", "body", "text", "vector")
INDEX = """
select format('%I.%I', schemaname, indexname) as name, indexdef as definition from pg_indexes
where indexdef like '%USING hnsw%' and schemaname = $1 and tablename = $2"""
MEMORY = "3GB"
"""For building an index of a million vectors in one piece."""


async def embed_and_copy(connection: Any, place: Collection, texts: Texts, numbers: Sequence[range]) -> None:  # noqa: ANN401 - asyncpg's, as below
    """Each stretch of texts by the local model, then by a binary COPY."""
    await register_codecs(connection)
    for part in numbers:
        await _copy(connection, place, texts, part, await embedded([texts.stored[number] for number in part]))


async def copy(connection: Any, place: Collection, texts: Texts, numbers: range) -> None:  # noqa: ANN401 - its stubs know no codecs
    """With the vectors that are there."""
    await register_codecs(connection)
    for first in range(numbers.start, numbers.stop, MOST):
        part = range(first, min(first + MOST, numbers.stop))
        await _copy(connection, place, texts, part, texts.vectors[part.start : part.stop])


async def drop_vector_index(connection: Any, place: Collection) -> str:  # noqa: ANN401
    """The statement that makes it again, as it was."""
    index = await connection.fetchrow(INDEX, *_names(place))
    await connection.execute(f"drop index {index['name']}")
    return str(index["definition"])


async def build(connection: Any, definition: str) -> None:  # noqa: ANN401
    """An index that was dropped."""
    await connection.execute(f"set maintenance_work_mem = '{MEMORY}'")
    await connection.execute(definition, timeout=None)


async def _copy(connection: Any, place: Collection, texts: Texts, part: range, vectors: Floats) -> None:  # noqa: ANN401
    records = [
        (encode_key(number), texts.fields(number), texts.stored[number], Vector(vector))
        for number, vector in zip(part, vectors, strict=True)
    ]
    schema, table = _names(place)
    await connection.copy_records_to_table(table, schema_name=schema, records=records, columns=COLUMNS)


def _names(place: Collection) -> tuple[str, str]:
    """Schema and table, not quoted."""
    schema, table = (name.strip('"') for name in place.table.split("."))
    return schema, table
