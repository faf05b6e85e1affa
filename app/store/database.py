"""SQL of databases: rows in the catalogue, a schema each in their region."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from app.postgres import Connection, Row
from app.store.identifier import quoted, schema, schema_name
from app.store.lock import alone
from app.store.record import Database, DatabaseStatus, new_id
from app.store.written import Writer, identifier, moment, text

_COLUMNS = "id, organization_id, name, region, status, created_at"
_SEEN = "($2::uuid[] is null or id = any($2))"
_INSERT = f"""
    insert into vectorgate.database (id, organization_id, name, region) values ($1, $2, $3, $4)
    on conflict on constraint database_name_is_unique do nothing returning {_COLUMNS}"""
_PAGE = f"""
    select {_COLUMNS} from vectorgate.database
    where organization_id = $1 and {_SEEN} and ($3::uuid is null or id > $3) order by id limit $4"""
_COUNT = f"select count(*) from vectorgate.database where organization_id = $1 and {_SEEN}"
_BY_ID = f"select {_COLUMNS} from vectorgate.database where organization_id = $1 and {_SEEN} and id = any($3)"
_BY_NAME = f"select {_COLUMNS} from vectorgate.database where organization_id = $1 and {_SEEN} and name = $3"
_HOLD = f"select {_COLUMNS} from vectorgate.database where organization_id = $1 and {_SEEN} and id = any($3) order by id for key share"
_LOCK = "select true from vectorgate.database where organization_id = $1 and id = $2 for update"
_ACTIVATE = (
    f"update vectorgate.database set status = 'ACTIVE' where organization_id = $1 and id = $2 returning {_COLUMNS}"
)
_FAIL = (
    "update vectorgate.database set status = 'ERROR' where organization_id = $1 and id = $2 and status = 'INITIALIZING'"
)
_DELETE = "delete from vectorgate.database where organization_id = $1 and id = $2"
_UNFINISHED = f"select {_COLUMNS} from vectorgate.database where status = 'INITIALIZING' order by id"
_FORGET_VERSIONS = """
    delete from vectorgate_region.table_version
    where 't_' || replace(table_id::text, '-', '') in (select tablename from pg_tables where schemaname = $1)"""
_TABLES = "select tablename from pg_tables where schemaname = $1"

WRITER = Writer(
    {
        "id": identifier("Database", "d.id"),
        "name": text("d.name"),
        "status": text("d.status"),
        "created_at": moment("d.created_at"),
    }
)
"""Of a `vectorgate.database d`."""


async def insert(connection: Connection, organization_id: UUID, name: str, region: str) -> Database | None:
    """The new database, INITIALIZING; None when the name is taken."""
    row = await connection.fetchrow(_INSERT, new_id(), organization_id, name, region)
    return _database(row) if row else None


async def page(
    connection: Connection, organization_id: UUID, databases: Sequence[UUID] | None, after: UUID | None, limit: int
) -> list[Database]:
    """Databases in order of creation, as far as a token limited to `databases` sees them."""
    return [_database(row) for row in await connection.fetch(_PAGE, organization_id, databases, after, limit)]


async def count(connection: Connection, organization_id: UUID, databases: Sequence[UUID] | None) -> int:
    number: int = await connection.fetchval(_COUNT, organization_id, databases)
    return number


async def by_ids(
    connection: Connection, organization_id: UUID, databases: Sequence[UUID] | None, ids: Sequence[UUID]
) -> list[Database]:
    return [_database(row) for row in await connection.fetch(_BY_ID, organization_id, databases, ids)]


async def by_name(
    connection: Connection, organization_id: UUID, databases: Sequence[UUID] | None, name: str
) -> Database | None:
    row = await connection.fetchrow(_BY_NAME, organization_id, databases, name)
    return _database(row) if row else None


async def hold(
    connection: Connection, organization_id: UUID, databases: Sequence[UUID] | None, ids: Sequence[UUID]
) -> list[Database]:
    """Those of these databases that are there; none of them is dropped until the transaction ends."""
    return [_database(row) for row in await connection.fetch(_HOLD, organization_id, databases, ids)]


async def lock(connection: Connection, organization_id: UUID, database_id: UUID) -> bool:
    """Whether the database is there; nothing is put in it or in its scopes until the transaction ends."""
    return await connection.fetchval(_LOCK, organization_id, database_id) is not None


async def activate(connection: Connection, organization_id: UUID, database_id: UUID) -> Database | None:
    """The schema is there: the database, ACTIVE; None when it was dropped meanwhile."""
    row = await connection.fetchrow(_ACTIVATE, organization_id, database_id)
    return _database(row) if row else None


async def fail(connection: Connection, organization_id: UUID, database_id: UUID) -> None:
    """The schema could not be made: ERROR, unless somebody else has made it."""
    await connection.execute(_FAIL, organization_id, database_id)


async def delete(connection: Connection, organization_id: UUID, database_id: UUID) -> None:
    """Delete the row; its scopes go with it. Its collections must be gone."""
    await connection.execute(_DELETE, organization_id, database_id)


async def unfinished(connection: Connection) -> list[Database]:
    """Databases of all organizations whose schema may not have been made, for the sweep."""
    return [_database(row) for row in await connection.fetch(_UNFINISHED)]


async def create_schema(connection: Connection, database_id: UUID) -> None:
    """In the region's cluster, in a transaction; does nothing when it is there."""
    await alone(connection, database_id)
    await connection.execute(f"create schema if not exists {schema(database_id)}")


async def empty_schema(connection: Connection, database_id: UUID) -> None:
    """Drop the tables of a schema one by one: all at once they may be more than PostgreSQL can lock."""
    await connection.execute(_FORGET_VERSIONS, schema_name(database_id))
    for row in await connection.fetch(_TABLES, schema_name(database_id)):
        await connection.execute(f"drop table if exists {schema(database_id)}.{quoted(row['tablename'])} cascade")


async def drop_schema(connection: Connection, database_id: UUID) -> None:
    """In the region's cluster, in a transaction, with all that is in it; does nothing when it is gone."""
    await alone(connection, database_id)
    await connection.execute(f"drop schema if exists {schema(database_id)} cascade")


def _database(row: Row) -> Database:
    return Database(**{**row, "status": DatabaseStatus(row["status"])})
