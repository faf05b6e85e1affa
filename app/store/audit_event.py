"""SQL of the audit log: rows are added and read, never changed.

Numbers are given under a lock that an organization's events take in turn and keep until their commit, so they become visible
in order: whoever has read up to a number misses none below it. Ids do not give that: they are older than their commits.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from app.notification import Topic
from app.postgres import Connection
from app.store import lock
from app.store.record import AuditEvent, records

_COLUMNS = """
    id, organization_id, number, occurred_at, actor, actor_id, action, target_id, target_name, outcome, details, request_id, address"""
_INSERT = f"""
    with turn as materialized (select pg_advisory_xact_lock($13)),
    added as (
        insert into vectorgate.audit_event
            (id, organization_id, actor, actor_id, action, target_id, target_name, outcome, details, request_id, address, occurred_at)
        select $1, $2::uuid, $3, $4, $5, $6, $7, $8, $9, $10, $11, coalesce($12, clock_timestamp()) from turn
        on conflict (id) do nothing
    )
    select pg_notify('{Topic.AUDIT_EVENT}', $2::uuid::text)"""
_WANTED = "organization_id = $1 and ($2::text is null or action = $2) and ($3::text is null or target_id = $3)"
_PAGE = f"select {_COLUMNS} from vectorgate.audit_event where {_WANTED} and ($4::uuid is null or id < $4) order by id desc limit $5"
_COUNT = f"select count(*) from vectorgate.audit_event where {_WANTED}"
_BY_ID = f"select {_COLUMNS} from vectorgate.audit_event where organization_id = $1 and id = any($2)"
_LAST = "select coalesce(max(number), 0) from vectorgate.audit_event where organization_id = $1"
_SINCE = f"""
    select {_COLUMNS} from vectorgate.audit_event
    where organization_id = $1 and number > $2 order by number limit $3"""


@dataclass(frozen=True, slots=True)
class NewEvent:
    """An event that is to be added. `occurred_at` None: now."""

    id: UUID
    organization_id: UUID
    actor: str
    actor_id: UUID | None
    action: str
    target_id: str | None
    target_name: str | None
    outcome: str
    details: Mapping[str, object]
    request_id: str
    address: str
    occurred_at: datetime | None = None

    def values(self) -> list[object]:
        """In the order of the fields."""
        return [getattr(self, name) for name in NewEvent.__slots__]


async def append(connection: Connection, event: NewEvent) -> None:
    """Add an event and tell every process of it; one that is there already is left as it is.

    The organization's next event waits for this transaction: do this last in it.
    """
    await connection.execute(_INSERT, *event.values(), lock.key(event.organization_id))


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


async def last_number(connection: Connection, organization_id: UUID) -> int:
    """The number of the organization's newest event; 0: there is none."""
    number: int = await connection.fetchval(_LAST, organization_id)
    return number


async def since(connection: Connection, organization_id: UUID, number: int, limit: int) -> list[AuditEvent]:
    """The next events after a number, in order."""
    return records(AuditEvent, await connection.fetch(_SINCE, organization_id, number, limit))


async def by_ids(connection: Connection, organization_id: UUID, ids: Sequence[UUID]) -> list[AuditEvent]:
    return records(AuditEvent, await connection.fetch(_BY_ID, organization_id, ids))
