"""SQL of tables: rows in the catalogue with their columns, a table each in their database's schema."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import groupby
from uuid import UUID

from app.postgres import Connection, Row
from app.store import column, vector_index
from app.store.distribution import distribute
from app.store.identifier import column as physical
from app.store.identifier import column_name, row_index, row_table
from app.store.lock import alone
from app.store.record import Column, ColumnType, Database, Metric, Table, VectorIndex, VectorIndexStatus

# One row a column, and every table has one at least: the columns of a table come with it, in one statement.
TABLE_COLUMNS = """
    t.id, t.organization_id, t.database_id, t.name, d.region, t.version, t.created_at, v.id as column_id, v.name as column_name,
    v.type, v.nullable, v.position, v.key_position, v.dimension, v.source_column_id, v.migrating, v.index_name, v.index_metric,
    v.index_status, v.retired"""
TABLE_FROM = """
    from vectorgate.target t join vectorgate.database d on d.id = t.database_id
    join vectorgate.table_column v on v.target_id = t.id"""
_SEEN = "($2::uuid[] is null or t.database_id = any($2))"
_HERE = f"t.organization_id = $1 and {_SEEN} and t.kind = 'TABLE' and t.status = 'ACTIVE'"
_IN_ORDER = "order by t.id, v.position"
_BY_ID = f"select {TABLE_COLUMNS} {TABLE_FROM} where {_HERE} and t.id = any($3) {_IN_ORDER}"
_BY_COLUMN = f"""
    select {TABLE_COLUMNS} {TABLE_FROM}
    where {_HERE} and t.id in (select target_id from vectorgate.table_column where id = any($3) and not migrating) {_IN_ORDER}"""
_BY_NAMES = f"""
    select {TABLE_COLUMNS} {TABLE_FROM}
    where {_HERE} and (t.database_id, t.name) in (select * from unnest($3::uuid[], $4::text[])) {_IN_ORDER}"""
_PAGES = f"""
    select {TABLE_COLUMNS} {TABLE_FROM}
    where t.id in (select page.id from unnest($3::uuid[]) as wanted (id) cross join lateral (
        select t.id from vectorgate.target t
        where {_HERE} and t.database_id = wanted.id and ($4::uuid is null or t.id > $4) order by t.id limit $5
    ) page) {_IN_ORDER}"""
_COUNTS = f"""
    select t.database_id, count(*) as number from vectorgate.target t
    where {_HERE} and t.database_id = any($3) group by t.database_id"""
_INSERT = """
    insert into vectorgate.target (id, organization_id, database_id, kind, name) values ($1, $2, $3, 'TABLE', $4)
    on conflict on constraint target_name_is_unique do nothing returning version, created_at"""
_CHANGE = """
    update vectorgate.target set version = version + 1 where organization_id = $1 and id = $2 and version = $3 returning id"""
_UNFINISHED = f"select {TABLE_COLUMNS} {TABLE_FROM} where t.kind = 'TABLE' and t.status = 'INITIALIZING' {_IN_ORDER}"


async def insert(
    connection: Connection,
    organization_id: UUID,
    home: Database,
    table_id: UUID,
    name: str,
    columns: Sequence[Column],
) -> Table | None:
    """The new table in a database that is held; None when the name is taken. Nobody sees it before it is activated."""
    row = await connection.fetchrow(_INSERT, table_id, organization_id, home.id, name)
    if row is None:
        return None
    await column.insert(connection, columns)
    return Table(
        id=table_id,
        organization_id=organization_id,
        database_id=home.id,
        name=name,
        region=home.region,
        version=row["version"],
        created_at=row["created_at"],
        columns=tuple(columns),
    )


async def change(connection: Connection, organization_id: UUID, table_id: UUID, version: int) -> bool:
    """Raise the version of a table that has this one; nobody else changes it until the transaction ends. False when it has not."""
    return await connection.fetchval(_CHANGE, organization_id, table_id, version) is not None


async def by_ids(
    connection: Connection, organization_id: UUID, databases: Sequence[UUID] | None, ids: Sequence[UUID]
) -> list[Table]:
    return tables(await connection.fetch(_BY_ID, organization_id, databases, ids))


async def by_columns(
    connection: Connection, organization_id: UUID, databases: Sequence[UUID] | None, column_ids: Sequence[UUID]
) -> list[Table]:
    """The tables that have one of these columns where it can be seen."""
    return tables(await connection.fetch(_BY_COLUMN, organization_id, databases, column_ids))


async def by_names(
    connection: Connection, organization_id: UUID, databases: Sequence[UUID] | None, names: Sequence[tuple[UUID, str]]
) -> list[Table]:
    """The tables of these (database id, name) pairs that exist."""
    ids, wanted = [database_id for database_id, _ in names], [name for _, name in names]
    return tables(await connection.fetch(_BY_NAMES, organization_id, databases, ids, wanted))


async def pages(
    connection: Connection,
    organization_id: UUID,
    databases: Sequence[UUID] | None,
    database_ids: Sequence[UUID],
    after: UUID | None,
    limit: int,
) -> list[Table]:
    """The first `limit` tables behind `after`, of each of these databases, in order of creation."""
    return tables(await connection.fetch(_PAGES, organization_id, databases, database_ids, after, limit))


async def counts(
    connection: Connection, organization_id: UUID, databases: Sequence[UUID] | None, database_ids: Sequence[UUID]
) -> dict[UUID, int]:
    """How many tables each of these databases has; those without any are left out."""
    rows = await connection.fetch(_COUNTS, organization_id, databases, database_ids)
    return {row["database_id"]: row["number"] for row in rows}


async def unfinished(connection: Connection) -> list[Table]:
    """Tables of all organizations that may not have been made in their region, for the sweep."""
    return tables(await connection.fetch(_UNFINISHED))


async def create_table(connection: Connection, table: Table) -> None:
    """In the region's cluster, in a transaction, with the indexes of its columns; does nothing when it is there.

    Rows are paged through by (created_at, key).
    """
    await alone(connection, table.id)
    name, key = row_table(table.database_id, table.id), ", ".join(physical(each.id) for each in table.key)
    columns = ", ".join(column.definition(each, nullable=each.nullable) for each in table.columns)
    await connection.execute(f"""
        create table if not exists {name} (
            {columns}, created_at timestamptz not null default now(), primary key ({key})
        )""")
    await distribute(connection, name, column_name(table.key[0].id))
    await connection.execute(f"create index if not exists {row_index(table.id, 'order')} on {name} (created_at, {key})")
    for each in table.columns:
        if each.index:
            await vector_index.create(connection, table, each, each.index.metric)


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
        retired=row["retired"],
    )
