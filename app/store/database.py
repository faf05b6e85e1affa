"""SQL of databases: rows in the catalogue, a schema each in their region."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from app.postgres import Connection, Row
from app.store.identifier import schema
from app.store.record import Database, DatabaseStatus, new_id

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
_SET_STATUS = f"update vectorgate.database set status = $3 where organization_id = $1 and id = $2 returning {_COLUMNS}"
_DELETE = "delete from vectorgate.database where organization_id = $1 and id = $2"
_UNFINISHED = f"select {_COLUMNS} from vectorgate.database where status = 'INITIALIZING'"


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


async def set_status(
    connection: Connection, organization_id: UUID, database_id: UUID, status: DatabaseStatus
) -> Database | None:
    """The changed database; None when it was dropped meanwhile."""
    row = await connection.fetchrow(_SET_STATUS, organization_id, database_id, status.value)
    return _database(row) if row else None


async def delete(connection: Connection, organization_id: UUID, database_id: UUID) -> None:
    """Delete the row; its scopes go with it. Its collections must be gone."""
    await connection.execute(_DELETE, organization_id, database_id)


async def unfinished(connection: Connection) -> list[Database]:
    """Databases of all organizations whose schema may not have been made, for the sweep."""
    return [_database(row) for row in await connection.fetch(_UNFINISHED)]


async def create_schema(connection: Connection, database_id: UUID) -> None:
    """In the region's cluster; does nothing when it is there."""
    await connection.execute(f"create schema if not exists {schema(database_id)}")


async def drop_schema(connection: Connection, database_id: UUID) -> None:
    """In the region's cluster, with all that is in it; does nothing when it is gone."""
    await connection.execute(f"drop schema if exists {schema(database_id)} cascade")


def _database(row: Row) -> Database:
    return Database(**{**row, "status": DatabaseStatus(row["status"])})
