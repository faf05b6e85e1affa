"""SQL of copying documents from one collection into another of the same database, with their times."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pgvector import Vector as Wire

from app.postgres import Connection
from app.store.document import Wanted, document, table
from app.store.dropped import dropped_is_not_found
from app.store.record import Collection, Document, record

MOST_BYTES = 4 * 1024 * 1024
"""Of the documents of a batch, as they are stored: a single one may be longer."""

EVERYTHING = Wanted(body=True, text=True, vector=True)


@dataclass(frozen=True, slots=True)
class Stretch:
    """A stretch of a collection, in order of keys: its last key, and what of it is to be copied."""

    last: str
    documents: list[Document]


@dataclass(frozen=True, slots=True)
class Counts:
    """Documents of both collections; `lacking`: copies that were to have a vector and have none."""

    originals: int
    copies: int
    lacking: int


@dropped_is_not_found
async def last_key(connection: Connection, old: Collection) -> str:
    """The last of all keys; the empty text, which comes before every key, where there are none."""
    key: str = await connection.fetchval(f"select coalesce(max(key), '') from {table(old)}")
    return key


@dropped_is_not_found
async def stretch(
    connection: Connection, old: Collection, new: Collection, after: str, last: str, limit: int
) -> Stretch | None:
    """The next documents behind a key and up to another, without those that were copied before and not changed since.

    None: there are no more.
    """
    rows = await connection.fetch(
        f"""
        with following as materialized (
            select key, updated_at from (
                select key, updated_at, row_number() over ordered as number, sum(bytes) over ordered as bytes from (
                    select key, updated_at, pg_column_size(body) + coalesce(pg_column_size(text), 0) as bytes
                    from {table(old)} where key > $1 and key <= $2 order by key limit $3
                ) as sized window ordered as (order by key)
            ) as numbered where number = 1 or bytes <= {MOST_BYTES:d}
        )
        select following.key as last, original.* from following left join (
            select {EVERYTHING.columns(old)} from {table(old)} as original
            where key in (select key from following) and not exists (
                select from {table(new)} as copy where copy.key = original.key and copy.updated_at = original.updated_at
            )
        ) as original on original.key = following.key order by following.key""",
        after,
        last,
        limit,
    )
    if not rows:
        return None
    return Stretch(rows[-1]["last"], [document(row) for row in rows if row["key"] is not None])


@dropped_is_not_found
async def put(connection: Connection, new: Collection, documents: Sequence[Document]) -> None:
    """Store documents under their keys, with their times, in the place of what is there."""
    ordered = sorted(documents, key=lambda each: each.key)  # locks in one order, as in every other write
    columns = {
        "key": ("text", [each.key for each in ordered]),
        "created_at": ("timestamptz", [each.created_at for each in ordered]),
        "updated_at": ("timestamptz", [each.updated_at for each in ordered]),
        "body": ("jsonb", [each.body for each in ordered]),
        "text": ("text", [each.text for each in ordered]),
    }
    if new.dimension is not None:
        columns["vector"] = ("vector", [None if each.vector is None else Wire(each.vector) for each in ordered])
    parameters = ", ".join(f"${position}::{kind}[]" for position, (kind, _) in enumerate(columns.values(), 1))
    replacing = ", ".join(f"{name} = excluded.{name}" for name in columns if name != "key")
    await connection.execute(
        f"""
        insert into {table(new)} ({", ".join(columns)}) select * from unnest({parameters})
        on conflict (key) do update set {replacing}""",
        *(values for _, values in columns.values()),
    )


@dropped_is_not_found
async def counts(connection: Connection, old: Collection, new: Collection, *, anew: bool) -> Counts:
    """How far it is, by what is stored; `anew`: every document was to get a vector, else those that had one."""
    lacks = "false"
    if new.dimension is not None:
        had = f"exists (select from {table(old)} as original where original.key = copy.key and original.vector is not null)"
        lacks = "copy.vector is null" if anew else f"copy.vector is null and {had}"
    row = await connection.fetchrow(f"""
        select (select count(*) from {table(old)}) as originals, count(*) as copies, count(*) filter (where {lacks}) as lacking
        from {table(new)} as copy""")
    return record(Counts, row)
