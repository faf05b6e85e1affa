"""Tables with columns of every type for the store's tests, without a gateway."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from app.postgres import Connection
from app.store import row, row_key
from app.store import table as tables
from app.store.column_value import parse
from app.store.identifier import schema
from app.store.record import Column, ColumnType, Table, new_id
from app.store.row import NewRow

SCALAR = [each for each in ColumnType if each is not ColumnType.VECTOR]


def made(name: str, kind: ColumnType, key: int | None = None, **more: Any) -> Column:  # noqa: ANN401 - a column's other fields
    """A column of no table yet."""
    fields: dict[str, Any] = {
        "nullable": key is None,
        "dimension": None,
        "source_column_id": None,
        "migrating": False,
        "index": None,
    }
    return Column(
        id=new_id(),
        organization_id=uuid4(),
        table_id=uuid4(),
        name=name,
        type=kind,
        position=0,
        key_position=key,
        **(fields | more),
    )


def described(*columns: Column) -> Table:
    """A table of these columns that is not in a region yet."""
    ordered = tuple(replace(each, position=position) for position, each in enumerate(columns, 1))
    return Table(new_id(), uuid4(), uuid4(), "films", "local", 1, datetime.now(UTC), ordered)


async def make_table(connection: Connection, *columns: Column) -> Table:
    """A table with these columns."""
    table = described(*columns)
    await connection.execute(f"create schema {schema(table.database_id)}")
    async with connection.transaction():
        await tables.create_table(connection, table)
    return table


def new(table: Table, **given: Any) -> NewRow:  # noqa: ANN401 - JSON, or vectors
    """A row by column name, its values as JSON."""
    values = {each.id: typed(each, given[each.name]) for each in table.columns if given.get(each.name) is not None}
    return NewRow(row_key.of_row(table, given), values)


def typed(column: Column, value: object) -> object:
    return value if column.type is ColumnType.VECTOR else parse(column, value)


async def put(connection: Connection, table: Table, *rows: Mapping[str, Any]) -> None:
    await row.insert(connection, table, [new(table, **each) for each in rows], replace=True)
