"""SQL of the outbox of audit events, in each region: a write there commits its event here; the catalogue gets it from here."""

from __future__ import annotations

from collections.abc import Sequence

from app.postgres import Connection
from app.store.audit_event import NewEvent
from app.store.record import records

_PUT = """
    insert into vectorgate_region.audit_outbox
        (id, organization_id, actor, actor_id, action, target_id, target_name, outcome, details, request_id, address)
    values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)"""
_OLDEST = """
    select id, organization_id, actor, actor_id, action, target_id, target_name, outcome, details, request_id, address, occurred_at
    from vectorgate_region.audit_outbox order by id limit $1"""
_DELETE = "delete from vectorgate_region.audit_outbox where id = any($1)"


async def put(connection: Connection, event: NewEvent) -> None:
    """Add an event, in the transaction of the write that it tells of."""
    await connection.execute(_PUT, *event.values()[:-1])


async def oldest(connection: Connection, limit: int) -> list[NewEvent]:
    """Events that the catalogue may not have yet; housekeeping over all organizations."""
    return records(NewEvent, await connection.fetch(_OLDEST, limit))


async def delete(connection: Connection, events: Sequence[NewEvent]) -> None:
    """The catalogue has them."""
    await connection.execute(_DELETE, [each.id for each in events])
