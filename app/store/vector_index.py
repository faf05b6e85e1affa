"""SQL of the vector indexes of tables' columns: one a column, and beyond 4,000 dimensions none, where every vector is compared."""

from __future__ import annotations

from uuid import UUID

from app.postgres import Connection
from app.store import hnsw, vector
from app.store.dropped import dropped_is_not_found
from app.store.hnsw import Index
from app.store.identifier import column as physical
from app.store.identifier import row_table, schema, vector_index_name
from app.store.lock import for_change
from app.store.record import Column, Metric, Table, VectorIndex, VectorIndexStatus

_SET = """
    update vectorgate.table_column set index_name = $3, index_metric = $4, index_status = $5
    where organization_id = $1 and id = $2"""
_SETTLE = """
    update vectorgate.table_column set index_status = $3
    where organization_id = $1 and id = $2 and index_status = 'BUILDING' returning id"""


async def put(connection: Connection, organization_id: UUID, column_id: UUID, index: VectorIndex | None) -> None:
    """In the catalogue: the index that a column has from now on, if any. Its name must be free."""
    values = (index.name, index.metric, index.status) if index else (None, None, None)
    await connection.execute(_SET, organization_id, column_id, *values)


async def settle(connection: Connection, organization_id: UUID, column_id: UUID, status: VectorIndexStatus) -> bool:
    """In the catalogue: what became of an index that was being built. False when none is."""
    return await connection.fetchval(_SETTLE, organization_id, column_id, status) is not None


@dropped_is_not_found
async def create(connection: Connection, table: Table, column: Column, metric: Metric) -> None:
    """In the region's cluster, in a transaction, for a column that holds no vectors yet. Does nothing when it is there."""
    index = _index(table, column, metric)
    if index.expression is not None:
        await for_change(connection, index.home)
        await hnsw.create(connection, index)


@dropped_is_not_found
async def build(connection: Connection, table: Table, column: Column, metric: Metric) -> None:
    """In the region's cluster: `hnsw.build`."""
    await hnsw.build(connection, _index(table, column, metric))


async def discard(connection: Connection, table: Table, column: Column) -> None:
    """In the region's cluster: `hnsw.discard`."""
    await hnsw.discard(connection, _index(table, column))


async def is_built(connection: Connection, table: Table, column: Column) -> bool:
    """In the region's cluster: whether an index is there, and was built to its end."""
    return await hnsw.is_built(connection, _index(table, column))


async def progress(connection: Connection, table: Table, column: Column) -> int:
    """In the region's cluster: how many vectors a build has taken in; 0 when none is going on."""
    return await hnsw.progress(connection, _index(table, column))


@dropped_is_not_found
async def drop(connection: Connection, table: Table, column: Column) -> None:
    """In the region's cluster, in a transaction; does nothing when there is none."""
    await hnsw.drop(connection, _index(table, column))


@dropped_is_not_found
async def has_vectors(connection: Connection, table: Table, column: Column) -> bool:
    """In the region's cluster: whether the column holds anything that an index would have to be built from."""
    home, name = row_table(table.database_id, table.id), physical(column.id)
    found: bool = await connection.fetchval(f"select exists (select from {home} where {name} is not null)")
    return found


@dropped_is_not_found
async def inspect(
    connection: Connection, table: Table, column: Column, metric: Metric, most: int | None = None
) -> tuple[int, int]:
    """In the region's cluster: how many vectors there are, and how many of them an index by this metric could not find.

    Looks at `most` of them, or at all. Those are what `domain.vector.check_vector` refuses where a vector is written.
    """
    home, name = row_table(table.database_id, table.id), physical(column.id)
    unfit = vector.unfit("v", column.dimension or 0, metric)
    row = await connection.fetchrow(
        f"""select count(*) as vectors, count(*) filter (where {unfit}) as unfit
            from (select {name} as v from {home} where {name} is not null limit $1) looked_at""",
        most,
    )
    return (row["vectors"], row["unfit"]) if row else (0, 0)


def _index(table: Table, column: Column, metric: Metric | None = None) -> Index:
    """The index of a column; the metric says how it is made."""
    name = physical(column.id)
    expression = vector.index_expression(name, column.dimension or 0, metric) if metric is not None else None
    home = row_table(table.database_id, table.id)
    return Index(home, schema(table.database_id), vector_index_name(column.id), expression)
