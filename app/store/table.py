"""SQL of tables: rows in the catalogue with their columns, a table each in their database's schema."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import groupby
from uuid import UUID

from app.postgres import Connection, Row
from app.store.record import Column, ColumnType, Metric, Table, VectorIndex, VectorIndexStatus

# One row a column, and every table has one at least: the columns of a table come with it, in one statement.
TABLE_COLUMNS = """
    t.id, t.organization_id, t.database_id, t.name, d.region, t.version, t.created_at, v.id as column_id, v.name as column_name,
    v.type, v.nullable, v.position, v.key_position, v.dimension, v.source_column_id, v.migrating, v.index_name, v.index_metric,
    v.index_status"""
TABLE_FROM = """
    from vectorgate.target t join vectorgate.database d on d.id = t.database_id
    join vectorgate.table_column v on v.target_id = t.id"""
_SEEN = "($2::uuid[] is null or t.database_id = any($2))"
_HERE = f"t.organization_id = $1 and {_SEEN} and t.kind = 'TABLE' and t.status = 'ACTIVE'"
_BY_ID = f"select {TABLE_COLUMNS} {TABLE_FROM} where {_HERE} and t.id = any($3) order by t.id, v.position"


async def by_ids(
    connection: Connection, organization_id: UUID, databases: Sequence[UUID] | None, ids: Sequence[UUID]
) -> list[Table]:
    return tables(await connection.fetch(_BY_ID, organization_id, databases, ids))


def tables(rows: Iterable[Row]) -> list[Table]:
    """The tables of rows with `TABLE_COLUMNS`, those of one table next to each other."""
    return [_table(list(group)) for _, group in groupby(rows, key=lambda row: row["id"])]


def _table(rows: Sequence[Row]) -> Table:
    fields = {name: rows[0][name] for name in Table.__slots__ if name != "columns"}
    return Table(**fields, columns=tuple(_column(row) for row in rows))


def _column(row: Row) -> Column:
    index = None
    if row["index_name"] is not None:
        index = VectorIndex(row["index_name"], Metric(row["index_metric"]), VectorIndexStatus(row["index_status"]))
    return Column(
        id=row["column_id"],
        organization_id=row["organization_id"],
        table_id=row["id"],
        name=row["column_name"],
        type=ColumnType(row["type"]),
        nullable=row["nullable"],
        position=row["position"],
        key_position=row["key_position"],
        dimension=row["dimension"],
        source_column_id=row["source_column_id"],
        migrating=row["migrating"],
        index=index,
    )
