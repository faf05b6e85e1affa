"""SQL of organizations."""

from __future__ import annotations

from app.postgres import Connection
from app.store.record import Organization, new_id, record

_CREATE = "insert into vectorgate.organization (id, name) values ($1, $2) on conflict (name) do nothing returning id, name, created_at"
_LOCK = "lock table vectorgate.organization in share row exclusive mode"
_BY_NAME = "select id, name, created_at from vectorgate.organization where name = $1"


async def create(connection: Connection, name: str) -> Organization | None:
    """The new organization; None when the name is taken in this deployment."""
    row = await connection.fetchrow(_CREATE, new_id(), name)
    return record(Organization, row) if row else None


async def by_name(connection: Connection, name: str) -> Organization | None:
    """For the operator's commands: no caller of the API names an organization."""
    row = await connection.fetchrow(_BY_NAME, name)
    return record(Organization, row) if row else None


async def lock_creation(connection: Connection) -> None:
    """Nobody else creates an organization until the transaction ends: many replicas may start together."""
    await connection.execute(_LOCK)
