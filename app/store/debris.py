"""SQL of debris: what is dropped in the catalogue and still to be removed from its region."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from app.postgres import Connection
from app.store.record import new_id, records

_INSERT = "insert into vectorgate.debris (id, region, database_id, target_id) values ($1, $2, $3, $4)"
_ALL = "select id, region, database_id, target_id from vectorgate.debris order by id"
_DELETE = "delete from vectorgate.debris where id = $1"


@dataclass(frozen=True, slots=True)
class Debris:
    """A schema (`target_id` null) or a table that nothing in the catalogue names any more."""

    id: UUID
    region: str
    database_id: UUID
    target_id: UUID | None


async def insert(connection: Connection, region: str, database_id: UUID, target_id: UUID | None = None) -> Debris:
    """Note what is to be removed, in the transaction that deletes its catalogue row."""
    noted = Debris(new_id(), region, database_id, target_id)
    await connection.execute(_INSERT, noted.id, region, database_id, target_id)
    return noted


async def everything(connection: Connection) -> list[Debris]:
    return records(Debris, await connection.fetch(_ALL))


async def delete(connection: Connection, debris_id: UUID) -> None:
    """It is gone from its region."""
    await connection.execute(_DELETE, debris_id)
