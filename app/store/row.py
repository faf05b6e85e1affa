"""SQL of rows, in a table's own table. What was not asked for is not read; writes travel as arrays, one statement a call.

A row's values are known by column id: `column_value` says what each type is in Python, vectors are float32 arrays. Columns in
migration are never read here, and no value of theirs is kept for a text that it was not made from.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from pgvector import Vector as Wire

from app.postgres import Connection, Row
from app.store import identifier, measured, row_key
from app.store.changed import changed_is_told
from app.store.column_value import SQL_TYPES, sent, shown
from app.store.document import Touched
from app.store.filter import row_filter
from app.store.identifier import Arguments, Statement
from app.store.record import Column, ColumnType, Table, TableRow, Vector


@dataclass(frozen=True, slots=True)
class Wanted:
    """What to read of rows beside their keys: all columns but vectors (`fields`), and vector columns by name."""

    fields: bool = False
    vectors: frozenset[str] = frozenset()

    def of(self, table: Table) -> list[Column]:
        """The columns to read; names that no vector column has stand for nothing."""
        return [each for each in table.shown if each.key_position or self._names(each)]

    def columns(self, table: Table) -> str:
        """The select list, to be read by `table_row`."""
        return ", ".join(["created_at", *(identifier.column(each.id) for each in self.of(table))])

    def sizes(self, table: Table) -> list[str]:
        """The sizes of those columns that can be large."""
        return [size for each in self.of(table) if (size := _size(each))]

    def _names(self, column: Column) -> bool:
        return column.name in self.vectors if column.type is ColumnType.VECTOR else self.fields


@dataclass(frozen=True, slots=True)
class NewRow:
    """A row ready to be stored: its stored key, and its values by column id; what is left out is null."""

    key: str
    values: Mapping[UUID, Any]


def _size(column: Column) -> str | None:
    """None for a type whose values are all small."""
    name = identifier.column(column.id)
    match column.type:
        case ColumnType.VECTOR:
            return measured.vector(name, column.dimension or 0)
        case ColumnType.TEXT:
            return measured.text(name)
        case ColumnType.JSON:
            return measured.json(name)
    return None


def home(table: Table) -> str:
    """The table of a table's rows."""
    return identifier.row_table(table.database_id, table.id)


def key_columns(table: Table) -> list[str]:
    """The physical columns of the primary key, in its order: what rows are locked and, after their creation, paged in."""
    return [identifier.column(each.id) for each in table.key]


def typed_key(table: Table) -> dict[str, str]:
    """The physical columns of the primary key, in its order, with their PostgreSQL types."""
    return {identifier.column(each.id): SQL_TYPES[each.type] for each in table.key}


def table_row(table: Table, wanted: Wanted, row: Row) -> TableRow:
    """A row that was read with `wanted.columns(table)`."""
    read = {each: row[identifier.column_name(each.id)] for each in wanted.of(table)}
    return TableRow(
        key=row_key.encode(table, [read[each] for each in table.key]),
        created_at=row["created_at"],
        fields={
            each.name: shown(each.type, value) for each, value in read.items() if each.type is not ColumnType.VECTOR
        },
        vectors={each.name: value for each, value in read.items() if each.type is ColumnType.VECTOR},
    )


def place(table: Table, key: str, arguments: Arguments) -> list[str]:
    """The placeholders of a stored key's values, in the order of `key_columns`."""
    values = zip(table.key, row_key.decode(table, key), strict=True)
    return [f"{arguments.put(value)}::{SQL_TYPES[each.type]}" for each, value in values]


