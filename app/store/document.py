"""SQL of documents, in a collection's own table. What was not asked for is not read; writes travel as arrays, one statement a call."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pgvector import Vector as Wire

from app.postgres import Connection, Row
from app.store.filter import document_filter
from app.store.identifier import Arguments, collection_table
from app.store.record import Collection, Document, Vector
from app.store.update import Change, assignments, differs, obstructed


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


@dataclass(frozen=True, slots=True)
class NewDocument:
    """A document ready to be stored."""

    key: str
    body: dict[str, Any]
    text: str | None
    vector: Vector | None


def document(row: Row) -> Document:
    """A document of a row that may lack body, text and vector."""
    return Document(
        row["key"], row["created_at"], row["updated_at"], row.get("body"), row.get("text"), row.get("vector")
    )


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
    rows = await connection.fetch(
        f"""
        select {wanted.columns(collection)} from {_table(collection)}
        where {condition} {behind} order by created_at, key limit {arguments.put(limit)}""",
        *arguments,
    )
    return [document(row) for row in rows]


async def by_keys(
    connection: Connection, collection: Collection, wanted: Wanted, keys: Sequence[str]
) -> list[Document]:
    """The documents with these keys that exist, in no order."""
    rows = await connection.fetch(
        f"select {wanted.columns(collection)} from {_table(collection)} where key = any($1)", keys
    )
    return [document(row) for row in rows]


async def existing(connection: Connection, collection: Collection, keys: Sequence[str]) -> set[str]:
    """Those of the keys that are taken."""
    return {
        row["key"] for row in await connection.fetch(f"select key from {_table(collection)} where key = any($1)", keys)
    }


async def count(connection: Connection, collection: Collection, given: Mapping[str, object] | None) -> int:
    """How many documents match a filter."""
    arguments = Arguments()
    condition = document_filter(given, arguments)
    number: int = await connection.fetchval(f"select count(*) from {_table(collection)} where {condition}", *arguments)
    return number


async def insert(
    connection: Connection, collection: Collection, new: Sequence[NewDocument], *, replace: bool
) -> dict[str, bool]:
    """Key -> whether it was new, for every document that was written: all of them with `replace`, else those whose key was free."""
    columns, values = _arrays(collection, new)
    conflict = _replacement(columns) if replace else "do nothing"
    parameters = ", ".join(f"${position}::{kind}[]" for position, kind in enumerate(columns.values(), 1))
    rows = await connection.fetch(
        f"""
        insert into {_table(collection)} ({", ".join(columns)}) select * from unnest({parameters})
        on conflict (key) {conflict} returning key, xmax = 0 as is_new""",
        *values,
    )
    return {row["key"]: row["is_new"] for row in rows}


async def replace(connection: Connection, collection: Collection, new: NewDocument) -> bool:
    """Replace the document with this key; False when there is none."""
    columns, values = _arrays(collection, [new])
    settings = ", ".join(
        f"{name} = (${position}::{kind}[])[1]" for position, (name, kind) in enumerate(columns.items(), 1)
    )
    done: str = await connection.execute(
        f"update {_table(collection)} set {settings}, updated_at = now() where key = ($1::text[])[1]", *values
    )
    return done.endswith(" 1")


@dataclass(frozen=True, slots=True)
class Matches:
    """What an update would meet, as far as `limit` allows to count."""

    count: int
    other_text: bool
    """Whether any of them holds another text than the new one."""
    obstructed: bool
    """Whether a path of the update leads through a value that is no object or array."""


async def matches(
    connection: Connection, collection: Collection, given: Mapping[str, object], change: Change, limit: int
) -> Matches:
    """Look before an update: nothing is embedded for documents that do not need it."""
    arguments = Arguments()
    condition = document_filter(given, arguments)
    row = await connection.fetchrow(
        f"""
        select count(*), coalesce(bool_or(text is distinct from {arguments.put(change.text)}::text), false) as other_text,
            coalesce(bool_or({obstructed(change, arguments)}), false) as obstructed
        from (select body, text from {_table(collection)} where {condition} limit {arguments.put(limit)}) as matched""",
        *arguments,
    )
    assert row is not None  # noqa: S101 - an aggregate always answers a row
    return Matches(row["count"], row["other_text"], row["obstructed"])


async def update(
    connection: Connection, collection: Collection, given: Mapping[str, object], change: Change, limit: int
) -> tuple[Matches, list[str]]:
    """Change what matches now; answers what was met and the keys that were modified. The caller undoes it where `Matches` is not as hoped."""
    arguments = Arguments()
    condition = document_filter(given, arguments)
    has_vector = collection.dimension is not None
    row = await connection.fetchrow(
        f"""
        with matched as (
            select key, text is distinct from {arguments.put(change.text)}::text as other_text,
                {obstructed(change, arguments)} as obstructed
            from {_table(collection)} where {condition} limit {arguments.put(limit)} for update
        ), changed as (
            update {_table(collection)} as document set {assignments(change, arguments, has_vector=has_vector)}, updated_at = now()
            from matched
            where document.key = matched.key and not matched.obstructed and {differs(change, arguments, has_vector=has_vector)}
            returning document.key
        )
        select (select count(*) from matched), (select coalesce(bool_or(other_text), false) from matched) as other_text,
            (select coalesce(bool_or(obstructed), false) from matched) as obstructed, array(select key from changed) as keys""",
        *arguments,
    )
    assert row is not None  # noqa: S101 - as above
    return Matches(row["count"], row["other_text"], row["obstructed"]), row["keys"]


async def delete(connection: Connection, collection: Collection, given: Mapping[str, object]) -> list[str]:
    """Delete what matches a filter and answer the keys."""
    arguments = Arguments()
    condition = document_filter(given, arguments)
    rows = await connection.fetch(f"delete from {_table(collection)} where {condition} returning key", *arguments)
    return [row["key"] for row in rows]


async def delete_keys(connection: Connection, collection: Collection, keys: Sequence[str]) -> list[str]:
    """Delete the documents with these keys and answer those that existed."""
    rows = await connection.fetch(f"delete from {_table(collection)} where key = any($1) returning key", keys)
    return [row["key"] for row in rows]


def _table(collection: Collection) -> str:
    return collection_table(collection.database_id, collection.id)


def _arrays(collection: Collection, new: Sequence[NewDocument]) -> tuple[dict[str, str], list[list[Any]]]:
    """Column -> PostgreSQL type, and the values of each column."""
    columns = {"key": "text", "body": "jsonb", "text": "text"}
    values: list[list[Any]] = [[each.key for each in new], [each.body for each in new], [each.text for each in new]]
    if collection.dimension is not None:
        columns["vector"] = "vector"
        values.append([None if each.vector is None else Wire(each.vector) for each in new])
    return columns, values


def _replacement(columns: Mapping[str, str]) -> str:
    settings = ", ".join(f"{name} = excluded.{name}" for name in columns if name != "key")
    return f"do update set {settings}, updated_at = now()"
