"""SQL of documents, in a collection's own table. What was not asked for is not read; writes travel as arrays, one statement a call."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pgvector import Vector as Wire

from app.postgres import Connection, Row
from app.store import measured
from app.store.dropped import dropped_is_not_found
from app.store.filter import document_filter
from app.store.identifier import Arguments, Statement, collection_table
from app.store.record import Collection, Document, Vector


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which columns of documents to read, beside the key and the times."""

    body: bool = False
    text: bool = False
    vector: bool = False

    def columns(self, collection: Collection) -> str:
        """The select list; a collection without vectors has no such column."""
        chosen = {"body": self.body, "text": self.text, "vector": self.vector and collection.dimension is not None}
        return ", ".join(["key", "created_at", "updated_at", *(name for name, wanted in chosen.items() if wanted)])

    def sizes(self, collection: Collection) -> list[str]:
        """The sizes of those columns that can be large."""
        vectors = collection.dimension if self.vector else None
        chosen = {measured.json("body"): self.body, measured.text("text"): self.text}
        chosen[measured.vector("vector", vectors or 0)] = vectors is not None
        return [size for size, wanted in chosen.items() if wanted]


@dataclass(frozen=True, slots=True)
class NewDocument:
    """A document ready to be stored."""

    key: str
    body: dict[str, Any]
    text: str | None
    vector: Vector | None


@dataclass(frozen=True, slots=True)
class Touched:
    """What a write has changed: how many documents, and the keys of the first of them."""

    count: int
    keys: list[str]


def touched(row: Row | None) -> Touched:
    """What the one row of a write says."""
    assert row is not None  # noqa: S101 - an aggregate always answers a row
    return Touched(row["changed"], row["keys"])


def table(collection: Collection) -> str:
    """The table of a collection's documents."""
    return collection_table(collection.database_id, collection.id)


def document(row: Row) -> Document:
    """A document of a row that may lack body, text and vector."""
    return Document(
        row["key"], row["created_at"], row["updated_at"], row.get("body"), row.get("text"), row.get("vector")
    )


@dropped_is_not_found
async def page(
    connection: Connection,
    collection: Collection,
    wanted: Wanted,
    given: Mapping[str, object] | None,
    after: tuple[datetime, str] | None,
    limit: int,
) -> list[Document]:
    """Documents that match a filter, in order of creation, then key."""
    arguments = Arguments()
    condition = document_filter(given, arguments)
    behind = f"and (created_at, key) > ({arguments.put(after[0])}, {arguments.put(after[1])})" if after else ""
    statement = Statement(f"""
        select {wanted.columns(collection)} from {table(collection)}
        where {condition} {behind} order by created_at, key limit {arguments.put(limit)}""")
    rows = await measured.fetch(connection, statement, wanted.sizes(collection), arguments)
    return [document(row) for row in rows]


@dropped_is_not_found
async def by_keys(
    connection: Connection, collection: Collection, wanted: Wanted, keys: Sequence[str]
) -> list[Document]:
    """The documents with these keys that exist, in no order."""
    arguments = Arguments()
    statement = Statement(
        f"select {wanted.columns(collection)} from {table(collection)} where key = any({arguments.put(keys)})"
    )
    rows = await measured.fetch(connection, statement, wanted.sizes(collection), arguments)
    return [document(row) for row in rows]


@dropped_is_not_found
async def existing(connection: Connection, collection: Collection, keys: Sequence[str]) -> set[str]:
    """Those of the keys that are taken."""
    return {
        row["key"] for row in await connection.fetch(f"select key from {table(collection)} where key = any($1)", keys)
    }


@dropped_is_not_found
async def count(connection: Connection, collection: Collection, given: Mapping[str, object] | None) -> int:
    """How many documents match a filter."""
    arguments = Arguments()
    condition = document_filter(given, arguments)
    number: int = await connection.fetchval(f"select count(*) from {table(collection)} where {condition}", *arguments)
    return number


@dropped_is_not_found
async def insert(
    connection: Connection, collection: Collection, new: Sequence[NewDocument], *, replace: bool
) -> dict[str, bool]:
    """Key -> whether it was new, for every document that was written: all of them with `replace`, else those whose key was free."""
    columns, values = _arrays(collection, sorted(new, key=lambda each: each.key))  # locks in one order: see `update`
    conflict = _replacement(columns) if replace else "do nothing"
    parameters = ", ".join(f"${position}::{kind}[]" for position, kind in enumerate(columns.values(), 1))
    rows = await connection.fetch(
        f"""
        insert into {table(collection)} ({", ".join(columns)}) select * from unnest({parameters})
        on conflict (key) {conflict} returning key, xmax = 0 as is_new""",
        *values,
    )
    return {row["key"]: row["is_new"] for row in rows}


@dropped_is_not_found
async def replace(connection: Connection, collection: Collection, new: NewDocument, *, upsert: bool) -> Document | None:
    """Put a document in the place of the one with its key; where there is none, insert it with `upsert`, else answer None."""
    columns, values = _arrays(collection, [new])
    parameters = {name: f"(${position}::{kind}[])[1]" for position, (name, kind) in enumerate(columns.items(), 1)}
    if upsert:
        given = f"({', '.join(columns)}) values ({', '.join(parameters.values())})"
        statement = f"insert into {table(collection)} {given} on conflict (key) {_replacement(columns)}"
    else:
        statement = f"update {table(collection)} set {_settings(parameters)} where key = {parameters['key']}"
    row = await connection.fetchrow(f"{statement} returning key, created_at, updated_at", *values)
    return Document(row["key"], row["created_at"], row["updated_at"], new.body, new.text, new.vector) if row else None


@dropped_is_not_found
async def delete(
    connection: Connection,
    collection: Collection,
    *,
    given: Mapping[str, object] | None,
    keys: Sequence[str] | None,
    most_keys: int,
) -> Touched:
    """Delete the documents with these keys, as far as they exist, or, without keys, what matches a filter."""
    arguments = Arguments()
    condition = document_filter(given, arguments) if keys is None else f"key = any({arguments.put(keys)}::text[])"
    row = await connection.fetchrow(
        f"""
        with met as materialized (select key from {table(collection)} where {condition} order by key for update),
        gone as (
            delete from {table(collection)} as document using met where document.key = met.key returning document.key
        )
        select (select count(*) from gone) as changed, array(select key from gone limit {arguments.put(most_keys)}) as keys""",
        *arguments,
    )
    return touched(row)


def _arrays(collection: Collection, new: Sequence[NewDocument]) -> tuple[dict[str, str], list[list[Any]]]:
    """Column -> PostgreSQL type, and the values of each column."""
    columns = {"key": "text", "body": "jsonb", "text": "text"}
    values: list[list[Any]] = [[each.key for each in new], [each.body for each in new], [each.text for each in new]]
    if collection.dimension is not None:
        columns["vector"] = "vector"
        values.append([None if each.vector is None else Wire(each.vector) for each in new])
    return columns, values


def _replacement(columns: Mapping[str, str]) -> str:
    return f"do update set {_settings({name: f'excluded.{name}' for name in columns})}"


def _settings(values: Mapping[str, str]) -> str:
    """Column -> expression, as the `set` list of a replacement."""
    return ", ".join([f"{name} = {value}" for name, value in values.items() if name != "key"] + ["updated_at = now()"])