@changed_is_told
async def page(
    connection: Connection,
    table: Table,
    wanted: Wanted,
    given: Mapping[str, object] | None,
    after: tuple[datetime, str] | None,
    limit: int,
) -> list[TableRow]:
    """Rows that match a filter, in order of creation, then key; behind (creation, stored key)."""
    arguments = Arguments()
    condition, order = row_filter(table, given, arguments), ", ".join(["created_at", *key_columns(table)])
    behind = ""
    if after is not None:
        behind = f"and ({order}) > ({', '.join([arguments.put(after[0]), *place(table, after[1], arguments)])})"
    statement = Statement(f"""
        select {wanted.columns(table)} from {home(table)}
        where {condition} {behind} order by {order} limit {arguments.put(limit)}""")
    rows = await measured.fetch(connection, statement, wanted.sizes(table), arguments)
    return [table_row(table, wanted, row) for row in rows]


@changed_is_told
async def by_keys(connection: Connection, table: Table, wanted: Wanted, keys: Sequence[str]) -> list[TableRow]:
    """The rows with these stored keys that exist, in no order."""
    arguments = Arguments()
    statement = Statement(f"select {wanted.columns(table)} from {home(table)} where {_among(table, keys, arguments)}")
    rows = await measured.fetch(connection, statement, wanted.sizes(table), arguments)
    return [table_row(table, wanted, row) for row in rows]


@changed_is_told
async def existing(connection: Connection, table: Table, keys: Sequence[str]) -> set[str]:
    """Those of the stored keys that are taken."""
    return {each.key for each in await by_keys(connection, table, Wanted(), keys)}


@changed_is_told
async def count(connection: Connection, table: Table, given: Mapping[str, object] | None) -> int:
    """How many rows match a filter."""
    arguments = Arguments()
    condition = row_filter(table, given, arguments)
    number: int = await connection.fetchval(f"select count(*) from {home(table)} where {condition}", *arguments)
    return number


@changed_is_told
async def embedded(connection: Connection, table: Table, new: Sequence[NewRow]) -> dict[str, dict[UUID, Vector]]:
    """Stored key -> the vectors, by column id, that a row has already of the very texts that it is about to be replaced with."""
    arguments = Arguments()
    followers = _followers(table)
    sources = {each.source_column_id for each in followers}
    given = [each for each in table.columns if each.key_position or each.id in sources]
    vectors = [
        f"case when {_same_text(each, 'given')} then home.{identifier.column(each.id)} end as {identifier.column(each.id)}"
        for each in followers
    ]
    rows = await connection.fetch(
        f"""
        select {", ".join([*(f"home.{name}" for name in key_columns(table)), *vectors])}
        from {home(table)} as home join {_unnested(given, new, arguments)} on {same_key(table, "given")}""",
        *arguments,
    )
    return {
        _key(table, row): {
            each.id: vector for each in followers if (vector := row[identifier.column_name(each.id)]) is not None
        }
        for row in rows
    }


@changed_is_told
async def insert(connection: Connection, table: Table, new: Sequence[NewRow], *, replace: bool) -> dict[str, bool]:
    """Stored key -> whether it was new, for every row that was written: all of them with `replace`, else those whose key was free."""
    arguments = Arguments()
    names, key = ", ".join(identifier.column(each.id) for each in table.shown), ", ".join(key_columns(table))
    rows = await connection.fetch(
        f"""
        insert into {home(table)} as home ({names})
        select {names} from {_unnested(table.shown, new, arguments)} order by {_in_order(table)}
        on conflict ({key}) {_replacement(table) if replace else "do nothing"} returning {key}, xmax = 0 as is_new""",
        *arguments,
    )
    return {_key(table, row): row["is_new"] for row in rows}


@changed_is_told
async def delete(
    connection: Connection,
    table: Table,
    *,
    given: Mapping[str, object] | None,
    keys: Sequence[str] | None,
    most_keys: int,
) -> Touched:
    """Delete the rows with these stored keys, as far as they exist, or, without keys, what matches a filter."""
    arguments = Arguments()
    condition = row_filter(table, given, arguments) if keys is None else _among(table, keys, arguments)
    key = ", ".join(key_columns(table))
    row = await connection.fetchrow(
        f"""
        with met as materialized (select {key} from {home(table)} where {condition} order by {key} for update),
        changed as (
            delete from {home(table)} as home using met where {same_key(table, "met")} returning {_of_home(table)}
        )
        {changed_keys(table, most_keys)}""",
        *arguments,
    )
    return touched(table, row)


