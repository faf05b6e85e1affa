"""What SQL says of stored vectors is what is said of vectors from outside: no index is made over one that it could not find."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from uuid import uuid4

import numpy as np
import pytest

from app.domain.vector import check_vector
from app.errors import InvalidVector
from app.postgres import Connection
from app.store import identifier, table, vector_index
from app.store.identifier import column as physical
from app.store.identifier import row_table, schema
from app.store.record import Column, ColumnType, Metric, Table, Vector
from app.store.vector import MIN_HALF_VALUE

HALF_ZERO = np.float32(2.0**-25)
EDGES = [
    0.0,
    1e-45,
    1e-30,
    1e-23,
    HALF_ZERO,
    np.nextafter(HALF_ZERO, np.float32(1)),
    1e-3,
    65_504,
    65_505,
    65_530,
    1e19,
    3e38,
]


def described(dimension: int) -> tuple[Table, Column, Column]:
    """A table with a key and a vector column that is nowhere yet."""
    identifier, organization = uuid4(), uuid4()

    key = Column(
        id=uuid4(),
        organization_id=organization,
        table_id=identifier,
        name="id",
        type=ColumnType.INT,
        nullable=False,
        position=1,
        key_position=1,
        dimension=None,
        source_column_id=None,
        migrating=False,
        index=None,
    )
    vectors = replace(
        key,
        id=uuid4(),
        name="v",
        type=ColumnType.VECTOR,
        nullable=True,
        position=2,
        key_position=None,
        dimension=dimension,
    )
    made = Table(identifier, organization, uuid4(), "films", "local", 1, datetime.now(UTC), (key, vectors))
    return made, key, vectors


async def filled(connection: Connection, dimension: int, stored: list[Vector | None]) -> tuple[Table, Column]:
    made, key, vectors = described(dimension)
    await connection.execute(f"create schema {schema(made.database_id)}")
    async with connection.transaction():
        await table.create_table(connection, made)
    into = f"{row_table(made.database_id, made.id)} ({physical(key.id)}, {physical(vectors.id)})"
    await connection.executemany(f"insert into {into} values ($1, $2)", list(enumerate(stored)))  # noqa: S608 - names from ids
    return made, vectors


def fits(vector: Vector, metric: Metric) -> bool:
    try:
        check_vector(vector, metric)
    except InvalidVector:
        return False
    return True


@pytest.mark.parametrize("metric", Metric)
@pytest.mark.parametrize("dimension", [3, 2_001, 4_001])
async def test_a_stored_vector_is_unfit_where_it_would_be_refused(
    connection: Connection, dimension: int, metric: Metric
) -> None:
    alone = [np.eye(1, dimension, 1, dtype=np.float32)[0] * np.float32(edge) for edge in EDGES]
    everywhere = [np.full(dimension, -edge, np.float32) for edge in EDGES]
    for each in alone + everywhere:
        home, column = await filled(connection, dimension, [each, None])
        assert await vector_index.inspect(connection, home, column, metric) == (1, 0 if fits(each, metric) else 1), (
            each[:2]
        )


async def test_only_so_many_are_looked_at_as_is_asked_and_nulls_are_none(connection: Connection) -> None:
    good, bad = np.ones(3, np.float32), np.zeros(3, np.float32)
    home, column = await filled(connection, 3, [None, good, good, bad, None])
    assert await vector_index.inspect(connection, home, column, Metric.COSINE) == (3, 1)
    assert await vector_index.inspect(connection, home, column, Metric.COSINE, 2) == (2, 0)
    assert await vector_index.has_vectors(connection, home, column)
    empty, bare = await filled(connection, 3, [None])
    assert not await vector_index.has_vectors(connection, empty, bare)


async def test_an_index_is_built_when_its_build_came_to_its_end(connection: Connection) -> None:
    home, column = await filled(connection, 3, [np.ones(3, np.float32)])
    assert not await vector_index.is_built(connection, home, column)
    await vector_index.build(connection, home, column, Metric.COSINE)
    assert await vector_index.is_built(connection, home, column)
    broken_off = "update pg_index set indisvalid = false where indexrelid = $1::regclass"
    await connection.execute(
        broken_off, f"{schema(home.database_id)}.{identifier.quoted(identifier.vector_index_name(column.id))}"
    )
    assert not await vector_index.is_built(connection, home, column)
    await vector_index.discard(connection, home, column)
    assert not await vector_index.is_built(connection, home, column)


def test_the_smallest_half_is_where_numpy_has_it() -> None:
    assert np.float16(np.nextafter(HALF_ZERO, np.float32(1))) > 0
    assert np.float16(HALF_ZERO) == 0
    assert float(HALF_ZERO) < MIN_HALF_VALUE < float(np.nextafter(HALF_ZERO, np.float32(1)))
