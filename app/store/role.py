"""SQL of the roles that organizations have made; the built-in ones are not stored."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from uuid import UUID

from app.postgres import Connection
from app.store.record import Role, new_id, record, records

_COLUMNS = "id, organization_id, name, permissions, description, created_at"
_INSERT = f"""
    insert into vectorgate.role (id, organization_id, name, permissions, description)
    values ($1, $2, $3, $4, $5) on conflict do nothing returning {_COLUMNS}"""
_ALL = f"select {_COLUMNS} from vectorgate.role where organization_id = $1 order by id"
_COUNT = "select count(*) from vectorgate.role where organization_id = $1"
_BY_IDS = f"select {_COLUMNS} from vectorgate.role where organization_id = $1 and id = any($2)"
_BY_NAMES = f"select {_COLUMNS} from vectorgate.role where organization_id = $1 and name = any($2)"
_HELD = f"{_BY_NAMES} order by id for key share"
_DELETE = f"delete from vectorgate.role where organization_id = $1 and name = $2 returning {_COLUMNS}"


async def insert(
    connection: Connection, organization_id: UUID, name: str, permissions: Sequence[str], description: str
) -> Role | None:
    """The new role; None when the organization has one of that name."""
    row = await connection.fetchrow(_INSERT, new_id(), organization_id, name, permissions, description)
    return record(Role, row) if row else None


async def of_organization(connection: Connection, organization_id: UUID) -> list[Role]:
    """All of them, in order of creation."""
    return records(Role, await connection.fetch(_ALL, organization_id))


async def count(connection: Connection, organization_id: UUID) -> int:
    number: int = await connection.fetchval(_COUNT, organization_id)
    return number


async def by_ids(connection: Connection, organization_id: UUID, ids: Sequence[UUID]) -> list[Role]:
    return records(Role, await connection.fetch(_BY_IDS, organization_id, ids))


async def by_names(connection: Connection, organization_id: UUID, names: Collection[str]) -> list[Role]:
    """Those of these names that there are."""
    return records(Role, await connection.fetch(_BY_NAMES, organization_id, list(names)))


async def hold(connection: Connection, organization_id: UUID, names: Collection[str]) -> list[Role]:
    """As `by_names`; none of them is dropped before the transaction ends."""
    return records(Role, await connection.fetch(_HELD, organization_id, list(names)))


async def delete(connection: Connection, organization_id: UUID, name: str) -> Role | None:
    """The role that was; None when there is none of that name. Waits for those who hold it."""
    row = await connection.fetchrow(_DELETE, organization_id, name)
    return record(Role, row) if row else None
