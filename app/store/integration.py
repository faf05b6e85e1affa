"""SQL of integrations: the external providers that an organization has enabled."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from app.postgres import Connection
from app.store.record import Integration, new_id, record, records

_COLUMNS = "id, organization_id, provider, created_at"
# The update of nothing locks the row, so that no deactivation comes between.
_ENABLE = f"""
    insert into vectorgate.integration (id, organization_id, provider) values ($1, $2, $3)
    on conflict (organization_id, provider) do update set provider = excluded.provider
    returning {_COLUMNS}"""
_ALL = f"select {_COLUMNS} from vectorgate.integration where organization_id = any($1) order by id"
_BY_ID = f"select {_COLUMNS} from vectorgate.integration where organization_id = $1 and id = any($2)"
_BY_PROVIDER = f"select {_COLUMNS} from vectorgate.integration where organization_id = $1 and provider = $2"
_LOCK = f"select {_COLUMNS} from vectorgate.integration where organization_id = $1 and id = $2 for update"
_DELETE = "delete from vectorgate.integration where organization_id = $1 and id = $2"


async def enable(connection: Connection, organization_id: UUID, provider: str) -> Integration:
    """The integration, made when it was not there, locked until the transaction ends."""
    return record(Integration, await connection.fetchrow(_ENABLE, new_id(), organization_id, provider))


async def of_organizations(connection: Connection, organization_id: Sequence[UUID]) -> list[Integration]:
    return records(Integration, await connection.fetch(_ALL, organization_id))


async def by_ids(connection: Connection, organization_id: UUID, ids: Sequence[UUID]) -> list[Integration]:
    return records(Integration, await connection.fetch(_BY_ID, organization_id, ids))


async def by_provider(connection: Connection, organization_id: UUID, provider: str) -> Integration | None:
    row = await connection.fetchrow(_BY_PROVIDER, organization_id, provider)
    return record(Integration, row) if row else None


async def lock(connection: Connection, organization_id: UUID, integration_id: UUID) -> Integration | None:
    """The integration, locked until the transaction ends: nothing is added to it meanwhile."""
    row = await connection.fetchrow(_LOCK, organization_id, integration_id)
    return record(Integration, row) if row else None


async def delete(connection: Connection, organization_id: UUID, integration_id: UUID) -> None:
    await connection.execute(_DELETE, organization_id, integration_id)
