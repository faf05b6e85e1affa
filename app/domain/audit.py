"""The audit log's rules: every mutation leaves an event, in the transaction that makes it true; details never hold a secret or a text."""

from __future__ import annotations

from uuid import UUID

from app.access import Actor, Permission
from app.gateway import Gateway
from app.page import Page, after_id, check_first, id_cursor
from app.postgres import Connection
from app.store import audit_event
from app.store.record import AuditEvent

DONE = "done"


async def done(
    connection: Connection,
    actor: Actor,
    action: str,
    kind: str,
    target_id: UUID | str,
    target_name: str | None,
    **details: object,
) -> None:
    """Note that `actor` did `action` (a mutation's name in snake case) to the `kind` of this id."""
    await _append(connection, actor, action, f"{kind}:{target_id}", target_name, DONE, details)


async def refused(gateway: Gateway, actor: Actor, action: str, code: str) -> None:
    """Note that a mutation was refused with an error code."""
    async with gateway.postgres.catalogue.connection() as connection:
        await _append(connection, actor, action, None, None, code, {})


async def page(
    gateway: Gateway, actor: Actor, *, first: int, after: str | None, action: str | None, target: str | None
) -> Page[AuditEvent]:
    """Events of the organization, newest first. `target`: `kind:id`."""
    actor.require(Permission.MANAGE_ACCESS)
    check_first(first)
    async with gateway.postgres.catalogue.connection() as connection:
        found = await audit_event.page(connection, actor.organization_id, action, target, after_id(after), first + 1)
    return Page.of(found, first, after, lambda event: id_cursor(event.id))


async def count(gateway: Gateway, actor: Actor, *, action: str | None, target: str | None) -> int:
    """How many events `page` would go through."""
    actor.require(Permission.MANAGE_ACCESS)
    async with gateway.postgres.catalogue.connection() as connection:
        return await audit_event.count(connection, actor.organization_id, action, target)


async def _append(
    connection: Connection,
    actor: Actor,
    action: str,
    target_id: str | None,
    target_name: str | None,
    outcome: str,
    details: dict[str, object],
) -> None:
    await audit_event.append(
        connection,
        actor.organization_id,
        actor=actor.token_name,
        action=action,
        target_id=target_id,
        target_name=target_name,
        outcome=outcome,
        details=details,
        request_id=actor.request_id,
        address=actor.address,
    )
