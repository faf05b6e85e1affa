"""SQL of collections: rows in the catalogue, a table each in their database's schema."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from app.postgres import Connection, Row
from app.store import hnsw, vector
from app.store.distribution import distribute
from app.store.dropped import dropped_is_not_found
from app.store.hnsw import Index
from app.store.identifier import collection_index, collection_index_name, collection_table, schema
from app.store.lock import alone
from app.store.record import Collection, Metric, new_id

_COLUMNS = "t.id, t.organization_id, t.database_id, t.name, t.dimension, t.metric, d.region, t.created_at"
_FROM = "from vectorgate.target t join vectorgate.database d on d.id = t.database_id"
_SEEN = "($2::uuid[] is null or t.database_id = any($2))"
_HERE = f"t.organization_id = $1 and {_SEEN} and t.kind = 'COLLECTION' and t.status = 'ACTIVE'"
_INSERT = f"""
    with t as (
        insert into vectorgate.target (id, organization_id, database_id, kind, name, dimension, metric)
        values ($1, $2, $3, 'COLLECTION', $4, $5, $6)
        on conflict on constraint target_name_is_unique do nothing returning *
    )
    select {_COLUMNS} from t join vectorgate.database d on d.id = t.database_id"""
_BY_ID = f"select {_COLUMNS} {_FROM} where {_HERE} and t.id = any($3)"
_BY_NAMES = f"select {_COLUMNS} {_FROM} where {_HERE} and (t.database_id, t.name) in (select * from unnest($3::uuid[], $4::text[]))"
_PAGES = f"""
    select page.* from unnest($3::uuid[]) as wanted (id) cross join lateral (
        select {_COLUMNS} {_FROM} where {_HERE} and t.database_id = wanted.id and ($4::uuid is null or t.id > $4) order by t.id limit $5
    ) page order by page.id"""
_COUNTS = (
    f"select t.database_id, count(*) as number {_FROM} where {_HERE} and t.database_id = any($3) group by t.database_id"
)
_UNFINISHED = f"select {_COLUMNS} {_FROM} where t.kind = 'COLLECTION' and t.status = 'INITIALIZING' order by t.id"


async def insert(
    connection: Connection,
    organization_id: UUID,
    database_id: UUID,
    name: str,
    dimension: int | None,
    metric: Metric | None,
) -> Collection | None:
    """The new collection in a database that is held; None when the name is taken. Nobody sees it before `activate`."""
    row = await connection.fetchrow(_INSERT, new_id(), organization_id, database_id, name, dimension, metric)
    return _collection(row) if row else None


async def by_ids(
    connection: Connection, organization_id: UUID, databases: Sequence[UUID] | None, ids: Sequence[UUID]
) -> list[Collection]:
    return [_collection(row) for row in await connection.fetch(_BY_ID, organization_id, databases, ids)]


async def by_names(
    connection: Connection, organization_id: UUID, databases: Sequence[UUID] | None, names: Sequence[tuple[UUID, str]]
) -> list[Collection]:
    """The collections of these (database id, name) pairs that exist."""
    ids, wanted = [database_id for database_id, _ in names], [name for _, name in names]
    return [_collection(row) for row in await connection.fetch(_BY_NAMES, organization_id, databases, ids, wanted)]


async def pages(
    connection: Connection,
    organization_id: UUID,
    databases: Sequence[UUID] | None,
    database_ids: Sequence[UUID],
    after: UUID | None,
    limit: int,
) -> list[Collection]:
    """The first collections behind `after` of each of these databases, in order of creation."""
    rows = await connection.fetch(_PAGES, organization_id, databases, database_ids, after, limit)
    return [_collection(row) for row in rows]


async def counts(
    connection: Connection, organization_id: UUID, databases: Sequence[UUID] | None, database_ids: Sequence[UUID]
) -> dict[UUID, int]:
    """How many collections each of these databases has; those without any are left out."""
    rows = await connection.fetch(_COUNTS, organization_id, databases, database_ids)
    return {row["database_id"]: row["number"] for row in rows}


async def unfinished(connection: Connection) -> list[Collection]:
    """Collections of all organizations whose table may not have been made, for the sweep."""
    return [_collection(row) for row in await connection.fetch(_UNFINISHED)]


async def create_table(connection: Connection, collection: Collection, *, indexed: bool = True) -> None:
    """In the region's cluster, in a transaction; does nothing when it is there. Without `indexed` its vector index is built later.

    Documents are paged through by (created_at, key); equality filters are answered by the GIN index.
    """
    await alone(connection, collection.id)
    table = collection_table(collection.database_id, collection.id)
    vectors = f", vector vector({collection.dimension:d})" if collection.dimension else ""
    await connection.execute(f"""
        create table if not exists {table} (
            key text collate "C" primary key,
            created_at timestamptz not null default now(),
            updated_at timestamptz not null default now(),
            body jsonb not null,
            text text{vectors}
        )""")
    await distribute(connection, table, "key")
    await connection.execute(
        f"create index if not exists {collection_index(collection.id, 'order')} on {table} (created_at, key)"
    )
    await connection.execute(
        f"create index if not exists {collection_index(collection.id, 'body')} on {table} using gin (body jsonb_path_ops)"
    )
    if indexed:
        await hnsw.create(connection, vector_index(collection))


@dropped_is_not_found
async def build_index(connection: Connection, collection: Collection) -> None:
    """In the region's cluster, outside a transaction: build the vector index unless that was done, while others read and write."""
    index = vector_index(collection)
    if not await hnsw.is_built(connection, index):
        await hnsw.build(connection, index)


def vector_index(collection: Collection) -> Index:
    """The index of a collection's vectors, if it has any."""
    expression = None
    if collection.dimension is not None and collection.metric is not None:
        expression = vector.index_expression("vector", collection.dimension, collection.metric)
    home = collection_table(collection.database_id, collection.id)
    return Index(home, schema(collection.database_id), collection_index_name(collection.id, "vector"), expression)


def _collection(row: Row) -> Collection:
    return Collection(**{**row, "metric": Metric(row["metric"]) if row["metric"] else None})
