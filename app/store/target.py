"""SQL of what collections and tables share: their row in the catalogue comes to be seen, and goes; so does what they are in the region."""

from __future__ import annotations

from enum import StrEnum
from uuid import UUID

from app.postgres import Connection
from app.store.identifier import collection_table, row_table


class Undone(StrEnum):
    """What became of the row of a creation that failed."""

    UNDONE = "UNDONE"
    GONE = "GONE"
    """It was dropped before, with its database."""
    ACTIVE = "ACTIVE"
    """It was made all the same: by a sweep, or the answer to its commit was lost."""


_ACTIVATE = "update vectorgate.target set status = 'ACTIVE' where organization_id = $1 and id = $2 returning id"
_UNDO = "delete from vectorgate.target where organization_id = $1 and id = $2 and status = 'INITIALIZING' returning id"
_IS_THERE = "select true from vectorgate.target where organization_id = $1 and id = $2"
_DELETE = "delete from vectorgate.target where organization_id = $1 and id = $2 returning id"
_DELETE_OF_DATABASE = "delete from vectorgate.target where organization_id = $1 and database_id = $2"
_FORGET_VERSION = "delete from vectorgate_region.table_version where table_id = $1"


async def activate(connection: Connection, organization_id: UUID, target_id: UUID) -> bool:
    """It is there in its region: let it be seen. False when it was dropped meanwhile, with its database."""
    return await connection.fetchval(_ACTIVATE, organization_id, target_id) is not None


async def undo(connection: Connection, organization_id: UUID, target_id: UUID) -> Undone:
    """Delete the row of what nobody has seen yet. What is ACTIVE stays: others may have written to it."""
    if await connection.fetchval(_UNDO, organization_id, target_id) is not None:
        return Undone.UNDONE
    return Undone.ACTIVE if await connection.fetchval(_IS_THERE, organization_id, target_id) else Undone.GONE


async def delete(connection: Connection, organization_id: UUID, target_id: UUID) -> bool:
    """Delete the row; its columns and attachments go with it. False when it was gone already."""
    return await connection.fetchval(_DELETE, organization_id, target_id) is not None


async def delete_of_database(connection: Connection, organization_id: UUID, database_id: UUID) -> None:
    await connection.execute(_DELETE_OF_DATABASE, organization_id, database_id)


async def drop(connection: Connection, database_id: UUID, target_id: UUID) -> None:
    """In the region's cluster, whichever of the two it was; does nothing when it is gone."""
    documents, rows = collection_table(database_id, target_id), row_table(database_id, target_id)
    await connection.execute(f"drop table if exists {documents}, {rows}")
    await connection.execute(_FORGET_VERSION, target_id)
