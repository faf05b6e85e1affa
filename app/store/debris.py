"""SQL of debris: what is in a region and not, or not any more, in the catalogue, and is to be removed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from app.postgres import Connection
from app.store.record import new_id, records

_COLUMNS = "id, region, database_id, target_id, column_id, pending"
_INSERT = f"insert into vectorgate.debris ({_COLUMNS}) values ($1, $2, $3, $4, $5, $6)"
_INSERT_AGAIN = f"""
    insert into vectorgate.debris ({_COLUMNS})
    select $1, $2, $3, $4, $5, false where not exists (select from vectorgate.table_column where id = $5)
    on conflict (id) do nothing"""
_DUE = f"select {_COLUMNS} from vectorgate.debris where not pending or created_at < now() - interval '1 minute' order by id"
_CLAIM = "update vectorgate.debris set pending = false where id = $1 returning id"
_SPARE = "delete from vectorgate.debris where id = any($1) and pending returning id"
_DELETE = "delete from vectorgate.debris where id = $1"


@dataclass(frozen=True, slots=True)
class Debris:
    """A schema (`target_id` null), a table (`column_id` null) or a column of a table that nothing in the catalogue names."""

    id: UUID
    region: str
    database_id: UUID
    target_id: UUID | None
    column_id: UUID | None
    pending: bool
    """Whether somebody is about to make it, and to enter it in the catalogue."""


async def insert(
    connection: Connection,
    region: str,
    database_id: UUID,
    target_id: UUID | None = None,
    column_id: UUID | None = None,
    *,
    pending: bool = False,
) -> Debris:
    """Note what is to be removed, in the transaction that deletes its catalogue row; `pending`: before it is made."""
    noted = Debris(new_id(), region, database_id, target_id, column_id, pending)
    await connection.execute(_INSERT, noted.id, region, database_id, target_id, column_id, pending)
    return noted


async def insert_again(connection: Connection, column: Debris) -> None:
    """Note a column that was to be made, unless it stands in the catalogue: a sweep may have looked for it before it was there."""
    arguments = (column.id, column.region, column.database_id, column.target_id, column.column_id)
    await connection.execute(_INSERT_AGAIN, *arguments)


async def due(connection: Connection) -> list[Debris]:
    """What is to be removed now; what was pending for a minute will not be entered any more."""
    return records(Debris, await connection.fetch(_DUE))


async def claim(connection: Connection, debris_id: UUID) -> bool:
    """Whether it may be removed; False when it was entered in the catalogue meanwhile."""
    return await connection.fetchval(_CLAIM, debris_id) is not None


async def spare(connection: Connection, pending: Sequence[Debris]) -> bool:
    """In the transaction that enters them in the catalogue: whether none of them is, or is being, removed."""
    spared = await connection.fetch(_SPARE, [each.id for each in pending])
    return len(spared) == len(pending)


async def delete(connection: Connection, debris_id: UUID) -> None:
    """It is gone from its region."""
    await connection.execute(_DELETE, debris_id)