def changed_keys(table: Table, most: int, more: str = "") -> str:
    """The select behind a common table expression `changed` that answers key columns: one row, to be read by `touched`."""
    keys = ", ".join(f"array(select {name} from named) as {name}" for name in key_columns(table))
    return f""", named as (select * from changed limit {most:d})
        select (select count(*) from changed) as changed, {keys} {more}"""


def touched(table: Table, row: Row | None) -> Touched:
    """What the one row of a write says."""
    assert row is not None  # noqa: S101 - a select without a table always answers a row
    keys = zip(*(row[identifier.column_name(each.id)] for each in table.key), strict=True)
    return Touched(row["changed"], [row_key.encode(table, key) for key in keys])


def _key(table: Table, row: Row) -> str:
    return row_key.encode(table, [row[identifier.column_name(each.id)] for each in table.key])


def _among(table: Table, keys: Sequence[str], arguments: Arguments) -> str:
    """The condition that a row has one of these stored keys."""
    arrays = _arrays(table.key, [row_key.decode(table, key) for key in keys], arguments)
    return f"({', '.join(key_columns(table))}) in (select * from unnest({', '.join(arrays)}))"


def _unnested(columns: Sequence[Column], new: Sequence[NewRow], arguments: Arguments) -> str:
    """Values of new rows as a table `given` with physical names."""
    arrays = _arrays(columns, [[each.values.get(column.id) for column in columns] for each in new], arguments)
    return f"unnest({', '.join(arrays)}) as given ({', '.join(identifier.column(each.id) for each in columns)})"


def _arrays(columns: Sequence[Column], rows: Sequence[Sequence[Any]], arguments: Arguments) -> list[str]:
    """One array a column, as placeholders."""
    arrays = []
    for position, column in enumerate(columns):
        values = [row[position] for row in rows]
        if column.type is ColumnType.VECTOR:
            values = [None if each is None else Wire(each) for each in values]
        cast, values = sent(column, values)
        arrays.append(f"{arguments.put(values)}::{cast}")
    return arrays


def _in_order(table: Table) -> str:
    """Locks in one order: that of the stored rows, where strings are ordered by code point."""
    collated = {ColumnType.TEXT: ' collate "C"'}
    return ", ".join(f"{identifier.column(each.id)}{collated.get(each.type, '')}" for each in table.key)


def _of_home(table: Table) -> str:
    return ", ".join(f"home.{name}" for name in key_columns(table))


def same_key(table: Table, other: str) -> str:
    """The condition that `home` and another table expression speak of the same row."""
    return " and ".join(f"home.{name} = {other}.{name}" for name in key_columns(table))


def _replacement(table: Table) -> str:
    """The whole row is replaced. A column in migration keeps its vector where the text is the same, and is filled by its job elsewhere."""
    settings = [
        f"{identifier.column(each.id)} = excluded.{identifier.column(each.id)}"
        for each in table.shown
        if not each.key_position
    ]
    for each in table.columns:
        if each.migrating:
            column = identifier.column(each.id)
            settings.append(f"{column} = case when {_same_text(each, 'excluded')} then home.{column} end")
    return f"do update set {', '.join(settings)}" if settings else "do update set created_at = home.created_at"


def _same_text(follower: Column, other: str) -> str:
    """Whether the text that a vector column follows is the same in `home` and in another table expression."""
    if follower.source_column_id is None:
        return "false"
    source = identifier.column(follower.source_column_id)
    return f"home.{source} = {other}.{source}"


def _followers(table: Table) -> list[Column]:
    """The vector columns that are seen and kept in step with a text."""
    return [each for each in table.shown if each.source_column_id is not None]
