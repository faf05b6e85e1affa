"""SQL of updates of rows: new values by column, and vectors that are written only where the text that they follow is new.

Expressions are about a row named `home`, as it is before the update.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from pgvector import Vector as Wire

from app.postgres import Connection, Row
from app.store import identifier
from app.store.changed import changed_is_told
from app.store.column_value import SQL_TYPES
from app.store.document import Touched
from app.store.filter import row_filter
from app.store.identifier import Arguments
from app.store.record import Column, ColumnType, Table
from app.store.row import changed_keys, home, key_columns, same_key, touched


@dataclass(frozen=True, slots=True)
class RowChange:
    """New values by column id. Those of `followers` (vector column -> text column) are written only where that text is new."""

    values: Mapping[UUID, Any]
    followers: Mapping[UUID, UUID]

    @property
    def texts(self) -> frozenset[UUID]:
        """The text columns of which it matters whether they change."""
        return frozenset(self.followers.values())


@dataclass(frozen=True, slots=True)
class RowMatches:
    """What an update meets, as far as its limit allows to count."""

    count: int
    other: frozenset[UUID]
    """The text columns, of those that matter, where any row holds another text than the new one."""
    too_large: bool
    """Whether any of them would take too many bytes."""


@changed_is_told
async def matches(
    connection: Connection, table: Table, given: Mapping[str, object], change: RowChange, limit: int
) -> RowMatches:
    """Look before an update: nothing is embedded for rows that do not need it."""
    arguments = Arguments()
    condition = row_filter(table, given, arguments)
    columns = _columns(table, change.texts)
    others = [f", bool_or({_differs(each, change, arguments)}) as {_other(each)}" for each in columns]
    row = await connection.fetchrow(
        f"""
        select count(*) as count, false as too_large {"".join(others)}
        from (select {_read(columns)} from {home(table)} where {condition} limit {arguments.put(limit)}) as home""",
        *arguments,
    )
    return _met(row, columns)


@changed_is_told
async def update(
    connection: Connection,
    table: Table,
    given: Mapping[str, object],
    change: RowChange,
    *,
    limit: int,
    most_bytes: int,
    most_keys: int,
) -> tuple[RowMatches, Touched]:
    """Change what matches now; the caller undoes it where what was met is not as hoped. `most_bytes`: of texts and JSON of a row.

    Rows are locked in order of their keys, as in every other write, so that no two writes wait for each other.
    """
    arguments = Arguments()
    condition, key = row_filter(table, given, arguments), ", ".join(key_columns(table))
    columns = _columns(table, change.texts)
    others = [f", {_differs(each, change, arguments)} as {_other(each)}" for each in columns]
    summed = [f", (select bool_or({_other(each)}) from met) as {_other(each)}" for each in columns]
    row = await connection.fetchrow(
        f"""
        with met as materialized (
            select {key}, {_is_other(table, change, arguments)} as differs, {_is_larger(table, change, most_bytes, arguments)} as too_large
                {"".join(others)}
            from {home(table)} as home where {condition} order by {key} limit {arguments.put(limit)} for update
        ), changed as (
            update {home(table)} as home set {", ".join(_assignments(table, change, arguments))}
            from met where {same_key(table, "met")} and met.differs returning {", ".join(f"home.{each}" for each in key_columns(table))}
        )
        {changed_keys(table, most_keys)}, (select count(*) from met) as count,
            (select bool_or(too_large) from met) as too_large {"".join(summed)}""",
        *arguments,
    )
    return _met(row, columns), touched(table, row)


def _met(row: Row | None, texts: list[Column]) -> RowMatches:
    """Over no rows at all, `bool_or` is null."""
    assert row is not None  # noqa: S101 - an aggregate always answers a row
    other = frozenset(each.id for each in texts if row[_other(each)])
    return RowMatches(row["count"], other, bool(row["too_large"]))


def _assignments(table: Table, change: RowChange, arguments: Arguments) -> Iterator[str]:
    """The `set` list."""
    sources = {each.id: each for each in table.columns}
    for each in _columns(table, change.values):
        column, value = identifier.column(each.id), _value(each, change, arguments)
        source = change.followers.get(each.id)
        if source is not None:
            value = f"case when {_differs(sources[source], change, arguments)} then {value} else home.{column} end"
        yield f"{column} = {value}"


def _is_other(table: Table, change: RowChange, arguments: Arguments) -> str:
    """Whether a row would be another one. A vector that follows a text changes with it alone."""
    columns = [each for each in _columns(table, change.values) if each.id not in change.followers]
    return f"({' or '.join(_differs(each, change, arguments) for each in columns)})"


def _is_larger(table: Table, change: RowChange, most_bytes: int, arguments: Arguments) -> str:
    """Whether a row's texts and JSON would take more bytes than may be; where neither is set, nothing is looked at.

    PostgreSQL writes JSON with spaces: at worst it is half as long without them.
    """
    large = [each for each in table.shown if each.type in {ColumnType.TEXT, ColumnType.JSON}]
    if not any(each.id in change.values for each in large):
        return "false"
    sizes = []
    for each in large:
        value = _value(each, change, arguments) if each.id in change.values else f"home.{identifier.column(each.id)}"
        halved = " / 2" if each.type is ColumnType.JSON else ""
        sizes.append(f"coalesce(octet_length({value}::text){halved}, 0)")
    return f"({' + '.join(sizes)} > {most_bytes:d})"


def _differs(column: Column, change: RowChange, arguments: Arguments) -> str:
    return f"home.{identifier.column(column.id)} is distinct from {_value(column, change, arguments)}"


def _value(column: Column, change: RowChange, arguments: Arguments) -> str:
    """The placeholder of a column's new value."""
    value = change.values[column.id]
    if column.type is ColumnType.TEXT and value is not None:
        return arguments.text(value)
    if column.type is ColumnType.VECTOR and value is not None:
        value = Wire(value)
    return f"{arguments.put(value)}::{SQL_TYPES[column.type]}"


def _columns(table: Table, ids: Collection[UUID]) -> list[Column]:
    return [each for each in table.columns if each.id in ids]


def _read(columns: list[Column]) -> str:
    return ", ".join(identifier.column(each.id) for each in columns)


def _other(column: Column) -> str:
    """The name of the answer whether a text would change."""
    return f"other_{column.id.hex}"
