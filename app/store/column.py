"""SQL of columns: rows in the catalogue, and the columns of a table in its region, which keep their names for good."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

import asyncpg

from app.errors import BadInput, LimitExceeded
from app.postgres import Connection
from app.store.column_value import SQL_TYPES
from app.store.dropped import dropped_is_not_found
from app.store.identifier import column as physical
from app.store.identifier import row_table
from app.store.lock import for_change
from app.store.record import Column, ColumnType, Table

# In one statement: among the columns may be one and what it is kept in step with, in any order.
_INSERT = """
    insert into vectorgate.table_column
        (id, organization_id, target_id, name, type, nullable, position, key_position, dimension, source_column_id, migrating,
         index_name, index_metric, index_status)
    select * from unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::text[], $5::text[], $6::boolean[], $7::integer[], $8::integer[],
        $9::integer[], $10::uuid[], $11::boolean[], $12::text[], $13::text[], $14::text[])"""

_DELETE = "delete from vectorgate.table_column where organization_id = $1 and id = any($2)"
_SET_SOURCE = "update vectorgate.table_column set source_column_id = $3 where organization_id = $1 and id = $2"

# One after the other, because names are unique at every moment.
_SWAP = (
    "update vectorgate.table_column set name = id::text where organization_id = $1 and id = $2",
    """
    update vectorgate.table_column
    set name = $3, position = $4, nullable = true, retired = true, source_column_id = null,
        index_name = null, index_metric = null, index_status = null
    where organization_id = $1 and id = $2""",
    """
    update vectorgate.table_column
    set name = $3, position = $4, migrating = false, index_name = $5, index_metric = $6, index_status = $7
    where organization_id = $1 and id = $2""",
)


async def insert(connection: Connection, columns: Sequence[Column]) -> None:
    """Enter columns of a table in the catalogue. Their names and their indexes' names must be free."""
    await connection.execute(_INSERT, *zip(*(_values(each) for each in columns), strict=True))


async def delete(connection: Connection, organization_id: UUID, column_ids: Sequence[UUID]) -> None:
    """Delete columns from the catalogue; what is attached to them goes with them. No other column may be kept in step with one of them."""
    await connection.execute(_DELETE, organization_id, column_ids)


async def set_source(connection: Connection, organization_id: UUID, column_id: UUID, source_id: UUID | None) -> None:
    """Keep a vector column in step with a text column from now on; None: with none."""
    await connection.execute(_SET_SOURCE, organization_id, column_id, source_id)


async def swap(connection: Connection, old: Column, new: Column) -> None:
    """A column in migration takes the place of the one that it was made for, with its name and index; that one takes its name."""
    free, retire, instate = _SWAP
    owner, index = old.organization_id, old.index
    indexed = (index.name, index.metric, index.status) if index else (None, None, None)
    await connection.execute(free, owner, new.id)
    await connection.execute(retire, owner, old.id, new.name, new.position)
    await connection.execute(instate, owner, new.id, old.name, old.position, *indexed)


@dropped_is_not_found
async def add(connection: Connection, table: Table, columns: Sequence[Column]) -> None:
    """In the region's cluster, in a transaction. Raises BadInput where there are rows, and a column cannot be without a value."""
    home = row_table(table.database_id, table.id)
    await for_change(connection, home)
    added = ", ".join(f"add column {definition(each, nullable=each.nullable)}" for each in columns)
    try:
        await connection.execute(f"alter table {home} {added}")
    except asyncpg.NotNullViolationError:
        message = "The table has rows, which would have no value in a new column: it must be nullable."
        raise BadInput(message, table=table.name) from None
    except asyncpg.TooManyColumnsError:
        message = (
            "The table has had 1,600 columns, with those that were dropped, and can have no more: make a new table."
        )
        raise LimitExceeded(message, limit=1_600) from None


@dropped_is_not_found
async def let_be_null(connection: Connection, table: Table, columns: Sequence[Column]) -> None:
    """In the region's cluster, in a transaction: from now on rows can be written without a value in these columns."""
    home = row_table(table.database_id, table.id)
    await for_change(connection, home)
    altered = ", ".join(f"alter column {physical(each.id)} drop not null" for each in columns)
    await connection.execute(f"alter table {home} {altered}")


@dropped_is_not_found
async def drop(connection: Connection, database_id: UUID, table_id: UUID, column_id: UUID) -> None:
    """In the region's cluster, in a transaction; does nothing when it is gone. Raises NotFound when its table goes in this moment."""
    home = row_table(database_id, table_id)
    if await connection.fetchval("select to_regclass($1) is not null", home):
        await for_change(connection, home)
        await connection.execute(f"alter table {home} drop column if exists {physical(column_id)}")


def definition(column: Column, *, nullable: bool) -> str:
    """What stands in `create table` and behind `add column`. Keys are ordered by code points, as cursors compare them."""
    kind = f"vector({column.dimension})" if column.dimension else SQL_TYPES[column.type]
    collated = ' collate "C"' if column.key_position and column.type is ColumnType.TEXT else ""
    return f"{physical(column.id)} {kind}{collated}{'' if nullable else ' not null'}"


def _values(column: Column) -> tuple[object, ...]:
    """In the order of the statement's columns."""
    index = column.index
    named: tuple[UUID | str | None, ...] = (index.name, index.metric, index.status) if index else (None, None, None)
    return (
        column.id,
        column.organization_id,
        column.table_id,
        column.name,
        column.type,
        column.nullable,
        column.position,
        column.key_position,
        column.dimension,
        column.source_column_id,
        column.migrating,
        *named,
    )
