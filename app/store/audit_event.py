"""SQL of the audit log: rows are added and read, never changed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from uuid import UUID

from app.postgres import Connection
from app.store.record import AuditEvent, new_id, records

_COLUMNS = (
    "id, organization_id, occurred_at, actor, action, target_id, target_name, outcome, details, request_id, address"
)
_INSERT = """
    insert into vectorgate.audit_event (id, organization_id, actor, action, target_id, target_name, outcome, details, request_id, address)
    values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)"""
_WANTED = "organization_id = $1 and ($2::text is null or action = $2) and ($3::text is null or target_id = $3)"
_PAGE = f"select {_COLUMNS} from vectorgate.audit_event where {_WANTED} and ($4::uuid is null or id < $4) order by id desc limit $5"
_COUNT = f"select count(*) from vectorgate.audit_event where {_WANTED}"
_BY_ID = f"select {_COLUMNS} from vectorgate.audit_event where organization_id = $1 and id = any($2)"


async def append(
    connection: Connection,
    organization_id: UUID,
    *,
    actor: str,
    action: str,
    target_id: str | None,
    target_name: str | None,
    outcome: str,
    details: Mapping[str, object],
    request_id: str,
    address: str,
) -> None:
    """Add an event."""
    await connection.execute(
        _INSERT,
        new_id(),
        organization_id,
        actor,
        action,
        target_id,
        target_name,
        outcome,
        dict(details),
        request_id,
        address,
    )


async def page(
    connection: Connection,
    organization_id: UUID,
    action: str | None,
    target_id: str | None,
    after: UUID | None,
    limit: int,
) -> list[AuditEvent]:
    """Events, newest first."""
    return records(AuditEvent, await connection.fetch(_PAGE, organization_id, action, target_id, after, limit))


async def count(connection: Connection, organization_id: UUID, action: str | None, target_id: str | None) -> int:
    number: int = await connection.fetchval(_COUNT, organization_id, action, target_id)
    return number


async def by_ids(connection: Connection, organization_id: UUID, ids: Sequence[UUID]) -> list[AuditEvent]:
    return records(AuditEvent, await connection.fetch(_BY_ID, organization_id, ids))
