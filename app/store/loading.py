"""SQL of loading: a collection is filled without its vector index, which is built behind it. Two facts, both of the region's cluster.

A row says that an index is to be built; an advisory lock of a session, that somebody is at it, for as long as that session lives.
"""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from app.postgres import Connection
from app.store import hnsw
from app.store.collection import build_index, vector_index
from app.store.document import table
from app.store.dropped import dropped_is_not_found
from app.store.lock import key
from app.store.record import Collection

CLASS = 0x6C6F6164
"""Apart from all other advisory locks."""

_TRY = "select pg_try_advisory_lock($1, $2)"
_MARK = """
    insert into vectorgate_region.loading (collection_id, organization_id) values ($1, $2) on conflict do nothing"""
_MARKED = "select exists (select from vectorgate_region.loading where collection_id = $1)"
_LEFT = "select collection_id, organization_id from vectorgate_region.loading order by begun_at limit 1000"
_FORGET = "delete from vectorgate_region.loading where collection_id = $1"


async def alone(connection: Connection, collection_id: UUID) -> bool:
    """Whether nobody else loads the collection; nobody else does as long as this session lives."""
    only: bool = await connection.fetchval(_TRY, CLASS, key(collection_id) & 0x7FFFFFFF)
    return only


@dropped_is_not_found
async def begin(connection: Connection, collection: Collection) -> bool:
    """In a transaction, alone: drop the vector index, and note that it is to be built.

    False where it holds vectors already, or where there is no index. True, too, where this was begun before and not ended.
    """
    if await connection.fetchval(_MARKED, collection.id):
        return True
    index = vector_index(collection)
    filled = f"select exists (select from {table(collection)} where vector is not null)"
    if index.expression is None or await connection.fetchval(filled):
        return False
    await hnsw.drop(connection, index)
    await connection.execute(_MARK, collection.id, collection.organization_id)
    return True


async def end(connection: Connection, collection: Collection) -> None:
    """Outside a transaction, alone: build the index, unless that was done, and note it."""
    await build_index(connection, collection)
    await forget(connection, collection.id)


async def left(connection: Connection) -> Sequence[tuple[UUID, UUID]]:
    """Collections, each with its organization, whose index is to be built; of all organizations, for the sweep."""
    return [(row["collection_id"], row["organization_id"]) for row in await connection.fetch(_LEFT)]


async def forget(connection: Connection, collection_id: UUID) -> None:
    """There is nothing to be built any more."""
    await connection.execute(_FORGET, collection_id)
