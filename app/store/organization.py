"""SQL of organizations."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from app.postgres import Connection
from app.store.record import Organization, new_id, record

_CREATE = "insert into vectorgate.organization (id, name) values ($1, $2) on conflict (name) do nothing returning id, name, created_at"
_LOCK = "lock table vectorgate.organization in share row exclusive mode"
_BY_NAME = "select id, name, created_at from vectorgate.organization where name = $1"
_HOME = "select id, name, created_at, roles, permissions from vectorgate.home_of($1, $2)"
_LOCK_ROW = "select from vectorgate.organization where id = $1 for no key update"


@dataclass(frozen=True, slots=True)
class Home:
    """The organization of whom the identity provider vouches for, with those of the named roles that it has made.

    `permissions`: what these give together, by name.
    """

    organization: Organization
    roles: list[str]
    permissions: list[str]


async def create(connection: Connection, name: str) -> Organization | None:
    """The new organization; None when the name is taken in this deployment."""
    row = await connection.fetchrow(_CREATE, new_id(), name)
    return record(Organization, row) if row else None


async def by_name(connection: Connection, name: str) -> Organization | None:
    """For the operator's commands: no caller of the API names an organization."""
    row = await connection.fetchrow(_BY_NAME, name)
    return record(Organization, row) if row else None


async def home(connection: Connection, name: str, roles: Sequence[str]) -> Home | None:
    """The organization of this name; whomever the connection works for, since nobody is known yet."""
    row = await connection.fetchrow(_HOME, name, roles)
    if row is None:
        return None
    return Home(Organization(row["id"], row["name"], row["created_at"]), row["roles"], row["permissions"])


async def lock(connection: Connection, identifier: UUID) -> None:
    """Until the transaction ends, nobody else counts what the organization has."""
    await connection.execute(_LOCK_ROW, identifier)


async def lock_creation(connection: Connection) -> None:
    """Nobody else creates an organization until the transaction ends: many replicas may start together."""
    await connection.execute(_LOCK)
